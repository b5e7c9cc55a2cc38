/** A bill's lines and total, and the credit notes that change it. Amounts are exact in the document and rounded here as it does. */
import { Table } from "@smarter-metering/web";
import { formatMinor, roundExact } from "@smarter-metering/tariff";
import type { VNode } from "preact";
import type { Statement } from "../api.ts";
import { useTexts } from "../texts.ts";
import { usePlaceFormats } from "./place.tsx";

export function BillTable({ statement }: { readonly statement: Statement }): VNode {
  const { statements: words } = useTexts();
  const formats = usePlaceFormats();
  const { lines, amount, currency } = statement;
  const digits = amount.split(".")[1]?.length ?? 0;
  const isCredit = amount.startsWith("-");
  return (
    <Table
      caption={words.bill}
      rows={lines.map((line, index) => ({ ...line, index }))}
      rowKey={({ index }) => String(index)}
      columns={[
        { key: "item", head: words.item, priority: 1, cell: ({ text }) => words.line(text) },
        {
          key: "quantity",
          head: words.quantity,
          align: "end",
          cell: ({ quantity }) => words.quantityText(quantity),
        },
        {
          key: "price",
          head: words.price,
          align: "end",
          cell: ({ price }) => words.priceText(price),
        },
        {
          key: "amount",
          head: words.amount,
          align: "end",
          cell: ({ amountE16 }) =>
            formats.money(formatMinor(roundExact(BigInt(amountE16), digits), digits), currency),
        },
      ]}
      footer={{
        item: isCredit ? words.credit : words.total,
        amount: formats.money(amount, currency),
      }}
    />
  );
}

interface NoteTableProps {
  readonly statement: Statement;
  readonly note: NonNullable<Statement["notes"]>[number];
}

/** The lines that a credit note changes: as they were issued, as they are due. */
export function NoteTable({ statement, note }: NoteTableProps): VNode {
  const { statements: words } = useTexts();
  const formats = usePlaceFormats();
  const { amount, currency } = statement;
  const digits = amount.split(".")[1]?.length ?? 0;
  const exact = (amountE16: bigint): string =>
    formats.money(formatMinor(roundExact(amountE16, digits), digits), currency);
  return (
    <section class="note">
      <p>
        <strong>{words.noteNumber(note.number)}</strong> {note.reason}
      </p>
      <Table
        caption={words.noteNumber(note.number)}
        rows={note.lines.map((line, index) => ({ ...line, index }))}
        rowKey={({ index }) => String(index)}
        columns={[
          { key: "item", head: words.item, priority: 1, cell: ({ text }) => words.line(text) },
          {
            key: "quantity",
            head: words.quantity,
            align: "end",
            cell: ({ quantity }) => words.quantityText(quantity),
          },
          {
            key: "price",
            head: words.price,
            align: "end",
            cell: ({ price }) => words.priceText(price),
          },
          {
            key: "issued",
            head: words.asIssued,
            align: "end",
            cell: ({ issuedE16 }) => exact(BigInt(issuedE16)),
          },
          {
            key: "due",
            head: words.asDue,
            align: "end",
            cell: ({ dueE16 }) => exact(BigInt(dueE16)),
          },
          {
            key: "difference",
            head: words.difference,
            align: "end",
            cell: ({ issuedE16, dueE16 }) => exact(BigInt(dueE16) - BigInt(issuedE16)),
          },
        ]}
        footer={{
          item: words.difference,
          difference: formats.money(note.amount, currency),
        }}
      />
      <p>
        {words.correctedTotal}: <strong>{formats.money(note.corrected, currency)}</strong>
      </p>
    </section>
  );
}

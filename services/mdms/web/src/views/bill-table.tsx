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

export function NotesTable({ statement }: { readonly statement: Statement }): VNode {
  const { statements: words } = useTexts();
  const formats = usePlaceFormats();
  const { notes = [], currency } = statement;
  return (
    <Table
      caption={words.notesCaption}
      rows={notes}
      rowKey={({ number }) => String(number)}
      columns={[
        { key: "reason", head: words.reason, priority: 1, cell: ({ reason }) => reason },
        {
          key: "amount",
          head: words.difference,
          align: "end",
          cell: ({ amount }) => formats.money(amount, currency),
        },
        {
          key: "corrected",
          head: words.correctedTotal,
          align: "end",
          cell: ({ corrected }) => formats.money(corrected, currency),
        },
      ]}
    />
  );
}

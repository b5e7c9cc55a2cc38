/** The lines of a bill in the page's language, and behind them as the supplier signed them: in English, to the last digit. */
import { Details, Table, useFormats, type Formats } from "@smarter-metering/web";
import type { VNode } from "preact";
import type { BillLine } from "../device/messages.ts";
import { useTexts } from "../i18n.ts";

/** What a mWh is of a kWh: exact in six digits, and read in two. */
const ENERGY = /^(-?\d+)\.(\d{6}) kWh$/;

export interface BillLinesProps {
  readonly lines: readonly BillLine[];
  readonly currency: string;
  readonly total: string;
  readonly caption: string;
}

export function BillLines({ lines, currency, total, caption }: BillLinesProps): VNode {
  const { bills } = useTexts();
  const formats = useFormats();
  const amount = (text: string): string => formats.money(text, currency);
  return (
    <>
      <Table
        columns={[
          { key: "text", head: bills.line, cell: ({ text }) => bills.lineText(text), priority: 1 },
          {
            key: "quantity",
            head: bills.quantity,
            cell: ({ quantity }) => unbroken(quantityOf(quantity, formats, bills.quantityText)),
            align: "end",
          },
          {
            key: "price",
            head: bills.price,
            cell: ({ price }) => unbroken(bills.priceText(price)),
            align: "end",
          },
          { key: "amount", head: bills.amount, cell: (line) => amount(line.amount), align: "end" },
        ]}
        rows={lines.filter(saysSomething)}
        rowKey={keyOf}
        caption={caption}
        footer={{ text: <strong>{bills.total}</strong>, amount: <strong>{amount(total)}</strong> }}
      />
      <Details summary={bills.signed}>
        <div lang="en" class="signed">
          <Table
            columns={[
              { key: "text", head: "Line", cell: ({ text }) => text, priority: 1 },
              { key: "quantity", head: "Quantity", cell: ({ quantity }) => quantity, align: "end" },
              { key: "price", head: "Price", cell: ({ price }) => price, align: "end" },
              {
                key: "amount",
                head: "Amount",
                cell: (line) => `${line.amount} ${currency}`,
                align: "end",
              },
            ]}
            rows={lines}
            rowKey={keyOf}
            caption="Lines as signed"
          />
        </div>
      </Details>
    </>
  );
}

const keyOf = ({ text, quantity, price, amount }: BillLine): string =>
  `${text} ${quantity} ${price} ${amount}`;

/** Nothing fed in, nothing used in a band: a line that changes nothing. */
const saysSomething = ({ amount, quantity }: BillLine): boolean =>
  Number(amount) !== 0 || !/^0\.0+ kWh$/.test(quantity);

function quantityOf(text: string, formats: Formats, words: (text: string) => string): string {
  const [, whole, part] = ENERGY.exec(text) ?? [];
  return whole === undefined
    ? words(text)
    : formats.kilowattHours(BigInt(`${whole}${part ?? ""}`), 2);
}

/** A number stays with its unit. */
const unbroken = (text: string): string => text.replace(/^(\S+) /, "$1\u00a0");

/** The credit notes of a statement, as a person expects them: what was charged, what is due, and what that comes to. */
import { html } from "hono/html";
import type { NoteRecord, StatementRecord } from "../statement-query.ts";
import type { Html } from "./layout.ts";
import { lineAmountText } from "./texts.ts";

/** Nothing for a statement without. */
export function noteTables({ notes, currency }: StatementRecord): Html {
  return html`${notes.map((note) => noteTable(note, currency))}`;
}

function noteTable(
  { number, reason, lines, amount, corrected }: NoteRecord,
  currency: string,
): Html {
  const money = (amountE16: bigint): Html =>
    html`<td class="number">${lineAmountText(String(amountE16), amount)}</td>`;
  return html`<h2>${amount.startsWith("-") ? "Credit" : "Debit"} note ${number}</h2>
    <p>${reason}</p>
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th>Item</th>
            <th class="number">Quantity</th>
            <th class="number">Price</th>
            <th class="number">Charged (${currency})</th>
            <th class="number">Due</th>
            <th class="number">Difference</th>
          </tr>
        </thead>
        <tbody>
          ${lines.map(({ text, quantity, price, issuedE16, dueE16 }) => {
            const [issued, due] = [BigInt(issuedE16), BigInt(dueE16)];
            return html`<tr>
              <td>${text}</td>
              <td class="number">${quantity}</td>
              <td class="number">${price}</td>
              ${money(issued)} ${money(due)} ${money(due - issued)}
            </tr>`;
          })}
        </tbody>
        <tfoot>
          <tr>
            <th colspan="5">${amount.startsWith("-") ? "In your favour" : "Due besides"}</th>
            <td class="number">${amount}</td>
          </tr>
          <tr>
            <th colspan="5">Statement and notes together</th>
            <td class="number">${corrected}</td>
          </tr>
        </tfoot>
      </table>
    </div>`;
}

/** A bill as a person expects it. */
import { html } from "hono/html";
import { isExtended, type StatementRecord } from "../statement-query.ts";
import type { Html } from "./layout.ts";
import { lineAmountText, windowText } from "./texts.ts";

/** The lines of a bill and their total. */
export function billTable(record: StatementRecord): Html {
  const { lines, amount, currency } = record;
  return html`<div class="scroll">
      <table>
        <thead>
          <tr>
            <th>Item</th>
            <th class="number">Quantity</th>
            <th class="number">Price</th>
            <th class="number">Amount (${currency})</th>
          </tr>
        </thead>
        <tbody>
          ${lines.map(
            (line) =>
              html`<tr>
                <td>${line.text}</td>
                <td class="number">${line.quantity}</td>
                <td class="number">${line.price}</td>
                <td class="number">${lineAmountText(line.amountE16, amount)}</td>
              </tr>`,
          )}
        </tbody>
        <tfoot>
          <tr>
            <th colspan="3">${amount.startsWith("-") ? "Credit" : "Total due"}</th>
            <td class="number">${amount}</td>
          </tr>
        </tfoot>
      </table>
    </div>
    <p class="note">Lines are exact and shown rounded; only the total is rounded, once.</p>`;
}

/** A window in words; one whose registers were taken late says so. */
export function windowOf(record: StatementRecord): string {
  const { fromSeconds, toSeconds, zone } = record;
  return `${windowText(fromSeconds, toSeconds, zone)}${isExtended(record) ? " (extended)" : ""}`;
}

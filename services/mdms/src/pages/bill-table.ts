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
    ${record.cost === undefined ? "" : costNote(record.cost)}
    <p class="note">Lines are exact and shown rounded; only the total is rounded, once.</p>`;
}

/** How prices of single hours came into a bill that knows no hour; or, in plain words, why they did not (docs/protocol.md §8.3, R9). */
function costNote({ prices, counted }: NonNullable<StatementRecord["cost"]>): Html {
  if (counted !== null) {
    return html`<p class="note">
      By the prices ${prices}, each interval at its own: the meter applied them. Only their sum over
      the window is known here; the price per kWh is its mean.
    </p>`;
  }
  return html`<p class="note">
    The cost by the prices ${prices} was not released, so this window is billed at the price that
    the tariff has for that. The trustees open a cost only where no single hour can be read out of
    it: beside one total of energy, by prices that were published for enough households at once, and
    of which none stands out so far that the cost would mostly tell the consumption of its hour.
  </p>`;
}

/** A window in words; one whose registers were taken late says so. */
export function windowOf(record: StatementRecord): string {
  const { fromSeconds, toSeconds, zone } = record;
  return `${windowText(fromSeconds, toSeconds, zone)}${isExtended(record) ? " (extended)" : ""}`;
}

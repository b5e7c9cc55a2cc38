/** Service points under their MDMS pseudonyms, and the statistics of one. */
import { html } from "hono/html";
import { localDate } from "@smarter-metering/tariff";
import { daysOf, meanPerDayMilliwattHours, totalOf } from "../consumption.ts";
import type { MdmsServicePoint } from "../registry-context.ts";
import { isExtended, type StatementRecord } from "../statement-query.ts";
import type { Html } from "./layout.ts";
import { toIso } from "../api/schemas.ts";
import { kilowattHoursText, lineAmountText, windowText } from "./texts.ts";
import { windowChart } from "./window-chart.ts";

export interface ServicePointList {
  readonly points: readonly MdmsServicePoint[];
  readonly last: ReadonlyMap<string, StatementRecord>;
  readonly total: number;
  /** Where the next page begins. */
  readonly next: string | undefined;
}

export function servicePointsBody({ points, last, total, next }: ServicePointList): Html {
  const rows = points.map((point) => {
    const statement = last.get(point.servicePoint);
    return html`<tr>
      <td class="id">
        <a href="/service-points/${point.servicePoint}">${point.servicePoint}</a>
      </td>
      <td>${point.tariff}</td>
      <td>${statement === undefined ? "none yet" : windowOf(statement)}</td>
      <td class="number">
        ${statement === undefined ? "" : kilowattHoursText(statement.energyMilliwattHours)}
      </td>
      <td class="number">
        ${statement === undefined ? "" : `${statement.amount} ${statement.currency}`}
      </td>
    </tr>`;
  });
  return html`<p class="note">
      ${total} service points under pseudonyms; names and addresses are not here.
    </p>
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th>Service point</th>
            <th>Tariff</th>
            <th>Last statement</th>
            <th class="number">Consumption</th>
            <th class="number">Amount</th>
          </tr>
        </thead>
        <tbody>
          ${rows}
        </tbody>
      </table>
    </div>
    ${next === undefined ? "" : html`<p><a href="/service-points?after=${next}">Next page</a></p>`}`;
}

export function servicePointBody(
  point: MdmsServicePoint,
  records: readonly StatementRecord[],
): Html {
  const { servicePoint, zone, tariff, contractStart, contractEnd } = point;
  const end = contractEnd === null ? "" : ` to ${localDate(contractEnd, zone)}`;
  const facts = html`<dl>
    <dt>Service point</dt>
    <dd class="id">${servicePoint}</dd>
    <dt>Tariff</dt>
    <dd>${tariff}</dd>
    <dt>Contract</dt>
    <dd>from ${localDate(contractStart, zone)}${end}</dd>
    <dt>Zone</dt>
    <dd>${zone}</dd>
  </dl>`;
  if (records.length === 0)
    return html`${facts}
      <p>No statement yet.</p>`;
  return html`${facts}
    <h2>Mean consumption per day</h2>
    ${windowChart(records)}
    <h2>Consumption by window</h2>
    ${consumptionTable(records)}
    <h2>Bills</h2>
    ${records.toReversed().map(billSection)}`;
}

function consumptionTable(records: readonly StatementRecord[]): Html {
  const bands = [...new Set(records.flatMap(({ registers }) => registers.map(({ band }) => band)))];
  const total = totalOf(records);
  const ofBand = (record: StatementRecord, band: string): bigint =>
    record.registers.find((register) => register.band === band)?.energyMilliwattHours ?? 0n;
  const energy = (value: bigint): Html => html`<td class="number">${kilowattHoursText(value)}</td>`;
  return html`<div class="scroll">
    <table>
      <thead>
        <tr>
          <th>Window</th>
          <th class="number">Days</th>
          ${bands.map((band) => html`<th class="number">${band}</th>`)}
          <th class="number">Total</th>
          <th class="number">Mean per day</th>
          <th class="number">Export</th>
        </tr>
      </thead>
      <tbody>
        ${records.map(
          (record) =>
            html`<tr>
              <td>${windowOf(record)}</td>
              <td class="number">${daysOf(record)}</td>
              ${bands.map((band) => energy(ofBand(record, band)))}
              ${energy(record.energyMilliwattHours)} ${energy(meanPerDayMilliwattHours(record))}
              ${energy(record.exportMilliwattHours)}
            </tr>`,
        )}
      </tbody>
      <tfoot>
        <tr>
          <th>Together</th>
          <td class="number">${total.days}</td>
          ${bands.map((band) =>
            energy(records.reduce((sum, record) => sum + ofBand(record, band), 0n)),
          )}
          ${energy(total.energyMilliwattHours)} ${energy(total.meanPerDayMilliwattHours)}
          ${energy(total.exportMilliwattHours)}
        </tr>
      </tfoot>
    </table>
  </div>`;
}

function billSection(record: StatementRecord): Html {
  const path = `/statements/${record.servicePoint}/${toIso(record.fromSeconds)}`;
  return html`<details>
    <summary>${windowOf(record)}: ${record.amount} ${record.currency}</summary>
    ${billTable(record)}
    <p><a href="${path}">Statement to print</a></p>
  </details>`;
}

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

function windowOf(record: StatementRecord): string {
  const { fromSeconds, toSeconds, zone } = record;
  return `${windowText(fromSeconds, toSeconds, zone)}${isExtended(record) ? " (extended)" : ""}`;
}

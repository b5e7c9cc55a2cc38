/** Statistics of one service point by billing window: consumption, mean per day, bills. Nothing finer exists. */
import { html } from "hono/html";
import { localDate } from "@smarter-metering/tariff";
import { toIso } from "../api/schemas.ts";
import { daysOf, meanPerDayMilliwattHours, totalOf } from "../consumption.ts";
import type { MdmsServicePoint } from "../registry-context.ts";
import type { StatementRecord } from "../statement-query.ts";
import { billTable, windowOf } from "./bill-table.ts";
import type { Html } from "./layout.ts";
import { noteTables } from "./note-table.ts";
import { kilowattHoursText } from "./texts.ts";
import { windowChart } from "./window-chart.ts";

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
    <summary>${windowOf(record)}: ${record.amount} ${record.currency}${corrected(record)}</summary>
    ${billTable(record)} ${noteTables(record)}
    <p><a href="${path}">Statement to print</a></p>
  </details>`;
}

function corrected({ notes, currency }: StatementRecord): string {
  const last = notes.at(-1);
  return last === undefined ? "" : `, corrected to ${last.corrected} ${currency}`;
}

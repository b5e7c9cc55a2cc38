/** A neighbourhood's load curve of one local day: chart and table of the same numbers, gaps as gaps. */
import { html } from "hono/html";
import { addLocalDays, localDate } from "@smarter-metering/tariff";
import type { LoadBlock } from "../load-query.ts";
import type { MdmsCohort } from "../registry-context.ts";
import type { Html } from "./layout.ts";
import { loadChart } from "./load-chart.ts";
import { offsetText, timeText, wattHoursText } from "./texts.ts";

export interface LoadDay {
  readonly cohorts: readonly MdmsCohort[];
  readonly cohort: MdmsCohort;
  /** First instant of the local day. */
  readonly dayStart: number;
  readonly importBlock: LoadBlock | undefined;
  readonly exportBlock: LoadBlock | undefined;
}

export function loadBody(day: LoadDay): Html {
  const { cohort, dayStart, importBlock, exportBlock } = day;
  const dayEnd = addLocalDays(dayStart, 1, cohort.zone);
  const intervalSeconds = importBlock?.intervalSeconds ?? cohort.intervalSeconds;
  const slots = Math.floor((dayEnd - dayStart) / intervalSeconds);
  const importWattHours = valuesOf(importBlock, slots);
  const exportWattHours = exportBlock === undefined ? [] : valuesOf(exportBlock, slots);
  const curve = {
    dayStart,
    intervalSeconds,
    zone: cohort.zone,
    importWattHours,
    exportWattHours,
  };
  const date = localDate(dayStart, cohort.zone);
  return html`${picker(day, date)}
  ${importBlock === undefined ? html`<p>No release for this day.</p>` : summary(importBlock)}
  ${loadChart(curve, `Load of ${cohort.id} on ${date}`)}
  ${importBlock === undefined ? "" : slotTable(curve, importBlock)}`;
}

/** A slot that nobody contributed to is a gap, not a zero. */
function valuesOf(block: LoadBlock | undefined, slots: number): (number | undefined)[] {
  return Array.from({ length: slots }, (_, slot) =>
    (block?.contributorsPerSlot[slot] ?? 0) > 0 ? block?.energyWattHours[slot] : undefined,
  );
}

function picker({ cohorts, cohort, dayStart }: LoadDay, date: string): Html {
  const { zone } = cohort;
  const link = (days: number): string => {
    const day = localDate(addLocalDays(dayStart, days, zone), zone);
    return `/load?cohort=${encodeURIComponent(cohort.id)}&day=${day}`;
  };
  return html`<form method="get" action="/load" class="screen-only">
    <label for="cohort">Neighbourhood</label>
    <select id="cohort" name="cohort">
      ${cohorts.map(
        ({ id }) =>
          html`<option value="${id}" ${id === cohort.id ? html`selected` : ""}>${id}</option>`,
      )}
    </select>
    <label for="day">Day</label>
    <input id="day" type="date" name="day" value="${date}" required />
    <button>Show</button>
    <a href="${link(-1)}">Day before</a>
    <a href="${link(1)}">Day after</a>
  </form>`;
}

function summary(block: LoadBlock): Html {
  const total = block.energyWattHours.reduce((sum, value) => sum + value, 0);
  return html`<p>
    ${wattHoursText(total)} kWh, the sum of ${block.contributors} of ${block.members} service
    points, under policy ${block.policyId}.
  </p>`;
}

function slotTable(
  curve: {
    readonly dayStart: number;
    readonly intervalSeconds: number;
    readonly zone: string;
    readonly importWattHours: readonly (number | undefined)[];
    readonly exportWattHours: readonly (number | undefined)[];
  },
  block: LoadBlock,
): Html {
  const { dayStart, intervalSeconds, zone } = curve;
  const hasExport = curve.exportWattHours.length > 0;
  const cell = (value: number | undefined): Html =>
    html`<td class="number">${value === undefined ? "–" : wattHoursText(value)}</td>`;
  return html`<div class="scroll">
    <table>
      <caption>
        Energy of each interval in kWh; times are those of ${zone}
      </caption>
      <thead>
        <tr>
          <th>From</th>
          <th class="number">Import</th>
          ${hasExport ? html`<th class="number">Export</th>` : ""}
          <th class="number">Contributors</th>
        </tr>
      </thead>
      <tbody>
        ${curve.importWattHours.map((value, slot) => {
          const start = dayStart + slot * intervalSeconds;
          return html`<tr>
            <td>${timeText(start, zone)} <span class="note">${offsetText(start, zone)}</span></td>
            ${cell(value)} ${hasExport ? cell(curve.exportWattHours[slot]) : ""}
            <td class="number">${block.contributorsPerSlot[slot] ?? 0}</td>
          </tr>`;
        })}
      </tbody>
    </table>
  </div>`;
}

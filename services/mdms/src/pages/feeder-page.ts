/** Feeders against the load of their neighbourhoods, day by day: losses, and whether they are as expected. */
import { localDate } from "@smarter-metering/tariff";
import { html } from "hono/html";
import {
  IMBALANCE_DAYS,
  isImbalanced,
  LOSS_SHARE_EXPECTED,
  type DayBalance,
} from "../feeder-balance.ts";
import type { Html } from "./layout.ts";
import { wattHoursText } from "./texts.ts";

export interface FeederView {
  readonly cohort: string;
  readonly zone: string;
  /** In the order of time. */
  readonly days: readonly DayBalance[];
}

const WORDS: Readonly<Record<DayBalance["judgement"], string>> = {
  expected: "as expected",
  above: "more lost than expected",
  below: "less lost than expected",
  "not-judged": "not judged",
};

export function feedersBody(feeders: readonly FeederView[]): Html {
  const { min, max } = LOSS_SHARE_EXPECTED;
  return html`<p>
      The energy that a feeder meter measured, less the released load of its neighbourhood, scaled
      for members who were absent. Expected is a loss of ${shareText(min)} to ${shareText(max)};
      ${IMBALANCE_DAYS} judged days in a row outside of it are an alarm. It says something about a
      neighbourhood, its network and its meters together, and nothing about a household.
    </p>
    ${feeders.length === 0 ? html`<p>No feeder has been imported yet.</p>` : feeders.map(section)}`;
}

function section({ cohort, zone, days }: FeederView): Html {
  return html`<h2>${cohort}</h2>
    ${isImbalanced(days) ? html`<p class="danger">FEEDER_IMBALANCE</p>` : ""}
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th>Day</th>
            <th class="number">Feeder, kWh</th>
            <th class="number">Load, scaled, kWh</th>
            <th class="number">Lost</th>
            <th class="number">Intervals compared</th>
            <th></th>
          </tr>
        </thead>
        <tbody>
          ${days.toReversed().map((day) => row(day, zone))}
        </tbody>
      </table>
    </div>`;
}

function row(day: DayBalance, zone: string): Html {
  const { blockStart, feederWattHours, scaledLoadWattHours, lossShare, judgement } = day;
  return html`<tr>
    <td>${localDate(blockStart, zone)}</td>
    <td class="number">${wattHoursText(feederWattHours)}</td>
    <td class="number">${wattHoursText(scaledLoadWattHours)}</td>
    <td class="number">${lossShare === undefined ? "–" : shareText(lossShare)}</td>
    <td class="number">${day.balancedSlots} of ${day.slots.length}</td>
    <td>${WORDS[judgement]}</td>
  </tr>`;
}

const shareText = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** What this MDMS holds, at a glance. */
import { html } from "hono/html";
import type { Alarm } from "../alarms.ts";
import type { Counts } from "../overview-query.ts";
import type { RegistryContext } from "../registry-context.ts";
import type { Html } from "./layout.ts";
import { dateTimeText } from "./texts.ts";
import { localDate } from "@smarter-metering/tariff";

export function overviewBody(
  registry: RegistryContext,
  counts: Counts,
  alarms: readonly Alarm[],
): Html {
  const released = new Map(counts.cohorts.map((entry) => [entry.cohort, entry]));
  const rows = [...registry.cohorts.values()].map(({ id, zone, members }) => {
    const known = released.get(id);
    return html`<tr>
      <td><a href="/load?cohort=${encodeURIComponent(id)}">${id}</a></td>
      <td class="number">${members}</td>
      <td class="number">${known?.blocks ?? 0}</td>
      <td>${known === undefined ? "none yet" : localDate(known.lastBlockStart, zone)}</td>
      <td class="number">
        ${known === undefined ? "" : `${known.contributors} of ${known.members}`}
      </td>
    </tr>`;
  });
  return html`<dl>
      <dt>Service points</dt>
      <dd>${registry.servicePoints.size}</dd>
      <dt>with a statement</dt>
      <dd>${counts.servicePointsBilled}</dd>
      <dt>Statements</dt>
      <dd>${counts.statements}</dd>
      <dt>Load releases</dt>
      <dd>${counts.releasesLoad}</dd>
      <dt>Bill releases</dt>
      <dd>${counts.releasesBill}</dd>
      <dt>Registry epoch</dt>
      <dd>${registry.epoch}</dd>
      <dt>Policy</dt>
      <dd><a href="/privacy">${registry.policy.id}</a></dd>
    </dl>
    <h2>Neighbourhoods</h2>
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th>Neighbourhood</th>
            <th class="number">Members</th>
            <th class="number">Days released</th>
            <th>Last day</th>
            <th class="number">Contributors then</th>
          </tr>
        </thead>
        <tbody>
          ${rows}
        </tbody>
      </table>
    </div>
    <h2>Alarms</h2>
    ${alarmTable(alarms, counts.alarms)}`;
}

/** Releases that were refused, feeders that disagree; the times are UTC, for they belong to no place. */
export function alarmTable(alarms: readonly Alarm[], total: number): Html {
  if (alarms.length === 0) return html`<p>None: no release was refused, no feeder disagrees.</p>`;
  return html`<p class="danger">${total} alarm(s).</p>
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th>Last seen (UTC)</th>
            <th>Code</th>
            <th>Subject</th>
          </tr>
        </thead>
        <tbody>
          ${alarms.map(
            (alarm) =>
              html`<tr>
                <td>${dateTimeText(Number(alarm.lastAt), "UTC")}</td>
                <td>${alarm.code}</td>
                <td>${alarm.subject}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>`;
}

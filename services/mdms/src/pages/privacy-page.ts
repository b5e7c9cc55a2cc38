/** What may be released, in words; what was; what was refused. */
import { html } from "hono/html";
import { describePolicy, isUnsafe } from "@smarter-metering/policy";
import type { Alarm } from "../alarms.ts";
import type { Counts } from "../overview-query.ts";
import type { RegistryContext } from "../registry-context.ts";
import type { Html } from "./layout.ts";
import { alarmTable } from "./overview-page.ts";

export function privacyBody(
  { policy }: RegistryContext,
  counts: Counts,
  alarms: readonly Alarm[],
): Html {
  const sentences = describePolicy(policy).map((sentence, index) =>
    index === 0 && isUnsafe(policy)
      ? html`<li class="danger">${sentence}</li>`
      : html`<li>${sentence}</li>`,
  );
  return html`<h2>Policy in force</h2>
    <ul>
      ${sentences}
    </ul>
    <h2>What this system was given</h2>
    <dl>
      <dt>Load of neighbourhoods</dt>
      <dd>${counts.releasesLoad} releases, one per neighbourhood and day</dd>
      <dt>Bills</dt>
      <dd>${counts.releasesBill} releases, one per service point and window</dd>
    </dl>
    <p>It holds nothing finer: no reading of a household, no network pseudonym, no name.</p>
    <h2>Refused here</h2>
    ${alarmTable(alarms, counts.alarms)}`;
}

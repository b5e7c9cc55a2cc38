/** What may be released, in words; what was; what was refused. And the audit trail, and the tariffs, as plain as they are. */
import { html } from "hono/html";
import { describePolicy, isUnsafe } from "@smarter-metering/policy";
import { describeTariff } from "@smarter-metering/tariff";
import type { AuditEntry } from "../access/audit.ts";
import type { Alarm } from "../alarms.ts";
import type { Counts } from "../overview-query.ts";
import type { RegistryContext } from "../registry-context.ts";
import type { Html } from "./layout.ts";
import { alarmTable } from "./overview-page.ts";
import { dateTimeText } from "./texts.ts";

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

export function tariffsBody({ tariffs }: RegistryContext): Html {
  if (tariffs.size === 0) return html`<p>The registry lists none.</p>`;
  return html`${[...tariffs.values()].map(
    ({ tariff }) =>
      html`<h2>${tariff.tariff}</h2>
        <ul>
          ${describeTariff(tariff).map((sentence) => html`<li>${sentence}</li>`)}
        </ul>`,
  )}`;
}

export function auditBody(entries: readonly AuditEntry[], next: string | undefined): Html {
  return html`<div class="scroll">
      <table>
        <thead>
          <tr>
            <th>When (UTC)</th>
            <th>Who</th>
            <th>What</th>
            <th>Of</th>
            <th>Outcome</th>
          </tr>
        </thead>
        <tbody>
          ${entries.map(
            ({ at, login, action, subject, outcome }) =>
              html`<tr>
                <td>${dateTimeText(Number(at), "UTC")}</td>
                <td>${login}</td>
                <td>${action}</td>
                <td class="id">${subject}</td>
                <td>${outcome}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
    ${next === undefined ? "" : html`<p><a href="/audit?before=${next}">Earlier</a></p>`}`;
}

/** Who looked at what. */
import { html } from "hono/html";
import type { AuditEntry } from "../access/audit.ts";
import type { Html } from "./layout.ts";
import { dateTimeText } from "./texts.ts";

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

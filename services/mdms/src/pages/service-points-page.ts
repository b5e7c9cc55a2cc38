/** Service points under their MDMS pseudonyms, a page at a time. */
import { html } from "hono/html";
import type { MdmsServicePoint } from "../registry-context.ts";
import type { StatementRecord } from "../statement-query.ts";
import { windowOf } from "./bill-table.ts";
import type { Html } from "./layout.ts";
import { kilowattHoursText } from "./texts.ts";

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

/** One statement, fit to be printed. */
import { html } from "hono/html";
import { daysOf, meanPerDayMilliwattHours } from "../consumption.ts";
import type { StatementKind } from "../statement-kind.ts";
import { isExtended, type StatementRecord } from "../statement-query.ts";
import { toIso } from "../api/schemas.ts";
import type { Html } from "./layout.ts";
import { billTable } from "./bill-table.ts";
import { noteTables } from "./note-table.ts";
import { dateTimeText, kilowattHoursText, windowText } from "./texts.ts";

interface Place {
  readonly kind: StatementKind;
  /** The statement of the window before. */
  readonly before: StatementRecord | undefined;
}

const KIND_TEXTS: Readonly<Record<StatementKind, string>> = {
  first: "First of the contract",
  regular: "Regular",
  final: "Last of the contract",
};

export function statementBody(record: StatementRecord, { kind, before }: Place): Html {
  const { servicePoint, fromSeconds, toSeconds, zone } = record;
  const signed = `/v1/statements/${servicePoint}/${toIso(fromSeconds)}/signed`;
  return html`<dl>
      <dt>Service point</dt>
      <dd class="id">${servicePoint}</dd>
      <dt>Window</dt>
      <dd>${windowText(fromSeconds, toSeconds, zone)} (${daysOf(record)} days, ${zone})</dd>
      <dt>Kind</dt>
      <dd>${KIND_TEXTS[kind]}</dd>
      <dt>Tariff</dt>
      <dd>${record.tariff}, version ${record.tariffVersion}</dd>
      <dt>Consumption</dt>
      <dd>${kilowattHoursText(record.energyMilliwattHours)}</dd>
      <dt>Mean per day</dt>
      <dd>
        ${kilowattHoursText(meanPerDayMilliwattHours(record))}${before === undefined ? "" : ` (window before: ${kilowattHoursText(meanPerDayMilliwattHours(before))})`}
      </dd>
      <dt>Export</dt>
      <dd>${kilowattHoursText(record.exportMilliwattHours)}</dd>
    </dl>
    ${isExtended(record) ? extendedNote(record) : ""}
    ${record.estimated ? html`<p class="note">Estimated; to be corrected later.</p>` : ""}
    ${billTable(record)} ${noteTables(record)}
    <p class="screen-only"><a href="${signed}">Signed statement (JWS)</a></p>`;
}

function extendedNote({ fromBorder, toBorder, zone }: StatementRecord): Html {
  return html`<p class="note">
    Extended: the registers were taken later than the window's ends, at
    ${dateTimeText(fromBorder, zone)} and ${dateTimeText(toBorder, zone)}.
  </p>`;
}

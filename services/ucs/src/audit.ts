/** What happened to accounts, for their owners and for whoever has to answer for the portal. Ids only, never keys or readings. */
import type { Sql } from "@smarter-metering/runtime";

export type AuditEvent =
  | "account-created"
  | "session-opened"
  | "recovery-opened"
  | "login-refused"
  | "vault-changed"
  | "pinned-meters-changed"
  | "enrolment-requested"
  | "enrolment-accepted"
  | "enrolment-refused"
  /** Another account was enrolled for the same service point. */
  | "enrolment-ended"
  | "invitation-made"
  | "invitation-opened"
  | "invitation-withdrawn"
  | "household-joined"
  /** By the first person of the household, or by himself. */
  | "household-left"
  /** By an invited account; once a day. */
  | "readings-fetched"
  /** By its owner, whose login is not in the entry. */
  | "account-deleted"
  /** By the operator, for the data subject. */
  | "data-exported"
  | "data-erased";

/** Those that every person of a household may know of. */
export const HOUSEHOLD_EVENTS = [
  "enrolment-accepted",
  "enrolment-ended",
  "invitation-made",
  "invitation-opened",
  "invitation-withdrawn",
  "household-joined",
  "household-left",
  "readings-fetched",
  "data-exported",
] as const satisfies readonly AuditEvent[];

/** `about`: the service point in hex, or nothing. */
export async function audit(
  sql: Sql,
  entry: { readonly at: number; readonly login: string; readonly event: AuditEvent },
  about = "",
): Promise<void> {
  await sql.query("insert into ucs_audit (at, login, event, about) values ($1, $2, $3, $4)", [
    entry.at,
    entry.login,
    entry.event,
    about,
  ]);
}

/**
 * How long the UCS keeps what, and how it goes (docs/privacy-officer.md has the table; a test holds the two together). Run by the UCS every
 * hour. Everything here is deleted by its age at the UCS, never by what it says: the UCS cannot read it.
 */
import type { Sql, Store } from "@smarter-metering/runtime";
import { deleteAccount } from "./erasure.ts";

/** Local days. `sealedFrames` is the default of `UcsConfig.framesKeptDays`. */
export const UCS_KEPT_DAYS = {
  /** A LIVE frame whose BLOCK never came (docs/protocol.md §2.5). */
  liveFrames: 7,
  /** Three years: as long as a bill can be disputed, and customers may ask for their history. */
  sealedFrames: 1098,
  /** As long as the MDMS keeps a statement by default, and until its next bill does not list it any more. */
  sealedStatements: 3720,
  /** Requests that no meter accepted. */
  refusedEnrolments: 400,
  /** An account that nobody has used and that has no frames any more. */
  idleAccounts: 400,
  audit: 400,
} as const;

const DAY_SECONDS = 86_400;
const ROWS_AT_ONCE = 5_000;
/** What is left over goes in the next hour: 100,000 rows of each kind are a day of as many households. */
const ROUNDS_MAX = 20;

/** Idempotent and bounded; a failure leaves the rest for the next call. */
export async function forgetOld(
  store: Store,
  nowSeconds: number,
  framesKeptDays: number = UCS_KEPT_DAYS.sealedFrames,
): Promise<void> {
  const before = (days: number): number => nowSeconds - days * DAY_SECONDS;
  await forgetFrames(store, "LIVE", before(UCS_KEPT_DAYS.liveFrames));
  await forgetFrames(store, "BLOCK", before(framesKeptDays));
  await store.query("vacuum ucs_frame");
  await inRounds(store, STATEMENTS, [before(UCS_KEPT_DAYS.sealedStatements)]);
  await inRounds(store, ENROLMENTS, [before(UCS_KEPT_DAYS.refusedEnrolments)]);
  await inRounds(store, AUDIT, [before(UCS_KEPT_DAYS.audit)]);
  await forgetAccounts(store, before(UCS_KEPT_DAYS.idleAccounts));
}

const forgetFrames = (store: Store, kind: string, before: number): Promise<void> =>
  inRounds(store, FRAMES, [before, kind]);

/** The age is that of the account and of all that its owner did; the trail of that was cut just before. */
async function forgetAccounts(store: Store, before: number): Promise<void> {
  const idle = await store.query<{ login: string }>(
    `select login from ucs_account a where created_at < $1
      and not exists (select 1 from ucs_audit u where u.login = a.login)
      and not exists (select 1 from ucs_link l
        join ucs_frame f on f.service_point = l.service_point where l.login = a.login)
      and not exists (select 1 from ucs_member m
        join ucs_frame f on f.service_point = m.service_point where m.login = a.login)
    order by created_at limit $2`,
    [before, ROWS_AT_ONCE],
  );
  for (const { login } of idle) await store.transaction((sql) => deleteAccount(sql, login));
}

const FRAMES = `delete from ucs_frame where hash in
  (select hash from ucs_frame where received_at < $2 and kind = $3 order by received_at limit $1)
  returning 1`;
const STATEMENTS = `delete from ucs_statement where (mailbox, from_grid) in
  (select mailbox, from_grid from ucs_statement where received_at < $2 limit $1) returning 1`;
const ENROLMENTS = `delete from ucs_enrolment where (meter, nonce) in
  (select meter, nonce from ucs_enrolment where requested_at < $2 and state <> 'accepted' limit $1)
  returning 1`;
const AUDIT = `delete from ucs_audit where id in
  (select id from ucs_audit where at < $2 limit $1) returning 1`;
/** The statement's first parameter is how many rows it may take. */
async function inRounds(sql: Sql, statement: string, rest: readonly (number | string)[]) {
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const gone = await sql.query(statement, [ROWS_AT_ONCE, ...rest]);
    if (gone.length < ROWS_AT_ONCE) return;
  }
}

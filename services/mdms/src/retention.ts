/**
 * How long the MDMS keeps what, and how it goes (docs/privacy-officer.md has the table; a test holds the two together). Run by the MDMS every
 * hour. A release goes with all that was made of it: statement, registers, credit notes, load, and the trustees' answers. Corrections of
 * tariffs are prices, of nobody, and stay.
 */
import type { Store } from "@smarter-metering/runtime";

/** Days since the MDMS received it. The first two are defaults of `MdmsConfig`. */
export const MDMS_KEPT_DAYS = {
  /** Ten years: books and vouchers (Swiss Code of Obligations art. 958f; German law asks for eight to ten). */
  statements: 3660,
  /** A neighbourhood's load is of nobody alone; five years of it, and of its feeder, plan a grid. */
  loads: 1830,
  /** Trustees' sealed answers: evidence for `audit replay` and disputes. */
  answers: 1098,
  alarms: 400,
  /** Three years, then an entry goes: it is personal data of the operators. */
  audit: 1098,
} as const;

export interface MdmsKeptDays {
  readonly statements?: number | undefined;
  readonly loads?: number | undefined;
}

const DAY_SECONDS = 86_400;
const ROWS_AT_ONCE = 1_000;
/** What is left over goes in the next hour. */
const ROUNDS_MAX = 20;

/** Idempotent and bounded; a failure leaves the rest for the next call. */
export async function forgetOld(
  store: Store,
  nowSeconds: number,
  kept: MdmsKeptDays = {},
): Promise<void> {
  const before = (days: number): number => nowSeconds - days * DAY_SECONDS;
  const { statements = MDMS_KEPT_DAYS.statements, loads = MDMS_KEPT_DAYS.loads } = kept;
  await inRounds(() => forgetReleases(store, "BILL", before(statements)));
  await inRounds(() => forgetReleases(store, "LOAD", before(loads)));
  await inRounds(() => countOf(store, FEEDERS, before(loads)));
  await inRounds(() => forgetAnswers(store, before(MDMS_KEPT_DAYS.answers)));
  await inRounds(() => countOf(store, ALARMS, before(MDMS_KEPT_DAYS.alarms)));
  await inRounds(() => countOf(store, AUDIT, before(MDMS_KEPT_DAYS.audit)));
}

function forgetReleases(store: Store, kind: "BILL" | "LOAD", before: number): Promise<number> {
  return store.transaction(async (sql) => {
    const old = await sql.query<{ digest: Uint8Array }>(
      `select digest from release where kind = $1 and received_at < $2
        order by received_at limit $3`,
      [kind, before, ROWS_AT_ONCE],
    );
    const digests = [old.map(({ digest }) => digest)];
    for (const statement of OF_RELEASES) await sql.query(statement, digests);
    return old.length;
  });
}

/** In the order of the tables' references. */
const OF_RELEASES = [
  ...["delivery", "credit_note", "statement_register"].map(
    (table) => `delete from ${table} r using statement s
    where s.service_point = r.service_point and s.from_grid = r.from_grid
      and s.digest = any($1::bytea[])`,
  ),
  ...["statement", "load_block", "share", "combination", "release"].map(
    (table) => `delete from ${table} where digest = any($1::bytea[])`,
  ),
];

/** Of whole requests, so that none is combined a second time from what is left. */
function forgetAnswers(store: Store, before: number): Promise<number> {
  return store.transaction(async (sql) => {
    const old = await sql.query<{ digest: Uint8Array }>(
      `select distinct digest from share s where received_at < $1 and not exists
        (select 1 from share n where n.digest = s.digest and n.received_at >= $1) limit $2`,
      [before, ROWS_AT_ONCE],
    );
    const digests = [old.map(({ digest }) => digest)];
    await sql.query("delete from share where digest = any($1::bytea[])", digests);
    await sql.query(
      `delete from combination c where digest = any($1::bytea[])
        and not exists (select 1 from release r where r.digest = c.digest)`,
      digests,
    );
    return old.length;
  });
}

const FEEDERS = `delete from feeder_block where (cohort, block_start) in
  (select cohort, block_start from feeder_block where imported_at < $1 limit $2) returning 1`;
const ALARMS = `delete from alarm where (digest, code) in
  (select digest, code from alarm where last_at < $1 limit $2) returning 1`;
const AUDIT = `delete from audit where id in
  (select id from audit where at < $1 limit $2) returning 1`;

async function countOf(store: Store, statement: string, before: number): Promise<number> {
  return (await store.query(statement, [before, ROWS_AT_ONCE])).length;
}

async function inRounds(forget: () => Promise<number>): Promise<void> {
  for (let round = 0; round < ROUNDS_MAX; round++) if ((await forget()) < ROWS_AT_ONCE) return;
}

/**
 * How long the ledger keeps ciphertexts of load (docs/privacy-officer.md has the table; a test holds the two together). Registers, costs and
 * steps stay: bills are made of them, and made again. Run by the leader with each tick; what is left of a set are its numbers and its request.
 */
import type { Sql, Store } from "@smarter-metering/runtime";

export const AGGREGATOR_KEPT_DAYS = {
  /** Since the set was sealed, where it was released or suppressed; since it was seen, for what contradicts another one. */
  loads: 40,
} as const;

const DAY_SECONDS = 86_400;
/** A set has at most members × parts of a block: some thousand rows. */
const SETS_AT_ONCE = 4;
const CONFLICTS_AT_ONCE = 1_000;
/** What is left over goes with the next tick. */
const ROUNDS_MAX = 16;

/** Idempotent and bounded; a failure leaves the rest for the next call. */
export async function forgetLoads(store: Store, nowSeconds: number): Promise<void> {
  const before = nowSeconds - AGGREGATOR_KEPT_DAYS.loads * DAY_SECONDS;
  // Looked at first: hardly any tick has something to forget.
  const [due] = await store.query<{ sets: boolean; conflicts: boolean }>(DUE, [before]);
  if (due?.sets === true) await inRounds(store, SETS, SETS_AT_ONCE, before);
  if (due?.conflicts === true) await inRounds(store, CONFLICTS, CONFLICTS_AT_ONCE, before);
  if (due?.sets === true) await store.query("vacuum contribution");
}

const OLD_SETS = `select cohort, version, stream, block from load_set
  where contributors is null and state in ('RELEASED', 'SUPPRESSED') and sealed_at <= $1
  order by sealed_at`;
const OLD_CONFLICTS = `select service_point, stream, block, first_slot, frame_hash
  from contribution_conflict where stream in ('LOAD', 'LOAD_EXPORT') and seen_at <= $1`;
const DUE = `select exists (${OLD_SETS}) as sets, exists (${OLD_CONFLICTS}) as conflicts`;

/** The number of those who contributed is read of the rows while they are there; the request holds the ciphertexts once more. */
const SETS = `with old as (${OLD_SETS} limit $2),
  gone as (
    delete from contribution c using old
      where c.cohort = old.cohort and c.version = old.version and c.stream = old.stream
        and c.block = old.block
      returning c.cohort, c.version, c.stream, c.block, c.service_point, c.excluded),
  counted as (
    select cohort, version, stream, block,
        count(distinct service_point) filter (where not excluded)::int4 as contributors
      from gone group by cohort, version, stream, block)
  update load_set s set contributors = coalesce(counted.contributors, 0), request = null
    from old left join counted using (cohort, version, stream, block)
    where s.cohort = old.cohort and s.version = old.version and s.stream = old.stream
      and s.block = old.block
    returning 1`;

const CONFLICTS = `delete from contribution_conflict
  where (service_point, stream, block, first_slot, frame_hash) in (${OLD_CONFLICTS} limit $2)
  returning 1`;

async function inRounds(
  store: Store,
  statement: string,
  atOnce: number,
  before: number,
): Promise<void> {
  const forget = (sql: Sql) => sql.query(statement, [before, atOnce]);
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const gone = await store.transaction(forget);
    if (gone.length < atOnce) return;
  }
}

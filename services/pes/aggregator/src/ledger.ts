/**
 * The ledger of contributions (docs/protocol.md §7.1): one transaction for each batch, with
 * contributions, sets and counts together, so that a batch that is delivered again after a crash, or
 * to another aggregator, changes nothing. All energy is ciphertext.
 */
import assert from "node:assert/strict";
import type { NewEntry } from "@smarter-metering/log";
import { placeInBlock, primitives, type Stream } from "@smarter-metering/protocol";
import { insertMany, type Sql, type SqlValue, type Store } from "@smarter-metering/runtime";
import type { CheckedContribution } from "./check-contribution.ts";
import { queueEntries } from "./entry-queue.ts";
import { judgePart, type Outcome, type Part } from "./judge-part.ts";
import { lockPartitions, partitionNumber } from "./partition-lock.ts";
import { blockOf } from "./registry-context.ts";

/** Contributions that came out refused or judged, by stream and outcome. */
export type Tally = { readonly stream: string; readonly outcome: string; readonly total: number };

export interface Recorded {
  /** One for each contribution, in order. */
  readonly outcomes: readonly Outcome[];
  /** Whether sets became complete and are sealed now. */
  readonly sealed: boolean;
}

/** A part as the transaction sees it; `excluded` ones are in no sum. */
interface LedgerPart extends Part {
  readonly valued: number;
  readonly excluded: boolean;
}

/** All parts of one service point, stream and block. */
interface Place {
  readonly servicePoint: string;
  readonly stream: Stream;
  readonly block: number;
  parts: LedgerPart[];
}

interface SetChange {
  readonly item: CheckedContribution;
  covered: number;
  valued: number;
}

type Judged = { readonly item: CheckedContribution; readonly outcome: Outcome };

const placeName = (servicePoint: string, stream: string, block: number): string =>
  `${servicePoint}/${stream}/${block}`;

/** Undefined for BILL, COST and STEPS, which have no sets. */
function setName({ cohort, contribution }: CheckedContribution): string | undefined {
  const { stream, blockStart } = contribution.header;
  return cohort && `${cohort.id}/${cohort.version}/${stream}/${blockStart}`;
}

/**
 * Judges and records one batch at `nowSeconds`, and counts it together with `refused`, which were
 * refused before. Two different contributions for the same slots are both kept, and exclude their
 * service point from the set unless that is sealed. What is read of a partition stays as it is until
 * the transaction ends: it holds the partition's lock, as whoever seals its sets does.
 */
export function recordBatch(
  store: Store,
  items: readonly CheckedContribution[],
  refused: readonly Tally[],
  nowSeconds: number,
): Promise<Recorded> {
  const partitions = items.map(({ partition }) => partition).toSorted();
  return store.transaction(async (sql) => {
    await lockPartitions(sql, partitions);
    const places = await loadPlaces(sql, items);
    const sealedSets = await loadSealedSets(sql, items);
    const changes = new Map<string, SetChange>();
    const excluded = new Set<Place>();
    const judged = items.map((item): Judged => {
      const set = setName(item);
      const sealed = set !== undefined && sealedSets.has(set);
      const place = placeOf(places, item);
      const part = partOf(item, place);
      const outcome = judgePart(part, place.parts, sealed);
      if (outcome === "accepted") {
        place.parts.push(part);
        if (part.excluded) excluded.add(place);
        else change(changes, set, item, [part], 1);
      } else if ((outcome === "conflict" || outcome === "overlap") && !sealed) {
        change(
          changes,
          set,
          item,
          place.parts.filter((other) => !other.excluded),
          -1,
        );
        place.parts = place.parts.map((other) => ({ ...other, excluded: true }));
        excluded.add(place);
      }
      return { item, outcome };
    });
    await insertAccepted(sql, judged);
    await queueEntries(sql, await entriesOf(judged));
    await insertConflicts(sql, judged, nowSeconds);
    await exclude(sql, [...excluded]);
    await changeSets(sql, [...changes.values()]);
    await addTallies(sql, shardOf(partitions), [...refused, ...talliesOf(judged)]);
    const sealed = await sealComplete(sql, [...changes.values()], nowSeconds);
    return { outcomes: judged.map(({ outcome }) => outcome), sealed };
  });
}

function placeOf(places: ReadonlyMap<string, Place>, item: CheckedContribution): Place {
  const { stream, blockStart } = item.contribution.header;
  const place = places.get(placeName(item.servicePoint, stream, blockStart));
  assert(place !== undefined, "every item of a batch has its place");
  return place;
}

function partOf({ contribution, valued }: CheckedContribution, place: Place): LedgerPart {
  const { count, frameHash } = contribution.header;
  const excluded = place.parts.some((part) => part.excluded);
  const firstSlot = placeInBlock(contribution.header);
  return { firstSlot, slots: count, frameHash, valued, excluded };
}

function change(
  changes: Map<string, SetChange>,
  set: string | undefined,
  item: CheckedContribution,
  parts: readonly LedgerPart[],
  sign: 1 | -1,
): void {
  if (set === undefined) return;
  const entry = changes.get(set) ?? { item, covered: 0, valued: 0 };
  for (const { slots, valued } of parts) {
    entry.covered += sign * slots;
    entry.valued += sign * valued;
  }
  changes.set(set, entry);
}

async function loadPlaces(
  sql: Sql,
  items: readonly CheckedContribution[],
): Promise<Map<string, Place>> {
  const places = new Map<string, Place>();
  for (const { servicePoint, contribution } of items) {
    const { stream, blockStart: block } = contribution.header;
    const name = placeName(servicePoint, stream, block);
    if (!places.has(name)) places.set(name, { servicePoint, stream, block, parts: [] });
  }
  const rows = await sql.query<{
    service_point: string;
    stream: string;
    block: bigint;
    first_slot: number;
    slots: number;
    valued: number;
    excluded: boolean;
    frame_hash: Uint8Array;
  }>(
    `select service_point, stream, block, first_slot, slots, valued, excluded, frame_hash
       from contribution
       join unnest($1::text[], $2::text[], $3::int8[]) as place (service_point, stream, block)
      using (service_point, stream, block)`,
    columnsOf([...places.values()]),
  );
  for (const row of rows) {
    places.get(placeName(row.service_point, row.stream, Number(row.block)))?.parts.push({
      firstSlot: row.first_slot,
      slots: row.slots,
      valued: row.valued,
      excluded: row.excluded,
      frameHash: row.frame_hash,
    });
  }
  return places;
}

const columnsOf = (places: readonly Place[]): SqlValue[] => [
  places.map(({ servicePoint }) => servicePoint),
  places.map(({ stream }) => stream),
  places.map(({ block }) => block),
];

/** Names of the sets of these items that are not open any more. */
async function loadSealedSets(
  sql: Sql,
  items: readonly CheckedContribution[],
): Promise<ReadonlySet<string>> {
  const rows = await sql.query<{ cohort: string; version: number; stream: string; block: bigint }>(
    `select distinct cohort, version, stream, block from load_set
       join unnest($1::text[], $2::int4[], $3::text[], $4::int8[])
         as item (cohort, version, stream, block) using (cohort, version, stream, block)
      where state <> 'OPEN'`,
    [
      items.map(({ cohort }) => cohort?.id ?? null),
      items.map(({ cohort }) => cohort?.version ?? null),
      items.map(({ contribution }) => contribution.header.stream),
      items.map(({ contribution }) => contribution.header.blockStart),
    ],
  );
  return new Set(rows.map((set) => `${set.cohort}/${set.version}/${set.stream}/${set.block}`));
}

/** What must be the same at both borders of a bill: meter, register bank, Paillier key. */
function originOf({ contribution }: CheckedContribution): string {
  const { meterId, registerBank, paillierKeyId } = contribution.header;
  return [meterId, registerBank, paillierKeyId]
    .map((id) => Buffer.from(id).toString("hex"))
    .join("/");
}

async function insertAccepted(sql: Sql, judged: readonly Judged[]): Promise<void> {
  const rows = judged
    .filter(({ outcome }) => outcome === "accepted")
    .map(({ item }): SqlValue[] => {
      const { stream, blockStart, count, frameHash } = item.contribution.header;
      return [
        item.servicePoint,
        stream,
        blockStart,
        placeInBlock(item.contribution.header),
        count,
        item.valued,
        item.cohort?.id ?? null,
        item.cohort?.version ?? null,
        item.instant,
        originOf(item),
        frameHash,
        item.encoded,
      ];
    });
  const columns = {
    service_point: "text",
    stream: "text",
    block: "int8",
    first_slot: "int4",
    slots: "int4",
    valued: "int4",
    cohort: "text",
    version: "int4",
    instant: "int8",
    origin: "text",
    frame_hash: "bytea",
    encoded: "bytea",
  } as const;
  await insertMany(sql, "contribution", columns, rows);
}

/** What the log will have of the accepted ones. */
function entriesOf(judged: readonly Judged[]): Promise<NewEntry[]> {
  const accepted = judged.filter(({ outcome }) => outcome === "accepted");
  return Promise.all(accepted.map(({ item }) => contributionEntry(item.encoded)));
}

/** The entry of an encoded contribution. */
export async function contributionEntry(encoded: Uint8Array): Promise<NewEntry> {
  return { kind: "contribution", body: await primitives.sha256(encoded) };
}

/**
 * Both sides of a conflict are kept: the first stays in the ledger, every other one comes here
 * once.
 */
async function insertConflicts(
  sql: Sql,
  judged: readonly Judged[],
  nowSeconds: number,
): Promise<void> {
  const rows = judged
    .filter(({ outcome }) => outcome === "conflict" || outcome === "overlap")
    .map(({ item, outcome }): SqlValue[] => {
      const { header } = item.contribution;
      const { stream, blockStart, frameHash } = header;
      const place = [item.servicePoint, stream, blockStart, placeInBlock(header)];
      return [...place, frameHash, item.encoded, outcome, nowSeconds];
    });
  const columns = {
    service_point: "text",
    stream: "text",
    block: "int8",
    first_slot: "int4",
    frame_hash: "bytea",
    encoded: "bytea",
    outcome: "text",
    seen_at: "int8",
  } as const;
  await insertMany(sql, "contribution_conflict", columns, rows, {
    onConflict: "(service_point, stream, block, first_slot, frame_hash) do nothing",
  });
}

/** After the inserts, so that parts accepted earlier in the same batch are excluded too. */
async function exclude(sql: Sql, places: readonly Place[]): Promise<void> {
  if (places.length === 0) return;
  await sql.query(
    `update contribution set excluded = true
       from unnest($1::text[], $2::text[], $3::int8[]) as place (service_point, stream, block)
      where contribution.service_point = place.service_point
        and contribution.stream = place.stream and contribution.block = place.block`,
    columnsOf(places),
  );
}

async function changeSets(sql: Sql, changes: readonly SetChange[]): Promise<void> {
  const rows = changes.flatMap(({ item, covered, valued }): SqlValue[][] => {
    const { cohort, contribution } = item;
    if (cohort === undefined) return [];
    const { stream, blockStart } = contribution.header;
    const { endSeconds, slots } = blockOf(cohort, blockStart);
    const set = [cohort.id, cohort.version, stream, blockStart, endSeconds];
    return [[...set, cohort.members.length, slots, covered, valued, "OPEN"]];
  });
  const columns = {
    cohort: "text",
    version: "int4",
    stream: "text",
    block: "int8",
    block_end: "int8",
    members: "int4",
    slots: "int4",
    covered: "int4",
    valued: "int4",
    state: "text",
  } as const;
  await insertMany(sql, "load_set", columns, rows, {
    onConflict: `(cohort, version, stream, block) do update
      set covered = load_set.covered + excluded.covered,
          valued = load_set.valued + excluded.valued`,
  });
}

/**
 * Of the sets that changed. Complete: every member has a value in every slot, so that nothing can be
 * added any more (§7.2).
 */
async function sealComplete(
  sql: Sql,
  changes: readonly SetChange[],
  nowSeconds: number,
): Promise<boolean> {
  const sets = changes.flatMap(({ item: { cohort, contribution } }) =>
    cohort === undefined ? [] : [{ ...contribution.header, ...cohort }],
  );
  if (sets.length === 0) return false;
  const sealed = await sql.query(
    `update load_set s set state = 'SEALED', sealed_at = $1
      from unnest($2::text[], $3::int4[], $4::text[], $5::int8[])
        as c(cohort, version, stream, block)
      where s.cohort = c.cohort and s.version = c.version and s.stream = c.stream
        and s.block = c.block and s.state = 'OPEN' and s.valued = s.members * s.slots
      returning s.block`,
    [
      nowSeconds,
      sets.map(({ id }) => id),
      sets.map(({ version }) => version),
      sets.map(({ stream }) => stream),
      sets.map(({ blockStart }) => blockStart),
    ],
  );
  return sealed.length > 0;
}

function talliesOf(judged: readonly Judged[]): Tally[] {
  return judged.map(({ item, outcome }) => ({
    stream: item.contribution.header.stream,
    outcome,
    total: 1,
  }));
}

/** Counts are rows of a partition whose lock the batch holds, so that nobody waits; −1: all was refused. */
const shardOf = ([first]: readonly string[]): number =>
  first === undefined ? -1 : partitionNumber(first);

async function addTallies(sql: Sql, shard: number, tallies: readonly Tally[]): Promise<void> {
  const sums = new Map<string, Tally>();
  for (const tally of tallies) {
    const name = `${tally.stream}/${tally.outcome}`;
    sums.set(name, { ...tally, total: tally.total + (sums.get(name)?.total ?? 0) });
  }
  // In order: two batches that were refused wait for each other's rows, never both at once.
  const rows = [...sums]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { stream, outcome, total }]) => [shard, stream, outcome, total]);
  const columns = { shard: "int4", stream: "text", outcome: "text", total: "int8" } as const;
  await insertMany(sql, "tally", columns, rows, {
    onConflict: "(shard, stream, outcome) do update set total = tally.total + excluded.total",
  });
}

/** All counts since the ledger began. */
export async function loadTallies(sql: Sql): Promise<Tally[]> {
  const rows = await sql.query<{ stream: string; outcome: string; total: bigint }>(
    `select stream, outcome, sum(total)::int8 as total from tally
      group by stream, outcome order by stream, outcome`,
  );
  return rows.map((row) => ({ ...row, total: Number(row.total) }));
}

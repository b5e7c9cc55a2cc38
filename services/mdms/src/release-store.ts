/**
 * Writes checked releases and what they say in one transaction (docs/protocol.md §8.5). What was released once is never released
 * otherwise: the trustee's ledger promises it, and here it is held against the trustee.
 */
import { encodeRelease, equalBytes, fromHex, toHex } from "@smarter-metering/protocol";
import { insertMany, type Sql, type SqlValue, type Store } from "@smarter-metering/runtime";
import { markDue } from "./delivery-store.ts";
import { insertCombinations } from "./share-store.ts";
import type { CheckedBill, CheckedLoad } from "./check-release.ts";

export type Stored =
  | "stored"
  /** The same release again: no effect. */
  | "duplicate"
  /** Another release for the same block or window, or other bytes for the same request. */
  | "conflict"
  /** The trustee gave this number to another release: its ledger was rolled back (§8.4). */
  | "sequence-reused";

/** A release to be stored; `jws` is the signed statement of a BILL release. */
export type Storable = CheckedLoad | SignedBill;
type SignedBill = CheckedBill & { readonly jws: string };

/**
 * One outcome for each, in order, as if they were stored one after the other: of two that conflict the first wins. All in one transaction;
 * throws as `Store.transaction`, and then nothing is stored.
 */
export function storeReleases(
  store: Store,
  releases: readonly Storable[],
  receivedAt: number,
): Promise<Stored[]> {
  if (releases.length === 0) return Promise.resolve([]);
  return store.transaction(async (sql) => {
    const known = await loadKnown(sql, releases);
    const outcomes = releases.map((release, index) => judge(release, index, known));
    const stored = releases.filter((_, index) => outcomes[index] === "stored");
    await insertReleases(sql, stored, receivedAt);
    for (const release of stored) if (release.kind === "LOAD") await insertLoad(sql, release);
    await insertStatements(
      sql,
      stored.filter((release) => release.kind === "BILL"),
    );
    return outcomes;
  });
}

/** What decides about a release: what the database holds, and those before it in the batch. */
interface Known {
  /** By request digest, hex: the encoded release, or null for one that was combined here. */
  readonly sealed: Map<string, Uint8Array | null>;
  readonly numbers: Set<string>;
  /** Blocks and windows of this batch by what they belong to. */
  readonly spans: Map<string, Span[]>;
  /** Positions in the batch whose block or window overlaps one in the database. */
  readonly overlapping: ReadonlySet<number>;
}

interface Span {
  readonly start: number;
  readonly end: number;
}

async function loadKnown(sql: Sql, releases: readonly Storable[]): Promise<Known> {
  const sealed = await sql.query<{ digest: Uint8Array; sealed: Uint8Array | null }>(
    "select digest, sealed from release where digest = any($1::bytea[])",
    [releases.map(digestOf)],
  );
  const origins = releases.flatMap(({ origin }) => ("sealed" in origin ? [origin] : []));
  const numbers = await sql.query<{ trustee: Uint8Array; sequence: bigint }>(
    `select trustee, sequence from release
      where (trustee, sequence) in (select * from unnest($1::bytea[], $2::int8[]))`,
    [origins.map(({ trusteeKey }) => trusteeKey), origins.map((one) => one.sealed.sequence)],
  );
  const overlapping = new Set<number>();
  for (const kind of ["LOAD", "BILL"] as const) {
    for (const position of await loadOverlapping(sql, releases, kind)) overlapping.add(position);
  }
  return {
    sealed: new Map(sealed.map((row) => [toHex(row.digest), row.sealed])),
    numbers: new Set(numbers.map(({ trustee, sequence }) => numberOf(trustee, sequence))),
    spans: new Map(),
    overlapping,
  };
}

/** Whatever shares an instant with a known one counts, not only what begins alike. */
async function loadOverlapping(
  sql: Sql,
  releases: readonly Storable[],
  kind: Storable["kind"],
): Promise<number[]> {
  const asked = [...releases.entries()].filter(([, release]) => release.kind === kind);
  if (asked.length === 0) return [];
  const exists =
    kind === "LOAD"
      ? `select 1 from load_block k where k.cohort = a.owner and k.stream = a.stream
          and k.block_start < a.end_at and k.block_end > a.start_at`
      : `select 1 from statement k where k.service_point = a.owner
          and k.from_grid < a.end_at and k.to_grid > a.start_at`;
  const spans = asked.map(([position, release]) => ({ position, ...spanOf(release) }));
  const rows = await sql.query<{ position: number }>(
    `select a.position
      from unnest($1::int4[], $2::text[], $3::text[], $4::int8[], $5::int8[])
       as a(position, stream, owner, start_at, end_at)
      where exists (${exists})`,
    [
      spans.map(({ position }) => position),
      spans.map(({ stream }) => stream),
      spans.map(({ owner }) => owner),
      spans.map(({ start }) => start),
      spans.map(({ end }) => end),
    ],
  );
  return rows.map(({ position }) => position);
}

const digestOf = (release: Storable): Uint8Array =>
  fromHex((release.kind === "LOAD" ? release.load : release.bill).requestDigest, 32);

/** Judges one release, and remembers one that is to be stored. */
function judge(release: Storable, position: number, known: Known): Stored {
  const { origin } = release;
  const digest = toHex(digestOf(release));
  const encoded = "sealed" in origin ? encodeRelease(origin.sealed) : null;
  const before = known.sealed.get(digest);
  if (before !== undefined) return isSame(before, encoded) ? "duplicate" : "conflict";
  const numbers = "sealed" in origin ? [numberOf(origin.trusteeKey, origin.sealed.sequence)] : [];
  if (numbers.some((number) => known.numbers.has(number))) return "sequence-reused";
  const { stream, owner, start, end } = spanOf(release);
  const name = `${stream}/${owner}`;
  const spans = known.spans.get(name) ?? [];
  const overlaps = spans.some((span) => span.start < end && span.end > start);
  if (overlaps || known.overlapping.has(position)) return "conflict";
  known.sealed.set(digest, encoded);
  for (const number of numbers) known.numbers.add(number);
  known.spans.set(name, [...spans, { start, end }]);
  return "stored";
}

const isSame = (a: Uint8Array | null, b: Uint8Array | null): boolean =>
  a === null || b === null ? a === b : equalBytes(a, b);

/** The block of a cohort, or the window of a service point, that a release is about. */
function spanOf(
  release: Storable,
): Span & { readonly stream: "LOAD" | "LOAD_EXPORT" | "BILL"; readonly owner: string } {
  if (release.kind === "BILL") {
    const { servicePoint, from, to } = release.statement;
    return { stream: "BILL", owner: servicePoint, start: from, end: to };
  }
  const { cohort, stream, blockStart } = release.load;
  return { stream, owner: cohort, start: blockStart, end: release.blockEnd };
}

const numberOf = (trustee: Uint8Array, sequence: number | bigint): string =>
  `${toHex(trustee)}/${sequence}`;

async function insertReleases(
  sql: Sql,
  releases: readonly Storable[],
  receivedAt: number,
): Promise<void> {
  const columns = {
    digest: "bytea",
    kind: "text",
    trustee: "bytea",
    sequence: "int8",
    sealed: "bytea",
    policy_id: "text",
    registry_epoch: "int8",
    received_at: "int8",
  } as const;
  const rows = releases.map((release): SqlValue[] => {
    const { kind, origin } = release;
    const { policyId, registryEpoch } = kind === "LOAD" ? release.load : release.bill;
    const from =
      "sealed" in origin
        ? [origin.trusteeKey, origin.sealed.sequence, encodeRelease(origin.sealed)]
        : [null, null, null];
    return [digestOf(release), kind, ...from, policyId, registryEpoch, receivedAt];
  });
  await insertMany(sql, "release", columns, rows);
  const combined = releases.flatMap((release) =>
    "agreed" in release.origin
      ? [{ digest: digestOf(release), agreed: release.origin.agreed, corrupt: false }]
      : [],
  );
  await insertCombinations(sql, combined);
}

async function insertLoad(sql: Sql, { load, blockEnd }: CheckedLoad): Promise<void> {
  await sql.query(
    `insert into load_block
      (cohort, stream, block_start, block_end, cohort_version, interval_seconds, contributors,
       members, contributors_per_slot, energy_watt_hours, digest)
      values ($1, $2, $3, $4, $5, $6, $7, $8, $9::int4[], $10::int8[], $11)`,
    [
      load.cohort,
      load.stream,
      load.blockStart,
      blockEnd,
      load.cohortVersion,
      load.intervalSeconds,
      load.contributors,
      load.members,
      load.contributorsPerSlot,
      load.energy_Wh,
      fromHex(load.requestDigest, 32),
    ],
  );
}

async function insertStatements(sql: Sql, bills: readonly SignedBill[]): Promise<void> {
  const columns = {
    service_point: "text",
    from_grid: "int8",
    to_grid: "int8",
    from_border: "int8",
    to_border: "int8",
    zone: "text",
    energy_milliwatt_hours: "int8",
    export_milliwatt_hours: "int8",
    tariff: "text",
    tariff_version: "int4",
    lines: "jsonb",
    amount: "text",
    currency: "text",
    estimated: "bool",
    jws: "text",
    digest: "bytea",
    prices: "text",
    cost: "int8",
  } as const;
  const rows = bills.map(({ bill, statement, jws }): SqlValue[] => [
    statement.servicePoint,
    statement.from,
    statement.to,
    bill.fromBorder,
    bill.toBorder,
    statement.zone,
    BigInt(statement.energy_mWh),
    BigInt(statement.export_mWh),
    statement.tariff,
    statement.tariffVersion,
    JSON.stringify(statement.lines),
    statement.amount,
    statement.currency,
    statement.estimated,
    jws,
    fromHex(statement.requestDigest),
    statement.cost?.prices ?? null,
    bill.cost === undefined ? null : BigInt(bill.cost),
  ]);
  await insertMany(sql, "statement", columns, rows);
  const registerColumns = {
    service_point: "text",
    from_grid: "int8",
    position: "int4",
    band: "text",
    energy_milliwatt_hours: "int8",
  } as const;
  const registers = bills.flatMap(({ statement: { servicePoint, from, registers_mWh } }) =>
    Object.entries(registers_mWh).map(([band, energy], position) => {
      return [servicePoint, from, position, band, BigInt(energy)];
    }),
  );
  await insertMany(sql, "statement_register", registerColumns, registers);
  await markDue(
    sql,
    bills.map(({ statement: { servicePoint, from } }) => ({ servicePoint, from })),
  );
}

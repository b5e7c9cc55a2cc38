/** Partial releases as they were received, and which requests they have decided (docs/protocol.md §8.6). */
import { encodePartialRelease, equalBytes, toHex } from "@smarter-metering/protocol";
import { insertMany, type Sql, type Store } from "@smarter-metering/runtime";
import type { OpenedShare } from "./check-share.ts";
import type { ShareFault } from "./combine-shares.ts";

export type Collected =
  | "collected"
  /** The same answer again. */
  | "duplicate"
  /** Another answer of this trustee to the same request. */
  | "changed"
  /** The trustee gave this number to another answer: its ledger was rolled back (§8.4). */
  | "sequence-reused";

/** A stored answer; `verdict` is null until it was looked into. */
export interface StoredShare {
  readonly digest: Uint8Array;
  readonly trustee: Uint8Array;
  readonly sealed: Uint8Array;
  readonly verdict: ShareVerdict | null;
}
export type ShareVerdict = "GOOD" | ShareFault;

/** One outcome for each, in order, as if they were stored one after the other; all in one transaction. */
export function collectShares(
  store: Store,
  shares: readonly OpenedShare[],
  receivedAt: number,
): Promise<Collected[]> {
  if (shares.length === 0) return Promise.resolve([]);
  return store.transaction(async (sql) => {
    const known = await loadKnown(sql, shares);
    const outcomes = shares.map((share): Collected => {
      const name = shareName(share.partial.requestDigest, share.trusteeKey);
      const number = shareNumber(share.trusteeKey, share.partial.sequence);
      const before = known.sealed.get(name);
      if (before !== undefined) return equalBytes(before, share.bytes) ? "duplicate" : "changed";
      if (known.numbers.has(number)) return "sequence-reused";
      known.sealed.set(name, share.bytes);
      known.numbers.add(number);
      return "collected";
    });
    const columns = {
      digest: "bytea",
      trustee: "bytea",
      sequence: "int8",
      sealed: "bytea",
      received_at: "int8",
    } as const;
    const rows = shares
      .filter((_, index) => outcomes[index] === "collected")
      .map(({ partial, trusteeKey }) => {
        const { requestDigest, sequence } = partial;
        return [requestDigest, trusteeKey, sequence, encodePartialRelease(partial), receivedAt];
      });
    await insertMany(sql, "share", columns, rows);
    return outcomes;
  });
}

interface Known {
  readonly sealed: Map<string, Uint8Array>;
  readonly numbers: Set<string>;
}

async function loadKnown(sql: Sql, shares: readonly OpenedShare[]): Promise<Known> {
  const stored = await sharesOf(
    sql,
    shares.map(({ partial }) => partial.requestDigest),
  );
  const numbers = await sql.query<{ trustee: Uint8Array; sequence: bigint }>(
    `select trustee, sequence from share
      where (trustee, sequence) in (select * from unnest($1::bytea[], $2::int8[]))`,
    [shares.map(({ trusteeKey }) => trusteeKey), shares.map(({ partial }) => partial.sequence)],
  );
  return {
    sealed: new Map(stored.map((row) => [shareName(row.digest, row.trustee), row.sealed])),
    numbers: new Set(numbers.map(({ trustee, sequence }) => shareNumber(trustee, sequence))),
  };
}

const shareName = (digest: Uint8Array, trustee: Uint8Array): string =>
  `${toHex(digest)}/${toHex(trustee)}`;
const shareNumber = (trustee: Uint8Array, sequence: number | bigint): string =>
  `${toHex(trustee)}/${sequence}`;

/** All answers to these requests, in the order of the trustees' keys. */
export function sharesOf(sql: Sql, digests: readonly Uint8Array[]): Promise<StoredShare[]> {
  return sql.query<StoredShare>(
    `select digest, trustee, sealed, verdict from share where digest = any($1::bytea[])
      order by digest, trustee`,
    [digests],
  );
}

/** By request digest, hex: what was agreed on, hex, of those that are decided. */
export async function combinationsOf(
  sql: Sql,
  digests: readonly Uint8Array[],
): Promise<ReadonlyMap<string, string>> {
  const rows = await sql.query<{ digest: Uint8Array; agreed: Uint8Array }>(
    "select digest, agreed from combination where digest = any($1::bytea[])",
    [digests],
  );
  return new Map(rows.map(({ digest, agreed }) => [toHex(digest), toHex(agreed)]));
}

/** What was decided before stays. */
export async function insertCombinations(
  sql: Sql,
  combinations: readonly {
    readonly digest: Uint8Array;
    readonly agreed: Uint8Array;
    readonly corrupt: boolean;
  }[],
): Promise<void> {
  const columns = { digest: "bytea", agreed: "bytea", corrupt: "bool" } as const;
  const rows = combinations.map(({ digest, agreed, corrupt }) => [digest, agreed, corrupt]);
  await insertMany(sql, "combination", columns, rows, { onConflict: "do nothing" });
}

export async function markShares(
  sql: Sql,
  verdicts: readonly { readonly share: OpenedShare; readonly verdict: ShareVerdict }[],
): Promise<void> {
  await sql.query(
    `update share s set verdict = v.verdict
      from unnest($1::bytea[], $2::bytea[], $3::text[]) as v(digest, trustee, verdict)
      where s.digest = v.digest and s.trustee = v.trustee`,
    [
      verdicts.map(({ share }) => share.partial.requestDigest),
      verdicts.map(({ share }) => share.trusteeKey),
      verdicts.map(({ verdict }) => verdict),
    ],
  );
}

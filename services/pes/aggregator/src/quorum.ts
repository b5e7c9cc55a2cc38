/**
 * Who answers release requests, and when the answers decide one (docs/protocol.md §8.6): one trustee
 * that holds the key, or t of n that hold shares of it. Signed headers and codes alone; the
 * aggregator cannot open an answer.
 */
import type { NewEntry } from "@smarter-metering/log";
import { parseVerificationKey } from "@smarter-metering/paillier";
import { toHex, type NetworkView, type Party } from "@smarter-metering/protocol";
import { insertMany, type Sql, type Store } from "@smarter-metering/runtime";
import { askWithoutCost } from "./bill-cost.ts";
import { extendExposed } from "./bill-window.ts";
import { queueEntries } from "./entry-queue.ts";
import {
  codesOf,
  knownDigests,
  markRefused,
  markReleased,
  type RefusedRequest,
} from "./request-state.ts";

export interface Quorum {
  /** Releases that decide a request, of different trustees. */
  readonly threshold: number;
  /** Whether trustees hold shares of the key, and answer with partial releases. */
  readonly shared: boolean;
  readonly trustees: readonly Party[];
}

/** Rejects with PaillierError for a bad verification key. */
export async function quorumOf(view: NetworkView): Promise<Quorum> {
  const trustees = view.parties("trustee");
  const { verificationKey } = view.document;
  if (verificationKey === undefined) return { threshold: 1, shared: false, trustees };
  const { threshold } = await parseVerificationKey(verificationKey);
  return { threshold, shared: true, trustees };
}

/** A trustee's number; 1 is that of one which holds the whole key. */
export const indexOf = ({ trusteeIndex = 1 }: Party): number => trusteeIndex;

/** Where a request stands with the trustees, by their numbers. */
export interface Standing {
  readonly threshold: number;
  readonly answered: readonly number[];
  readonly refused: readonly number[];
  readonly silent: readonly number[];
}

export interface TrusteeAnswer {
  readonly requestDigest: Uint8Array;
  readonly trustee: number;
  /** Why it refused; undefined for a release. */
  readonly codes: readonly string[] | undefined;
  /** What the log will have of it. */
  readonly entry: NewEntry;
}

/**
 * Keeps the answers and moves the requests they decide, in one transaction: t releases make one
 * RELEASED, whatever came before; with more than n − t refusals they cannot come any more. A bill that
 * would expose somebody (R5) is asked for again with a longer window. Of several refusals of one
 * trustee the first counts. Returns the digests, in hex, that a request has.
 */
export async function recordAnswers(
  store: Store,
  quorum: Quorum,
  answers: readonly TrusteeAnswer[],
): Promise<ReadonlySet<string>> {
  if (answers.length === 0) return new Set();
  return store.transaction(async (sql) => {
    const digests = answers.map(({ requestDigest }) => requestDigest);
    const known = await knownDigests(sql, digests);
    const kept = answers.filter(({ requestDigest }) => known.has(toHex(requestDigest)));
    await keep(sql, kept);
    await queueEntries(
      sql,
      kept.map(({ entry }) => entry),
    );
    const released: Uint8Array[] = [];
    const refused: RefusedRequest[] = [];
    for (const { digest, rows } of await loadAnswers(sql, digests)) {
      const verdict = decide(quorum, rows);
      if (verdict === "released") released.push(digest);
      else if (verdict !== "waiting") refused.push({ digest, codes: verdict });
    }
    await markReleased(sql, released);
    await markRefused(sql, refused);
    const billed = await askWithoutCost(
      sql,
      refused.map(({ digest }) => digest),
    );
    await extendExposed(sql, billed);
    return known;
  });
}

async function keep(sql: Sql, answers: readonly TrusteeAnswer[]): Promise<void> {
  const columns = { digest: "bytea", trustee: "int4", codes: "text" } as const;
  const rows = (list: readonly TrusteeAnswer[]) =>
    list.map(({ requestDigest, trustee, codes }) => [
      requestDigest,
      trustee,
      codes?.join(",") ?? null,
    ]);
  const releases = answers.filter(({ codes }) => codes === undefined);
  const key = "(digest, trustee)";
  // One row of a batch at most: what a statement inserts it cannot update as well.
  const unique = new Map(
    releases.map((one) => [`${toHex(one.requestDigest)}/${one.trustee}`, one]),
  );
  await insertMany(sql, "request_answer", columns, rows([...unique.values()]), {
    onConflict: `${key} do update set codes = null`,
  });
  const refusals = answers.filter(({ codes }) => codes !== undefined);
  await insertMany(sql, "request_answer", columns, rows(refusals), {
    onConflict: `${key} do nothing`,
  });
}

interface AnswerRow {
  readonly digest: Uint8Array;
  readonly trustee: number;
  readonly codes: string | null;
}

async function loadAnswers(
  sql: Sql,
  digests: readonly Uint8Array[],
): Promise<{ readonly digest: Uint8Array; readonly rows: readonly AnswerRow[] }[]> {
  const rows = await sql.query<AnswerRow>(
    `select digest, trustee, codes from request_answer where digest = any($1::bytea[])
      order by digest, trustee`,
    [digests],
  );
  const byDigest = new Map<string, AnswerRow[]>();
  for (const row of rows) {
    const name = toHex(row.digest);
    byDigest.set(name, [...(byDigest.get(name) ?? []), row]);
  }
  return [...byDigest.values()].flatMap((list) => {
    const [first] = list;
    return first === undefined ? [] : [{ digest: first.digest, rows: list }];
  });
}

/** Released, waiting, or the codes of a refusal. */
type Verdict = "released" | "waiting" | readonly string[];

function decide({ threshold, trustees }: Quorum, rows: readonly AnswerRow[]): Verdict {
  const refusals = rows.flatMap(({ codes }) => (codes === null ? [] : [codesOf(codes)]));
  if (rows.length - refusals.length >= threshold) return "released";
  const spare = Math.max(0, trustees.length - threshold);
  return refusals.length <= spare ? "waiting" : [...new Set(refusals.flat())];
}

/** By digest in hex: where each of these requests stands. */
export async function standingsOf(
  sql: Sql,
  { threshold, trustees }: Quorum,
  digests: readonly Uint8Array[],
): Promise<ReadonlyMap<string, Standing>> {
  const answers = digests.length === 0 ? [] : await loadAnswers(sql, digests);
  const rowsOf = new Map(answers.map(({ digest, rows }) => [toHex(digest), rows]));
  return new Map(
    digests.map((digest) => {
      const rows = rowsOf.get(toHex(digest)) ?? [];
      const numbers = (list: readonly AnswerRow[]) => list.map(({ trustee }) => trustee);
      const heard = new Set(numbers(rows));
      const standing: Standing = {
        threshold,
        answered: numbers(rows.filter(({ codes }) => codes === null)),
        refused: numbers(rows.filter(({ codes }) => codes !== null)),
        silent: trustees.map(indexOf).filter((index) => !heard.has(index)),
      };
      return [toHex(digest), standing];
    }),
  );
}

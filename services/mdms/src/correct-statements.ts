/**
 * Applies a correction of a tariff to the statements that were priced before it (docs/protocol.md §11.4), some at a time. Idempotent: a
 * statement has one note of a correction, or none; those made meanwhile get theirs when it is applied again.
 */
import { documentHash, equalBytes, signCreditNote, type Signer } from "@smarter-metering/protocol";
import type { Sql, Store } from "@smarter-metering/runtime";
import type { CheckedCorrection } from "./correction.ts";
import {
  correctionsOf,
  insertCorrection,
  insertNotes,
  lastSigned,
  type SignedNote,
  type StoredCorrection,
} from "./correction-store.ts";
import { MdmsError } from "./error.ts";
import { billOf, isBilledAs, isCorrected, makeCreditNote } from "./make-credit-note.ts";
import { readStatements, type StatementCursor, type StatementRecord } from "./statement-query.ts";

export interface Corrected {
  readonly notes: readonly SignedNote[];
  /** Statements that the correction is about: those with a new note, an old one, and those to which nothing is due. */
  readonly examined: number;
  /** Of these, those that the published tariff does not give: nothing was made of them. */
  readonly unmatched: readonly StatementCursor[];
  /** The last statement looked at; undefined when there are no more. */
  readonly next: StatementCursor | undefined;
}

export interface CorrectionStep {
  readonly after: StatementCursor | undefined;
  /** Statements of one transaction. */
  readonly limit: number;
  /** Computes everything and keeps nothing. */
  readonly preview: boolean;
}

export interface CorrectionPorts {
  readonly store: Store;
  /** The MDMS's, as of statements. */
  readonly signer: Signer;
  readonly nowSeconds: number;
}

/** Dates are of zones: all of them are within so much of UTC. */
const ZONE_SECONDS = 86_400;

/** Throws MDMS_CORRECTION_CONFLICT. */
export function correctStatements(
  correction: CheckedCorrection,
  { after, limit, preview }: CorrectionStep,
  { store, signer, nowSeconds }: CorrectionPorts,
): Promise<Corrected> {
  const { document, tariff } = correction;
  return store.transaction(async (sql) => {
    const known = await correctionsOf(sql, tariff.tariff);
    const isNew = checkOrder(correction, known);
    const records = await readStatements(sql, {
      servicePoint: undefined,
      tariff: tariff.tariff,
      fromSeconds: Date.parse(document.from) / 1000 - ZONE_SECONDS,
      toSeconds: Date.parse(document.until) / 1000 + ZONE_SECONDS,
      after,
      limit,
    });
    const concerned = records.filter((record) => isCorrected(record, correction));
    const notes: SignedNote[] = [];
    const unmatched: StatementCursor[] = [];
    for (const record of concerned) {
      const made = await noteOf(sql, record, correction, known);
      if (made === "unmatched") unmatched.push(record);
      else if (made !== undefined) {
        notes.push({ note: made, jws: await signCreditNote(made, signer) });
      }
    }
    if (!preview) {
      const { jws, digest } = correction;
      const stored = { tariff: tariff.tariff, number: document.number, digest, jws };
      if (isNew) await insertCorrection(sql, stored, nowSeconds);
      await insertNotes(sql, notes, nowSeconds);
    }
    const next = records.length < limit ? undefined : records.at(-1);
    return { notes, examined: concerned.length, unmatched, next };
  });
}

/** Whether it was never applied before. */
function checkOrder(
  { document: { number }, tariff, digest }: CheckedCorrection,
  known: readonly StoredCorrection[],
): boolean {
  const newest = known.at(-1);
  if (newest === undefined || newest.number < number) return true;
  if (newest.number === number && equalBytes(newest.digest, digest)) return false;
  const message = `tariff ${tariff.tariff} has a correction ${newest.number} already; number a further one ${newest.number + 1}`;
  throw new MdmsError("MDMS_CORRECTION_CONFLICT", message);
}

async function noteOf(
  sql: Sql,
  record: StatementRecord,
  correction: CheckedCorrection,
  known: readonly StoredCorrection[],
) {
  const last = record.notes.at(-1);
  if (last?.number === correction.document.number) return undefined;
  const published = billOf(record, correction.published);
  if (!isBilledAs(record, published)) return "unmatched";
  const before = known.find(({ number }) => number === last?.number);
  const issued = before === undefined ? published : billOf(record, before.tariff);
  const follows = await documentHash(await lastSigned(sql, record));
  return makeCreditNote(record, { issued, follows }, correction);
}

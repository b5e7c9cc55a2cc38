/**
 * What a customer shares with a third party (docs/protocol.md §11.6): readings of one time, what for, until when, and the proof that his
 * meter measured them. JSON, sealed as one JWE; the portal and whoever carries it see its length. Read by the third party, who believes
 * of it what the proof shows.
 */
import { fromUtf8, ProtocolError, utf8, wellFormed } from "@smarter-metering/protocol";
import { readDisputePacket, type DisputePacket } from "../dispute-packet.ts";
import { CustomerError } from "../error.ts";
import { QUALITIES, type Reading } from "../readings.ts";

export const SHARED_KIND = "smarter-metering/shared-readings/v1";
/** A year of quarters or a month of minutes; with its proof some 30 MB. */
export const SHARED_READINGS_MAX = 50_000;
export const PURPOSE_CHARACTERS_MAX = 500;

export interface SharedReadings {
  readonly kind: typeof SHARED_KIND;
  /** Epoch seconds, by the customer's clock. */
  readonly madeAt: number;
  /** [from, to), epoch seconds. */
  readonly from: number;
  readonly to: number;
  /** IANA, of the household. */
  readonly zone: string;
  readonly purpose: string;
  /** Epoch seconds: until then the third party may keep it. A wish; no key stops him. */
  readonly deleteBy: number;
  readonly readings: readonly Reading[];
  /** The tariff that the customer has, a JWS by a tariff signer (§11.2); null if he does not show it. */
  readonly tariff: string | null;
  /** Of these readings; null if he does not prove them. */
  readonly proof: DisputePacket | null;
}

/** A reading as it is written: start, seconds, import and export in mWh, quality by its code (§1.4). */
type Row = readonly [number, number, number, number, number];

const KEYS = [
  "kind",
  "madeAt",
  "from",
  "to",
  "zone",
  "purpose",
  "deleteBy",
  "readings",
  "tariff",
  "proof",
] as const;

export function encodeShared(shared: SharedReadings): Uint8Array {
  const readings = shared.readings.map((reading): Row => {
    const { startSeconds, intervalSeconds, quality } = reading;
    const { importMilliwattHours, exportMilliwattHours } = reading;
    const code = QUALITIES.indexOf(quality);
    return [startSeconds, intervalSeconds, importMilliwattHours, exportMilliwattHours, code];
  });
  return utf8(JSON.stringify({ ...shared, readings }));
}

/** Throws CUSTOMER_SHARE_MALFORMED. Anybody can seal to a public key: nothing of it is true yet. */
export function decodeShared(bytes: Uint8Array): SharedReadings {
  try {
    return readShared(JSON.parse(fromUtf8(bytes)));
  } catch (cause) {
    if (!(cause instanceof ProtocolError) && !(cause instanceof SyntaxError)) throw cause;
    const message = "what was shared opens, and is not a document of shared readings";
    throw new CustomerError("CUSTOMER_SHARE_MALFORMED", message, { cause });
  }
}

function readShared(value: unknown): SharedReadings {
  const isObject = typeof value === "object" && value !== null;
  const names = isObject ? Object.keys(value) : [];
  wellFormed(names.length === KEYS.length && KEYS.every((key) => names.includes(key)), "its keys");
  const fields = value as Record<(typeof KEYS)[number], unknown>; // Just checked.
  const { purpose, zone, tariff, proof, readings: rows } = fields;
  const [madeAt, from, to, deleteBy] = [fields.madeAt, fields.from, fields.to, fields.deleteBy];
  wellFormed(fields.kind === SHARED_KIND, "another kind of document");
  wellFormed(isInstant(madeAt) && isInstant(from) && isInstant(to) && isInstant(deleteBy), "times");
  wellFormed(from < to, "its time ends before it begins");
  wellFormed(typeof purpose === "string" && purpose.length <= PURPOSE_CHARACTERS_MAX, "purpose");
  wellFormed(typeof zone === "string" && zone.length <= 64, "zone");
  wellFormed(tariff === null || typeof tariff === "string", "tariff");
  wellFormed(Array.isArray(rows) && rows.length <= SHARED_READINGS_MAX, "a list of readings");
  const readings = rows.map(readRow);
  wellFormed(isOrdered(readings, from, to), "readings of its time, in order");
  if (proof !== null) readDisputePacket(proof);
  const shown = { tariff, proof: proof as DisputePacket | null }; // Just read.
  return { kind: SHARED_KIND, madeAt, from, to, zone, purpose, deleteBy, readings, ...shown };
}

const isInstant = (value: unknown): value is number =>
  Number.isSafeInteger(value) && Number(value) >= 0;

function readRow(row: unknown): Reading {
  wellFormed(Array.isArray(row) && row.length === 5 && row.every(isInstant), "five whole numbers");
  const [startSeconds = 0, intervalSeconds = 0, imported = 0, exported = 0, code = -1] = row;
  const quality = QUALITIES[code];
  wellFormed(intervalSeconds > 0 && quality !== undefined, "a length and a quality");
  return {
    startSeconds,
    intervalSeconds,
    importMilliwattHours: imported,
    exportMilliwattHours: exported,
    quality,
  };
}

function isOrdered(readings: readonly Reading[], from: number, to: number): boolean {
  let reached = from;
  for (const { startSeconds, intervalSeconds } of readings) {
    if (startSeconds < reached) return false;
    reached = startSeconds + intervalSeconds;
  }
  return reached <= to;
}

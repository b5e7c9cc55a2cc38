/** A sealed year as one file, from the benchmark to its page. */
import { Reader, Writer } from "@smarter-metering/protocol";

export interface SealedYear {
  readonly from: number;
  readonly to: number;
  readonly spki: Uint8Array;
  readonly pkcs8: Uint8Array;
  readonly networkPseudonym: Uint8Array;
  readonly meterId: Uint8Array;
  readonly meterKey: Uint8Array;
  readonly envelopes: readonly Uint8Array[];
  readonly frames: readonly Uint8Array[];
}

const FIELDS = ["spki", "pkcs8", "networkPseudonym", "meterId", "meterKey"] as const;
const BYTES_MAX = 2 ** 24;

export function packYear(year: SealedYear): Uint8Array {
  const writer = new Writer().u64(year.from).u64(year.to);
  for (const field of FIELDS) writer.vector(year[field], BYTES_MAX);
  for (const list of [year.envelopes, year.frames]) {
    writer.u32(list.length);
    for (const bytes of list) writer.vector(bytes, BYTES_MAX);
  }
  return writer.finish();
}

export function unpackYear(bytes: Uint8Array): SealedYear {
  const reader = new Reader(bytes);
  const [from, to] = [reader.safeU64(), reader.safeU64()];
  const field = (): Uint8Array => reader.vector(BYTES_MAX);
  const list = (): Uint8Array[] => Array.from({ length: reader.u32() }, field);
  const keys = { spki: field(), pkcs8: field() };
  const names = { networkPseudonym: field(), meterId: field(), meterKey: field() };
  return { from, to, ...keys, ...names, envelopes: list(), frames: list() };
}

/**
 * Values on PostgreSQL's wire: bytes travel as bytes, everything else as text. Hexadecimal, which is
 * what bytea is as text, doubles the bytes and costs more than the statement they are for.
 */
import { RuntimeError } from "../error.ts";
import type { SqlValue } from "./store.ts";

/** Object ids of types, as in pg_type.dat of PostgreSQL. */
const BYTEA = 17;
const BYTEA_ARRAY = 1001;

/** Format codes of the protocol. */
export const TEXT_FORMAT = 0;
export const BINARY_FORMAT = 1;

/** A parameter ready to be written: bytes and arrays of bytes in binary, the rest as text. */
export type WireValue = null | string | Uint8Array | readonly (Uint8Array | null)[];

/** `value` for a parameter of `type`. Throws STORE_QUERY when the type cannot take it. */
export function wireValue(type: number, value: SqlValue): WireValue {
  if (value === null) return null;
  if (type === BYTEA && value instanceof Uint8Array) return value;
  if (type === BYTEA_ARRAY && isListOfBytes(value)) return value;
  if (type === BYTEA || type === BYTEA_ARRAY) throw misfit();
  return textOf(value);
}

function misfit(): RuntimeError {
  return new RuntimeError("STORE_QUERY", "bytea takes a Uint8Array, and no other type takes one");
}

function isListOfBytes(value: SqlValue): value is readonly (Uint8Array | null)[] {
  return Array.isArray(value) && value.every((item) => item === null || item instanceof Uint8Array);
}

function textOf(value: SqlValue): string {
  switch (typeof value) {
    case "string":
      return value;
    case "boolean":
      return value ? "t" : "f";
    case "number":
    case "bigint":
      return String(value);
    default:
      if (!Array.isArray(value)) throw misfit();
      return `{${value.map(elementText).join(",")}}`;
  }
}

/** PostgreSQL 8.15.2, "Array Value Input". */
function elementText(value: SqlValue): string {
  if (value === null) return "NULL";
  return typeof value === "string" ? `"${value.replaceAll(/["\\]/g, "\\$&")}"` : textOf(value);
}

/** Bytes that `writeValue` writes. */
export function sizeOfValue(value: WireValue): number {
  if (value === null) return 0;
  if (typeof value === "string") return Buffer.byteLength(value);
  if (value instanceof Uint8Array) return value.length;
  return value.reduce((sum, item) => sum + 4 + (item?.length ?? 0), arrayHeaderBytes);
}

const arrayHeaderBytes = 20;

/** Writes `value` at `offset` and returns the offset behind it; null has no bytes. */
export function writeValue(target: Buffer, offset: number, value: WireValue): number {
  if (value === null) return offset;
  if (typeof value === "string") return offset + target.write(value, offset);
  if (value instanceof Uint8Array) {
    target.set(value, offset);
    return offset + value.length;
  }
  // As array_recv of PostgreSQL reads it: dimensions, whether there are nulls (it looks itself),
  // type, and of the one dimension the length and the lower bound.
  let end = offset;
  for (const field of [1, 0, BYTEA, value.length, 1]) end = target.writeInt32BE(field, end);
  for (const item of value) {
    end = target.writeInt32BE(item === null ? -1 : item.length, end);
    if (item !== null) target.set(item, end);
    end += item?.length ?? 0;
  }
  return end;
}

/** Reads one value of a result, which lies in [start, end) of the reply. */
export type ReadValue = (reply: Buffer, start: number, end: number) => unknown;

const text: ReadValue = (reply, start, end) => reply.toString("utf8", start, end);
const json: ReadValue = (reply, start, end) => JSON.parse(reply.toString("utf8", start, end));
const number: ReadValue = (reply, start, end) => Number(reply.toString("latin1", start, end));
const bigint: ReadValue = (reply, start, end) => BigInt(reply.toString("latin1", start, end));
const bool: ReadValue = (reply, start) => reply[start] === 0x74;
/** In memory of its own: a window onto the reply would keep all of it, and be posted with it. */
const bytes: ReadValue = (reply, start, end) => new Uint8Array(reply.subarray(start, end));

/** The types of result columns that both PGlite and a PostgreSQL driver return alike. */
const readers: ReadonlyMap<number, ReadValue> = new Map([
  [16, bool],
  [BYTEA, bytes],
  [20, bigint], // int8
  [21, number], // int2
  [23, number], // int4
  [25, text],
  [114, json],
  [700, number], // float4
  [701, number], // float8
  [1042, text], // bpchar
  [1043, text], // varchar
  [2278, text], // void, what a function without a result gives
  [3802, json], // jsonb
]);

/** Undefined for a type that the store does not hand out. */
export function readerOf(type: number): ReadValue | undefined {
  return readers.get(type);
}

/** In which a column of `type` is asked for. */
export function formatOf(type: number): number {
  return type === BYTEA ? BINARY_FORMAT : TEXT_FORMAT;
}

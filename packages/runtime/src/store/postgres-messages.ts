/**
 * PostgreSQL's wire protocol 3.0 as far as a store needs it: the extended query with prepared
 * statements (PostgreSQL, "Frontend/Backend Protocol", 53.2.3 and 53.7).
 */
import { RuntimeError } from "../error.ts";
import {
  BINARY_FORMAT,
  TEXT_FORMAT,
  formatOf,
  readerOf,
  sizeOfValue,
  wireValue,
  writeValue,
} from "./postgres-values.ts";
import type { ReadValue } from "./postgres-values.ts";
import { sqlError } from "./sql-error.ts";
import type { SqlFailure } from "./sql-error.ts";
import type { SqlValue } from "./store.ts";

interface Column {
  readonly name: string;
  readonly format: number;
  readonly read: ReadValue;
}

/** What the database says of a statement before it runs. */
export interface Description {
  readonly paramTypes: readonly number[];
  readonly columns: readonly Column[];
}

export interface Result {
  readonly rows: Record<string, unknown>[];
  /** The command that ran, such as "SELECT 2" or "CREATE TABLE". */
  readonly tag: string;
}

/** A message's first byte and its length, which counts itself. */
const headBytes = 5;
const sync = request("S", 0, () => undefined);
/** Of the unnamed portal all rows: an empty name and the number 0. */
const executeAndSync = request("E", 5, () => undefined, sync);

/** Makes `sql` the prepared statement `name` and asks for its description. */
export function prepareRequest(name: string, sql: string): Uint8Array<ArrayBuffer> {
  const describe = request("D", name.length + 2, (body) => body.write(`S${name}\0`), sync);
  const text = `${name}\0${sql}\0`;
  // The number of parameters whose type is given, 0, ends the message: the database finds out.
  return request("P", Buffer.byteLength(text) + 2, (body) => body.write(text), describe);
}

/** Runs the prepared statement `name`. Throws STORE_QUERY when the parameters do not fit. */
export function executeRequest(
  name: string,
  { paramTypes, columns }: Description,
  params: readonly SqlValue[],
): Uint8Array<ArrayBuffer> {
  if (params.length !== paramTypes.length) {
    const message = `the statement takes ${paramTypes.length} parameters, not ${params.length}`;
    throw new RuntimeError("STORE_QUERY", message);
  }
  const values = paramTypes.map((type, index) => wireValue(type, params[index] ?? null));
  const valueBytes = values.reduce<number>((sum, value) => sum + sizeOfValue(value), 0);
  const bodyBytes = name.length + 8 + 6 * values.length + valueBytes + 2 * columns.length;
  const write = (body: Buffer): void => {
    let end = body.write(`\0${name}\0`);
    end = body.writeUInt16BE(values.length, end);
    for (const value of values) {
      end = body.writeUInt16BE(typeof value === "string" ? TEXT_FORMAT : BINARY_FORMAT, end);
    }
    end = body.writeUInt16BE(values.length, end);
    for (const value of values) {
      const start = end + 4;
      end = writeValue(body, start, value);
      body.writeInt32BE(value === null ? -1 : end - start, start - 4);
    }
    end = body.writeUInt16BE(columns.length, end);
    for (const { format } of columns) end = body.writeUInt16BE(format, end);
  };
  return request("B", bodyBytes, write, executeAndSync);
}

/** Drops all prepared statements. */
export function forgetRequest(): Uint8Array<ArrayBuffer> {
  const sql = "deallocate all\0";
  return request("Q", sql.length, (body) => body.write(sql));
}

/** One message and what follows it, in memory of its own, so that it can be handed over. */
function request(
  code: string,
  bodyBytes: number,
  write: (body: Buffer) => void,
  tail: Uint8Array = new Uint8Array(0),
): Uint8Array<ArrayBuffer> {
  const bytes = Buffer.from(new ArrayBuffer(headBytes + bodyBytes + tail.length));
  bytes.write(code);
  bytes.writeInt32BE(headBytes - 1 + bodyBytes, 1);
  write(bytes.subarray(headBytes));
  bytes.set(tail, headBytes + bodyBytes);
  return bytes;
}

/** What the database answers to `prepareRequest`. Throws as `sqlError`, and STORE_TYPE. */
export function readDescription(reply: Buffer): Description {
  let paramTypes: number[] = [];
  let columns: Column[] = [];
  for (const { code, start, end } of messagesOf(reply)) {
    if (code === "E") throw sqlError(readFailure(reply, start, end));
    if (code === "t") {
      const count = reply.readUInt16BE(start);
      paramTypes = Array.from({ length: count }, (_, index) =>
        reply.readInt32BE(start + 2 + 4 * index),
      );
    }
    if (code === "T") columns = readColumns(reply, start);
  }
  return { paramTypes, columns };
}

function readColumns(reply: Buffer, start: number): Column[] {
  let offset = start + 2;
  return Array.from({ length: reply.readUInt16BE(start) }, () => {
    const end = reply.indexOf(0, offset);
    const name = reply.toString("utf8", offset, end);
    // Behind the name: table (4), column (2), type (4), size (2), modifier (4), format (2).
    const type = reply.readInt32BE(end + 7);
    offset = end + 19;
    const read = readerOf(type);
    if (read !== undefined) return { name, format: formatOf(type), read };
    const message = `column ${name} has type ${type}: cast it in the query`;
    throw new RuntimeError("STORE_TYPE", message);
  });
}

/** What the database answers to `executeRequest`. Throws as `sqlError`. */
export function readResult(reply: Buffer, columns: readonly Column[]): Result {
  const rows: Record<string, unknown>[] = [];
  let tag = "";
  for (const { code, start, end } of messagesOf(reply)) {
    if (code === "E") throw sqlError(readFailure(reply, start, end));
    if (code === "D") rows.push(readRow(reply, start, columns));
    if (code === "C") tag = reply.toString("utf8", start, end - 1);
  }
  return { rows, tag };
}

function readRow(reply: Buffer, start: number, columns: readonly Column[]) {
  const row: Record<string, unknown> = {};
  let offset = start + 2;
  for (const { name, read } of columns) {
    const bytes = reply.readInt32BE(offset);
    const from = offset + 4;
    offset = from + Math.max(0, bytes);
    row[name] = bytes < 0 ? null : read(reply, from, offset);
  }
  return row;
}

/** The fields of 53.8 that cannot hold a value, and the message, which `sqlError` looks after. */
function readFailure(reply: Buffer, start: number, end: number): SqlFailure {
  const fields = new Map<string, string>();
  for (const field of reply.toString("utf8", start, end).split("\0")) {
    fields.set(field.slice(0, 1), field.slice(1));
  }
  return {
    sqlState: fields.get("C") ?? "",
    message: fields.get("M") ?? "unknown failure",
    table: fields.get("t"),
    constraint: fields.get("n"),
    routine: fields.get("R"),
  };
}

function* messagesOf(reply: Buffer) {
  for (let offset = 0; offset < reply.length;) {
    const start = offset + headBytes;
    const code = String.fromCharCode(reply.readUInt8(offset));
    offset += 1 + reply.readInt32BE(offset + 1);
    yield { code, start, end: offset };
  }
}

/**
 * What the parties of a deployment hold, searched for numbers: every column of every table in their database, and every file in a folder.
 * A number is found as decimal digits on their own, in text or JSON or as a number, and in bytes as 8 bytes, the most significant first.
 */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Store } from "@smarter-metering/runtime";

interface Column {
  readonly table: string;
  readonly column: string;
  readonly type: string;
}

/** Digits that are not a part of a longer name, such as a hash. */
const NUMBER = /(?<![0-9A-Za-z_+/-])\d{5,}(?![0-9A-Za-z_+/=-])/g;

function inBytes(bytes: Uint8Array, wanted: ReadonlySet<bigint>): bigint[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found: bigint[] = [];
  for (let at = 0; at + 8 <= bytes.length; at++) {
    // A number of a household's is below 2^48; what more zeros than its own go before begins elsewhere.
    if (bytes[at] !== 0 || bytes[at + 1] !== 0 || bytes[at - 1] === 0) continue;
    const value = view.getBigUint64(at);
    if (wanted.has(value)) found.push(value);
  }
  return found;
}

const inText = (text: string, wanted: ReadonlySet<bigint>): bigint[] =>
  (text.match(NUMBER) ?? []).map(BigInt).filter((value) => wanted.has(value));

/** Where each of the wanted numbers is, as `table.column` or a file's name. */
export async function placesOf(
  wanted: ReadonlySet<bigint>,
  store: Store,
  folder: string,
): Promise<ReadonlyMap<string, number>> {
  const places = new Map<string, number>();
  const note = (place: string, found: readonly bigint[]): void => {
    if (found.length > 0) places.set(place, (places.get(place) ?? 0) + found.length);
  };
  const columns = await store.query<Column & Record<string, string>>(
    `select table_name::text as table, column_name::text as column, udt_name::text as type
      from information_schema.columns where table_schema = 'public'`,
  );
  for (const { table, column, type } of columns) {
    const isBytes = type === "bytea";
    const value = isBytes ? `"${column}"` : `"${column}"::text`;
    const rows = await store.query<{ value: string | Uint8Array | null }>(
      `select ${value} as value from "${table}"`,
    );
    for (const row of rows) {
      if (row.value === null) continue;
      const found =
        typeof row.value === "string" ? inText(row.value, wanted) : inBytes(row.value, wanted);
      note(`${table}.${column}`, found);
    }
  }
  for (const file of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!file.isFile()) continue;
    const bytes = await readFile(join(file.parentPath, file.name));
    const found = [...inText(bytes.toString("latin1"), wanted), ...inBytes(bytes, wanted)];
    note(file.name, found);
  }
  return places;
}

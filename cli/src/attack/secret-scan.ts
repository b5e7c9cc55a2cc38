/**
 * Looks for planted values in everything a folder holds: its files byte by byte, and the rows of its databases (a row may lie compressed in
 * the file). Needles are searched for in one pass, at every offset.
 */
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { openStore } from "@smarter-metering/runtime";

/** What is looked for: `name` says what it is when it is found. */
export interface Needle {
  readonly name: string;
  readonly bytes: Buffer;
}

export interface Haystack {
  readonly name: string;
  readonly bytes: Buffer;
}

const NEEDLE_BYTES_MIN = 8;

/** Every file below `folder`. */
export function filesOf(folder: string): Haystack[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile())
    .map((path) => ({ name: relative(folder, path), bytes: readFileSync(path) }));
}

/** Every value of every table of the store in `folder`, one haystack for texts and one for each bytea; none without a store. */
export async function rowsOf(folder: string): Promise<Haystack[]> {
  if (!existsSync(join(folder, "store"))) return [];
  const copy = mkdtempSync(join(tmpdir(), "smarter-metering-scan-"));
  cpSync(join(folder, "store", "database"), join(copy, "database"), { recursive: true });
  const store = await openStore({
    place: { kind: "pglite", folder: copy },
    schema: "secret-scan",
    migrations: [],
  });
  try {
    const tables = await store.query<{ name: string }>(
      "select tablename::text as name from pg_tables where schemaname = 'public'",
    );
    const found: Haystack[] = [];
    for (const { name } of tables) {
      const rows = await store.query<{ value: string }>(`select t::text as value from "${name}" t`);
      const text = rows.map(({ value }) => value).join("\n");
      found.push({ name: `table ${name}`, bytes: Buffer.from(text) });
      for (const [, hex = ""] of text.matchAll(/\\x([0-9a-f]+)/g)) {
        found.push({ name: `a bytea of ${name}`, bytes: Buffer.from(hex, "hex") });
      }
    }
    return found;
  } finally {
    await store.close();
    rmSync(copy, { recursive: true, force: true });
  }
}

/** Where in a needle the four bytes begin that are zero least: zeros are everywhere. */
function anchorOf({ name, bytes }: Needle): number {
  if (bytes.length < NEEDLE_BYTES_MIN) throw new RangeError(`${name} is too short to be sure`);
  const zeros = (at: number): number =>
    bytes.subarray(at, at + 4).reduce((sum, byte) => sum + (byte === 0 ? 1 : 0), 0);
  const last = Math.min(bytes.length - 4, NEEDLE_BYTES_MIN);
  const places = Array.from({ length: last + 1 }, (_, at) => at);
  return places.toSorted((a, b) => zeros(a) - zeros(b))[0] ?? 0;
}

/** Names of the needles that are in the haystacks, each with the first place. */
export function found(needles: readonly Needle[], haystacks: readonly Haystack[]): string[] {
  const byAnchor = new Map<number, { needle: Needle; anchor: number }[]>();
  // The first two bytes of all anchors: most offsets of a haystack are done with one look.
  const begins = new Uint8Array(65_536);
  for (const needle of needles) {
    const anchor = anchorOf(needle);
    const word = needle.bytes.readUInt32LE(anchor);
    const list = byAnchor.get(word) ?? [];
    list.push({ needle, anchor });
    byAnchor.set(word, list);
    begins[word & 0xffff] = 1;
  }
  const hits = new Map<string, string>();
  for (const { name, bytes } of haystacks) {
    for (let offset = 0; offset + 4 <= bytes.length; offset++) {
      const pair = (bytes[offset] ?? 0) | ((bytes[offset + 1] ?? 0) << 8);
      if (begins[pair] === 0) continue;
      for (const { needle, anchor } of byAnchor.get(bytes.readUInt32LE(offset)) ?? []) {
        const start = offset - anchor;
        if (start < 0 || hits.has(needle.name)) continue;
        const part = bytes.subarray(start, start + needle.bytes.length);
        if (part.equals(needle.bytes)) hits.set(needle.name, name);
      }
    }
  }
  return [...hits].map(([name, where]) => `${name} in ${where}`);
}

/** A secret as bytes, hex in both cases, and base64 in both alphabets at each alignment. */
export function needlesOf(name: string, secret: Uint8Array): Needle[] {
  const hex = Buffer.from(secret).toString("hex");
  const needles = [Buffer.from(secret), Buffer.from(hex), Buffer.from(hex.toUpperCase())];
  for (let shift = 0; shift < 3; shift++) {
    const whole = secret.subarray(shift, shift + 3 * Math.floor((secret.length - shift) / 3));
    needles.push(Buffer.from(Buffer.from(whole).toString("base64")));
    needles.push(Buffer.from(Buffer.from(whole).toString("base64url")));
  }
  return needles.map((bytes) => ({ name, bytes }));
}

/** A text as it is. */
export const textNeedle = (name: string, text: string): Needle => ({
  name,
  bytes: Buffer.from(text),
});

/**
 * A run of values that stand one after another, as arrays and rows of numbers are written: u32, u64 and float64 in both byte orders, and
 * decimals between the usual separators.
 */
export function runNeedles(name: string, values: readonly number[]): Needle[] {
  const write = (size: number, put: (into: Buffer, value: number, at: number) => void): Buffer => {
    const bytes = Buffer.alloc(size * values.length);
    for (const [index, value] of values.entries()) put(bytes, value, size * index);
    return bytes;
  };
  const binary = [
    write(4, (into, value, at) => into.writeUInt32BE(value, at)),
    write(4, (into, value, at) => into.writeUInt32LE(value, at)),
    write(8, (into, value, at) => into.writeBigUInt64BE(BigInt(value), at)),
    write(8, (into, value, at) => into.writeBigUInt64LE(BigInt(value), at)),
    write(8, (into, value, at) => into.writeDoubleBE(value, at)),
    write(8, (into, value, at) => into.writeDoubleLE(value, at)),
  ];
  const decimal = [",", ", ", ";", " ", "\n", '","'].map((joint) =>
    Buffer.from(values.join(joint)),
  );
  return [...binary, ...decimal].map((bytes) => ({ name, bytes }));
}

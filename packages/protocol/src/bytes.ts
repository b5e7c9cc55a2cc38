/** Byte strings: comparison, concatenation, and their text forms (docs/protocol.md §1.3). */
import { ProtocolError, wellFormed } from "./error.ts";

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    out.set(part, offset);
    offset += part.length;
  }
  return out;
}

/** Equality of public values; secrets are compared by `equalSecret` of the primitives. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

export function toHex(bytes: Uint8Array): string {
  let out = "";
  for (const byte of bytes) out += byte.toString(16).padStart(2, "0");
  return out;
}

/** Throws PROTOCOL_MALFORMED unless `text` is lower-case hex of `length` bytes (any length if left out). */
export function fromHex(text: string, length?: number): Uint8Array {
  wellFormed(/^(?:[0-9a-f]{2})*$/.test(text), "not lower-case hex");
  const out = new Uint8Array(text.length / 2);
  wellFormed(length === undefined || out.length === length, `hex is not of ${length} bytes`);
  for (let i = 0; i < out.length; i++) out[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return out;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export const utf8 = (text: string): Uint8Array => encoder.encode(text);

/** Throws PROTOCOL_MALFORMED when the bytes are not UTF-8. A byte order mark is text: one encoding per value. */
export function fromUtf8(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new ProtocolError("PROTOCOL_MALFORMED", "malformed message: not UTF-8", cause);
  }
}

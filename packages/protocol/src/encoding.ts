/**
 * The presentation language of RFC 8446 §3 (docs/protocol.md §1.1): one encoding per value, strict decoding.
 */
import { concatBytes } from "./bytes.ts";
import { wellFormed } from "./error.ts";

export class Writer {
  readonly #parts: Uint8Array[] = [];

  u8(value: number): this {
    return this.#integer(value, 1);
  }

  u16(value: number): this {
    return this.#integer(value, 2);
  }

  u32(value: number): this {
    return this.#integer(value, 4);
  }

  /** A non-negative integer below 2^53 (number) or 2^64 (bigint). */
  u64(value: number | bigint): this {
    const exact = typeof value === "bigint" || Number.isSafeInteger(value);
    const big = exact ? BigInt(value) : -1n;
    wellFormed(big >= 0n && big < 1n << 64n, "u64 out of range");
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, big);
    this.#parts.push(bytes);
    return this;
  }

  fixed(bytes: Uint8Array, length: number): this {
    wellFormed(bytes.length === length, `expected ${length} bytes, got ${bytes.length}`);
    this.#parts.push(bytes);
    return this;
  }

  /** `name<min..max>`: a length prefix of 1, 2 or 4 bytes, the narrowest that holds `max`. */
  vector(bytes: Uint8Array, max: number, min = 0): this {
    checkLength(bytes.length, max, min);
    this.#integer(bytes.length, prefixBytes(max));
    this.#parts.push(bytes);
    return this;
  }

  finish(): Uint8Array {
    return concatBytes(...this.#parts);
  }

  #integer(value: number, length: number): this {
    wellFormed(
      Number.isInteger(value) && value >= 0 && value < 2 ** (8 * length),
      `u${8 * length} out of range`,
    );
    const bytes = new Uint8Array(length);
    for (let i = length - 1, rest = value; i >= 0; i--, rest = Math.floor(rest / 256)) {
      bytes[i] = rest % 256;
    }
    this.#parts.push(bytes);
    return this;
  }
}

/** Reads what `Writer` wrote; every method throws PROTOCOL_MALFORMED on short input. */
export class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    // A Buffer's `slice` would be a window onto it, not a copy.
    this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get offset(): number {
    return this.#offset;
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2));
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4));
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#take(8));
  }

  /** A u64 that must be a safe integer: times and counters. */
  safeU64(): number {
    const value = this.u64();
    wellFormed(value <= BigInt(Number.MAX_SAFE_INTEGER), "integer beyond 2^53");
    return Number(value);
  }

  /** A copy, so that a message does not keep its whole batch alive. */
  fixed(length: number): Uint8Array {
    const start = this.#take(length);
    return this.#bytes.slice(start, start + length);
  }

  vector(max: number, min = 0): Uint8Array {
    const prefix = prefixBytes(max);
    const length = prefix === 1 ? this.u8() : prefix === 2 ? this.u16() : this.u32();
    checkLength(length, max, min);
    return this.fixed(length);
  }

  /** A copy of everything read so far: the bytes that a signature covers. */
  consumed(): Uint8Array {
    return this.#bytes.slice(0, this.#offset);
  }

  /** Throws unless all bytes were read. */
  end(): void {
    wellFormed(this.#offset === this.#bytes.length, "trailing bytes");
  }

  #take(length: number): number {
    const start = this.#offset;
    wellFormed(start + length <= this.#bytes.length, "shorter than it says");
    this.#offset += length;
    return start;
  }
}

function checkLength(length: number, max: number, min: number): void {
  wellFormed(length >= min && length <= max, `vector of ${length} bytes, not ${min} to ${max}`);
}

function prefixBytes(max: number): 1 | 2 | 4 {
  return max < 2 ** 8 ? 1 : max < 2 ** 16 ? 2 : 4;
}

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
    const big = BigInt(value);
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

  /** `name<0..max>`: a length prefix just wide enough for `max`. */
  vector(bytes: Uint8Array, max: number): this {
    wellFormed(bytes.length <= max, `vector of ${bytes.length} bytes, at most ${max}`);
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
    this.#bytes = bytes;
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

  vector(max: number): Uint8Array {
    const prefix = prefixBytes(max);
    const length = prefix === 1 ? this.u8() : prefix === 2 ? this.u16() : this.u32();
    wellFormed(length <= max, `vector of ${length} bytes, at most ${max}`);
    return this.fixed(length);
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

function prefixBytes(max: number): 1 | 2 | 4 {
  return max < 2 ** 8 ? 1 : max < 2 ** 16 ? 2 : 4;
}

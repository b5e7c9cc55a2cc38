/** Numbers to and from the flat buffers of an engine: written without the code under test. */
import assert from "node:assert/strict";

/** Numbers behind one another, `widthBytes` each. */
export function flat(numbers: readonly bigint[], widthBytes: number): Uint8Array {
  const hex = numbers.map((number) => number.toString(16).padStart(2 * widthBytes, "0")).join("");
  assert.equal(hex.length, 2 * widthBytes * numbers.length, "numbers fit their width");
  return new Uint8Array(Buffer.from(hex, "hex"));
}

export function numbersOf(bytes: Uint8Array, widthBytes: number): bigint[] {
  assert.equal(bytes.length % widthBytes, 0);
  return Array.from({ length: bytes.length / widthBytes }, (_, i) =>
    BigInt(
      `0x${Buffer.from(bytes.subarray(i * widthBytes, (i + 1) * widthBytes)).toString("hex")}`,
    ),
  );
}

/** Bytes to and from lower-case hex, by Node's Buffer. `hex-browser.ts` is its twin. */
import { Buffer } from "node:buffer";

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");
}

export function fromHex(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, "hex"));
}

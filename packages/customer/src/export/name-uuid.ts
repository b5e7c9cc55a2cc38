/** Name-based UUIDs of version 8 (RFC 9562 §5.8) over SHA-256: the same data give the same file, byte for byte. */
import { primitives, toHex, utf8 } from "@smarter-metering/protocol";

/** `urn:uuid:…` of a name under a seed; says nothing of either. */
export async function nameUuid(seed: Uint8Array, name: string): Promise<string> {
  const bytes = (await primitives.sha256(seed, utf8(name))).slice(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = toHex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  return `urn:uuid:${hex}`;
}

/** Bytes to and from lower-case hex, with the language alone. `hex-node.ts` is its faster twin. */
const hexOfByte = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

export function toHex(bytes: Uint8Array): string {
  let hex = "";
  for (const byte of bytes) hex += hexOfByte[byte];
  return hex;
}

export function fromHex(hex: string): Uint8Array {
  const digit = (index: number) => {
    const code = hex.charCodeAt(index);
    return code < 58 ? code - 48 : code - 87; // '0'…'9', 'a'…'f'
  };
  return Uint8Array.from(
    { length: hex.length / 2 },
    (_, i) => 16 * digit(2 * i) + digit(2 * i + 1),
  );
}

// The checksum of a P1 telegram: CRC-16/ARC, polynomial x¹⁶+x¹⁵+x²+1, reflected (0xA001), from 0,
// over everything from `/` to `!`, both inclusive (DSMR P1 companion standard 5.0.2 §6.2).

const POLYNOMIAL = 0xa001;

const TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit += 1) {
    remainder = (remainder & 1) === 1 ? (remainder >>> 1) ^ POLYNOMIAL : remainder >>> 1;
  }
  return remainder;
});

/** CRC-16/ARC of `bytes`, 0 to 65535. */
export function crc16(bytes: Uint8Array): number {
  let remainder = 0;
  for (const byte of bytes) {
    remainder = (remainder >>> 8) ^ (TABLE[(remainder ^ byte) & 0xff] ?? 0);
  }
  return remainder;
}

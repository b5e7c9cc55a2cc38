/** What is measured, by the names that the tables show. */
export const operations = {
  generateKeys: "key generation",
  encrypt: "encrypt (public key)",
  encryptSecret: "encrypt (secret key)",
  addPair: "add (pairwise)",
  addInProduct: "add (each in a product of 1000)",
  scale: "× 32-bit scalar",
  decryptOne: "decrypt (one)",
  decryptBatch: "decrypt (batch of 64)",
  readings: "pack and encrypt, in readings",
} as const;

export type Operation = keyof typeof operations;

/** What the native engine should reach on one core where IFMA exists: bits, and per second. */
export const targets: readonly (readonly [Operation, number, number])[] = [
  ["encrypt", 2048, 6_000],
  ["encrypt", 3072, 2_000],
  ["encryptSecret", 2048, 12_000],
  ["encryptSecret", 3072, 4_500],
  ["addInProduct", 2048, 700_000],
  ["addInProduct", 3072, 300_000],
  ["scale", 2048, 20_000],
  ["scale", 3072, 8_000],
  ["decryptBatch", 2048, 2_000],
  ["decryptBatch", 3072, 600],
  ["readings", 3072, 150_000],
];

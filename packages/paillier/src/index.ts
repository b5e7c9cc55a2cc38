/**
 * The Paillier cryptosystem (docs/protocol.md §5, §6): keys, batch encryption, packing, sums,
 * decryption. Runs in Node and, apart from threads, in the browser.
 */
export { bigintFromBytes, bytesFromBigint } from "./big-endian.ts";
export { BlindingPool } from "./blinding-pool.ts";
export {
  decodeCiphertexts,
  encodeCiphertext,
  validateCiphertexts,
  type Ciphertext,
  type Headroom,
  type Validation,
} from "./ciphertext.ts";
export {
  batchItemsMax,
  itemBytes,
  type Engine,
  type EngineKey,
  type EngineSecretKey,
} from "./engine/engine.ts";
export { openEngine, type OpenedEngine, type OpenEngineOptions } from "./engine/open-engine.ts";
export type { Kernel } from "./engine/native/addon.ts";
export { createPortableEngine, type PortableEngineOptions } from "./engine/portable/portable.ts";
export { PaillierError, type PaillierErrorCode } from "./errors.ts";
export {
  parsePublicKey,
  parseSecretKey,
  serializePublicKey,
  serializeSecretKey,
  type PublicKeyJson,
  type SecretKeyJson,
} from "./key-format.ts";
export {
  engineKeyOf,
  engineSecretKeyOf,
  generateKeyPair,
  type KeyPair,
  type PublicKey,
  type SecretKey,
} from "./keys.ts";
export type { Random } from "./modular.ts";
export {
  pack,
  packingFor,
  unpack,
  type Packing,
  type PackingOptions,
  type Unpacked,
  type UnpackOptions,
} from "./packing.ts";
export {
  add,
  decryptBatch,
  encryptBatch,
  product,
  productOfEach,
  repack,
  rerandomize,
  scale,
  subtract,
  weightedSums,
  type EncryptOptions,
  type Weighted,
} from "./paillier.ts";
export {
  dealThresholdKey,
  type Ceremony,
  type CeremonyOptions,
  type Quorum,
} from "./threshold/ceremony.ts";
export { combinePartials, type Combination } from "./threshold/combination.ts";
export { trusteesMax } from "./threshold/interpolation.ts";
export {
  partialDecrypt,
  verifyPartials,
  type PartialsVerdict,
  type VerifiedPartials,
} from "./threshold/partial-decryption.ts";
export { requestItemsMax } from "./threshold/request.ts";
export {
  parseSecretShare,
  serializeSecretShare,
  type SecretShare,
  type SecretShareJson,
} from "./threshold/secret-share.ts";
export {
  parseVerificationKey,
  serializeVerificationKey,
  type VerificationKey,
  type VerificationKeyJson,
} from "./threshold/verification-key.ts";

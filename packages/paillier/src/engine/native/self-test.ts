/**
 * The start-up test of the native engine: a fixed set of jobs whose results must be those of the
 * portable engine. It takes about 0.1 s; `test/engine.test.ts` holds the digest against the portable
 * engine, and compares both on far more.
 */
import { bigintFromBytes, bytesFromBigint, concatBytes } from "../../big-endian.ts";
import { PaillierError } from "../../errors.ts";
import { itemBytes, type EngineKey, type EngineSecretKey } from "../engine.ts";
import { createJobEngine } from "../job-engine.ts";
import type { Runner } from "../job.ts";
import type { Kernel, NativeAddon } from "./addon.ts";
import { createNativeRunner } from "./runner.ts";

const bits = 2048;
/** Two primes that are nobody's: digests of "smarter-metering self-test p" and "… q", made odd. */
const primes = {
  p:
    "e0b1cc37c7dce815a1472568f5f0c6a1da4452285548ee01669f1c64c2395632041b0436997601d5e74972" +
    "3dabc479d6bd469554ec68f52e89b5402105c19d087d622f46002f0f940bb0d7cdc146528a4ae2e181c90a" +
    "71ffcc2a87c651cd15c4284fb022ce77033caa4b9c27413091b144b5b2944dcf780aca617dfd34a96bcb",
  q:
    "ef067713fa291e0b5e53443a39208e43930d40e64ab6b4aa50b55380626a024ca46a8690aabffe793b2803" +
    "0289b215a6e771b163ad57147d85d354b631c532f9622e93f2abbe2240b612ccc67be75a36dc223f6e8317" +
    "2bbe4e102a57e30c20586134afff7df817547f2a399b59ea0a188b8780906ee8e2997c16382e9ba3ab7b",
};
/** SHA-256 of all results. */
const expected = "49ca79fe1c76f2733f5dd896492e4997fd0ca7f1ee4259dc94bc5e3cd71832d4";

/** PAILLIER_ENGINE_UNAVAILABLE when a result is wrong. */
export async function selfTest(addon: NativeAddon, kernel: Kernel): Promise<void> {
  const runner = createNativeRunner(addon, { kernel, threads: 1, jobsMax: 16 });
  try {
    if ((await selfTestDigest(runner)) === expected) return;
  } finally {
    await runner.close();
  }
  const message = `the native engine (${kernel}) computes wrongly on this machine`;
  throw new PaillierError("PAILLIER_ENGINE_UNAVAILABLE", message);
}

/** The digest of the results of every operation, on one item and on several, in hex. */
export async function selfTestDigest(runner: Runner): Promise<string> {
  const engine = createJobEngine("self-test", runner);
  const [p, q] = [BigInt(`0x${primes.p}`), BigInt(`0x${primes.q}`)];
  const n = p * q;
  const key: EngineKey = {
    id: "self-test",
    bits,
    n: bytesFromBigint(n, bits / 8),
    hs: bytesFromBigint((n * n) / 3n, bits / 4),
  };
  const secret: EngineSecretKey = {
    id: "self-test",
    bits,
    p: bytesFromBigint(p, bits / 16),
    q: bytesFromBigint(q, bits / 16),
  };
  const width = itemBytes(bits);
  const results: Uint8Array[] = [];
  for (const count of [1, 11]) {
    const numbers = (bytes: number, below: bigint, seed: number) =>
      concatBytes(
        Array.from({ length: count }, (_, i) =>
          bytesFromBigint(bigintFromBytes(pattern(bytes, seed + i)) % below, bytes),
        ),
      );
    const messages = numbers(width.message, n, 1);
    const blindings = numbers(width.blinding, 1n << BigInt(8 * width.blinding), 101);
    const groups = count === 1 ? [1] : [1, count - 3, 2];
    const encrypted = await engine.encrypt(key, messages, blindings);
    const powers = await engine.blind(key, blindings);
    const others = numbers(width.ciphertext, n * n, 201);
    results.push(
      encrypted,
      powers,
      await engine.rerandomize(key, others, blindings),
      await engine.encryptBlinded(key, messages, powers),
      await engine.product(key, encrypted, groups),
      await engine.weightedProduct(key, encrypted, numbers(4, 1n << 32n, 301), groups),
      await engine.repack(key, encrypted, 5, groups),
      await engine.subtract(key, encrypted, others),
      await engine.check(key, others),
      await engine.power(key, encrypted, pattern(12, 7)),
      await engine.decrypt(secret, others),
    );
  }
  const all = new Uint8Array(concatBytes(results));
  const digest = new Uint8Array(await globalThis.crypto.subtle.digest("SHA-256", all));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Bytes without a pattern that arithmetic would notice: Knuth's MMIX generator. */
function pattern(length: number, seed: number): Uint8Array {
  let state = BigInt(seed);
  return Uint8Array.from({ length }, () => {
    state = BigInt.asUintN(64, state * 6364136223846793005n + 1442695040888963407n);
    return Number(state >> 56n);
  });
}

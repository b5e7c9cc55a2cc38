/** An engine over whatever runs jobs: checks the shape of every call and says what it is made of. */
import { assert } from "../errors.ts";
import { systemRandom } from "../modular.ts";
import {
  batchItemsMax,
  exponentBytesMax,
  itemBytes,
  shiftBitsMax,
  type Engine,
  type EngineKey,
} from "./engine.ts";
import type { PublicOperation, Runner } from "./job.ts";

export function createJobEngine(name: string, runner: Runner): Engine {
  const run = (
    operation: PublicOperation,
    key: EngineKey,
    count: number,
    columns: readonly Uint8Array[],
    more: { groupSizes?: readonly number[]; shiftBits?: number; exponent?: Uint8Array } = {},
  ): Promise<Uint8Array> => runner.run({ operation, key, count, columns, ...more });

  return {
    name,
    warm: (key) => runner.warm(key),

    async encrypt(key, messages, blindings) {
      const count = countOf(messages, itemBytes(key.bits).message);
      return run("encrypt", key, count, [messages, blindingsFor(key, count, blindings)]);
    },

    async encryptSecret(key, publicKey, messages, blindings) {
      const count = countOf(messages, itemBytes(key.bits).message);
      const columns = [messages, blindingsFor(publicKey, count, blindings)];
      return runner.run({ operation: "encryptSecret", key, publicKey, count, columns });
    },

    async rerandomize(key, ciphertexts, blindings) {
      const count = countOfCiphertexts(key, ciphertexts);
      return run("rerandomize", key, count, [ciphertexts, blindingsFor(key, count, blindings)]);
    },

    async blind(key, blindings) {
      return run("blind", key, countOf(blindings, itemBytes(key.bits).blinding), [blindings]);
    },

    async encryptBlinded(key, messages, powers) {
      const count = countOfCiphertexts(key, powers);
      assert(
        countOf(messages, itemBytes(key.bits).message) === count,
        "one power for each message",
      );
      return run("encryptBlinded", key, count, [powers, messages]);
    },

    async check(key, ciphertexts) {
      return run("check", key, countOfCiphertexts(key, ciphertexts), [ciphertexts]);
    },

    async product(key, ciphertexts, groupSizes) {
      checkGroups(groupSizes, countOfCiphertexts(key, ciphertexts));
      return run("product", key, groupSizes.length, [ciphertexts], { groupSizes });
    },

    async weightedProduct(key, ciphertexts, scalars, groupSizes) {
      const count = countOfCiphertexts(key, ciphertexts);
      checkGroups(groupSizes, count);
      checkScalars(scalars, count);
      return run("weightedProduct", key, groupSizes.length, [ciphertexts, scalars], { groupSizes });
    },

    async repack(key, ciphertexts, shiftBits, groupSizes) {
      checkGroups(groupSizes, countOfCiphertexts(key, ciphertexts));
      const fits = Number.isInteger(shiftBits) && shiftBits >= 1 && shiftBits <= shiftBitsMax;
      assert(fits, `a shift of 1 to ${shiftBitsMax} bits`);
      return run("repack", key, groupSizes.length, [ciphertexts], { groupSizes, shiftBits });
    },

    async subtract(key, minuends, subtrahends) {
      const count = countOfCiphertexts(key, minuends);
      assert(minuends.length === subtrahends.length, "one subtrahend for each minuend");
      return run("subtract", key, count, [minuends, subtrahends]);
    },

    async scale(key, ciphertexts, scalars) {
      const count = countOfCiphertexts(key, ciphertexts);
      checkScalars(scalars, count);
      const groupSizes = Array.from({ length: count }, () => 1);
      return run("weightedProduct", key, count, [ciphertexts, scalars], { groupSizes });
    },

    async power(key, ciphertexts, exponent) {
      const fits = exponent.length >= 1 && exponent.length <= exponentBytesMax;
      assert(fits, `an exponent of 1 to ${exponentBytesMax} bytes`);
      return run("power", key, countOfCiphertexts(key, ciphertexts), [ciphertexts], { exponent });
    },

    async decrypt(key, ciphertexts) {
      const count = countOfCiphertexts(key, ciphertexts);
      return runner.run({ operation: "decrypt", key, count, columns: [ciphertexts] });
    },

    close: () => runner.close(),
  };
}

function countOf(flat: Uint8Array, widthBytes: number): number {
  const count = flat.length / widthBytes;
  assert(Number.isInteger(count), `whole items of ${widthBytes} bytes`);
  assert(count <= batchItemsMax, `at most ${batchItemsMax} items in one call`);
  return count;
}

function countOfCiphertexts({ bits }: { readonly bits: number }, ciphertexts: Uint8Array): number {
  return countOf(ciphertexts, itemBytes(bits).ciphertext);
}

function blindingsFor(key: EngineKey, count: number, given: Uint8Array | undefined): Uint8Array {
  const bytes = count * itemBytes(key.bits).blinding;
  assert(given === undefined || given.length === bytes, "one blinding for each item");
  return given ?? systemRandom(bytes);
}

function checkGroups(groupSizes: readonly number[], items: number): void {
  assert(
    groupSizes.every((size) => Number.isInteger(size) && size >= 1),
    "no empty group",
  );
  const total = groupSizes.reduce((sum, size) => sum + size, 0);
  assert(total === items, "group sizes add up to the ciphertexts");
}

function checkScalars(scalars: Uint8Array, count: number): void {
  const width = count === 0 ? 0 : scalars.length / count;
  assert(
    Number.isInteger(width) && width * count === scalars.length,
    "a scalar for each ciphertext",
  );
  assert(
    count === 0 || (width >= 1 && width <= exponentBytesMax),
    "scalars of a width that is served",
  );
}

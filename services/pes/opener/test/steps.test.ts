/** The opener and prices that are known only afterwards (docs/protocol.md §6.3, §6.4, §6.6): every hour by itself, and no plaintext left. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { engineKeyOf } from "@smarter-metering/paillier";
import { recomputeContributions } from "@smarter-metering/customer";
import { contributionContext, toHex } from "@smarter-metering/protocol";
import { textbookDecrypt } from "../../../../packages/paillier/test/textbook.ts";
import { afterwardsTerms, dayAheadTariff } from "../../../../test/support/day-ahead.ts";
import { makeWorld } from "../../../../test/support/world.ts";
import { createEncryptionQueue } from "../src/encryption-queue.ts";
import { reencrypt } from "../src/reencrypt.ts";

const world = await makeWorld({
  households: 1,
  loadIntervalSeconds: 3600,
  tariff: dayAheadTariff(afterwardsTerms),
});
after(() => world.close());

test("equal hours give unequal ciphertexts, each of its energy alone; the same frame the same bytes", async () => {
  const [home] = world.households;
  const { view } = world.network.current();
  const [point] = view.document.servicePoints;
  assert(home !== undefined && point !== undefined);
  const importMilliwattHours = Array.from({ length: 96 }, (_, at) => (at < 92 ? 250 : 7));
  const values = { importMilliwattHours };
  const { frame, hash } = await home.frames.next({ blockStart: world.dayStart(0) }, values);
  const context = await contributionContext(view, point, frame.header, 86_400);
  const { publicKey, secretKey } = world.paillier;
  const key = engineKeyOf(publicKey);
  // What an engine was given is the queue's own, and wiped when it has answered.
  const given: Uint8Array[] = [];
  const engine = new Proxy(world.engine, {
    get(target, name: keyof typeof world.engine) {
      if (name !== "encrypt") return Reflect.get(target, name) as unknown;
      return (of: typeof key, messages: Uint8Array, blindings: Uint8Array) => {
        given.push(messages, blindings);
        return target.encrypt(of, messages, blindings);
      };
    },
  });
  const checked = { frame, hash, context, key } as Parameters<typeof reencrypt>[0];
  const { dataKey } = home.frames;
  const open = () => reencrypt(checked, dataKey.slice(), createEncryptionQueue(engine));
  const result = await open();
  assert(result.ok);
  assert.deepEqual(
    result.encrypted.map(({ header }) => header.stream),
    ["LOAD", "BILL", "STEPS"],
  );
  assert(given.length > 0 && given.every((bytes) => bytes.every((byte) => byte === 0)));
  const steps = result.encrypted.at(-1)?.ciphertext ?? new Uint8Array(0);
  const width = publicKey.bits / 4;
  const hours = Array.from({ length: 24 }, (_, hour) =>
    toHex(steps.slice(hour * width, (hour + 1) * width)),
  );
  assert.equal(steps.length, 24 * width);
  assert.equal(new Set(hours).size, 24);
  assert.deepEqual(
    hours.map((hex) => textbookDecrypt(secretKey, BigInt(`0x${hex}`))),
    Array.from({ length: 24 }, (_, hour) => (hour < 23 ? 1000n : 28n)),
  );
  assert.deepEqual(await open(), result);
  const encrypt = (message: Uint8Array, blinding: Uint8Array): Promise<Uint8Array> =>
    world.engine.encrypt(key, message, blinding);
  assert.deepEqual(
    await recomputeContributions(frame, dataKey, context, encrypt),
    result.encrypted,
  );
});

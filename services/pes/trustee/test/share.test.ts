/** A trustee that holds a share: the same rules, and an answer that says nothing about the sum. */
import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { after, test } from "node:test";
import { combinePartials, verifyPartials, validateCiphertexts } from "@smarter-metering/paillier";
import {
  agreementOf,
  decodePartialRelease,
  encodeRequest,
  openPartialRelease,
  partialContext,
  releaseOf,
  requestDigest,
  toHex,
  verifyPartialRelease,
  type PartialContent,
  type SignedRequest,
} from "@smarter-metering/protocol";
import { createMetrics, manualClock, silentLogger, type Bus } from "@smarter-metering/runtime";
import { mutableFeed } from "../../../../test/support/world.ts";
import { startTrustee, type TrusteeService } from "../src/index.ts";
import { folder, freshLedger, HandBus, logOf } from "./harness.ts";
import { EPOCH, makeScene } from "./requests.ts";
import { scene as lone } from "./stage.ts";

const scene = await makeScene({ threshold: 2, trustees: 3 });
const { world } = scene;
after(async () => {
  await scene.close();
  await lone.close();
  await rm(folder, { recursive: true });
});

interface Holder {
  readonly trustee: TrusteeService;
  readonly bus: HandBus;
  readonly ledger: string;
}

function holderOf(index: number) {
  const holder = world.shareHolders[index - 1];
  assert(holder !== undefined);
  return holder;
}

async function start(index: number, before?: Pick<Holder, "bus" | "ledger">): Promise<Holder> {
  const { share, signer } = holderOf(index);
  const ledger = before?.ledger ?? (await freshLedger());
  const others = world.shareHolders.flatMap((holder) =>
    holder.signer === signer ? [] : [holder.signer],
  );
  const bus = before?.bus ?? new HandBus(logOf(ledger, others));
  bus.nowSeconds = world.dayStart(70);
  const trustee = await startTrustee(
    { policyId: "UNSAFE-test" },
    {
      clock: manualClock(world.dayStart(70) * 1000),
      log: silentLogger,
      metrics: createMetrics(),
      bus: bus as unknown as Bus, // as much of one as a trustee uses
      registry: mutableFeed(EPOCH, scene.view),
      engine: world.engine,
      secretKey: share,
      signer,
      ledgerFolder: ledger,
    },
  );
  return { trustee, bus, ledger };
}

const load = (day: number): Promise<SignedRequest> =>
  scene.loadRequest((scene.load.get(day) ?? []).slice(0, 7));

async function opened(index: number, bytes: Uint8Array): Promise<PartialContent> {
  const partial = decodePartialRelease(bytes);
  await verifyPartialRelease(partial, holderOf(index).signer.publicKey);
  assert.equal(partial.trustee, index);
  return openPartialRelease(partial, world.mdms.secret);
}

test("two answers combine to the sum, and neither holds it", async () => {
  const request = await load(1);
  const digest = await requestDigest(request);
  const contents: PartialContent[] = [];
  for (const index of [1, 3]) {
    const { trustee, bus } = await start(index);
    assert.deepEqual(await bus.deliver(encodeRequest(request), 1), { ack: true });
    assert.equal(bus.of("releases").length, 0);
    const [answer] = bus.of("partial-releases");
    assert(answer !== undefined);
    contents.push(await opened(index, answer.body));
    assert.equal(trustee.status().released, 1);
    await trustee.close();
  }
  const [first, second] = contents;
  assert(first !== undefined && second !== undefined);
  assert.deepEqual(await agreementOf(first), await agreementOf(second));
  const { key } = holderOf(1).share;
  const context = partialContext(digest, "UNSAFE-test");
  const [valid] = await validateCiphertexts(world.engine, key.publicKey, [first.product]);
  assert(valid?.ok);
  const sums = [valid.ciphertext];
  const verified = await Promise.all(
    [1, 3].map(async (index, at) => {
      const message = contents[at]?.partial ?? new Uint8Array(0);
      const verdict = await verifyPartials(world.engine, key, index, sums, context, message);
      assert(verdict.ok);
      return verdict.verified;
    }),
  );
  const combined = await combinePartials(world.engine, key, sums, context, verified);
  assert(combined.ok);
  const release = releaseOf(first.terms, key.publicKey, { sum: combined.plaintexts[0] ?? -1n });
  assert(release?.kind === "LOAD");
  const total = release.energy_Wh.reduce((sum, value) => sum + value, 0);
  const members = (scene.consumed.get(1) ?? []).slice(0, 7);
  const consumed = members.flat().reduce((sum, value) => sum + value, 0) / 1000;
  assert(Math.abs(total - consumed) <= members.length, `${total} of ${consumed} Wh`);
  // What one says contains no reading: terms, a ciphertext, a power with its proof.
  assert.deepEqual(Object.keys(first).toSorted(), ["partial", "product", "terms"]);
  assert(!("energy_Wh" in first.terms));
});

test("the same request has the same answer for ever; a rule is a rule", async () => {
  const first = await start(2);
  const request = await load(1);
  await first.bus.deliver(encodeRequest(request), 1);
  await first.trustee.close();
  const again = await start(2, first);
  await again.bus.deliver(encodeRequest(request), 1);
  const [one, other] = again.bus.of("partial-releases");
  assert(one !== undefined && other !== undefined);
  assert.deepEqual([one.id, toHex(one.body)], [other.id, toHex(other.body)]);
  // The block is spent, for six of the seven too.
  const subset = await scene.loadRequest((scene.load.get(1) ?? []).slice(0, 6));
  await again.bus.deliver(encodeRequest(subset), 1);
  assert.equal(again.trustee.status().refused["R3_ALREADY_RELEASED"], 1);
  await again.trustee.close();
});

test("names on the bus are each trustee's own: nobody can take another's first", async () => {
  const request = await load(3);
  const names: string[] = [];
  for (const index of [1, 2, 3]) {
    const { trustee, bus } = await start(index);
    await bus.deliver(encodeRequest(request), 1);
    const [answer] = [...bus.of("partial-releases"), ...bus.of("refusals")];
    assert(answer !== undefined);
    const end = toHex(answer.body.slice(-16));
    assert(answer.id.endsWith(`/${end}`));
    names.push(answer.id);
    await trustee.close();
  }
  assert.equal(new Set(names).size, 3);
});

test("a ledger that does not know a published share: TRUSTEE_LEDGER_STALE", async () => {
  const { trustee, bus } = await start(1);
  await bus.deliver(encodeRequest(await load(1)), 1);
  await trustee.close();
  const ledger = await freshLedger();
  await assert.rejects(start(1, { bus, ledger }), { code: "TRUSTEE_LEDGER_STALE" });
  // Another trustee's share is no concern of this ledger.
  const other = await start(2, { bus, ledger });
  await other.trustee.close();
});

/** What a trustee makes of a registry that changes its policy (docs/protocol.md §9.4): the root's signature alone does not loosen it. */
import assert from "node:assert/strict";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import { unsafePolicy, type ReleasePolicy } from "@smarter-metering/policy";
import { indexNetworkView, type NetworkView } from "@smarter-metering/protocol";
import { manualClock, type ManualClock } from "@smarter-metering/runtime";
import { mutableFeed, type MutableFeed } from "../../../../test/support/world.ts";
import { folder, freshLedger, start, type Running } from "./harness.ts";
import { EPOCH } from "./requests.ts";
import { ALL, load, scene } from "./stage.ts";

const DAY_MS = 86_400_000;
after(() => rm(folder, { recursive: true }));

/** The policy of the stage with other numbers and another name. */
const looser = (scene.document.policy as ReleasePolicy).contributorsMin - 1;
const policyWith = (name: string, changes: Partial<ReleasePolicy>): ReleasePolicy =>
  unsafePolicy({ ...numbersOf(scene.document.policy as ReleasePolicy), ...changes, name });
const numbersOf = ({ kind: _, id: __, ...numbers }: ReleasePolicy) => numbers;

const next = policyWith("next", { contributorsMin: looser });
const viewWith = (policy: unknown, announced?: ReleasePolicy): NetworkView =>
  indexNetworkView({
    ...scene.document,
    policy,
    ...(announced && { policyNotice: { policy: announced, inForceFrom: 0 } }),
  });

interface Stage extends Running {
  readonly clock: ManualClock;
  readonly registry: MutableFeed<NetworkView>;
  /** Whether a request under the newest epoch is judged at all; what the rules say of it is not asked here. */
  readonly serves: (day?: number) => Promise<boolean>;
  readonly again: () => Promise<Stage>;
}

async function stage(from?: Stage, ledger?: string): Promise<Stage> {
  const clock = from?.clock ?? manualClock(scene.world.dayStart(70) * 1000);
  const registry = from?.registry ?? mutableFeed(EPOCH, scene.view);
  const setting = { clock, registry, ledger: ledger ?? (await freshLedger()) };
  const running = await start({ ...setting, nextPolicyId: next.id });
  const made: Stage = {
    ...running,
    clock,
    registry,
    async serves(day = 1) {
      const registryEpoch = registry.current().epoch;
      const request = await scene.loadRequest(load(day, ...ALL), { registryEpoch });
      return !(await running.ask(request)).codes.includes("REGISTRY_NOT_ACCEPTED");
    },
    async again() {
      await running.trustee.close();
      return stage(made, running.ledger);
    },
  };
  return made;
}

test("a policy that loosens without notice is not served, in this epoch and in all that follow", async () => {
  const { trustee, registry, clock, serves } = await stage();
  registry.set(EPOCH + 1, viewWith(next));
  assert.equal(await serves(), false);
  registry.set(EPOCH + 2, viewWith(next));
  assert.equal(await serves(), false);
  await clock.advanceTo(clock.nowMs() + 40 * DAY_MS);
  assert.equal(await serves(), false, "time alone is no notice");
  await trustee.close();
});

test("an announced one is served after the period, by the trustee's own clock, and across a restart", async () => {
  let run = await stage();
  run.registry.set(EPOCH + 1, viewWith(scene.document.policy, next));
  assert.equal(await run.serves(), true);
  await run.clock.advanceTo(run.clock.nowMs() + 28 * DAY_MS);
  run = await run.again();
  run.registry.set(EPOCH + 2, viewWith(next));
  assert.equal(await run.serves(), false, "28 days are too few");
  await assert.rejects(run.again(), { code: "TRUSTEE_POLICY_LOOSENED" });
  await run.clock.advanceTo(run.clock.nowMs() + DAY_MS);
  run = await run.again();
  run.registry.set(EPOCH + 3, viewWith(next)); // What was refused before stays refused.
  assert.equal(await run.serves(), true);
  await run.trustee.close();
});

test("what was announced too late is served once its time has come, in the same process and epoch", async () => {
  const { trustee, registry, clock, serves } = await stage();
  registry.set(EPOCH + 1, viewWith(scene.document.policy, next));
  assert.equal(await serves(), true);
  await clock.advanceTo(clock.nowMs() + 28 * DAY_MS);
  registry.set(EPOCH + 2, viewWith(next));
  assert.equal(await serves(1), false);
  await clock.advanceTo(clock.nowMs() + DAY_MS);
  assert.equal(await serves(0), true);
  await trustee.close();
});

test("an announcement is seen while nobody asks, counts once, and for its own numbers alone", async () => {
  const { trustee, registry, clock, serves } = await stage();
  const many = 72;
  for (let hour = 1; hour <= many; hour++) {
    registry.set(EPOCH + hour, viewWith(scene.document.policy, next));
    await clock.advanceTo(clock.nowMs() + DAY_MS / 24);
  }
  registry.set(EPOCH + many + 1, viewWith(scene.document.policy));
  await clock.advanceTo(clock.nowMs() + 26.1 * DAY_MS);
  const other = { ...next, churnMin: 0 };
  registry.set(EPOCH + many + 2, viewWith(other));
  assert.equal(await serves(), false, "the same name, other numbers");
  registry.set(EPOCH + many + 3, viewWith(next));
  assert.equal(await serves(), true);
  await trustee.close();
});

test("a policy that only tightens is served at once, and the old one is then a loosening", async () => {
  const { trustee, registry, serves } = await stage();
  registry.set(EPOCH + 1, viewWith({ ...next, contributorsMin: looser + 1, churnMin: 6 }));
  assert.equal(await serves(), true);
  registry.set(EPOCH + 2, viewWith(scene.document.policy));
  assert.equal(await serves(), false);
  await trustee.close();
});

test("a trustee that cannot read what it served does not start", async () => {
  const ledger = await freshLedger();
  await writeFile(join(ledger, "policies.json"), '{"kind":"another"}');
  await assert.rejects(stage(undefined, ledger), { code: "TRUSTEE_LEDGER_VERSION" });
});

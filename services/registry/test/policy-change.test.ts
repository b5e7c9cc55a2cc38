/** Changes of the release policy at the registry (docs/protocol.md §9.4): what may hold at once, and what has to be announced. */
import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import { defaultPolicy, POLICY_NOTICE_SECONDS, unsafePolicy } from "@smarter-metering/policy";
import {
  parseNetworkView,
  parseUcsView,
  type NetworkViewDocument,
  type UcsView,
  wholeView,
} from "@smarter-metering/protocol";
import { NOW, post, start, stateWith, strike, type Running } from "./stage.ts";

after(strike);

const current = defaultPolicy();
const looser = { ...current, id: "looser", contributorsMin: 50 };
const tighter = { ...current, id: "tighter", contributorsMin: 200 };

interface Bench extends Running {
  readonly pass: (seconds: number) => Promise<void>;
  readonly network: () => Promise<NetworkViewDocument>;
  readonly ucs: () => Promise<UcsView>;
  readonly propose: (
    path: string,
    policy: unknown,
    token?: string,
  ) => Promise<{ status: number; code?: string }>;
}

async function bench(from?: string): Promise<Bench> {
  const state = from === undefined ? await stateWith([], [], { policy: current }) : undefined;
  const running = await start(state, from);
  const { registry, clock } = running;
  const newest = (name: "network" | "ucs"): Promise<string> =>
    wholeView(registry.transport(), name, registry.status().epoch);
  return {
    ...running,
    pass: (seconds) => clock.advanceTo(clock.nowMs() + 1000 * seconds),
    network: async () => parseNetworkView(await newest("network")).document,
    ucs: async () => parseUcsView(await newest("ucs")),
    async propose(path, policy, token) {
      const answer = await post(registry, path, { policy }, token);
      const { code } = (await answer.json()) as { code?: string };
      return code === undefined ? { status: answer.status } : { status: answer.status, code };
    },
  };
}

test("a policy that only tightens holds at once; the way back is a loosening", async () => {
  const { registry, network, propose } = await bench();
  assert.deepEqual(await propose("/v1/policies", tighter), { status: 201 });
  assert.deepEqual((await network()).policy, tighter);
  assert.deepEqual(await propose("/v1/policies", current), {
    status: 409,
    code: "REGISTRY_POLICY_NOTICE",
  });
  assert.equal(registry.status().epoch, 1);
  await registry.changePolicy(tighter);
  assert.equal(registry.status().epoch, 1, "the same again changes nothing");
  await registry.close();
});

test("a looser one is announced to trustees and customers, and holds 30 days later, not a second before", async () => {
  const { registry, network, ucs, pass, propose } = await bench();
  assert.deepEqual(await propose("/v1/policy-notices", looser), { status: 201 });
  const inForceFrom = NOW + POLICY_NOTICE_SECONDS;
  assert.deepEqual((await network()).policyNotice, { policy: looser, inForceFrom });
  assert.deepEqual((await network()).policy, current);
  assert.deepEqual((await ucs()).policyNotice, {
    policyId: "looser",
    inForceFrom,
    changes: ["households behind every interval of a load curve (R1): 50 instead of 100 (looser)"],
  });
  await pass(POLICY_NOTICE_SECONDS - 1);
  await registry.announcePolicy(looser);
  assert.equal(registry.status().epoch, 1, "the same again does not begin anew");
  await assert.rejects(registry.changePolicy(looser), { code: "REGISTRY_POLICY_NOTICE" });
  await pass(1);
  assert.deepEqual(await propose("/v1/policies", looser), { status: 201 });
  assert.deepEqual((await network()).policy, looser);
  assert.equal((await network()).policyNotice, undefined);
  assert.equal((await ucs()).policyNotice, undefined);
  await registry.close();
});

test("a notice is of its own numbers: others begin anew, the policy in force takes it back, a tightening leaves it", async () => {
  const { registry, network, pass } = await bench();
  await registry.announcePolicy(looser);
  await pass(POLICY_NOTICE_SECONDS);
  const other = { ...looser, id: "other", churnMin: 6, contributorsMin: 60 };
  await assert.rejects(registry.changePolicy(other), { code: "REGISTRY_POLICY_NOTICE" });
  await registry.changePolicy(tighter);
  assert.deepEqual((await network()).policyNotice?.policy, looser);
  await registry.announcePolicy(other);
  const { policyNotice } = await network();
  assert.equal(policyNotice?.inForceFrom, NOW + 2 * POLICY_NOTICE_SECONDS);
  await registry.announcePolicy(tighter);
  assert.equal((await network()).policyNotice, undefined);
  await assert.rejects(registry.changePolicy(looser), { code: "REGISTRY_POLICY_NOTICE" });
  await registry.close();
});

const refused: readonly (readonly [string, unknown])[] = [
  ["no policy", { kind: "smarter-metering/policy" }],
  ["below a floor", { ...looser, contributorsMin: 19 }],
  ["below the floors under a name that says so", unsafePolicy({ name: "now" })],
  ["other numbers under the same name", { ...looser, id: current.id }],
  ["an unknown key", { ...looser, contributersMin: 5 }],
];
for (const [what, policy] of refused) {
  test(`neither announced nor put in force: ${what}`, async () => {
    const { registry, propose } = await bench();
    for (const path of ["/v1/policies", "/v1/policy-notices"]) {
      assert.deepEqual(await propose(path, policy), {
        status: 400,
        code: "REGISTRY_INVALID_CHANGE",
      });
      assert.equal((await propose(path, looser, "another-token-00000000")).status, 401);
    }
    assert.equal(registry.status().epoch, 0);
    await registry.close();
  });
}

test("an announcement survives a restart, and its epoch is made again bit for bit", async () => {
  const first = await bench();
  await first.registry.announcePolicy(looser);
  await first.registry.close();
  await rm(join(first.folder, "epochs", "000001.jws")); // A crash between the state and the epoch.
  const again = await bench(first.folder);
  assert.equal(again.registry.status().epoch, 1);
  assert.deepEqual((await again.network()).policyNotice?.policy, looser);
  await again.registry.close();
});

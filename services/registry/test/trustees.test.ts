/** Trustees that hold shares: who they are and what is published of their key. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { serializePublicKey, serializeVerificationKey } from "@smarter-metering/paillier";
import { unsafePolicy } from "@smarter-metering/policy";
import type { Party } from "@smarter-metering/protocol";
import { createRegistryState } from "@smarter-metering/registry";
import { dealTestKey } from "../../../packages/paillier/test/threshold-keys.ts";
import { makeWorld, type World } from "../../../test/support/world.ts";
import { viewsOf } from "../src/views.ts";

const QUORUM = { threshold: 2, trustees: 3 };
let world: World;
before(async () => {
  world = await makeWorld({ households: 1, quorum: QUORUM });
});
after(() => world.close());

const stateWith = (parties: readonly Party[], verificationKey?: unknown) =>
  createRegistryState({
    parties,
    paillierKey: serializePublicKey(world.paillier.publicKey),
    verificationKey,
    policy: unsafePolicy({ contributorsMin: 5 }),
    tariffs: [],
    neighbourhoods: [],
    servicePoints: [],
    firstBlock: world.startSeconds,
  });

test("trustees and MDMS read the transcript of the ceremony, the customers' portal does not", async () => {
  const { parties, verificationKey } = world.networkDocument;
  const { network, mdms, ucs } = await viewsOf(
    await stateWith(parties, verificationKey),
    new Map(),
  );
  assert.deepEqual(
    [network.verificationKey, mdms.verificationKey],
    [verificationKey, verificationKey],
  );
  assert(!("verificationKey" in ucs));
  const whole = await viewsOf(await stateWith([]), new Map());
  assert(!("verificationKey" in whole.network) && !("verificationKey" in whole.mdms));
});

test("REGISTRY_INVALID_CHANGE: trustees that are not those of the ceremony", async () => {
  const { parties, verificationKey } = world.networkDocument;
  const others = parties.filter(({ role }) => role !== "trustee");
  const trustees = parties.filter(({ role }) => role === "trustee");
  const [first, second, third] = trustees;
  assert(first && second && third);
  const { trusteeIndex: _, ...unnumbered } = first;
  const foreign = await dealTestKey({ ...QUORUM, which: 1 });
  const cases: readonly [readonly Party[], unknown][] = [
    [[...others, first, second], verificationKey],
    [[...others, first, second, second], verificationKey],
    [[...others, first, second, { ...third, trusteeIndex: 4 }], verificationKey],
    [[...others, ...trustees, { ...third, trusteeIndex: 4 }], verificationKey],
    [[...others, unnumbered, second, third], verificationKey],
    [parties, undefined],
    [parties, serializeVerificationKey(foreign.verification)],
  ];
  for (const [listed, key] of cases) {
    await assert.rejects(stateWith(listed, key), { code: "REGISTRY_INVALID_CHANGE" });
  }
  const { values } = verificationKey as { values: readonly string[] };
  const damaged = { ...(verificationKey as object), values: values.toReversed() };
  await assert.rejects(stateWith(parties, damaged), { code: "PAILLIER_KEY_INVALID" });
});

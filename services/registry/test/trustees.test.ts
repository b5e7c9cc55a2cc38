/** Trustees that hold shares: who they are and what is published of their key. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { serializePublicKey, serializeVerificationKey } from "@smarter-metering/paillier";
import { unsafePolicy } from "@smarter-metering/policy";
import type { Party } from "@smarter-metering/protocol";
import { createRegistryState } from "@smarter-metering/registry";
import { dealTestKey } from "../../../packages/paillier/test/threshold-keys.ts";
import { makeWorld, type World } from "../../../test/support/world.ts";
import { ViewMaker } from "../src/views.ts";

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
  const viewsOf = async (...terms: Parameters<typeof stateWith>) =>
    new ViewMaker().viewsOf(await stateWith(...terms), { openerKeys: undefined, prices: [] });
  const keyIn = ({ head }: { readonly head: string }): unknown =>
    (JSON.parse(head) as { verificationKey?: unknown }).verificationKey;
  const { network, mdms, ucs } = await viewsOf(parties, verificationKey);
  assert.deepEqual([keyIn(network), keyIn(mdms)], [verificationKey, verificationKey]);
  assert.equal(keyIn(ucs), undefined);
  const whole = await viewsOf([]);
  assert.deepEqual([keyIn(whole.network), keyIn(whole.mdms)], [undefined, undefined]);
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

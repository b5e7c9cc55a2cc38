/**
 * Partial releases and the one decoder of aggregates (docs/protocol.md §5, §8.5, §8.6). The vector is written by vectors/make.ts; its
 * mutations are in messages.test.ts.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { pack } from "@smarter-metering/paillier";
import {
  agreementOf,
  billPacking,
  decodePartialRelease,
  decodeRelease,
  fromBase64Url,
  fromHex,
  loadPacking,
  openPartialRelease,
  openRelease,
  recipientSecret,
  releaseOf,
  type BillAggregateTerms,
} from "@smarter-metering/protocol";
import { testRecipient } from "../../../test/support/world.ts";
import { filled, partialContent } from "./samples.ts";

const vectors = JSON.parse(
  readFileSync(new URL("vectors/messages.json", import.meta.url), "utf8"),
) as { recipient: { spki: string; pkcs8: string }; messages: Record<string, string> };
const vector = (name: string): Uint8Array => fromHex(vectors.messages[name] ?? "");
const { spki, pkcs8 } = vectors.recipient;
const secret = await recipientSecret(fromBase64Url(spki), fromBase64Url(pkcs8));
const { secret: otherSecret } = await testRecipient("other");

test("a partial release opens to what its header says, and is no release", async () => {
  const partial = decodePartialRelease(vector("partialRelease"));
  assert.deepEqual(await openPartialRelease(partial, secret), partialContent);
  const unopenable = { code: "RELEASE_UNOPENABLE", message: "cannot open partial release" };
  for (const changed of [
    { ...partial, kind: "BILL" as const },
    { ...partial, policyId: "UNSAFE-1" },
    { ...partial, requestDigest: filled(32, 0x56) },
    { ...partial, jwe: decodeRelease(vector("release")).jwe },
  ]) {
    await assert.rejects(openPartialRelease(changed, secret), unopenable);
  }
  await assert.rejects(openPartialRelease(partial, otherSecret), unopenable);
  const lifted = { ...decodeRelease(vector("release")), jwe: partial.jwe };
  await assert.rejects(openRelease(lifted, secret), { code: "RELEASE_UNOPENABLE" });
});

test("partial releases agree when all but epoch and partial is the same", async () => {
  const { terms, product } = partialContent;
  assert(terms.kind === "LOAD");
  const agreed = await agreementOf(partialContent);
  const newer = { ...terms, registryEpoch: 99 };
  const { kind, ...reordered } = terms;
  for (const same of [
    { ...partialContent, partial: filled(1, 0) },
    { ...partialContent, terms: newer },
    { ...partialContent, terms: { ...reordered, kind } },
  ]) {
    assert.deepEqual(await agreementOf(same), agreed);
  }
  for (const changes of [
    { contributors: 119 },
    { contributorsPerSlot: [120, 120] },
    { loadValueBits: 15 },
    { stream: "LOAD_EXPORT" as const },
    { requestDigest: "56".repeat(32) },
  ]) {
    const other = { product, terms: { ...terms, ...changes }, partial: filled(1, 0) };
    assert.notDeepEqual(await agreementOf(other), agreed);
  }
  const other = { ...partialContent, product: filled(8, 0x79) };
  assert.notDeepEqual(await agreementOf(other), agreed);
});

const BITS = 2048;
/** The bounds of a plaintext; no arithmetic is done under it. */
const KEY = { bits: BITS, n: (1n << 2048n) - 1n };

test("a load decodes to its slots, within the bounds of who contributed, or to nothing", () => {
  const { terms } = partialContent;
  assert(terms.kind === "LOAD");
  const packing = loadPacking(terms.loadValueBits, BITS);
  const { valueMax } = packing;
  const sum = (...slots: bigint[]): bigint =>
    slots.reduce((all, value, slot) => all + (value << BigInt(slot * packing.slotBits)), 0n);
  const decoded = releaseOf(terms, KEY, { sum: sum(120n * valueMax, 119n * valueMax) });
  assert(decoded?.kind === "LOAD" && !("loadValueBits" in decoded));
  assert.deepEqual(decoded.energy_Wh, [Number(120n * valueMax), Number(119n * valueMax)]);
  const corrupt: readonly [Partial<typeof terms>, bigint][] = [
    [{}, sum(0n, 119n * valueMax + 1n)], // more than those of this slot can have
    [{}, sum(120n * valueMax + 1n)],
    [{}, sum(0n, 0n, 1n)], // a slot that is not in use
    [{}, -1n],
    [{}, 1n << 2047n],
    [{ contributors: 1025 }, 0n], // more than one ciphertext holds
    [{ contributorsPerSlot: Array.from({ length: packing.slots + 1 }, () => 1) }, 0n],
  ];
  for (const [changes, plaintext] of corrupt) {
    assert.equal(releaseOf({ ...terms, ...changes }, KEY, { sum: plaintext }), undefined);
  }
});

test("a bill decodes to eight registers, or to nothing when one ran backwards", () => {
  const terms: BillAggregateTerms = {
    kind: "BILL",
    servicePointToken: "AAAA",
    fromGrid: 0,
    toGrid: 86_400,
    fromBorder: 0,
    toBorder: 86_400,
    registerBank: "11".repeat(8),
    hasCost: false,
    policyId: "default-1",
    registryEpoch: 3,
    paillierKeyId: "11".repeat(32),
    requestDigest: "55".repeat(32),
  };
  const registers = [2n ** 48n - 1n, 1n, 0n, 0n, 0n, 0n, 0n, 5n];
  const plaintext = pack(billPacking(BITS), registers);
  const decoded = releaseOf(terms, KEY, { sum: plaintext });
  assert(decoded?.kind === "BILL");
  assert.deepEqual(decoded.registers_mWh, registers.map(String));
  const { slotBits } = billPacking(BITS);
  for (const wrong of [plaintext + 1n, plaintext - (2n << BigInt(slotBits)), -plaintext]) {
    assert.equal(releaseOf(terms, KEY, { sum: wrong }), undefined);
  }

  // A cost is counted modulo 2^48, and goes with a bill that asks for it, and no other.
  const costly = { ...terms, hasCost: true };
  const costOf = (cost?: bigint): string | undefined => {
    const plaintexts = { sum: plaintext, ...(cost !== undefined && { cost }) };
    const release = releaseOf(costly, KEY, plaintexts);
    return release?.kind === "BILL" ? release.cost : undefined;
  };
  const turn = 1n << 48n;
  assert.equal(costOf(0n), "0");
  assert.equal(costOf(turn - 1n), String(turn - 1n));
  assert.equal(costOf(KEY.n - turn + 12n), "12", "it began again from 0");
  assert.equal(costOf(KEY.n - 3n * turn + 12n), "12", "those of three meters did");
  assert(!("cost" in decoded) && !("hasCost" in decoded));
  for (const wrong of [undefined, -1n, KEY.n, 8n * turn, KEY.n - 8n * turn, KEY.n / 2n]) {
    assert.equal(costOf(wrong), undefined, String(wrong));
  }
});

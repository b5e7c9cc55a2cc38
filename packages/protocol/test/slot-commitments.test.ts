/** Slot commitments (docs/protocol.md §2.10): vectors, the definition in other words, what an opening shows, and frames that lie about theirs. */
import assert from "node:assert/strict";
import { createCipheriv, createHash, hkdfSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  decodeFrame,
  decodeFrameHeader,
  frameHash,
  openFrame,
  openSlots,
  readRegisters,
  readSlot,
  sealFrame,
  slotsRoot,
  toHex,
  verifyDetachedFrame,
  verifyFrame,
  verifySlot,
  Writer,
  type FrameBody,
  type SlotOpening,
} from "@smarter-metering/protocol";
import {
  dataKey,
  filled,
  frameBody,
  frameHeader,
  keyEpoch,
  sealedUnder,
  signers,
  unopenableFrames,
} from "./samples.ts";

const vectors = JSON.parse(
  readFileSync(new URL("vectors/messages.json", import.meta.url), "utf8"),
) as { unopenable: Record<string, string> };

const { meter } = await signers();
const bodyOf = (count: number): FrameBody => ({
  importMilliwattHours: Uint32Array.from({ length: count }, (_, slot) => 1000 + slot),
  exportMilliwattHours: Uint32Array.from({ length: count }, (_, slot) => slot),
  quality: Uint8Array.from({ length: count }, (_, slot) => slot % 5),
  registersMilliwattHours: [2n ** 48n - 1n, 5n, 1n, 0n, 0n, 0n, 0n, 0n],
});
const nameOf = (count: number) => ({ keyEpoch, counter: 7, count });

test("vectors: an installation, one slot, a day of 25 hours, the most there can be", async () => {
  const vectors: [number, string][] = [
    [0, "70f4352e88b10248cf8be2b0cabb6feca7e757a88ae84cfaaff276f6f3ef7a77"],
    [1, "cb758f81fce6d6b2f2c8aecf115b0d27ad9a0e6da86b0d0e12f555dc3ccf8a62"],
    [100, "873fc1d98ac72a1cc2dec4715baef3bf431660c51b3921361ee739d98c450878"],
    [768, "73d550291a277843382ca21f62f35a956fcd3541421b5372b8e4fc5679c96120"],
  ];
  for (const [count, root] of vectors) {
    assert.equal(toHex(await slotsRoot(nameOf(count), bodyOf(count), dataKey)), root);
    assert.equal(toHex(definedRoot(count, bodyOf(count))), root);
  }
  const [, second] = await openSlots(nameOf(2), bodyOf(2), dataKey);
  assert.equal(
    toHex(second?.salt ?? filled(1, 0)),
    "6afc86575c9024d340b57edc4097318903e9227bc9761af65693c370fce5aa5c",
  );
});

const sha256 = (...parts: Uint8Array[]): Uint8Array =>
  Uint8Array.from(createHash("sha256").update(Buffer.concat(parts)).digest());

/** §2.10 word for word: AES-256-GCM starts the key stream of AES-CTR at 2 (SP 800-38D §7.1); the tree is cut by RFC 6962 §2.1. */
function definedRoot(count: number, body: FrameBody): Uint8Array {
  const name = new Writer().u32(keyEpoch).u64(7).finish();
  const info = Buffer.concat([Buffer.from("smarter-metering/slot-salt/v1\0"), name]);
  const key = Buffer.from(hkdfSync("sha256", dataKey, "", info, 32));
  const start = Buffer.from(`${"00".repeat(15)}02`, "hex");
  const salts = createCipheriv("aes-256-ctr", key, start).update(Buffer.alloc(32 * (count + 1)));
  const leaves = Array.from({ length: count + 1 }, (_, index) => {
    const content = new Writer();
    const { importMilliwattHours, exportMilliwattHours, quality } = body;
    if (index === count) for (const register of body.registersMilliwattHours) content.u64(register);
    else {
      content.u32(importMilliwattHours[index] ?? -1).u32(exportMilliwattHours[index] ?? -1);
      content.u8(quality[index] ?? -1);
    }
    const salt = salts.subarray(32 * index, 32 * index + 32);
    return sha256(filled(1, 0), salt, new Writer().u16(index).finish(), content.finish());
  });
  return definedTree(leaves);
}

function definedTree(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 1) return leaves[0] ?? filled(0, 0);
  let split = 1;
  while (2 * split < leaves.length) split *= 2;
  const [left, right] = [leaves.slice(0, split), leaves.slice(split)];
  return sha256(filled(1, 1), definedTree(left), definedTree(right));
}

test("law: the root is the definition's; every opening verifies in its place and in no other", async () => {
  const counts = fc.integer({ min: 0, max: 40 });
  await fc.assert(
    fc.asyncProperty(counts, fc.nat(), fc.nat(), async (count, pick, bit) => {
      const body = bodyOf(count);
      const root = await slotsRoot(nameOf(count), body, dataKey);
      assert.deepEqual(root, definedRoot(count, body));
      const openings = await openSlots(nameOf(count), body, dataKey);
      const opening = openings[pick % openings.length] ?? assert.fail();
      assert.ok(await verifySlot(root, count, opening));
      const { salt, content, path } = opening;
      const other = Uint8Array.from(content);
      other[(bit >> 3) % other.length] = (other[(bit >> 3) % other.length] ?? 0) ^ (1 << (bit & 7));
      const wrong: SlotOpening[] = [
        { ...opening, content: other },
        { ...opening, salt: filled(32, 1) },
        { ...opening, salt: salt.slice(1) },
        { ...opening, content: content.slice(1) },
        { ...opening, index: opening.index + 1 },
        { ...opening, index: opening.index - 1 },
        { ...opening, index: opening.index + 0.5 },
        { ...opening, path: [...path, filled(32, 0)] },
        { ...opening, path: path.slice(1).concat(path.length === 0 ? [filled(32, 0)] : []) },
        {
          ...opening,
          path: path.length === 0 ? [filled(32, 0)] : path.map((hash) => hash.slice(1)),
        },
      ];
      for (const entry of wrong) assert.ok(!(await verifySlot(root, count, entry)));
      assert.ok(!(await verifySlot(filled(32, 0), count, opening)));
    }),
    { numRuns: 40 },
  );
});

test("openings say what was measured; salts differ between slots, frames, epochs and keys", async () => {
  const openings = await openSlots(nameOf(3), bodyOf(3), dataKey);
  assert.deepEqual(
    openings.slice(0, 3).map(({ content }) => readSlot(content)),
    [0, 1, 2].map((slot) => ({
      importMilliwattHours: 1000 + slot,
      exportMilliwattHours: slot,
      quality: slot,
    })),
  );
  assert.deepEqual(
    readRegisters(openings[3]?.content ?? filled(0, 0)),
    bodyOf(3).registersMilliwattHours,
  );
  const others = await Promise.all([
    openSlots({ ...nameOf(3), counter: 8 }, bodyOf(3), dataKey),
    openSlots({ ...nameOf(3), keyEpoch: 1 }, bodyOf(3), dataKey),
    openSlots(nameOf(3), bodyOf(3), filled(32, 1)),
  ]);
  const salts = [openings, ...others].flat().map(({ salt }) => toHex(salt));
  assert.equal(new Set(salts).size, 16);
});

test("vectors: frames that their meter signed, and whose slots or key are others than they commit to, do not open", async () => {
  const made = await unopenableFrames();
  assert.deepEqual(Object.keys(vectors.unopenable), Object.keys(made));
  for (const [name, bytes] of Object.entries(made)) {
    assert.equal(toHex(bytes), vectors.unopenable[name], name);
    const frame = decodeFrame(bytes);
    await verifyFrame(frame, meter.publicKey);
    const unopenable = { code: "FRAME_UNOPENABLE", message: "cannot open frame" };
    await assert.rejects(openFrame(frame, dataKey), unopenable, name);
  }
  const truth = await slotsRoot(await frameHeader(), frameBody, dataKey);
  assert.deepEqual(await openFrame(await sealedUnder(truth), dataKey), frameBody);
});

test("a header without its body: read as it was written, verified by the body's hash alone", async () => {
  const frame = await sealFrame(await frameHeader(), frameBody, dataKey, meter);
  const { headerBytes, signature } = frame;
  assert.deepEqual(decodeFrameHeader(headerBytes), frame.header);
  const malformed = { code: "PROTOCOL_MALFORMED" };
  assert.throws(() => decodeFrameHeader(headerBytes.subarray(0, -1)), malformed);
  assert.throws(() => decodeFrameHeader(Uint8Array.from([...headerBytes, 0])), malformed);
  assert.throws(() => decodeFrameHeader(Uint8Array.from([2, ...headerBytes.slice(1)])), malformed);
  const bodyHash = sha256(frame.body);
  const detached = { headerBytes, bodyHash, signature };
  await verifyDetachedFrame(detached, meter.publicKey);
  const wrong = [
    { ...detached, bodyHash: await frameHash(frame) },
    { ...detached, bodyHash: bodyHash.slice(1) },
    { ...detached, headerBytes: headerBytes.with(headerBytes.length - 1, 0) },
    { ...detached, signature: signature.with(0, (signature[0] ?? 0) ^ 1) },
  ];
  for (const changed of wrong) {
    const refused = verifyDetachedFrame(changed, meter.publicKey);
    await assert.rejects(refused, { code: "PROTOCOL_BAD_SIGNATURE" });
  }
});

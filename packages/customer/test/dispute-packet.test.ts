/** Slot commitments and dispute packets (docs/protocol.md §2.10, §11.3): chosen intervals and nothing else, every changed bit named. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  makeDisputePacket,
  verifyDisputePacket,
  type ChosenSlots,
  type DisputePacket,
  type DisputeReport,
} from "@smarter-metering/customer";
import {
  concatBytes,
  decodeFrame,
  fromBase64Url,
  merkleRoot,
  openSlots,
  primitives,
  readRegisters,
  readSlot,
  slotsRoot,
  toBase64Url,
  toHex,
  utf8,
  verifySlot,
  type FrameBody,
} from "@smarter-metering/protocol";
import * as bill from "./bill.ts";
import { must } from "./bill.ts";

const bodyOf = (count: number): FrameBody => ({
  importMilliwattHours: Uint32Array.from({ length: count }, (_, slot) => 1000 + slot),
  exportMilliwattHours: Uint32Array.from({ length: count }, (_, slot) => slot),
  quality: Uint8Array.from({ length: count }, (_, slot) => slot % 5),
  registersMilliwattHours: [2n ** 48n - 1n, 5n, 1n, 0n, 0n, 0n, 0n, 0n],
});
const dataKey = bill.filled(32, 0xc3);
const nameOf = (count: number) => ({ keyEpoch: 1_540_000_000, counter: 7, count });

test("slot commitments match the vectors: installation, one slot, a day of 25 hours, the most there can be", async () => {
  const vectors: [number, string][] = [
    [0, "bb2d970405bef89d46d80dbf8680f3fdeb32ebef24ac8ce46e97b05892bcb252"],
    [1, "8802ab1419f2df58a15cc22ab164651c34f383a75e998d384780ddab4446955e"],
    [100, "5df979d84cb1f217b8e5bc91a29533c6768a1170dae49cda421f0a0a943e92be"],
    [768, "66685fe336c171c16d866dabd775b3d8f8c6c0afa5dc20c3a1abd14c5ea4b599"],
  ];
  for (const [count, root] of vectors) {
    assert.equal(toHex(await slotsRoot(nameOf(count), bodyOf(count), dataKey)), root);
  }
  const [, second] = await openSlots(nameOf(2), bodyOf(2), dataKey);
  assert.equal(
    toHex(must(second).salt),
    "63751525b5213bb5748c2daeebdd1c0c3e9b9b2ea6e4df4db13d0e0837c301bd",
  );
});

test("law: every opening verifies in its place and in no other; the root is that of RFC 6962", async () => {
  const counts = fc.integer({ min: 0, max: 20 });
  await fc.assert(
    fc.asyncProperty(counts, fc.nat(), fc.nat(), async (count, pick, bit) => {
      const root = await slotsRoot(nameOf(count), bodyOf(count), dataKey);
      const openings = await openSlots(nameOf(count), bodyOf(count), dataKey);
      const leaves = openings.map(({ index, salt, content }) =>
        primitives.sha256(Uint8Array.of(0), salt, Uint8Array.of(index >> 8, index & 255), content),
      );
      assert.deepEqual(await merkleRoot(await Promise.all(leaves)), root);
      const opening = must(openings[pick % openings.length]);
      assert.ok(await verifySlot(root, count, opening));
      const { salt, content, path } = opening;
      const other = Uint8Array.from(content);
      other[(bit >> 3) % other.length] = (other[(bit >> 3) % other.length] ?? 0) ^ (1 << (bit & 7));
      const wrong = [
        { ...opening, content: other },
        { ...opening, salt: bill.filled(32, 1) },
        { ...opening, salt: salt.slice(1) },
        { ...opening, content: content.slice(1) },
        { ...opening, index: opening.index + 1 },
        { ...opening, index: opening.index - 1 },
        { ...opening, index: opening.index + 0.5 },
        { ...opening, path: [...path, bill.filled(32, 0)] },
        { ...opening, path: path.slice(1).concat(path.length === 0 ? [bill.filled(32, 0)] : []) },
      ];
      for (const entry of wrong) {
        assert.ok(!(await verifySlot(root, count, entry)), JSON.stringify(entry.index));
      }
      assert.ok(!(await verifySlot(bill.filled(32, 0), count, opening)));
    }),
    { numRuns: 25 },
  );
});

test("openings say what was measured; salts differ between slots, frames and epochs", async () => {
  const openings = await openSlots(nameOf(3), bodyOf(3), dataKey);
  assert.deepEqual(readSlot(must(openings[2]).content), {
    importMilliwattHours: 1002,
    exportMilliwattHours: 2,
    quality: 2,
  });
  assert.deepEqual(readRegisters(must(openings[3]).content), bodyOf(3).registersMilliwattHours);
  const others = await Promise.all([
    openSlots({ ...nameOf(3), counter: 8 }, bodyOf(3), dataKey),
    openSlots({ ...nameOf(3), keyEpoch: 1 }, bodyOf(3), dataKey),
    openSlots(nameOf(3), bodyOf(3), bill.filled(32, 1)),
  ]);
  const salts = [openings, ...others].flat().map(({ salt }) => toHex(salt));
  assert.equal(new Set(salts).size, 16);
});

// A frame that commits: the header with the root behind it, signed as every frame is.

async function committed(position: number, indices: readonly number[]): Promise<ChosenSlots> {
  const { header, bytes, body, dataKey: key } = must(bill.source.made[position]);
  const frame = decodeFrame(bytes);
  const headerBytes = concatBytes(frame.headerBytes, await slotsRoot(header, body, key));
  const data = concatBytes(
    utf8("smarter-metering/frame/v1\0"),
    await primitives.sha256(headerBytes),
    await primitives.sha256(frame.body),
  );
  const signature = await must(bill.meter).sign(data);
  return { frame: { ...frame, headerBytes, signature }, body, dataKey: key, indices };
}

const ucsView = (changes: object = {}): string =>
  JSON.stringify({
    kind: "smarter-metering/ucs-view",
    parties: bill.view.parties,
    servicePoints: [
      {
        network: toHex(bill.networkPseudonym),
        contractStart: bill.contractStart,
        contractEnd: null,
        meters: [{ meterId: toHex(bill.meterId), signingKey: toHex(must(bill.meter).publicKey) }],
        ...changes,
      },
    ],
  });

const registryOf = async (text: string) => ({
  ...(await bill.registryOf(text)),
  view: { name: "ucs", text } as const,
});

const registry = await registryOf(ucsView());
/** Two quarters of one day, and of the next the registers alone. */
const chosen = [
  await committed(bill.blockPosition(2), [30, 5, 30]),
  await committed(bill.blockPosition(3), [100]),
];
const packet = await makeDisputePacket(chosen);
const codesOf = ({ links }: DisputeReport): string =>
  links
    .filter(({ status }) => status === "broken")
    .map(({ code }) => code)
    .join(" ");

test("a packet discloses the chosen intervals, proves them, and nothing else", async () => {
  const sent = JSON.parse(JSON.stringify(packet)) as DisputePacket;
  const { links, disclosed } = await verifyDisputePacket(sent, registry);
  assert.deepEqual(
    links.map(({ link, status }) => `${link} ${status}`),
    ["registry ok", "frame ok", "slot ok"],
  );
  const [first, second] = disclosed;
  assert.deepEqual(
    must(first).readings.map(({ startSeconds, importMilliwattHours }) => [
      (startSeconds - bill.midnight(2)) / 900,
      importMilliwattHours,
    ]),
    [5, 30].map((slot) => [slot, 150_000 + 997 * slot + 31 * 2]),
  );
  assert.equal(must(first).closedIntervals, 94);
  assert.equal(must(first).registersMilliwattHours, undefined);
  assert.deepEqual(must(second).readings, []);
  assert.deepEqual(
    must(second).registersMilliwattHours,
    must(chosen[1]).body.registersMilliwattHours,
  );
  assert.equal(must(second).closedIntervals, 100);
  // No key, and no salt but those of the chosen slots.
  const text = JSON.stringify(packet);
  for (const { frame, body, dataKey: key, indices } of chosen) {
    assert.ok(!text.includes(toBase64Url(key)));
    for (const { index, salt } of await openSlots(frame.header, body, key)) {
      assert.equal(text.includes(toBase64Url(salt)), indices.includes(index));
    }
  }
});

/** The packet with one bit of one of its byte strings changed. */
function flippedAt(path: readonly (string | number)[], bit: number): unknown {
  const copy = JSON.parse(JSON.stringify(packet)) as unknown;
  let at = copy as Record<string | number, unknown>;
  for (const key of path.slice(0, -1)) at = at[key] as Record<string | number, unknown>;
  const last = must(path.at(-1));
  const bytes = fromBase64Url(at[last] as string);
  const place = (bit >> 3) % bytes.length;
  bytes[place] = (bytes[place] ?? 0) ^ (1 << (bit & 7));
  at[last] = toBase64Url(bytes);
  return copy;
}

test("one flipped bit anywhere in a packet names that frame or that slot", async () => {
  const every = (path: readonly (string | number)[], step: number) => {
    const text = path.reduce<unknown>((value, key) => Object(value)[key], packet) as string;
    const bits = 8 * fromBase64Url(text).length;
    return Array.from({ length: Math.ceil(bits / step) }, (_, i) => flippedAt(path, i * step));
  };
  const signed = [
    ...every(["frames", 0, "header"], 31),
    ...every(["frames", 0, "bodyHash"], 31),
    ...every(["frames", 0, "signature"], 31),
  ];
  for (const changed of signed) {
    const report = await verifyDisputePacket(changed, registry);
    assert.match(codesOf(report), /^(FRAME_UNSIGNED|METER_UNREGISTERED)$/);
    assert.match(must(report.links.find(({ status }) => status === "broken")).where, /^frame 1:/);
    assert.equal(report.disclosed.length, 1);
  }
  const slots = [
    ...every(["frames", 0, "slots", 1, "salt"], 31),
    ...every(["frames", 0, "slots", 1, "content"], 7),
    ...[0, 3, 6].flatMap((level) => every(["frames", 0, "slots", 1, "path", level], 63)),
  ];
  for (const changed of slots) {
    const report = await verifyDisputePacket(changed, registry);
    assert.equal(codesOf(report), "SLOT_UNCOMMITTED");
    assert.match(
      must(report.links.find(({ status }) => status === "broken")).where,
      /^frame 1, slot 30: 2018-10-27T05:30:00Z$/,
    );
    assert.deepEqual(must(report.disclosed[0]).readings.length, 1);
  }
});

test("other lies about a packet: each has its name, and nothing of it is believed", async () => {
  const [first] = packet.frames;
  const [slot] = must(first).slots;
  const moved = { ...must(slot), index: must(slot).index + 1 };
  const frameWith = (changes: object): unknown => ({
    ...packet,
    frames: [{ ...must(first), ...changes }],
  });
  const otherMeter = [{ meterId: toHex(bill.meterId), signingKey: "11".repeat(32) }];
  const cases: [string, unknown, typeof registry, string][] = [
    ["another slot's value", frameWith({ slots: [moved] }), registry, "SLOT_UNCOMMITTED"],
    [
      "another frame's signature",
      frameWith({ signature: must(packet.frames[1]).signature }),
      registry,
      "FRAME_UNSIGNED",
    ],
    ["a short header", frameWith({ header: "AAAA" }), registry, "FRAME_MALFORMED"],
    [
      "a negative slot",
      frameWith({ slots: [{ ...moved, index: -1 }] }),
      registry,
      "SLOT_UNCOMMITTED",
    ],
    ["half a slot", frameWith({ slots: [{ ...moved, index: 0.5 }] }), registry, "PACKET_MALFORMED"],
    ["an unknown key", { ...packet, more: 1 }, registry, "PACKET_MALFORMED"],
    ["another kind", { ...packet, kind: "x" }, registry, "PACKET_MALFORMED"],
    ["not an object", null, registry, "PACKET_MALFORMED"],
    ["not base64url", frameWith({ bodyHash: "!" }), registry, "PACKET_MALFORMED"],
    [
      "too many frames",
      { ...packet, frames: Array.from({ length: 401 }, () => first) },
      registry,
      "PACKET_MALFORMED",
    ],
    [
      "a meter of before the contract",
      frameWith({}),
      await registryOf(ucsView({ contractStart: bill.midnight(4) })),
      "METER_UNREGISTERED",
    ],
    [
      "a meter with another key",
      frameWith({}),
      await registryOf(ucsView({ meters: otherMeter })),
      "FRAME_UNSIGNED",
    ],
    [
      "a registry of another root",
      frameWith({}),
      { ...registry, rootKey: must(bill.stranger).publicKey },
      "REGISTRY_INVALID",
    ],
  ];
  for (const [name, changed, from, code] of cases) {
    const report = await verifyDisputePacket(changed, from);
    assert.equal(codesOf(report), code, name);
    assert.deepEqual(
      report.disclosed.flatMap(({ readings }) => readings),
      [],
      name,
    );
  }
  const missing = [{ ...must(chosen[0]), indices: [97] }];
  await assert.rejects(makeDisputePacket(missing), { code: "PROTOCOL_MALFORMED" });
});

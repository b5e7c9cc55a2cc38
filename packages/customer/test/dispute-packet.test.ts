/** Dispute packets (docs/protocol.md §11.3) of frames that a meter made: chosen intervals and nothing else, every changed bit named. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  discloseReadings,
  makeDisputePacket,
  verifyDisputePacket,
  type ChosenSlots,
  type Disclosure,
  type DisputePacket,
  type DisputeReport,
} from "@smarter-metering/customer";
import {
  decodeFrame,
  fromBase64Url,
  openSlots,
  toBase64Url,
  toHex,
} from "@smarter-metering/protocol";
import * as bill from "./bill.ts";
import { must } from "./bill.ts";

function committed(position: number, indices: readonly number[]): ChosenSlots {
  const { bytes, body, dataKey } = must(bill.source.made[position]);
  return { frame: decodeFrame(bytes), body, dataKey, indices };
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
  committed(bill.blockPosition(2), [30, 5, 30]),
  committed(bill.blockPosition(3), [100]),
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

test("from the portal's sealed frames: the intervals inside the times asked for, of every frame that has some", async () => {
  const sealed = { envelopes: bill.envelopes, frames: bill.frames };
  const disclose = (spans: Disclosure["spans"], withRegisters = false) =>
    discloseReadings(bill.evidence.meters, bill.secret, sealed, { spans, withRegisters });
  const midnight = bill.midnight(3);
  // Half an hour over the border of two days, a time within one interval, and an interval twice.
  const over = { from: midnight - 1800, to: midnight + 900 };
  const within = { from: midnight + 9000, to: midnight + 9899 };
  const twice = { from: midnight, to: midnight + 900 };
  const { links, disclosed } = await verifyDisputePacket(
    await disclose([over, within, twice]),
    registry,
  );
  assert.ok(links.every(({ status }) => status === "ok"));
  const starts = disclosed.map(({ readings }) => readings.map(({ startSeconds }) => startSeconds));
  assert.deepEqual(starts, [[midnight - 1800, midnight - 900], [midnight]]);
  const [day] = (await verifyDisputePacket(await disclose([over], true), registry)).disclosed;
  const made = must(bill.source.made[bill.blockPosition(2)]);
  assert.deepEqual(must(day).registersMilliwattHours, made.body.registersMilliwattHours);
  assert.deepEqual((await disclose([{ from: 0, to: 900 }], true)).frames, []);
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
    assert.match(codesOf(report), /^(FRAME_MALFORMED|FRAME_UNSIGNED|METER_UNREGISTERED)$/);
    assert.match(
      must(report.links.find(({ status }) => status === "broken")).where,
      /^frame 1(:|$)/,
    );
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

test("each field of a packet that is changed has its code", async () => {
  // Each field by the offset of its last byte in the header (§2.1), in its order.
  const header: [field: string, offset: number, xor: number, code: string][] = [
    ["version", 0, 3, "FRAME_MALFORMED"],
    ["no profile", 1, 1, "FRAME_MALFORMED"],
    ["other profile", 1, 3, "FRAME_UNSIGNED"],
    ["no kind", 2, 1, "FRAME_MALFORMED"],
    ["other kind", 2, 3, "FRAME_UNSIGNED"],
    ["networkPseudonym", 18, 1, "METER_UNREGISTERED"],
    ["meterId", 34, 1, "METER_UNREGISTERED"],
    ["keyEpoch", 38, 1, "FRAME_UNSIGNED"],
    ["keyCommitment", 70, 1, "FRAME_UNSIGNED"],
    ["counter", 78, 1, "FRAME_UNSIGNED"],
    ["a counter beyond 2^53", 71, 255, "FRAME_MALFORMED"],
    ["blockStart", 86, 1, "FRAME_UNSIGNED"],
    ["blockStart before the contract", 83, 64, "METER_UNREGISTERED"],
    ["firstSlot", 88, 1, "FRAME_UNSIGNED"],
    ["count", 90, 1, "FRAME_UNSIGNED"],
    ["a count over 768", 89, 4, "FRAME_MALFORMED"],
    ["intervalSeconds", 94, 1, "FRAME_UNSIGNED"],
    ["registerBank", 102, 1, "FRAME_UNSIGNED"],
    ["previousFrameHash", 134, 1, "FRAME_UNSIGNED"],
    ["slotsRoot", 166, 1, "FRAME_UNSIGNED"],
  ];
  const [frame] = packet.frames;
  const [slot] = must(frame).slots;
  const changed = (text: string, at: number, xor = 1): string => {
    const bytes = fromBase64Url(text);
    bytes[at] = must(bytes[at]) ^ xor;
    return toBase64Url(bytes);
  };
  const frameWith = (changes: object) => ({ ...packet, frames: [{ ...must(frame), ...changes }] });
  const slotWith = (changes: object) => frameWith({ slots: [{ ...must(slot), ...changes }] });
  const { bodyHash, signature, header: headerText } = must(frame);
  const { salt, content, path } = must(slot);
  assert.equal(fromBase64Url(headerText).length, 167);
  const cases: [field: string, packet: unknown, code: string][] = [
    ["nothing", frameWith({}), ""],
    ...header.map(([field, at, xor, code]): [string, unknown, string] => {
      return [field, frameWith({ header: changed(headerText, at, xor) }), code];
    }),
    ["bodyHash", frameWith({ bodyHash: changed(bodyHash, 0) }), "FRAME_UNSIGNED"],
    ["signature", frameWith({ signature: changed(signature, 0) }), "FRAME_UNSIGNED"],
    ["index", slotWith({ index: 6 }), "SLOT_UNCOMMITTED"],
    ["index of the registers", slotWith({ index: 96 }), "SLOT_UNCOMMITTED"],
    ["salt", slotWith({ salt: changed(salt, 31) }), "SLOT_UNCOMMITTED"],
    ["import", slotWith({ content: changed(content, 3) }), "SLOT_UNCOMMITTED"],
    ["export", slotWith({ content: changed(content, 7) }), "SLOT_UNCOMMITTED"],
    ["quality", slotWith({ content: changed(content, 8) }), "SLOT_UNCOMMITTED"],
    ["a short path", slotWith({ path: path.slice(1) }), "SLOT_UNCOMMITTED"],
    ["a long path", slotWith({ path: [...path, salt] }), "SLOT_UNCOMMITTED"],
    ...path.map((hash, level): [string, unknown, string] => {
      const other = slotWith({ path: path.with(level, changed(hash, 0)) });
      return [`path, level ${level}`, other, "SLOT_UNCOMMITTED"];
    }),
  ];
  for (const [field, other, code] of cases) {
    assert.equal(codesOf(await verifyDisputePacket(other, registry)), code, field);
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

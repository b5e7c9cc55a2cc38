/**
 * The oracle by error text (docs/protocol.md §2.8): sealed bytes are changed and sent on, and the answer's code or words tell what is
 * inside. Against a real concentrator, over HTTP. Timing is not measured here: `npm run bench:constant-time` does.
 */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { startConcentrator } from "@smarter-metering/concentrator";
import { httpUplink } from "@smarter-metering/meter";
import {
  decodeFrame,
  decodeUplinkItem,
  encodeFrame,
  encodeUplinkItem,
  toHex,
} from "@smarter-metering/protocol";
import { createMetrics, manualClock, openStore, silentLogger } from "@smarter-metering/runtime";
import type { ActiveAttack, Observed } from "./attack.ts";
import { HandBus } from "./hand-bus.ts";
import { feedOf } from "./ask-trustee.ts";
import type { Stage } from "./stage.ts";
import { startMeter } from "./staged-meter.ts";
import { DAYS } from "./town.ts";
import { instantOfDay } from "./town-homes.ts";

const TARGET = 0;
const BLOCK_BYTES = 16;
/** Bits changed, spread over body, tag and signature. */
const CHANGES = 96;

/** Model of a receiver with two messages: AES-CBC, and the padding looked at before anything else. */
function tellingReceiver(key: Uint8Array): (iv: Uint8Array, block: Uint8Array) => string {
  return (iv, block) => {
    const cipher = createDecipheriv("aes-128-cbc", key, iv);
    try {
      cipher.update(block);
      cipher.final();
      return "bad checksum";
    } catch {
      return "bad padding";
    }
  };
}

/** Vaudenay's attack (EUROCRYPT 2002) on one block: four readings, from error texts alone. */
function readByErrors(readings: readonly number[]): number[] {
  const [key, iv] = [randomBytes(BLOCK_BYTES), randomBytes(BLOCK_BYTES)];
  const cipher = createCipheriv("aes-128-cbc", key, iv);
  const sealed = cipher.update(Buffer.from(Uint32Array.from(readings).buffer));
  const ask = tellingReceiver(key);
  const inner = new Uint8Array(BLOCK_BYTES);
  for (let at = BLOCK_BYTES - 1; at >= 0; at--) {
    const padding = BLOCK_BYTES - at;
    const probe = Uint8Array.from(inner, (byte, index) => (index > at ? byte ^ padding : 0));
    for (let guess = 0; guess < 256; guess++) {
      probe[at] = guess;
      if (ask(probe, sealed) === "bad padding") continue;
      // The last byte may have made a longer padding by chance: another byte before it tells.
      const other = probe.with(at - 1, 255 - (probe[at - 1] ?? 0));
      if (at < BLOCK_BYTES - 1 || ask(other, sealed) !== "bad padding") break;
    }
    inner[at] = (probe[at] ?? 0) ^ padding;
  }
  const plain = Buffer.from(inner.map((byte, index) => byte ^ (iv[index] ?? 0)));
  return readings.map((_, slot) => plain.readUInt32LE(4 * slot));
}

/** A day's frame as the meter sent it, and the same with one bit of body, tag or signature changed. */
async function changedItems(stage: Stage): Promise<{ meterId: string; items: Uint8Array[] }> {
  const { fleet, wire } = await startMeter(stage, TARGET, await stage.folder());
  await fleet.sendDay(instantOfDay(1));
  await fleet.close();
  const item = decodeUplinkItem(wire.encoded.at(-1) ?? new Uint8Array(0));
  if (item.kind !== "FRAME") throw new RangeError("a day's last item is its frame");
  const frame = decodeFrame(item.frame);
  const parts = [frame.body, frame.signature];
  const items = Array.from({ length: CHANGES }, (_, change) => {
    const part = change % parts.length;
    const [body = frame.body, signature = frame.signature] = parts.map((bytes, index) => {
      if (index !== part) return bytes;
      const at = Math.floor((bytes.length * change) / CHANGES);
      return bytes.with(at, (bytes[at] ?? 0) ^ (1 << (change % 8)));
    });
    return encodeUplinkItem({ ...item, frame: encodeFrame({ ...frame, body, signature }) });
  });
  return { meterId: toHex(frame.header.meterId), items };
}

async function askConcentrator(stage: Stage): Promise<Observed> {
  const { meterId, items } = await changedItems(stage);
  const store = await openStore({
    place: { kind: "pglite" },
    schema: "concentrator-party",
    migrations: [],
  });
  const concentrator = await startConcentrator(
    {
      uplinkItemsMax: 256,
      futureToleranceSeconds: 300,
      http: { host: "127.0.0.1", port: 0 },
      mqtt: null,
    },
    {
      clock: manualClock(1000 * instantOfDay(DAYS + 1)),
      log: silentLogger,
      metrics: createMetrics(),
      bus: new HandBus(),
      store,
      registry: feedOf(stage.epoch, stage.view),
    },
  );
  try {
    const uplink = httpUplink({ url: concentrator.url, fetch: globalThis.fetch });
    const { verdicts } = await uplink.send(items.map((item) => ({ meterId, item })));
    const answers = new Set(verdicts.map((verdict) => JSON.stringify(verdict)));
    const codes = verdicts.map((verdict) => ("code" in verdict ? verdict.code : verdict.status));
    const by = "concentrator";
    if (answers.size === 1) return { kind: "refused", by, codes };
    return { kind: "succeeded", by, why: `${answers.size} different answers` };
  } finally {
    await concentrator.close();
    await store.close();
  }
}

export const oracleAttacks: readonly ActiveAttack[] = [
  {
    name: "oracle by error text: sealed bytes changed a bit at a time",
    adversary: "who stands between meter and concentrator",
    guard: "one code and one text for all that fails",
    without: "model: AES-CBC, a text for bad padding and one for the rest",
    expected: "FRAME_BAD_SIGNATURE",
    control({ home }) {
      const truth = home(TARGET).milliwattHours.slice(0, BLOCK_BYTES / 4);
      return Promise.resolve({ recovered: readByErrors(truth), truth });
    },
    system: askConcentrator,
  },
];

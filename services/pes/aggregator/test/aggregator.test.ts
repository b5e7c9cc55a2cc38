/** The aggregator: exact sums, every outcome, cutoffs, bills, and crashes at every step. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  aggregatorMigrations,
  startAggregator,
  type AggregatorService,
} from "@smarter-metering/aggregator";
import { encryptBatch, unpack } from "@smarter-metering/paillier";
import {
  billPacking,
  contributionsOf,
  decodeContribution,
  decodeRequest,
  encodeContribution,
  encodeRefusal,
  encodeRelease,
  fromHex,
  loadPacking,
  openFrame,
  planContributions,
  requestDigest,
  sealRelease,
  signContribution,
  signRefusal,
  toHex,
  verifyRequest,
  type ContributionHeader,
  type FrameHeader,
  type Signer,
  type SignedRequest,
} from "@smarter-metering/protocol";
import {
  createMetrics,
  manualClock,
  openBus,
  openStore,
  silentLogger,
  type Bus,
  type BusMessage,
  type Delivery,
  type Handler,
  type ManualClock,
  type Sql,
  type Store,
  type Verdict,
} from "@smarter-metering/runtime";
import fc from "fast-check";
import { textbookDecrypt } from "../../../../packages/paillier/test/textbook.ts";
import { makeWorld, type FrameValues, type World } from "../../../../test/support/world.ts";
import { decideWindow, type Border, type OpenWindow } from "../src/bill-window.ts";
import { judgePart, type Part } from "../src/judge-part.ts";

const HOUSEHOLDS = 4;
const DAY_SLOTS = 96;
const LOAD_SLOTS = 24;
/** ⌈log2(63 A · 3 · 230 V · 1.25 · 1 h in Wh + 1)⌉ */
const LOAD_VALUE_BITS = 16;
const HOUR = 3600;
const LOAD_CUTOFF = 6 * HOUR;
const BILL_CUTOFF = 72 * HOUR;

let world: World;
let store: Store;
before(async () => {
  // Hours: 96 quarters do not fit in one ciphertext of the 2048-bit test key.
  world = await makeWorld({ households: HOUSEHOLDS, loadIntervalSeconds: HOUR });
  store = await openStore({ schema: "aggregator", migrations: aggregatorMigrations });
});
after(async () => {
  await store.close();
  await world.close();
});

const household = (index: number) => {
  const found = world.households[index];
  assert(found !== undefined);
  return found;
};

/** What the opener would have published for one frame: a message for each stream. */
async function contribute(
  index: number,
  header: Partial<FrameHeader> & { readonly blockStart: number },
  values: FrameValues,
  change: (header: ContributionHeader) => ContributionHeader = (same) => same,
  signer: Signer = world.parties.opener.signer,
): Promise<BusMessage[]> {
  const { frames } = household(index);
  const made = await frames.next(header, values);
  const { publicKey } = world.paillier;
  const end = world.dayStart(world_dayAfter(header.blockStart));
  const planned = planContributions(
    made.frame.header,
    made.hash,
    await openFrame(made.frame, frames.dataKey),
    {
      paillierKeyId: fromHex(publicKey.id),
      modulusBits: publicKey.bits,
      blockSeconds: end - header.blockStart,
      bandCount: 2,
      load: { intervalSeconds: HOUR, valueBits: LOAD_VALUE_BITS, exportToo: false },
    },
  );
  return Promise.all(
    planned.map(async (plan): Promise<BusMessage> => {
      const message = BigInt(`0x${toHex(plan.message)}`);
      const [ciphertext] = await encryptBatch(world.engine, publicKey, [message]);
      assert(ciphertext !== undefined);
      const changed = change(plan.header);
      const { encodeContributionHeader } = await import("@smarter-metering/protocol");
      const headerBytes = encodeContributionHeader(changed);
      const signed = await signContribution(headerBytes, changed, ciphertext.bytes, signer);
      return {
        id: `${toHex(made.hash)}/${plan.header.stream}`,
        subject: household(index).network,
        body: encodeContribution(signed),
      };
    }),
  );
}

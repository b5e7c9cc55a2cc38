/**
 * The way from meters to the concentrator: requests and answers get lost, requests come twice, hours late or out of order. It writes down
 * what was sent and acknowledged, which is all the model knows of the fate of a frame.
 */
import { httpUplink, MeterError, type Uplink, type UplinkEntry } from "@smarter-metering/meter";
import { decodeFrame, decodeUplinkItem, frameHash, toHex } from "@smarter-metering/protocol";
import type { Clock } from "@smarter-metering/runtime";
import type { Chance } from "./chance.ts";
import type { Activity, Life } from "./life.ts";

const LOSS = 0.08;
const DISORDER = 0.2;
const STRAY = 0.15;
const STRAY_SECONDS_MAX = 30 * 3600;

/** One frame, as the network saw it. Times are simulated epoch seconds. */
export interface FrameFate {
  readonly meterId: string;
  readonly blockStart: number;
  readonly firstSlot: number;
  readonly count: number;
  readonly item: Uint8Array;
  readonly sentSeconds: number;
  /** First verdict "accepted" or "duplicate" that reached anybody. */
  takenSeconds: number | undefined;
  forked: boolean;
}

/** What all meters sent, by frame hash. */
export type FrameFates = Map<string, FrameFate>;

export interface Network {
  readonly fates: FrameFates;
  readonly chance: Chance;
  readonly clock: Clock;
  readonly activity: Activity;
  /** Of the concentrator, while there is one. */
  url(): string | undefined;
}

/** Delivers a request as it is and records what becomes of its frames. Throws UPLINK_UNREACHABLE. */
async function deliver(network: Network, entries: readonly UplinkEntry[]) {
  const { fates, clock } = network;
  const hashes = await Promise.all(entries.map(({ item }) => noteSent(network, item)));
  const url = network.url();
  if (url === undefined) throw new MeterError("UPLINK_UNREACHABLE", "the concentrator is away");
  const answer = await network.activity.during(() => httpUplink({ url, fetch }).send(entries));
  for (const [index, verdict] of answer.verdicts.entries()) {
    const fate = fates.get(hashes[index] ?? "");
    if (fate === undefined) continue;
    const taken = verdict.status === "accepted" || verdict.status === "duplicate";
    if (taken) fate.takenSeconds ??= Math.floor(clock.nowMs() / 1000);
    if (verdict.status === "refused" && verdict.code === "FRAME_FORKED") fate.forked = true;
  }
  return answer;
}

async function noteSent({ fates, clock }: Network, item: Uint8Array): Promise<string | undefined> {
  const decoded = decodeUplinkItem(item);
  if (!("frame" in decoded)) return undefined;
  const frame = decodeFrame(decoded.frame);
  const hash = toHex(await frameHash(frame));
  const { meterId, blockStart, firstSlot, count } = frame.header;
  const place = { meterId: toHex(meterId), blockStart, firstSlot, count };
  const sentSeconds = Math.floor(clock.nowMs() / 1000);
  const fate = { ...place, item, sentSeconds, takenSeconds: undefined, forked: false };
  if (!fates.has(hash)) fates.set(hash, fate);
  return hash;
}

/** The uplink of one life of a fleet. `isDown`: nothing gets through. */
export function faultyUplink(
  network: Network,
  fleet: string,
  life: Life,
  isDown: () => boolean,
): Uplink {
  const { chance, clock } = network;
  const unreachable = (): never => {
    throw new MeterError("UPLINK_UNREACHABLE", "the simulation loses this message");
  };
  /** A copy that wanders through the network and arrives some time. */
  const stray = (entries: readonly UplinkEntry[]): void => {
    const delaySeconds = chance.integer(`${fleet} stray`, 1, STRAY_SECONDS_MAX);
    clock.at(clock.nowMs() + delaySeconds * 1000, () => {
      void deliver(network, entries).catch(() => undefined); // Nobody waits for its answer.
    });
  };
  return {
    send: (entries) =>
      life.run(async () => {
        if (isDown()) unreachable();
        if (chance.strikes(`${fleet} copy`, STRAY)) stray(entries);
        if (chance.strikes(`${fleet} request`, LOSS)) {
          if (chance.isTrue(`${fleet} late`, 0.5)) stray(entries);
          unreachable();
        }
        const mixed = chance.strikes(`${fleet} order`, DISORDER)
          ? chance.shuffled(`${fleet} order`, [...entries.keys()])
          : [...entries.keys()];
        const sent = mixed.flatMap((index) => entries[index] ?? []);
        const answer = await deliver(network, sent);
        if (chance.strikes(`${fleet} answer`, LOSS)) unreachable();
        const verdicts = entries.flatMap((_, index) => answer.verdicts[mixed.indexOf(index)] ?? []);
        return { ...answer, verdicts };
      }),
    close: () => Promise.resolve(),
  };
}

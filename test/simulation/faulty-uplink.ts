/**
 * The way from meters to the concentrator: requests and answers get lost, requests come twice, hours late or out of order. It writes down
 * what was sent and acknowledged, which is all the model knows of the fate of a frame.
 */
import type { ConcentratorService } from "@smarter-metering/concentrator";
import { MeterError, type Uplink, type UplinkEntry } from "@smarter-metering/meter";
import { decodeFrame, decodeUplinkItem, frameHash, toHex } from "@smarter-metering/protocol";
import type { Chance } from "./chance.ts";
import type { Faults, Traveller } from "./faults.ts";
import type { FleetName } from "./plan.ts";
import type { SimulatedTime } from "./simulated-clock.ts";

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
  readonly time: SimulatedTime;
  readonly faults: Faults;
  /** Of the concentrator, while there is one. */
  concentrator(): ConcentratorService | undefined;
}

/** The way to the concentrator that nothing disturbs. */
export function plainUplink(network: Network): Uplink {
  return {
    async send(entries) {
      try {
        const service = network.concentrator();
        if (service === undefined) throw new Error("the concentrator is away");
        const items = entries.map(({ item }) => item);
        const taken = await service.concentrate(items);
        if (taken === undefined) throw new Error("the concentrator has no room");
        return taken;
      } catch (cause) {
        throw new MeterError("UPLINK_UNREACHABLE", "the concentrator did not take it", cause);
      }
    },
    close: () => Promise.resolve(),
  };
}

/** Delivers a request as it is and records what becomes of its frames. Throws UPLINK_UNREACHABLE. */
async function deliver(network: Network, entries: readonly UplinkEntry[]) {
  const { fates, time } = network;
  const hashes = await Promise.all(entries.map(({ item }) => noteSent(network, item)));
  const answer = await plainUplink(network).send(entries);
  for (const [index, verdict] of answer.verdicts.entries()) {
    const fate = fates.get(hashes[index] ?? "");
    if (fate === undefined) continue;
    const taken = verdict.status === "accepted" || verdict.status === "duplicate";
    if (taken) fate.takenSeconds ??= Math.floor(time.nowMs() / 1000);
    if (verdict.status === "refused" && verdict.code === "FRAME_FORKED") fate.forked = true;
  }
  return answer;
}

async function noteSent({ fates, time }: Network, item: Uint8Array): Promise<string | undefined> {
  const decoded = decodeUplinkItem(item);
  if (!("frame" in decoded)) return undefined;
  const frame = decodeFrame(decoded.frame);
  const hash = toHex(await frameHash(frame));
  const { meterId, blockStart, firstSlot, count } = frame.header;
  const place = { meterId: toHex(meterId), blockStart, firstSlot, count };
  const sentSeconds = Math.floor(time.nowMs() / 1000);
  const fate = { ...place, item, sentSeconds, takenSeconds: undefined, forked: false };
  if (!fates.has(hash)) fates.set(hash, fate);
  return hash;
}

/** The uplink of one life of a fleet. */
export function faultyUplink(network: Network, who: Traveller & { name: FleetName }): Uplink {
  const { chance, time, faults } = network;
  const { life, name } = who;
  /** A copy that wanders through the network and arrives some time. */
  const stray = (entries: readonly UplinkEntry[]): void => {
    const delaySeconds = chance.integer(`${name} stray`, 1, STRAY_SECONDS_MAX);
    time.at(time.nowMs() + delaySeconds * 1000, async () => {
      await deliver(network, entries).catch(() => undefined); // Nobody waits for its answer.
    });
  };
  return {
    send: (entries) =>
      life.run("send", async () => {
        if (faults.strikes("duplicate", `${name} uplink`)) stray(entries);
        const isMixed = entries.length > 1 && faults.strikes("reorder", `${name} uplink`);
        const order = [...entries.keys()];
        const mixed = isMixed ? chance.shuffled(`${name} order`, order) : order;
        const sent = mixed.flatMap((index) => entries[index] ?? []);
        const answer = await faults
          .way(who, "concentrator", "uplink", () => deliver(network, sent))
          .catch((cause: unknown) => {
            throw cause instanceof MeterError
              ? cause
              : new MeterError("UPLINK_UNREACHABLE", "the simulation loses this message", cause);
          });
        const verdicts = entries.flatMap((_, index) => answer.verdicts[mixed.indexOf(index)] ?? []);
        return { ...answer, verdicts };
      }),
    close: () => Promise.resolve(),
  };
}

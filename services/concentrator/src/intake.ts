/**
 * The concentrator's one way in: items of any request, over HTTP or MQTT, go through `take`
 * (docs/protocol.md §2.7, §4). Rounds run one after the other, so that a meter's frames are judged
 * in order, and one transaction serves all items of a round.
 */
import type { Judgement, NetworkView, RegistryFeed } from "@smarter-metering/protocol";
import type { Clock, Logger, Store } from "@smarter-metering/runtime";
import type { Arrivals } from "./arrivals.ts";
import type { ChainStore, Fork } from "./chain-store.ts";
import {
  examineItem,
  type Examined,
  type ExaminedFrame,
  type ExaminedMessage,
  type KnownEnvelopes,
} from "./examine.ts";
import type { Forward } from "./forward.ts";
import { judgeBatch } from "./judge-batch.ts";
import type { DownlinkMessage, Mailbox } from "./mailbox.ts";
import type { Quota } from "./quota.ts";
import { OVER_QUOTA, QUEUE_FULL, refused, type Verdict } from "./verdict.ts";
import { WaitingRoom } from "./waiting-room.ts";

export interface IntakePorts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly store: Store;
  readonly registry: RegistryFeed<NetworkView>;
  readonly chain: ChainStore;
  readonly mailbox: Mailbox;
  readonly quota: Quota;
  readonly arrivals: Arrivals;
  readonly forward: Forward;
}

export interface Taken {
  /** One per item, in order. */
  readonly verdicts: readonly Verdict[];
  /** For the meters that proved themselves by a frame or an offer under a good signature. */
  readonly downlink: readonly DownlinkMessage[];
}

interface Request {
  readonly items: readonly Uint8Array[];
  resolve(taken: Taken): void;
  reject(error: unknown): void;
}

export class Intake {
  readonly #ports: IntakePorts;
  readonly #futureToleranceSeconds: number;
  readonly #knownEnvelopes: KnownEnvelopes = new Set();
  readonly #room = new WaitingRoom<Request>();
  #running: Promise<void> | undefined;

  constructor(ports: IntakePorts, futureToleranceSeconds: number) {
    this.#ports = ports;
    this.#futureToleranceSeconds = futureToleranceSeconds;
  }

  /** Items that wait for a round. */
  get waiting(): { readonly fresh: number; readonly old: number } {
    return { fresh: this.#room.freshItems, old: this.#room.oldItems };
  }

  /**
   * Resolves when every accepted item is on the bus and in the store; undefined when there is no
   * room, and nothing was looked at. Rejects when the bus or the store fails: nothing is then
   * acknowledged, and what was published already is recognised when the meter sends again.
   */
  take(items: readonly Uint8Array[]): Promise<Taken | undefined> {
    return new Promise((resolve, reject) => {
      if (!this.#room.offer({ items, resolve, reject }, this.#nowMs() / 1000)) {
        return resolve(undefined);
      }
      this.#running ??= this.#run();
    });
  }

  /** Resolves when no round is running. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    // What arrives in the same turn shares the round.
    await Promise.resolve();
    while (!this.#room.isEmpty) {
      const round = this.#room.nextRound();
      try {
        const items = round.flatMap((entry) => entry.items);
        const { verdicts, examined } = await this.#work(items);
        const nowSeconds = Math.floor(this.#nowMs() / 1000);
        const messages = await this.#ports.mailbox.waiting(provenBy(examined), nowSeconds);
        let start = 0;
        for (const entry of round) {
          const end = start + entry.items.length;
          const proven = provenBy(examined.slice(start, end));
          const downlink = messages.filter(({ meterId }) => proven.has(meterId));
          entry.resolve({ verdicts: verdicts.slice(start, end), downlink });
          start = end;
        }
      } catch (error) {
        for (const entry of round) entry.reject(error);
      }
    }
    this.#running = undefined;
  }

  async #work(
    items: readonly Uint8Array[],
  ): Promise<{ verdicts: Verdict[]; examined: readonly Outcome[] }> {
    const { chain, forward } = this.#ports;
    const nowSeconds = Math.floor(this.#nowMs() / 1000);
    const examined = await this.#examine(items, nowSeconds);
    const frames = examined.filter(isFrame);
    const memory = await chain.load(frames);
    const outcomes = new Map(
      judgeBatch(frames, memory).map((judgement, index) => [frames[index], judgement] as const),
    );
    const verdicts = examined.map((entry): Verdict => {
      if ("status" in entry) return entry;
      return verdictOf(entry.kind === "frame" ? outcomes.get(entry) : undefined);
    });
    const accepted = examined.filter(
      (entry, index): entry is ExaminedFrame | ExaminedMessage =>
        !("status" in entry) && verdicts[index]?.status === "accepted",
    );
    // First the bus, then the memory: a crash in between costs a repeat, which the bus knows by its
    // id.
    if (!(await forward(accepted))) {
      // Later frames of a meter were judged against earlier ones that did not get through.
      return {
        verdicts: examined.map((entry) => ("status" in entry ? entry : QUEUE_FULL)),
        examined,
      };
    }
    this.#noteArrivals(accepted);
    const forks = frames.flatMap((frame): Fork[] => {
      const judgement = outcomes.get(frame);
      return judgement?.verdict === "fork" ? [{ frame, knownHash: judgement.knownHash }] : [];
    });
    await this.#remember(accepted, forks, nowSeconds);
    return { verdicts, examined };
  }

  /** Each item by itself: what it is, under whose signature, and whether that meter may send it now. */
  async #examine(items: readonly Uint8Array[], nowSeconds: number): Promise<Outcome[]> {
    const { registry, quota } = this.#ports;
    const futureToleranceSeconds = this.#futureToleranceSeconds;
    const rules = { view: registry.current().view, nowSeconds, futureToleranceSeconds };
    const examined: Outcome[] = [];
    for (const item of items) {
      const entry = await examineItem(item, rules, this.#knownEnvelopes);
      const isWithin =
        "status" in entry || quota.admit(entry.meterId, item.length, this.#nowMs() / 1000);
      examined.push(isWithin ? entry : OVER_QUOTA);
    }
    return examined;
  }

  #noteArrivals(accepted: readonly (ExaminedFrame | ExaminedMessage)[]): void {
    const nowMs = this.#nowMs();
    for (const entry of accepted) {
      if (entry.kind === "frame") {
        this.#ports.arrivals.note(entry.meterId, entry.frame.header, nowMs);
      }
    }
  }

  #nowMs(): number {
    return this.#ports.clock.nowMs();
  }

  async #remember(
    accepted: readonly (ExaminedFrame | ExaminedMessage)[],
    forks: readonly Fork[],
    nowSeconds: number,
  ): Promise<void> {
    const { log, store, chain, mailbox } = this.#ports;
    for (const { frame } of forks) log.warn("a frame forks", { servicePoint: frame.network });
    const frames = accepted.filter(isFrame);
    const answers = accepted.flatMap((entry) =>
      entry.kind === "message" && entry.answeredNonce !== undefined
        ? [{ meterId: entry.meterId, nonce: entry.answeredNonce }]
        : [],
    );
    if (frames.length + forks.length + answers.length === 0) return;
    await store.transaction(async (sql) => {
      await chain.write(sql, frames, forks, nowSeconds);
      await mailbox.settle(sql, answers);
    });
  }
}

/** What became of one item before it was judged. */
type Outcome = Examined | typeof OVER_QUOTA;

/** Messages have no place in the chain and are not judged: what was examined is accepted. */
function verdictOf(judgement: Judgement | undefined): Verdict {
  switch (judgement?.verdict) {
    case "duplicate":
      return { status: "duplicate" };
    case "gap": {
      const { expectedCounter } = judgement;
      return { status: "retry", code: "FRAME_GAP", expectedCounter };
    }
    case "fork":
      return refused("FRAME_FORKED", "another frame stands in this place; both are kept");
    case "stale":
      return refused("FRAME_STALE_EPOCH", "a frame of a later key epoch was seen");
    default:
      return { status: "accepted" };
  }
}

const isFrame = (entry: Outcome): entry is ExaminedFrame =>
  "kind" in entry && entry.kind === "frame";

function provenBy(examined: readonly Outcome[]): Set<string> {
  const proven = new Set<string>();
  for (const entry of examined) {
    if ("kind" in entry) proven.add(entry.meterId);
  }
  return proven;
}

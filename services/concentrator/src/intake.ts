/**
 * The concentrator's one way in: items of any request, over HTTP or MQTT, go through `take`
 * (docs/protocol.md §2.7, §4). Rounds run one after the other, so that a meter's frames are judged
 * in order, and one transaction serves all items that wait.
 */
import type { Judgement, NetworkView, RegistryFeed } from "@smarter-metering/protocol";
import type { Clock, Logger, Store } from "@smarter-metering/runtime";
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
import type { Mailbox } from "./mailbox.ts";
import { QUEUE_FULL, refused, type Verdict } from "./verdict.ts";

/** Items of one round: about a tenth of a second of signature checks. */
const ROUND_ITEMS_MAX = 512;
/** Items that wait for a round; beyond it the meter keeps them (FRAME_QUEUE_FULL). */
const WAITING_ITEMS_MAX = 8192;

export interface IntakePorts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly store: Store;
  readonly registry: RegistryFeed<NetworkView>;
  readonly chain: ChainStore;
  readonly mailbox: Mailbox;
  readonly forward: Forward;
}

export interface Taken {
  /** One per item, in order. */
  readonly verdicts: readonly Verdict[];
  /** Meters that proved themselves: at least one frame or offer under a good signature. */
  readonly proven: ReadonlySet<string>;
}

interface Waiting {
  readonly items: readonly Uint8Array[];
  resolve(taken: Taken): void;
  reject(error: unknown): void;
}

export class Intake {
  readonly #ports: IntakePorts;
  readonly #futureToleranceSeconds: number;
  readonly #knownEnvelopes: KnownEnvelopes = new Set();
  #waiting: Waiting[] = [];
  #waitingItems = 0;
  #running: Promise<void> | undefined;

  constructor(ports: IntakePorts, futureToleranceSeconds: number) {
    this.#ports = ports;
    this.#futureToleranceSeconds = futureToleranceSeconds;
  }

  /**
   * Resolves when every accepted item is on the bus and in the store. Rejects when the bus or the
   * store fails: nothing is then acknowledged, and what was published already is recognised when
   * the meter sends again.
   */
  take(items: readonly Uint8Array[]): Promise<Taken> {
    if (this.#waitingItems + items.length > WAITING_ITEMS_MAX) {
      return Promise.resolve({ verdicts: items.map(() => QUEUE_FULL), proven: new Set() });
    }
    this.#waitingItems += items.length;
    return new Promise((resolve, reject) => {
      this.#waiting.push({ items, resolve, reject });
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
    while (this.#waiting.length > 0) {
      const round = this.#nextRound();
      try {
        const items = round.flatMap((entry) => entry.items);
        const { verdicts, examined } = await this.#work(items);
        let start = 0;
        for (const entry of round) {
          const end = start + entry.items.length;
          const proven = provenBy(examined.slice(start, end));
          entry.resolve({ verdicts: verdicts.slice(start, end), proven });
          start = end;
        }
      } catch (error) {
        for (const entry of round) entry.reject(error);
      }
    }
    this.#running = undefined;
  }

  /** At least one request, and as many more as fit. */
  #nextRound(): Waiting[] {
    let items = 0;
    const end = this.#waiting.findIndex((entry, index) => {
      items += entry.items.length;
      return index > 0 && items > ROUND_ITEMS_MAX;
    });
    const round = this.#waiting.splice(0, end < 0 ? this.#waiting.length : end);
    for (const entry of round) this.#waitingItems -= entry.items.length;
    return round;
  }

  async #work(
    items: readonly Uint8Array[],
  ): Promise<{ verdicts: Verdict[]; examined: readonly Examined[] }> {
    const { clock, registry, chain, forward } = this.#ports;
    const nowSeconds = Math.floor(clock.nowMs() / 1000);
    const futureToleranceSeconds = this.#futureToleranceSeconds;
    const rules = { view: registry.current().view, nowSeconds, futureToleranceSeconds };
    const examined: Examined[] = [];
    for (const item of items) examined.push(await examineItem(item, rules, this.#knownEnvelopes));

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
    const forks = frames.flatMap((frame): Fork[] => {
      const judgement = outcomes.get(frame);
      return judgement?.verdict === "fork" ? [{ frame, knownHash: judgement.knownHash }] : [];
    });
    await this.#remember(accepted, forks, nowSeconds);
    return { verdicts, examined };
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

const isFrame = (entry: Examined): entry is ExaminedFrame =>
  "kind" in entry && entry.kind === "frame";

function provenBy(examined: readonly Examined[]): Set<string> {
  const proven = new Set<string>();
  for (const entry of examined) {
    if ("kind" in entry) proven.add(entry.meterId);
  }
  return proven;
}

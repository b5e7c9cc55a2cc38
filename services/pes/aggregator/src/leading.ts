/**
 * The part of the aggregator that only one does at a time (docs/protocol.md §7.2, §7.3, §13): seals
 * what is past its cutoff, decides bills, makes requests, operates the log, takes the trustees'
 * answers. Every transaction is one of the leader's store: once another leads it can write nothing.
 */
import {
  errorFields,
  type Delivery,
  type Handler,
  type Store,
  type Subscription,
  type Verdict,
} from "@smarter-metering/runtime";
import type { AggregatorPorts } from "./aggregator.ts";
import { takePartialReleases, takeRefusals, takeReleases, type TakeAnswers } from "./answers.ts";
import { decideWindows, planWindows } from "./bill-window.ts";
import { queueEntries } from "./entry-queue.ts";
import { sealPastCutoff } from "./load-set.ts";
import type { Meters } from "./meters.ts";
import { PublicLog } from "./public-log.ts";
import { STORE_ATTEMPTS_MAX } from "./recording.ts";
import { forgetLoads } from "./retention.ts";
import { registryContext, type RegistryContext } from "./registry-context.ts";
import { makeRequests, publishRequests } from "./requests.ts";

const ANSWERS_PER_BATCH = 64;
const COSIGNATURES_PER_BATCH = 64;
const BACKLOG_SECONDS_MAX = 3600;

export interface LeadingPorts extends Omit<AggregatorPorts, "metrics"> {
  /** The leader's. */
  readonly store: Store;
}

export class Leading {
  readonly #ports: LeadingPorts;
  readonly #meters: Meters;
  readonly #publicLog: PublicLog;
  readonly #subscriptions: readonly Subscription[];
  #billedEpoch = -1;
  #loggedEpoch = -1;
  /** Of the newest head under which requests were published. */
  #standingSize = 0;
  #caughtUpSeconds: number;
  /** Ends when the last step asked for has: steps run one after the other. */
  #steps: Promise<unknown> = Promise.resolve();
  #waitingSteps = 0;

  private constructor(ports: LeadingPorts, meters: Meters, publicLog: PublicLog) {
    this.#ports = ports;
    this.#meters = meters;
    this.#publicLog = publicLog;
    this.#caughtUpSeconds = this.#nowSeconds();
    const answers = (take: TakeAnswers): Handler => {
      return (batch) => this.#answer(batch, take);
    };
    this.#subscriptions = [
      this.#consume("releases", ANSWERS_PER_BATCH, answers(takeReleases)),
      this.#consume("partial-releases", ANSWERS_PER_BATCH, answers(takePartialReleases)),
      this.#consume("refusals", ANSWERS_PER_BATCH, answers(takeRefusals)),
      this.#consume("cosignatures", COSIGNATURES_PER_BATCH, (batch) => this.#cosigned(batch)),
    ];
  }

  /** Opens the log as the leader before left it, and takes answers. Rejects as `PublicLog.open`. */
  static async open(ports: LeadingPorts, meters: Meters): Promise<Leading> {
    return new Leading(ports, meters, await PublicLog.open(ports));
  }

  #consume(stream: string, batchMax: number, handle: Handler): Subscription {
    const { bus, log } = this.#ports;
    const options = { batchMax, attemptsMax: STORE_ATTEMPTS_MAX };
    const subscription = bus.consume(stream, "aggregator", options, handle);
    void subscription.ended.then((error) => {
      if (error !== undefined) log.error("no more answers are taken", errorFields(error));
    });
    return subscription;
  }

  /** See `AggregatorService.tick`. */
  tick(): Promise<void> {
    return this.#step(async () => {
      const { store } = this.#ports;
      const registry = await this.#registry();
      const nowSeconds = this.#nowSeconds();
      if (this.#billedEpoch !== registry.epoch) {
        await planWindows(store, registry);
        this.#billedEpoch = registry.epoch;
      }
      if (await this.#isCaughtUp(nowSeconds)) {
        await sealPastCutoff(store, registry, nowSeconds);
        while (await decideWindows(store, registry, nowSeconds));
      }
      await this.#request(registry);
      await forgetLoads(store, nowSeconds);
    });
  }

  /**
   * Without waiting: the batch that completed a set is settled meanwhile. A failure waits for the
   * next tick.
   */
  requestSoon(): void {
    if (this.#waitingSteps > 1) return; // A step that has not begun will see this set too.
    this.#step(async () => this.#request(await this.#registry())).catch((error: unknown) =>
      this.#ports.log.error("requests failed", errorFields(error)),
    );
  }

  /** Takes no more answers and finishes what is in hand. */
  async stop(): Promise<void> {
    await Promise.all(this.#subscriptions.map((subscription) => subscription.stop()));
    await this.#steps;
  }

  /**
   * After a stop the backlog was in time, and is recorded, by whoever has it in hand, before any
   * cutoff is held against it. Where contributions always wait, cutoffs count an hour after the last
   * time that none did.
   */
  async #isCaughtUp(nowSeconds: number): Promise<boolean> {
    const waiting = await this.#ports.bus.pending("contributions", "aggregator");
    if (waiting === 0) this.#caughtUpSeconds = nowSeconds;
    return waiting === 0 || nowSeconds - this.#caughtUpSeconds >= BACKLOG_SECONDS_MAX;
  }

  async #answer(batch: readonly Delivery[], take: TakeAnswers): Promise<Verdict[]> {
    const { quorum } = await this.#registry();
    const bodies = batch.map(({ body }) => body);
    const outcomes = await take(bodies, this.#ports.store, quorum);
    return outcomes.map((outcome) => {
      this.#meters.answers.add(1, { outcome });
      if (outcome === "RELEASED" || outcome === "REFUSED") return { ack: true };
      this.#ports.log.warn("an answer was not taken", { code: outcome });
      return { dead: outcome };
    });
  }

  async #cosigned(batch: readonly Delivery[]): Promise<Verdict[]> {
    const { logQuorum } = await this.#registry();
    const bodies = batch.map(({ body }) => body);
    const outcomes = await this.#publicLog.takeCosignatures(bodies, logQuorum);
    const standing = await this.#publicLog.standing();
    if (standing !== undefined && standing.size > this.#standingSize) this.requestSoon();
    return outcomes.map((outcome) => {
      this.#meters.cosignatures.add(1, { outcome });
      if (outcome === "COSIGNED") return { ack: true };
      this.#ports.log.warn("a cosignature was not taken", { code: outcome });
      return { dead: outcome };
    });
  }

  async #request(registry: RegistryContext): Promise<void> {
    const { store } = this.#ports;
    if (this.#loggedEpoch !== registry.epoch) {
      // Before any request that names it.
      const entry = { kind: "registry-epoch", body: registry.hash } as const;
      await store.transaction((sql) => queueEntries(sql, [entry]));
      this.#loggedEpoch = registry.epoch;
    }
    await makeRequests(this.#ports, registry, this.#nowSeconds());
    await this.#publicLog.append();
    const standing = await this.#publicLog.standing();
    if (standing === undefined) return;
    this.#meters.requests.add(await publishRequests(this.#ports, standing));
    this.#standingSize = standing.size;
  }

  #step<T>(work: () => Promise<T>): Promise<T> {
    this.#waitingSteps += 1;
    const result = this.#steps.then(work).finally(() => (this.#waitingSteps -= 1));
    this.#steps = result.catch(() => undefined);
    return result;
  }

  #registry(): Promise<RegistryContext> {
    return registryContext(this.#ports.registry.current());
  }

  #nowSeconds(): number {
    return Math.floor(this.#ports.clock.nowMs() / 1000);
  }
}

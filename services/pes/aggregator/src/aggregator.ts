/**
 * The aggregator (docs/protocol.md §7): keeps the ledger of contributions, seals sets, operates the
 * log (§13), asks for releases. Holds public keys and ciphertexts; it must never see a reading, a
 * secret key or the content of a release.
 */
import assert from "node:assert/strict";
import type { DurableFile } from "@smarter-metering/log";
import type { Engine } from "@smarter-metering/paillier";
import type { NetworkView, RegistryFeed, Signer } from "@smarter-metering/protocol";
import {
  errorFields,
  runtimeLogFields,
  type App,
  type Bus,
  type Clock,
  type Delivery,
  type LogFields,
  type Logger,
  type Metrics,
  type Store,
  type Verdict,
} from "@smarter-metering/runtime";
import { takePartialReleases, takeRefusals, takeReleases, type TakeAnswers } from "./answers.ts";
import { decideWindows, planWindows } from "./bill-window.ts";
import {
  checkContributions,
  type CheckedContribution,
  type ContributionRefusal,
} from "./check-contribution.ts";
import { aggregatorApp } from "./http.ts";
import { ledgerApp } from "./http-ledger.ts";
import { queueEntries } from "./entry-queue.ts";
import { recordBatch, type Tally } from "./ledger.ts";
import { sealPastCutoff } from "./load-set.ts";
import { PublicLog } from "./public-log.ts";
import { registryContext, type RegistryContext } from "./registry-context.ts";
import { askDue, blockProgress, loadStatus, type AggregatorStatus, type Asked } from "./report.ts";
import { makeRequests, publishRequests } from "./requests.ts";

/** Contributions in one transaction. */
const CONTRIBUTIONS_PER_BATCH = 256;
const ANSWERS_PER_BATCH = 64;
const COSIGNATURES_PER_BATCH = 64;
/** A store that is away for hours (30 s between attempts) loses no message by it. */
const STORE_ATTEMPTS_MAX = 1_000;
/** What a newer registry epoch or a later hour may lift is tried so often. */
const ATTEMPTS_MAX = 6;
const RETRY_MILLISECONDS = 2_000;
const BACKLOG_SECONDS_MAX = 3600;
const HEALING: ReadonlySet<ContributionRefusal> = new Set([
  "CONTRIBUTION_FOREIGN",
  "CONTRIBUTION_FUTURE",
]);

export interface AggregatorConfig {
  /** How often cutoffs are looked at and unpublished requests are published; default 10,000. */
  readonly tickMs?: number;
}

export interface AggregatorPorts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly bus: Pick<Bus, "publish" | "consume" | "pending" | "last">;
  /** Opened with `aggregatorMigrations`. */
  readonly store: Store;
  readonly registry: RegistryFeed<NetworkView>;
  readonly engine: Engine;
  /** Also the log's key. */
  readonly signer: Signer;
  /** The log's newest head that has left this process: a file beside the store, never restored with it. */
  readonly published: DurableFile;
}

export interface AggregatorService {
  /** The API; the wiring listens. */
  readonly http: App;
  /** The MDMS's own door, which opens with `token`; the wiring listens. */
  ledgerHttp(token: string): App;
  status(): Promise<AggregatorStatus>;
  /**
   * What a tick does, at once: seals what is past its cutoff, decides bills, logs what happened,
   * publishes the requests that stand under the quorum.
   */
  tick(): Promise<void>;
  /**
   * Asks for what is due now, of one cohort or one service point; says what was requested by this
   * call, and what is not due and why (at most 200 entries each).
   */
  askDue(of: { readonly cohort: string } | { readonly servicePoint: string }): Promise<Asked>;
  /**
   * Members of the cohort in that block, and how many of them have every LOAD slot in the ledger.
   */
  blockProgress(
    cohort: string,
    block: number,
  ): Promise<{ readonly members: number; readonly complete: number }>;
  /**
   * Contributions settled by this process since it said `mark` (0: since its start); costs nothing.
   */
  contributionsSince(mark: number): number;
  /** Takes no more messages and finishes those in hand. Idempotent; the store stays open. */
  close(): Promise<void>;
}

/**
 * What the aggregator logs beside the runtime's fields: message ids (frame hash and stream) and
 * codes.
 */
export const aggregatorLogFields: LogFields = {
  ...runtimeLogFields,
  contribution: "text",
  code: "text",
};

/**
 * Resolves when contributions are being taken. Rejects with PaillierError, PolicyError or LogError
 * for a bad registry epoch, and with LogError when going on would fork the log: LOG_TRUNCATED,
 * LOG_FORKED, LOG_STATE_MISSING, LOG_HEAD_ORIGIN.
 */
export async function startAggregator(
  config: AggregatorConfig,
  ports: AggregatorPorts,
): Promise<AggregatorService> {
  await registryContext(ports.registry.current());
  const aggregator = new Aggregator(ports, await PublicLog.open(ports));
  aggregator.start(config.tickMs ?? 10_000);
  return aggregator;
}

class Aggregator implements AggregatorService {
  readonly http: App;
  readonly #ports: AggregatorPorts;
  readonly #publicLog: PublicLog;
  readonly #meters: ReturnType<typeof createMeters>;
  #settled = 0;
  #billedEpoch = -1;
  #loggedEpoch = -1;
  /** Of the newest head under which requests were published. */
  #standingSize = 0;
  #caughtUpSeconds: number;
  /** Ends when the last step asked for has: steps run one after the other. */
  #steps: Promise<unknown> = Promise.resolve();
  #waitingSteps = 0;
  #stop: (() => Promise<void>) | undefined;

  constructor(ports: AggregatorPorts, publicLog: PublicLog) {
    this.#ports = ports;
    this.#publicLog = publicLog;
    this.#meters = createMeters(ports.metrics);
    this.#caughtUpSeconds = this.#nowSeconds();
    this.http = aggregatorApp(this, ports, publicLog.log);
  }

  ledgerHttp(token: string): App {
    return ledgerApp(this.#ports, this.#publicLog.log, token);
  }

  start(tickMs: number): void {
    const { bus, clock, log } = this.#ports;
    const name = "aggregator";
    const attemptsMax = STORE_ATTEMPTS_MAX;
    const contributions = { batchMax: CONTRIBUTIONS_PER_BATCH, attemptsMax };
    const answers = { batchMax: ANSWERS_PER_BATCH, attemptsMax };
    const cosignatures = { batchMax: COSIGNATURES_PER_BATCH, attemptsMax };
    const subscriptions = [
      bus.consume("contributions", name, contributions, (batch) => this.#record(batch)),
      bus.consume("releases", name, answers, (batch) => this.#answer(batch, takeReleases)),
      bus.consume("partial-releases", name, answers, (batch) =>
        this.#answer(batch, takePartialReleases),
      ),
      bus.consume("refusals", name, answers, (batch) => this.#answer(batch, takeRefusals)),
      bus.consume("cosignatures", name, cosignatures, (batch) => this.#cosigned(batch)),
    ];
    for (const { ended } of subscriptions) {
      void ended.then((error) => {
        if (error !== undefined) log.error("no more messages are taken", errorFields(error));
      });
    }
    const tick = (): Promise<void> =>
      this.tick().catch((error: unknown) => log.error("a tick failed", errorFields(error)));
    const cancelTick = clock.every(tickMs, tick);
    let stopping: Promise<void> | undefined;
    this.#stop = () => {
      cancelTick();
      stopping ??= Promise.all(subscriptions.map((subscription) => subscription.stop())).then(
        async () => void (await this.#steps),
      );
      return stopping;
    };
  }

  async close(): Promise<void> {
    await this.#stop?.();
  }

  status(): Promise<AggregatorStatus> {
    return loadStatus(this.#ports.store);
  }

  contributionsSince(mark: number): number {
    return this.#settled - mark;
  }

  blockProgress(cohort: string, block: number): ReturnType<AggregatorService["blockProgress"]> {
    return blockProgress(this.#ports.store, this.#view(), cohort, block);
  }

  async askDue(of: Parameters<AggregatorService["askDue"]>[0]): Promise<Asked> {
    const registry = await this.#registry();
    const sources = { store: this.#ports.store, log: this.#publicLog.log, registry };
    return askDue(sources, of, this.#nowSeconds(), () => this.tick());
  }

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
    });
  }

  /**
   * After a stop the backlog was in time, and is recorded before any cutoff is held against it.
   * Where contributions always wait, cutoffs count an hour after the last time that none did.
   */
  async #isCaughtUp(nowSeconds: number): Promise<boolean> {
    const waiting = await this.#ports.bus.pending("contributions", "aggregator");
    if (waiting === 0) this.#caughtUpSeconds = nowSeconds;
    return waiting === 0 || nowSeconds - this.#caughtUpSeconds >= BACKLOG_SECONDS_MAX;
  }

  async #record(batch: readonly Delivery[]): Promise<Verdict[]> {
    const registry = await this.#registry();
    const { engine, store } = this.#ports;
    const nowSeconds = this.#nowSeconds();
    const bodies = batch.map(({ body }) => body);
    const checks = await checkContributions(bodies, registry, nowSeconds, engine);
    const accepted: { readonly delivery: Delivery; readonly checked: CheckedContribution }[] = [];
    const refused: Tally[] = [];
    const verdicts = checks.map((check, index): Verdict => {
      const delivery = batch[index];
      assert(delivery !== undefined, "one check for each delivery");
      if (check.ok) {
        accepted.push({ delivery, checked: check.checked });
        return { ack: true };
      }
      if (HEALING.has(check.code) && delivery.attempt < ATTEMPTS_MAX) {
        return { retryAfterMs: RETRY_MILLISECONDS * 2 ** (delivery.attempt - 1) };
      }
      refused.push({ stream: "refused", outcome: check.code, total: 1 });
      this.#alarm(delivery, check.code);
      return { dead: check.code };
    });
    const items = accepted.map(({ checked }) => checked);
    const recorded = await recordBatch(store, items, refused, nowSeconds);
    for (const [index, { delivery, checked }] of accepted.entries()) {
      const outcome = recorded.outcomes[index] ?? "accepted";
      const { stream } = checked.contribution.header;
      this.#meters.contributions.add(1, { stream, outcome });
      if (outcome === "conflict" || outcome === "overlap") this.#alarm(delivery, outcome);
    }
    this.#settled += verdicts.filter((verdict) => !("retryAfterMs" in verdict)).length;
    if (recorded.sealed) this.#requestSoon();
    return verdicts;
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
    if (standing !== undefined && standing.size > this.#standingSize) this.#requestSoon();
    return outcomes.map((outcome) => {
      this.#meters.cosignatures.add(1, { outcome });
      if (outcome === "COSIGNED") return { ack: true };
      this.#ports.log.warn("a cosignature was not taken", { code: outcome });
      return { dead: outcome };
    });
  }

  #alarm(delivery: Delivery, code: string): void {
    this.#meters.alarms.add(1, { code });
    this.#ports.log.warn("a contribution was set aside", { contribution: delivery.id, code });
  }

  /**
   * Without waiting: the batch that completed a set is settled meanwhile. A failure waits for the
   * next tick.
   */
  #requestSoon(): void {
    if (this.#waitingSteps > 1) return; // A step that has not begun will see this set too.
    this.#step(async () => this.#request(await this.#registry())).catch((error: unknown) =>
      this.#ports.log.error("requests failed", errorFields(error)),
    );
  }

  async #request(registry: RegistryContext): Promise<void> {
    if (this.#loggedEpoch !== registry.epoch) {
      // Before any request that names it.
      await queueEntries(this.#ports.store, [{ kind: "registry-epoch", body: registry.hash }]);
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

  #view(): NetworkView {
    return this.#ports.registry.current().view;
  }

  #nowSeconds(): number {
    return Math.floor(this.#ports.clock.nowMs() / 1000);
  }
}

function createMeters(metrics: Metrics) {
  return {
    contributions: metrics.counter(
      "aggregator_contributions_total",
      "Contributions by stream and outcome",
      ["stream", "outcome"],
    ),
    alarms: metrics.counter(
      "aggregator_alarms_total",
      "Contributions that were refused or contradict another, by code",
      ["code"],
    ),
    requests: metrics.counter("aggregator_requests_total", "Release requests published"),
    answers: metrics.counter("aggregator_answers_total", "Answers of trustees by outcome", [
      "outcome",
    ]),
    cosignatures: metrics.counter(
      "aggregator_cosignatures_total",
      "Heads that came back cosigned, by outcome",
      ["outcome"],
    ),
  };
}

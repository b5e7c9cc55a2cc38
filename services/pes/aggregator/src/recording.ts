/**
 * The part of the aggregator that several do at once (docs/protocol.md §7.1): contributions of some
 * partitions are checked and recorded in the ledger. Ciphertexts alone.
 */
import assert from "node:assert/strict";
import {
  errorFields,
  PARTITIONS,
  type Delivery,
  type Subscription,
  type Verdict,
} from "@smarter-metering/runtime";
import type { AggregatorPorts } from "./aggregator.ts";
import {
  checkContributions,
  type CheckedContribution,
  type ContributionRefusal,
} from "./check-contribution.ts";
import { recordBatch, type Tally } from "./ledger.ts";
import type { Meters } from "./meters.ts";
import { registryContext } from "./registry-context.ts";

/** Contributions in one transaction. */
const CONTRIBUTIONS_PER_BATCH = 256;
/** A store that is away for hours (30 s between attempts) loses no message by it. */
export const STORE_ATTEMPTS_MAX = 1_000;
/** What a newer registry epoch or a later hour may lift is tried so often. */
const ATTEMPTS_MAX = 6;
const RETRY_MILLISECONDS = 2_000;
const HEALING: ReadonlySet<ContributionRefusal> = new Set([
  "CONTRIBUTION_FOREIGN",
  "CONTRIBUTION_FUTURE",
]);
/** One subscription for all partitions, where nobody shares them. */
const ALL = "";

export type RecordingPorts = Pick<
  AggregatorPorts,
  "clock" | "log" | "bus" | "store" | "registry" | "engine"
>;

export class Recording {
  readonly #ports: RecordingPorts;
  readonly #meters: Meters;
  readonly #onSealed: () => void;
  /** By partition. */
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #stopping = new Set<Promise<void>>();
  #settled = 0;

  /** `onSealed` is called after a batch that completed a set. */
  constructor(ports: RecordingPorts, meters: Meters, onSealed: () => void) {
    this.#ports = ports;
    this.#meters = meters;
    this.#onSealed = onSealed;
  }

  /** Contributions settled since the start. */
  get settled(): number {
    return this.#settled;
  }

  /** Takes the contributions of these partitions from now on, and no others. */
  take(partitions: readonly string[]): void {
    const wanted = new Set(partitions.length === PARTITIONS ? [ALL] : partitions);
    for (const [partition, subscription] of this.#subscriptions) {
      if (wanted.has(partition)) continue;
      this.#subscriptions.delete(partition);
      const stopped = subscription.stop().finally(() => this.#stopping.delete(stopped));
      this.#stopping.add(stopped);
    }
    for (const partition of wanted) {
      if (!this.#subscriptions.has(partition)) {
        this.#subscriptions.set(partition, this.#subscribe(partition));
      }
    }
    this.#meters.partitions.set(partitions.length);
  }

  /** Takes no more and finishes what is in hand. */
  async stop(): Promise<void> {
    this.take([]);
    await Promise.all(this.#stopping);
  }

  #subscribe(partition: string): Subscription {
    const { bus, log } = this.#ports;
    const options = {
      batchMax: CONTRIBUTIONS_PER_BATCH,
      attemptsMax: STORE_ATTEMPTS_MAX,
      ...(partition !== ALL && { subject: partition }),
    };
    const subscription = bus.consume("contributions", "aggregator", options, (batch) =>
      this.#record(batch),
    );
    void subscription.ended.then((error) => {
      if (error !== undefined) log.error("no more contributions are taken", errorFields(error));
    });
    return subscription;
  }

  async #record(batch: readonly Delivery[]): Promise<Verdict[]> {
    const { clock, engine, registry: feed, store } = this.#ports;
    const registry = await registryContext(feed.current());
    const nowSeconds = Math.floor(clock.nowMs() / 1000);
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
    if (recorded.sealed) this.#onSealed();
    return verdicts;
  }

  #alarm(delivery: Delivery, code: string): void {
    this.#meters.alarms.add(1, { code });
    this.#ports.log.warn("a contribution was set aside", { contribution: delivery.id, code });
  }
}

/**
 * The manager: takes releases from the bus, checks them, makes statements and stores both (docs/protocol.md §8.5, §11). A message that
 * cannot be decided comes again; one that never can is set aside with a code and raises an alarm.
 */
import assert from "node:assert/strict";
import { primitives, type RecipientSecret, type Signer } from "@smarter-metering/protocol";
import type { MdmsView, RegistryFeed } from "@smarter-metering/protocol";
import { errorFields } from "@smarter-metering/runtime";
import type {
  Clock,
  Counter,
  Delivery,
  Logger,
  Metrics,
  Store,
  Verdict,
} from "@smarter-metering/runtime";
import { raiseAlarm } from "./alarms.ts";
import { checkRelease, type ReleaseCheck } from "./check-release.ts";
import type { LiveEvents } from "./live-events.ts";
import { withStatement } from "./make-statement.ts";
import { isPassing, RETRY_MS } from "./passing-trouble.ts";
import { registryContext } from "./registry-context.ts";
import { storeReleases, type Stored } from "./release-store.ts";

export interface ManagerPorts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly store: Store;
  readonly registry: RegistryFeed<MdmsView>;
  /** Signs statements. */
  readonly signer: Signer;
  /** Opens releases. */
  readonly recipientSecret: RecipientSecret;
  /** Tells open pages what was stored or refused. */
  readonly events: LiveEvents;
}

/** Codes of releases that contradict what is stored. */
export const CONFLICT_CODES: Readonly<Record<Exclude<Stored, "stored" | "duplicate">, string>> = {
  conflict: "MDMS_CONFLICT",
  "sequence-reused": "MDMS_SEQUENCE_REUSED",
};

export class Manager {
  readonly #ports: ManagerPorts;
  readonly #releases: Counter;

  constructor(ports: ManagerPorts) {
    this.#ports = ports;
    this.#releases = ports.metrics.counter(
      "mdms_releases_total",
      "Releases received, by what became of them",
      ["outcome"],
    );
  }

  /**
   * One verdict per message. Rejects for what should not happen: the bus then hands the messages over one by one and sets the one aside
   * that fails again and again.
   */
  async take(batch: readonly Delivery[]): Promise<Verdict[]> {
    const { registry, recipientSecret } = this.#ports;
    const context = await registryContext(registry);
    // Checked side by side, for RSA takes the time; stored in order, so that of two that conflict the first always wins.
    const checks = await Promise.all(
      batch.map(({ body }) => checkRelease(body, context, recipientSecret)),
    );
    try {
      return await this.#decide(batch, checks);
    } catch (error) {
      if (!isPassing(error)) throw error;
      const fields = { sequence: batch[0]?.sequence, count: batch.length, ...errorFields(error) };
      this.#ports.log.warn("releases wait", fields);
      this.#releases.add(batch.length, { outcome: "retry" });
      return batch.map(() => ({ retryAfterMs: RETRY_MS }));
    }
  }

  async #decide(batch: readonly Delivery[], checks: readonly ReleaseCheck[]): Promise<Verdict[]> {
    const stored = await this.#store(checks);
    const verdicts: Verdict[] = [];
    for (const [index, delivery] of batch.entries()) {
      const check = checks[index];
      assert(check !== undefined, "one check for each message");
      verdicts.push(await this.#verdict(delivery, check, stored[index]));
    }
    return verdicts;
  }

  /** `stored` is of a valid release. */
  async #verdict(
    delivery: Delivery,
    check: ReleaseCheck,
    stored: Stored | undefined,
  ): Promise<Verdict> {
    if (check.outcome === "refused") return this.#refuse(delivery, check.code);
    if (stored === "conflict" || stored === "sequence-reused") {
      return this.#refuse(delivery, CONFLICT_CODES[stored]);
    }
    this.#releases.add(1, { outcome: stored ?? "too-early" });
    return stored === undefined ? { retryAfterMs: RETRY_MS } : { ack: true };
  }

  /** Stores those that are valid, in order; undefined for the others. */
  async #store(checks: readonly ReleaseCheck[]): Promise<(Stored | undefined)[]> {
    const { store, signer, events } = this.#ports;
    const releases = checks.flatMap((check) => (check.outcome === "valid" ? [check.release] : []));
    const storable = await Promise.all(releases.map((one) => withStatement(one, signer)));
    const stored = await storeReleases(store, storable, this.#nowSeconds());
    events.tellStored(storable, stored);
    const outcomes = stored.values();
    return checks.map(({ outcome }) => (outcome === "valid" ? outcomes.next().value : undefined));
  }

  async #refuse(delivery: Delivery, code: string): Promise<Verdict> {
    const { log, store, events } = this.#ports;
    const { sequence, subject } = delivery;
    const digest = await primitives.sha256(delivery.body);
    await raiseAlarm(store, { digest, code, subject }, this.#nowSeconds());
    events.tell({ kind: "alarm", code, subject });
    log.error("a release was refused", { errorCode: code, sequence });
    this.#releases.add(1, { outcome: code });
    return { dead: code };
  }

  #nowSeconds(): number {
    return Math.floor(this.#ports.clock.nowMs() / 1000);
  }
}

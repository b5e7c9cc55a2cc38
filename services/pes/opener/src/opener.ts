/**
 * The opener of profile pes-encrypts (docs/protocol.md §6.5): frames in, signed contributions out.
 * Holds readings for the moment it takes to encrypt them; has no database, no Paillier secret, and
 * nothing on disk but its keys. What it publishes and logs are ciphertexts, ids, counts and codes.
 */
import { PaillierError, type Engine } from "@smarter-metering/paillier";
import {
  encodeContribution,
  FRAME_READINGS_MAX,
  signContribution,
  toHex,
  type EncryptedContribution,
  type NetworkView,
  type RegistryFeed,
  type Signer,
} from "@smarter-metering/protocol";
import {
  createRecorder,
  errorFields,
  partitionOf,
  runtimeLogFields,
  type Bus,
  type BusMessage,
  type Clock,
  type Delivery,
  type LogFields,
  type Logger,
  type Metrics,
  type Verdict,
} from "@smarter-metering/runtime";
import { checkFrame, type CheckedFrame, type FrameRefusal } from "./check-frame.ts";
import { DataKeyCache } from "./data-key-cache.ts";
import { createEncryptionQueue, type EncryptionQueue } from "./encryption-queue.ts";
import type { KeyRing } from "./key-ring.ts";
import { createReadingBudget, type ReadingBudget } from "./reading-budget.ts";
import { dataKeyOf, reencrypt, type Reencryption } from "./reencrypt.ts";
import { registryContext } from "./registry-context.ts";

/**
 * Frames whose contributions are published together. Small: a frame waits for the others of its
 * batch, never for more.
 */
const FRAMES_PER_BATCH = 16;
/**
 * Frames taken from the bus and not settled; how many of them are open at once, the reading budget
 * says.
 */
const FRAMES_IN_FLIGHT_MAX = 64;
/**
 * What may heal (a registry epoch that is not here yet, a clock behind, a failure nobody expected)
 * is tried so often.
 */
const ATTEMPTS_MAX = 6;
const RETRY_MILLISECONDS = 2_000;
/** A bus that does not take contributions for hours loses no frame by it. */
const PUBLISH_ATTEMPTS_MAX = 1_000;
const SWEEP_MILLISECONDS = 60_000;
/** How late a key may be destroyed: small against the days that it is kept. */
const DESTROY_MILLISECONDS = 3_600_000;

/** Until the key is copied to this opener's folder, or another opener takes the frame. */
const ELSEWHERE_MILLISECONDS = 30_000;

/** Refusals that a newer registry epoch or a later hour may lift. */
const HEALING: ReadonlySet<FrameRefusal> = new Set(["FRAME_FOREIGN", "FRAME_FUTURE"]);

export interface OpenerConfig {
  /** Readings in plaintext at any time, over all frames; default 768. Larger frames are refused. */
  readonly openerPlaintextReadingsMax?: number;
}

export interface OpenerPorts {
  /** Says what is in the future, and when a key's time has come. */
  readonly clock: Clock;
  /** Says how long a data key has been in memory; default `clock`. Where `clock` is a replay, the machine's. */
  readonly memoryClock?: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly bus: Pick<Bus, "publish" | "consume">;
  readonly registry: RegistryFeed<NetworkView>;
  readonly engine: Engine;
  readonly signer: Signer;
  readonly keys: KeyRing;
}

export interface OpenerStatus {
  readonly framesOpened: number;
  readonly contributionsPublished: number;
  /** Refused for good, by code. */
  readonly framesRefused: Readonly<Record<string, number>>;
  /** The limit, and the most there ever were: exact. */
  readonly openerPlaintextReadingsMax: number;
  readonly openerPlaintextReadingsSeenMax: number;
  /** From opening a frame to wiping it, in milliseconds of this machine's monotonic clock. */
  readonly openerPlaintextMsMax: number;
  readonly openerPlaintextMsP99: number;
  readonly dataKeysHeld: number;
  /** Private keys at hand, and those destroyed since the start. */
  readonly openerKeysHeld: number;
  readonly openerKeysDestroyed: number;
}

export interface OpenerService {
  status(): OpenerStatus;
  /** Takes no more frames, finishes those in hand, wipes the data keys. Idempotent. */
  close(): Promise<void>;
}

/**
 * What the opener logs beside the runtime's fields: the frame hash (the message's id) and codes.
 */
export const openerLogFields: LogFields = {
  ...runtimeLogFields,
  frame: "text",
  code: "text",
  keyId: "text",
};

/**
 * Resolves when the engine is warm and frames are being taken. Rejects with PaillierError when the
 * registry's key is bad.
 */
export async function startOpener(
  config: OpenerConfig,
  ports: OpenerPorts,
): Promise<OpenerService> {
  const readingsMax = config.openerPlaintextReadingsMax ?? FRAME_READINGS_MAX;
  const opener = new Opener(readingsMax, ports);
  const { key } = await registryContext(ports.registry.current().view);
  await ports.engine.warm(key);
  // Before the first frame: a key whose time came while nobody served opens none any more.
  await opener.destroyDueKeys();
  return opener.start();
}

/** What became of one frame; contributions are published before its message is settled. */
interface Handled {
  readonly verdict: Verdict;
  readonly messages: readonly BusMessage[];
}

class Opener implements OpenerService {
  readonly #ports: OpenerPorts;
  readonly #readingsMax: number;
  readonly #goodEnvelopes = new Set<string>();
  readonly #budget: ReadingBudget;
  readonly #queue: EncryptionQueue;
  readonly #memoryClock: Clock;
  readonly #dataKeys: DataKeyCache;
  readonly #openMs = createRecorder();
  readonly #refused = new Map<FrameRefusal | "FRAME_FAILED", number>();
  readonly #meters: ReturnType<typeof createMeters>;
  #opened = 0;
  #published = 0;
  #destroyed = 0;
  #stop: (() => Promise<void>) | undefined;

  constructor(readingsMax: number, ports: OpenerPorts) {
    this.#readingsMax = readingsMax;
    this.#ports = ports;
    this.#budget = createReadingBudget(readingsMax);
    this.#queue = createEncryptionQueue(ports.engine);
    this.#memoryClock = ports.memoryClock ?? ports.clock;
    this.#dataKeys = new DataKeyCache(() => this.#memoryClock.nowMs());
    this.#meters = createMeters(ports.metrics);
  }

  start(): this {
    const { bus, clock, log } = this.#ports;
    const options = {
      batchMax: FRAMES_PER_BATCH,
      inFlightMax: FRAMES_IN_FLIGHT_MAX,
      attemptsMax: PUBLISH_ATTEMPTS_MAX,
    };
    const subscription = bus.consume("frames", "opener", options, (batch) => this.#handle(batch));
    void subscription.ended.then((error) => {
      if (error !== undefined) log.error("no more frames are taken", errorFields(error));
    });
    const cancelSweep = this.#memoryClock.every(SWEEP_MILLISECONDS, () => this.#dataKeys.sweep());
    const cancelDestroy = clock.every(DESTROY_MILLISECONDS, () => this.destroyDueKeys());
    let stopping: Promise<void> | undefined;
    this.#stop = () =>
      (stopping ??= subscription.stop().then(() => {
        cancelSweep();
        cancelDestroy();
        this.#dataKeys.clear();
      }));
    return this;
  }

  /** What fails is tried again with the next call. */
  async destroyDueKeys(): Promise<void> {
    const { keys, clock, log } = this.#ports;
    try {
      const destroyed = await keys.destroyDue(Math.floor(clock.nowMs() / 1000));
      // What was unwrapped with them lately goes too.
      if (destroyed.length > 0) this.#dataKeys.clear();
      this.#destroyed += destroyed.length;
      for (const keyId of destroyed)
        log.warn("an opener key was destroyed: its time was over", { keyId });
    } catch (error) {
      log.error("an opener key could not be destroyed", errorFields(error));
    }
  }

  async close(): Promise<void> {
    await this.#stop?.();
  }

  status(): OpenerStatus {
    return {
      framesOpened: this.#opened,
      contributionsPublished: this.#published,
      framesRefused: Object.fromEntries(this.#refused),
      openerPlaintextReadingsMax: this.#readingsMax,
      openerPlaintextReadingsSeenMax: this.#budget.seenMax,
      openerPlaintextMsMax: this.#openMs.max,
      openerPlaintextMsP99: this.#openMs.quantile(0.99),
      dataKeysHeld: this.#dataKeys.size,
      openerKeysHeld: this.#ports.keys.size,
      openerKeysDestroyed: this.#destroyed,
    };
  }

  async #handle(batch: readonly Delivery[]): Promise<Verdict[]> {
    const handled = await Promise.all(batch.map((delivery) => this.#handleOne(delivery)));
    const messages = handled.flatMap((one) => one.messages);
    const result = await this.#ports.bus.publish("contributions", messages);
    if ("full" in result) {
      // The aggregator is behind. What was encrypted is thrown away; the same frame gives the same
      // bytes again.
      return handled.map((one) =>
        one.messages.length === 0 ? one.verdict : { retryAfterMs: RETRY_MILLISECONDS },
      );
    }
    this.#published += result.accepted;
    return handled.map((one) => one.verdict);
  }

  /** Never rejects: one meter's frame must not hold up another's. */
  async #handleOne(delivery: Delivery): Promise<Handled> {
    try {
      const { registry, clock, keys } = this.#ports;
      const check = await checkFrame(delivery.body, {
        view: registry.current().view,
        nowSeconds: Math.floor(clock.nowMs() / 1000),
        keys,
        readingsMax: this.#readingsMax,
        goodEnvelopes: this.#goodEnvelopes,
      });
      if (!check.ok && check.code === "OPENER_KEY_ELSEWHERE") return this.#leave(delivery);
      if (!check.ok) return this.#refuse(delivery, check.code, HEALING.has(check.code));
      return await this.#open(delivery, check.checked);
    } catch (error) {
      this.#ports.log.error("a frame failed", { frame: delivery.id, ...errorFields(error) });
      // An engine that is busy, closed or dead, or a registry's bad key, is not the frame's fault.
      const ours = error instanceof PaillierError && error.code.startsWith("PAILLIER_");
      if (ours) return { verdict: { retryAfterMs: RETRY_MILLISECONDS }, messages: [] };
      return this.#refuse(delivery, "FRAME_FAILED", true);
    }
  }

  async #open(delivery: Delivery, checked: CheckedFrame): Promise<Handled> {
    const dataKey = await dataKeyOf(checked, this.#dataKeys);
    if (dataKey === undefined) return this.#refuse(delivery, "ENVELOPE_UNOPENABLE", false);
    const result = await this.#reencrypt(checked, dataKey);
    if (!result.ok) return this.#refuse(delivery, result.code, false);
    const messages = await Promise.all(
      result.encrypted.map((encrypted) => this.#sign(delivery.id, encrypted)),
    );
    this.#opened += 1;
    this.#meters.frames.add(1, { outcome: "OPENED" });
    return { verdict: { ack: true }, messages };
  }

  /**
   * The only place where readings are in plaintext: within the budget, measured, wiped at the end.
   */
  async #reencrypt(checked: CheckedFrame, dataKey: Uint8Array): Promise<Reencryption> {
    // An installation frame has registers and no readings: it counts as one.
    const giveBack = await this.#budget.acquire(Math.max(1, checked.frame.header.count));
    const startMs = performance.now();
    try {
      return await reencrypt(checked, dataKey, this.#queue);
    } finally {
      dataKey.fill(0);
      this.#measure(performance.now() - startMs);
      giveBack();
    }
  }

  async #sign(frameId: string, encrypted: EncryptedContribution): Promise<BusMessage> {
    const { header, headerBytes, ciphertext } = encrypted;
    const { signer, registry } = this.#ports;
    const network = toHex(header.networkPseudonym);
    const cohort = registry.current().view.cohortOf(network, header.blockStart);
    const contribution = await signContribution(headerBytes, header, ciphertext, signer);
    return {
      id: `${frameId}/${header.stream}`,
      // What one aggregator adds up goes to one aggregator.
      subject: partitionOf(cohort?.id ?? network),
      body: encodeContribution(contribution),
    };
  }

  #measure(milliseconds: number): void {
    this.#openMs.record(milliseconds);
    this.#meters.plaintextSeconds.observe(milliseconds / 1000);
    this.#meters.plaintextSecondsMax.set(this.#openMs.max / 1000);
    this.#meters.plaintextReadingsMax.set(this.#budget.seenMax);
  }

  /** Not this frame's fault, and not for good: it waits as long as its key may be used. */
  #leave(delivery: Delivery): Handled {
    const code = "OPENER_KEY_ELSEWHERE";
    if (delivery.attempt === 1) {
      this.#ports.log.warn("a frame waits for a key that is not in this folder", {
        frame: delivery.id,
        code,
      });
    }
    return { verdict: { retryAfterMs: ELSEWHERE_MILLISECONDS }, messages: [] };
  }

  #refuse(delivery: Delivery, code: FrameRefusal | "FRAME_FAILED", mayHeal: boolean): Handled {
    if (mayHeal && delivery.attempt < ATTEMPTS_MAX) {
      const retryAfterMs = RETRY_MILLISECONDS * 2 ** (delivery.attempt - 1);
      return { verdict: { retryAfterMs }, messages: [] };
    }
    this.#refused.set(code, (this.#refused.get(code) ?? 0) + 1);
    this.#meters.frames.add(1, { outcome: code });
    this.#ports.log.warn("a frame was refused", { frame: delivery.id, code });
    return { verdict: { dead: code }, messages: [] };
  }
}

function createMeters(metrics: Metrics) {
  return {
    frames: metrics.counter("opener_frames_total", "Frames by outcome", ["outcome"]),
    plaintextReadingsMax: metrics.gauge(
      "opener_plaintext_readings_max",
      "Most readings in plaintext at once since the start",
    ),
    plaintextSeconds: metrics.histogram(
      "opener_plaintext_seconds",
      "Time from opening a frame to wiping it",
      [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1],
    ),
    plaintextSecondsMax: metrics.gauge(
      "opener_plaintext_seconds_max",
      "Longest time from opening a frame to wiping it since the start",
    ),
  };
}

/**
 * A bus over any engine: checks limits, runs the consume loops, turns thrown errors into retries.
 */
import assert from "node:assert/strict";
import { sleepUntil } from "../clock.ts";
import type { Clock } from "../clock.ts";
import { RuntimeError, hasCode } from "../error.ts";
import { errorFields } from "../log.ts";
import type { Logger } from "../log.ts";
import { busLimits } from "./bus.ts";
import type {
  Bus,
  BusMessage,
  ConsumeOptions,
  ConsumerName,
  Delivery,
  Handler,
  Subscription,
  Verdict,
} from "./bus.ts";
import type { BusEngine, Leased, Settlement } from "./engine.ts";

export interface EngineBusOptions {
  readonly clock: Clock;
  readonly log: Logger;
}

const attemptsMaxDefault = 5;
const backoffMsMin = 100;
const backoffMsMax = 30_000;
/** How often `idle` looks when nothing happens here; others may settle through the same engine. */
const idleCheckMs = 1_000;

export function busOver(engine: BusEngine, options: EngineBusOptions): Bus {
  const loops = new Map<ConsumeLoop, ConsumerName>();
  const settled = new EventTarget();
  let closing: Promise<void> | undefined;

  const untilSettled = async (): Promise<void> => {
    const happened = new AbortController();
    const tell = (): void => happened.abort();
    settled.addEventListener("settled", tell);
    await sleepUntil(options.clock, options.clock.nowMs() + idleCheckMs, happened.signal);
    settled.removeEventListener("settled", tell);
  };

  return {
    async publish(stream, messages) {
      checkMessages(messages);
      return messages.length === 0
        ? { accepted: 0, duplicates: 0 }
        : engine.publish(stream, messages);
    },
    consume(stream, consumer, consumeOptions, handle) {
      assert(closing === undefined, "the bus is closed");
      const name = { stream, consumer };
      const onSettled = (): void => void settled.dispatchEvent(new Event("settled"));
      const loop = new ConsumeLoop(engine, name, consumeOptions, handle, options, onSettled);
      loops.set(loop, name);
      void loop.ended.then(() => {
        loops.delete(loop);
        onSettled();
      });
      return loop;
    },
    last: (stream, subjectPrefix = "") => engine.last(stream, subjectPrefix),
    read(stream, range) {
      assert(range.limit > 0 && range.limit <= busLimits.readMessages, "read 1 to 1,000 messages");
      return engine.read(stream, range);
    },
    pending: (stream, consumer) => engine.pending([{ stream, consumer }]),
    deadLetters: (stream) => engine.deadLetters(stream),
    requeue: (letter) => engine.requeue(letter, letter.sequence),
    discard: (letter) => engine.discard(letter, letter.sequence),
    async idle() {
      while (loops.size > 0 && (await engine.pending([...loops.values()])) > 0)
        await untilSettled();
    },
    close() {
      closing ??= Promise.all([...loops.keys()].map((loop) => loop.stop())).then(() =>
        engine.close(),
      );
      return closing;
    },
  };
}

function checkMessages(messages: readonly BusMessage[]): void {
  let bytes = 0;
  let fits = messages.length <= busLimits.batchMessages;
  for (const { id, subject, body } of messages) {
    assert(id.length > 0 && !`${id}${subject}`.includes("\0"), "an id is text and not empty");
    bytes += body.length;
    fits &&= id.length <= busLimits.idChars && subject.length <= busLimits.subjectChars;
    fits &&= body.length <= busLimits.bodyBytes && bytes <= busLimits.batchBytes;
  }
  if (fits) return;
  throw new RuntimeError("BUS_TOO_LARGE", "a message or batch is over the limits: see busLimits");
}

/** 0.1 s, 0.2 s, 0.4 s … 30 s. */
function backoffMs(failures: number): number {
  return Math.min(backoffMsMin * 2 ** Math.min(failures - 1, 20), backoffMsMax);
}

/** Errors after which asking again cannot help. */
function isFinal(error: unknown): boolean {
  const codes = [
    "BUS_CLOSED",
    "BUS_FORBIDDEN",
    "BUS_UNKNOWN_STREAM",
    "BUS_UNKNOWN_CONSUMER",
  ] as const;
  const store = ["STORE_CLOSED", "STORE_WORKER_DIED", "STORE_DAMAGED"] as const;
  return [...codes, ...store].some((code) => hasCode(error, code));
}

class ConsumeLoop implements Subscription {
  readonly ended: Promise<Error | undefined>;
  readonly #engine: BusEngine;
  readonly #name: ConsumerName;
  readonly #options: ConsumeOptions;
  readonly #handle: Handler;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #onSettled: () => void;
  readonly #stopping = new AbortController();
  readonly #running = new Set<Promise<void>>();
  #inFlight = 0;

  constructor(
    engine: BusEngine,
    name: ConsumerName,
    options: ConsumeOptions,
    handle: Handler,
    { clock, log }: EngineBusOptions,
    onSettled: () => void,
  ) {
    const { batchMax, inFlightMax = batchMax } = options;
    assert(batchMax >= 1 && batchMax <= busLimits.batchMessages, "batchMax is 1 to 1,000");
    assert(inFlightMax >= batchMax, "inFlightMax is at least batchMax");
    this.#engine = engine;
    this.#name = name;
    this.#options = options;
    this.#handle = handle;
    this.#clock = clock;
    this.#log = log.child({ ...name });
    this.#onSettled = onSettled;
    this.ended = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.ended;
  }

  async #run(): Promise<Error | undefined> {
    const { signal } = this.#stopping;
    let failures = 0;
    let reason: Error | undefined;
    while (!signal.aborted && reason === undefined) {
      try {
        const batch = await this.#fetch(signal);
        failures = 0;
        if (batch.length > 0) this.#start(batch);
        await this.#untilRoom();
      } catch (error) {
        failures += 1;
        this.#log.warn("cannot fetch", errorFields(error));
        if (isFinal(error)) reason = error as Error;
        else await sleepUntil(this.#clock, this.#clock.nowMs() + backoffMs(failures), signal);
      }
    }
    await Promise.all(this.#running);
    return reason;
  }

  #fetch(signal: AbortSignal): Promise<Leased[]> {
    const { batchMax, inFlightMax = batchMax, subject } = this.#options;
    const max = Math.min(batchMax, inFlightMax - this.#inFlight);
    const filter = subject === undefined ? {} : { subject };
    return this.#engine.fetch({ ...this.#name, ...filter, max, signal });
  }

  #start(leased: readonly Leased[]): void {
    this.#inFlight += leased.length;
    const work = this.#workOff(leased).finally(() => {
      this.#inFlight -= leased.length;
      this.#running.delete(work);
      this.#onSettled();
    });
    this.#running.add(work);
  }

  /** Without `inFlightMax`, until nothing is in flight: a batch that was not full must not be joined by the next. */
  async #untilRoom(): Promise<void> {
    const { inFlightMax = 1 } = this.#options;
    while (this.#inFlight >= inFlightMax) await Promise.race(this.#running);
  }

  async #workOff(leased: readonly Leased[]): Promise<void> {
    for (const batch of batchesOf(leased)) await this.#work(batch);
  }

  async #work(batch: readonly Delivery[]): Promise<void> {
    const { attemptsMax = attemptsMaxDefault } = this.#options;
    let settlements: readonly Settlement[];
    try {
      const verdicts = await this.#handle(batch);
      assert(verdicts.length === batch.length, "a handler returns one verdict per message");
      settlements = batch.map((delivery, index) => settlementOf(delivery, verdicts[index]));
    } catch (error) {
      const first = batch[0];
      const where = { sequence: first?.sequence, attempt: first?.attempt, count: batch.length };
      this.#log.warn("a handler failed", { ...where, ...errorFields(error) });
      settlements = batch.map((delivery) => afterFailure(delivery, attemptsMax));
    }
    try {
      await this.#engine.settle(this.#name, settlements);
    } catch (error) {
      // Not lost: the engine hands them out again, when the lease ends or after a restart.
      this.#log.warn("cannot settle", { count: batch.length, ...errorFields(error) });
    }
  }
}

/** In order; what is to be alone is a batch of its own. */
function batchesOf(leased: readonly Leased[]): Delivery[][] {
  const batches: Delivery[][] = [];
  let together: Delivery[] = [];
  for (const { alone = false, ...delivery } of leased) {
    if (alone || together.length === 0) batches.push((together = []));
    together.push(delivery);
    if (alone) together = [];
  }
  return batches;
}

function settlementOf({ sequence }: Delivery, verdict: Verdict | undefined): Settlement {
  assert(verdict !== undefined, "a handler returns one verdict per message");
  if (!("retryAfterMs" in verdict)) return { sequence, verdict };
  return { sequence, verdict: { retryAfterMs: verdict.retryAfterMs, alone: false } };
}

function afterFailure({ sequence, attempt }: Delivery, attemptsMax: number): Settlement {
  if (attempt >= attemptsMax) return { sequence, verdict: { dead: "HANDLER_FAILED" } };
  return { sequence, verdict: { retryAfterMs: backoffMs(attempt), alone: true } };
}

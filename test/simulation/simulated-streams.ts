/**
 * A stream server of the simulation, as NATS JetStream behaves towards its clients: messages are on disk before `publish` is answered, ids
 * are remembered for a window of time only, a batch may be stored in part, whoever does not answer in time gets a message again, and a
 * power loss of a single node takes the newest messages with it. docs/operating.md says which of that a deployment has to expect.
 */
import assert from "node:assert/strict";
import {
  partitionNames,
  RuntimeError,
  type BusMessage,
  type Clock,
  type DeadLetter,
  type Delivery,
} from "@smarter-metering/runtime";
import type {
  BusEngine,
  FetchRequest,
  Leased,
  Settlement,
} from "../../packages/runtime/src/bus/engine.ts";
import type { StreamPlan } from "./streams.ts";

/** Ids are remembered so long; two minutes are the server's default. */
const DEDUPE_MS = 120_000;
const DEAD_LETTERS_MAX = 1000;

interface Stored extends BusMessage {
  readonly sequence: bigint;
  readonly atMs: number;
}

interface Held {
  attempt: number;
  dueMs: number;
  alone: boolean;
  /** While somebody has it in hand. */
  leaseEndMs: number | undefined;
}

interface ConsumerState {
  /** Not settled, by sequence. */
  readonly open: Map<bigint, Held>;
  readonly dead: Map<bigint, { readonly attempt: number; readonly reason: string }>;
}

interface StreamState {
  readonly plan: StreamPlan;
  readonly messages: Map<bigint, Stored>;
  readonly ids: Map<string, number>;
  readonly consumers: Map<string, ConsumerState>;
  last: bigint;
}

export class SimulatedStreams {
  readonly #time: Pick<Clock, "nowMs" | "at">;
  #streams: Map<string, StreamState>;
  #waiting = new Set<() => void>();

  constructor(plans: readonly StreamPlan[], time: Pick<Clock, "nowMs" | "at">) {
    this.#time = time;
    this.#streams = new Map(plans.map((plan) => [plan.name, emptyStream(plan)]));
  }

  /** Nobody has anything in hand any more; what was acknowledged is there. */
  crash(): void {
    for (const { consumers } of this.#streams.values()) {
      for (const { open } of consumers.values()) {
        for (const held of open.values()) held.leaseEndMs = undefined;
      }
    }
    this.#wake();
  }

  checkpoint(): Map<string, StreamState> {
    return structuredClone(this.#streams);
  }

  restore(checkpoint: Map<string, StreamState>): void {
    this.#streams = structuredClone(checkpoint);
    this.crash();
  }

  /** The way of one client to the server; it ends with the server's life or the signal. */
  engine(signal: AbortSignal): BusEngine {
    let isClosed = false;
    const assertOpen = (): void => {
      if (signal.aborted || isClosed) throw new RuntimeError("BUS_CLOSED", "the bus is closed");
    };
    const after = async <T>(work: () => T): Promise<T> => {
      assertOpen();
      return work();
    };
    return {
      publish: (stream, messages) => after(() => this.#publish(stream, messages)),
      fetch: (request) => this.#fetch(request, signal),
      settle: (name, settlements) => after(() => this.#settle(name, settlements)),
      pending: (names) =>
        after(() => names.reduce((sum, name) => sum + this.#consumer(name).open.size, 0)),
      last: (stream, prefix) =>
        after(() => this.#newestFirst(stream).find(({ subject }) => isUnder(subject, prefix))),
      read: (stream, { from, limit }) =>
        after(() =>
          this.#newestFirst(stream)
            .toReversed()
            .filter(({ sequence }) => sequence >= from)
            .slice(0, limit),
        ),
      deadLetters: (stream) => after(() => this.#deadLetters(stream)),
      requeue: (name, sequence) =>
        after(() => {
          const isThere = this.#consumer(name).dead.delete(sequence);
          if (isThere) this.#consumer(name).open.set(sequence, held(0));
          this.#wake();
          return isThere;
        }),
      discard: (name, sequence) => after(() => this.#consumer(name).dead.delete(sequence)),
      close: async () => void (isClosed = true),
    };
  }

  #publish(name: string, messages: readonly BusMessage[]) {
    const stream = this.#stream(name);
    for (const partitions of Object.values(stream.plan.partitions ?? {})) {
      const names = new Set(partitionNames(partitions));
      assert(
        messages.every(({ subject }) => names.has(subject)),
        "a subject is a partition",
      );
    }
    const nowMs = this.#time.nowMs();
    let accepted = 0;
    let duplicates = 0;
    // A stream that keeps its messages is asked for room beforehand.
    const room = stream.plan.messagesMax - backlogOf(stream);
    if (stream.plan.retainAcked === true && messages.length > room) return { full: true } as const;
    for (const message of messages) {
      if ((stream.ids.get(message.id) ?? -Infinity) > nowMs - DEDUPE_MS) {
        duplicates += 1;
        continue;
      }
      if (backlogOf(stream) >= stream.plan.messagesMax) return { full: true } as const;
      stream.last += 1n;
      stream.ids.set(message.id, nowMs);
      const { id, subject, body } = message;
      stream.messages.set(stream.last, { id, subject, body, sequence: stream.last, atMs: nowMs });
      for (const { open } of stream.consumers.values()) open.set(stream.last, held(0));
      accepted += 1;
    }
    if (accepted > 0) this.#wake();
    return { accepted, duplicates };
  }

  async #fetch(request: FetchRequest, serverSignal: AbortSignal): Promise<Leased[]> {
    const { waitMs = Infinity, signal } = request;
    const endMs = this.#time.nowMs() + waitMs;
    const isOver = (): boolean => serverSignal.aborted || signal?.aborted === true;
    while (!isOver()) {
      const { deliveries, nextMs } = this.#take(request);
      if (deliveries.length > 0 || this.#time.nowMs() >= endMs) return deliveries;
      await this.#wait(Math.min(nextMs, endMs), [serverSignal, ...(signal ? [signal] : [])]);
    }
    if (serverSignal.aborted) throw new RuntimeError("BUS_CLOSED", "the bus is closed");
    return [];
  }

  #take({ stream, consumer, max, subject = "", leaseMs = Infinity }: FetchRequest) {
    const { open } = this.#consumer({ stream, consumer });
    const { messages } = this.#stream(stream);
    const nowMs = this.#time.nowMs();
    const deliveries: Leased[] = [];
    let nextMs = Infinity;
    for (const [sequence, each] of [...open].toSorted(([a], [b]) => Number(a - b))) {
      const message = messages.get(sequence);
      if (message === undefined || !isUnder(message.subject, subject)) continue;
      if (each.leaseEndMs !== undefined && each.leaseEndMs <= nowMs) {
        // Who had it may have died of it.
        Object.assign(each, { attempt: each.attempt + 1, alone: true, leaseEndMs: undefined });
      }
      const freeMs = Math.max(each.leaseEndMs ?? 0, each.dueMs);
      if (freeMs > nowMs) {
        nextMs = Math.min(nextMs, freeMs);
        continue;
      }
      if (deliveries.length >= max || (each.alone && deliveries.length > 0)) break;
      each.leaseEndMs = nowMs + leaseMs;
      const { id, subject: of, body } = message;
      deliveries.push({ id, subject: of, body, sequence, attempt: each.attempt });
      if (each.alone) break;
    }
    return { deliveries, nextMs };
  }

  #wait(timeMs: number, signals: readonly AbortSignal[]): Promise<void> {
    return new Promise((resolve) => {
      const go = (): void => {
        this.#waiting.delete(go);
        cancel();
        for (const signal of signals) signal.removeEventListener("abort", go);
        resolve();
      };
      const cancel = timeMs < Infinity ? this.#time.at(timeMs, go) : (): void => undefined;
      this.#waiting.add(go);
      for (const signal of signals) signal.addEventListener("abort", go);
    });
  }

  #wake(): void {
    for (const go of this.#waiting) go();
  }

  #settle(name: { stream: string; consumer: string }, settlements: readonly Settlement[]): void {
    const { open, dead } = this.#consumer(name);
    for (const { sequence, verdict } of settlements) {
      const each = open.get(sequence);
      // Without a lease it has expired, and the message comes again.
      if (each?.leaseEndMs === undefined || each.leaseEndMs <= this.#time.nowMs()) continue;
      if ("retryAfterMs" in verdict) {
        Object.assign(each, {
          attempt: each.attempt + 1,
          alone: verdict.alone,
          dueMs: this.#time.nowMs() + verdict.retryAfterMs,
          leaseEndMs: undefined,
        });
      } else {
        open.delete(sequence);
        if ("dead" in verdict) dead.set(sequence, { attempt: each.attempt, reason: verdict.dead });
      }
    }
    this.#collect(name.stream);
    this.#wake();
  }

  /** Deletes what everybody has settled and nobody keeps. */
  #collect(name: string): void {
    const { plan, messages, consumers } = this.#stream(name);
    if (plan.retainAcked === true) return;
    for (const sequence of messages.keys()) {
      const isWanted = [...consumers.values()].some(
        ({ open, dead }) => open.has(sequence) || dead.has(sequence),
      );
      if (!isWanted) messages.delete(sequence);
    }
  }

  #newestFirst(name: string): Delivery[] {
    const all = [...this.#stream(name).messages.values()];
    return all
      .toReversed()
      .map(({ id, subject, body, sequence }) => ({ id, subject, body, sequence, attempt: 1 }));
  }

  #deadLetters(only?: string): DeadLetter[] {
    const names = only === undefined ? [...this.#streams.keys()] : [only];
    const letters = names.flatMap((stream) => {
      const { messages, consumers } = this.#stream(stream);
      return [...consumers].flatMap(([consumer, { dead }]) =>
        [...dead].flatMap(([sequence, { attempt, reason }]) => {
          const message = messages.get(sequence);
          if (message === undefined) return [];
          const { id, subject, body } = message;
          return [{ id, subject, body, sequence, attempt, stream, consumer, reason }];
        }),
      );
    });
    return letters.slice(0, DEAD_LETTERS_MAX);
  }

  #stream(name: string): StreamState {
    const stream = this.#streams.get(name);
    if (stream === undefined) throw new RuntimeError("BUS_UNKNOWN_STREAM", `no stream ${name}`);
    return stream;
  }

  #consumer({ stream, consumer }: { stream: string; consumer: string }): ConsumerState {
    const state = this.#stream(stream).consumers.get(consumer);
    if (state !== undefined) return state;
    throw new RuntimeError("BUS_UNKNOWN_CONSUMER", `no consumer ${consumer} of ${stream}`);
  }
}

const held = (dueMs: number): Held => ({
  attempt: 1,
  dueMs,
  alone: false,
  leaseEndMs: undefined,
});

/** A subject is of tokens with dots between them; a consumer chooses by the leading ones. */
const isUnder = (subject: string, leading: string): boolean =>
  leading === "" || subject === leading || subject.startsWith(`${leading}.`);

const backlogOf = ({ consumers }: StreamState): number =>
  Math.max(0, ...[...consumers.values()].map(({ open, dead }) => open.size + dead.size));

function emptyStream(plan: StreamPlan): StreamState {
  const consumers = new Map(
    plan.consumers.map((name) => [name, { open: new Map(), dead: new Map() }]),
  );
  return { plan, messages: new Map(), ids: new Map(), consumers, last: 0n };
}

/**
 * The embedded bus: streams in the tables of a store. One process owns the store, so wake-ups,
 * leases and counters are in memory and every write is one statement or one transaction.
 */
import { setMaxListeners } from "node:events";
import { RuntimeError } from "../error.ts";
import type { Clock } from "../clock.ts";
import { silentLogger } from "../log.ts";
import type { Logger } from "../log.ts";
import { migrate } from "../store/migrations.ts";
import type { Store } from "../store/store.ts";
import { busMigrations } from "./bus-schema.ts";
import type { Bus, BusMessage, ConsumerName, DeadLetter, Delivery } from "./bus.ts";
import type { PublishResult, ReadRange } from "./bus.ts";
import { ConsumerState } from "./consumer-state.ts";
import { busOver } from "./engine-bus.ts";
import type { BusEngine, FetchRequest, Settlement } from "./engine.ts";
import type { StreamOptions } from "./stream-options.ts";
import { StreamState } from "./stream-state.ts";

export interface OpenBusOptions {
  /** Stays open when the bus is closed. The bus adds its own tables. */
  readonly store: Store;
  readonly streams: readonly StreamOptions[];
  readonly clock: Clock;
  readonly log?: Logger;
}

export interface EmbeddedBus extends Bus {
  /** For `serveBus`. */
  readonly engine: BusEngine;
}

/** Opens the streams in `store`; consumers declared for the first time start at the oldest message. */
export async function openBus(options: OpenBusOptions): Promise<EmbeddedBus> {
  const { store, clock, log = silentLogger } = options;
  await migrate(store, "bus", busMigrations);
  const streams = new Map<string, StreamState>();
  for (const stream of options.streams) {
    streams.set(stream.name, await StreamState.load(store, clock, stream));
  }
  const engine = new StoreEngine(store, clock, streams);
  return { ...busOver(engine, { clock, log }), engine };
}

interface MessageRow {
  readonly sequence: bigint;
  readonly id: string;
  readonly subject: string;
  readonly body: Uint8Array;
  readonly attempt: number;
  readonly alone: boolean;
}

/** True if the subject begins with these whole tokens; "" is all. */
const under = (subject: string, prefix: string): string =>
  `(${prefix} in ('', ${subject}) or starts_with(${subject}, ${prefix} || '.'))`;

const messageColumns = "m.sequence, m.id, m.subject, m.body";
const deadLettersMax = 1_000;
/** Acknowledged messages of retained streams age out even when nothing is published. */
const collectEveryMs = 60_000;

class StoreEngine implements BusEngine {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #streams: ReadonlyMap<string, StreamState>;
  readonly #closed = new AbortController();
  readonly #cancelCollect: () => void;

  constructor(store: Store, clock: Clock, streams: ReadonlyMap<string, StreamState>) {
    this.#store = store;
    this.#clock = clock;
    this.#streams = streams;
    setMaxListeners(0, this.#closed.signal); // One for each consumer that waits; it goes with the wait.
    this.#cancelCollect = clock.every(collectEveryMs, async () => {
      // A store that has died is reported by every other call.
      for (const stream of streams.values()) await stream.collect().catch(() => undefined);
    });
  }

  async publish(stream: string, messages: readonly BusMessage[]): Promise<PublishResult> {
    const state = this.#stream(stream);
    return state.publish(messages);
  }

  async fetch(request: FetchRequest): Promise<Delivery[]> {
    const state = this.#consumer(request);
    const { signal, waitMs = Infinity } = request;
    const endMs = this.#clock.nowMs() + waitMs;
    const isOver = (): boolean => this.#closed.signal.aborted || signal?.aborted === true;
    while (!isOver()) {
      const { woken, leave } = state.nextWake();
      try {
        const taken = await state.inTurn(() => this.#take(state, request));
        if (taken.deliveries.length > 0 || this.#clock.nowMs() >= endMs) return taken.deliveries;
        await this.#wait(woken, leave, Math.min(taken.nextMs, endMs), signal);
      } finally {
        leave();
      }
    }
    return [];
  }

  /** Until woken, `timeMs`, or an end of the request or the bus. */
  async #wait(
    woken: Promise<void>,
    leave: () => void,
    timeMs: number,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const cancel = timeMs < Infinity ? this.#clock.at(timeMs, leave) : () => undefined;
    const ends = [this.#closed.signal, ...(signal === undefined ? [] : [signal])];
    for (const end of ends) end.addEventListener("abort", leave);
    if (ends.some(({ aborted }) => aborted)) leave();
    await woken;
    cancel();
    for (const end of ends) end.removeEventListener("abort", leave);
  }

  /** Leases what is due now; else says when to look again. */
  async #take(
    state: ConsumerState,
    { max, subject = "", leaseMs = Infinity, signal }: FetchRequest,
  ): Promise<{ deliveries: Delivery[]; nextMs: number }> {
    const nowMs = this.#clock.nowMs();
    await this.#endLeases(state, nowMs);
    if (signal?.aborted === true || state.pending === state.leases.size) {
      return { deliveries: [], nextMs: leaseEnd(state) };
    }
    const rows = await this.#store.query<MessageRow>(
      `(select ${messageColumns}, o.attempt, o.alone from bus_open o
          join bus_message m on m.stream = o.stream and m.sequence = o.sequence
          where o.stream = $1 and o.consumer = $2 and o.due_ms <= $3
            and o.sequence <> all($4::int8[]) and ${under("m.subject", "$5")}
          order by o.sequence limit $6)
       union all
       (select ${messageColumns}, 1, false from bus_message m
          where m.stream = $1 and m.sequence > $7 and m.sequence <> all($4::int8[])
            and ${under("m.subject", "$5")}
          order by m.sequence limit $6)`,
      [state.stream, state.consumer, nowMs, [...state.leases.keys()], subject, max, state.cursor],
    );
    if (rows.length === 0) return { deliveries: [], nextMs: await this.#nextDue(state, nowMs) };
    if (subject !== "") state.skips = true;
    const firstAlone = rows.findIndex(({ alone }) => alone);
    const end = firstAlone === -1 ? max : Math.min(max, Math.max(1, firstAlone));
    const deliveries = rows.slice(0, end).map(deliveryOf);
    for (const { sequence, attempt } of deliveries) {
      state.leases.set(sequence, { attempt, untilMs: nowMs + leaseMs });
    }
    return { deliveries, nextMs: nowMs };
  }

  /** A lease that ran out counts as a failed attempt: its holder may have died of the message. */
  async #endLeases(state: ConsumerState, nowMs: number): Promise<void> {
    const over = [...state.leases].filter(([, { untilMs }]) => untilMs <= nowMs);
    if (over.length === 0) return;
    const verdict = { retryAfterMs: 0, alone: true };
    await this.#settleNow(
      state,
      over.map(([sequence]) => ({ sequence, verdict })),
    );
  }

  /** `nowMs` is that of the read that found nothing: with a later one a retry due in between would be in neither. */
  async #nextDue(state: ConsumerState, nowMs: number): Promise<number> {
    const [row] = await this.#store.query<{ due: bigint | null }>(
      `select min(due_ms) as due from bus_open
         where stream = $1 and consumer = $2 and due_ms > $3`,
      [state.stream, state.consumer, nowMs],
    );
    return Math.min(Number(row?.due ?? Infinity), leaseEnd(state));
  }

  async settle(name: ConsumerName, settlements: readonly Settlement[]): Promise<void> {
    const state = this.#consumer(name);
    // In turn with fetches: a fetch must see cursor, leases and tables of one moment.
    await state.inTurn(() => this.#settleNow(state, settlements));
    await this.#stream(name.stream).settled(settlements.length);
  }

  async #settleNow(state: ConsumerState, settlements: readonly Settlement[]): Promise<void> {
    const known = settlements.filter(({ sequence }) => state.leases.has(sequence));
    if (known.length === 0) return;
    const now = this.#clock.nowMs();
    const done = known.filter(({ verdict }) => !("retryAfterMs" in verdict));
    const deadCount = known.filter(({ verdict }) => "dead" in verdict).length;
    try {
      const cursor = await writeSettlements(this.#store, state, known, now);
      state.cursor = cursor;
      state.pending -= done.length;
      this.#stream(state.stream).dead += deadCount;
    } finally {
      for (const { sequence } of known) state.leases.delete(sequence);
      if (done.length < known.length || state.pending > state.leases.size) state.wake();
    }
  }

  async pending(names: readonly ConsumerName[]): Promise<number> {
    return names
      .map((name) => this.#consumer(name))
      .filter((state, index, all) => all.indexOf(state) === index)
      .reduce((sum, state) => sum + state.pending, 0);
  }

  async last(stream: string, subjectPrefix: string): Promise<Delivery | undefined> {
    this.#stream(stream);
    const [row] = await this.#store.query<MessageRow>(
      `select ${messageColumns}, 1 as attempt from bus_message m
         where stream = $1 and ${under("subject", "$2")} order by sequence desc limit 1`,
      [stream, subjectPrefix],
    );
    return row === undefined ? undefined : deliveryOf(row);
  }

  async read(stream: string, { from, limit }: ReadRange): Promise<Delivery[]> {
    this.#stream(stream);
    const rows = await this.#store.query<MessageRow>(
      `select ${messageColumns}, 1 as attempt from bus_message m
         where stream = $1 and sequence >= $2 order by sequence limit $3`,
      [stream, from, limit],
    );
    return rows.map(deliveryOf);
  }

  async deadLetters(stream?: string): Promise<DeadLetter[]> {
    if (stream !== undefined) this.#stream(stream);
    return this.#store.query<DeadLetter>(
      `select ${messageColumns}, d.attempt, d.stream, d.consumer, d.reason from bus_dead d
         join bus_message m on m.stream = d.stream and m.sequence = d.sequence
         where $1::text is null or d.stream = $1 order by d.stream, d.sequence limit $2`,
      [stream ?? null, deadLettersMax],
    );
  }

  async requeue(name: ConsumerName, sequence: bigint): Promise<boolean> {
    const state = this.#consumer(name);
    const found = await this.#store.transaction(async (sql) => {
      const rows = await sql.query(deleteDead, [name.stream, name.consumer, sequence]);
      if (rows.length === 0) return false;
      await sql.query("insert into bus_open values ($1, $2, $3, 1, 0, true)", [
        name.stream,
        name.consumer,
        sequence,
      ]);
      return true;
    });
    if (!found) return false;
    this.#stream(name.stream).dead -= 1;
    state.pending += 1;
    state.wake();
    return true;
  }

  async discard(name: ConsumerName, sequence: bigint): Promise<boolean> {
    this.#consumer(name);
    const rows = await this.#store.query(deleteDead, [name.stream, name.consumer, sequence]);
    this.#stream(name.stream).dead -= rows.length;
    return rows.length > 0;
  }

  async close(): Promise<void> {
    this.#cancelCollect();
    this.#closed.abort();
  }

  #stream(name: string): StreamState {
    if (this.#closed.signal.aborted) throw new RuntimeError("BUS_CLOSED", "the bus is closed");
    const state = this.#streams.get(name);
    if (state !== undefined) return state;
    throw new RuntimeError("BUS_UNKNOWN_STREAM", `no stream ${name} is declared: check the config`);
  }

  #consumer({ stream, consumer }: ConsumerName): ConsumerState {
    const state = this.#stream(stream).consumers.get(consumer);
    if (state !== undefined) return state;
    const message = `stream ${stream} declares no consumer ${consumer}: check the config`;
    throw new RuntimeError("BUS_UNKNOWN_CONSUMER", message);
  }
}

const deleteDead = `delete from bus_dead where stream = $1 and consumer = $2 and sequence = $3
  returning 1 as one`;

function leaseEnd({ leases }: ConsumerState): number {
  return [...leases.values()].reduce((end, { untilMs }) => Math.min(end, untilMs), Infinity);
}

function deliveryOf({ sequence, id, subject, body, attempt }: MessageRow): Delivery {
  return { sequence, id, subject, body, attempt };
}

/** Writes verdicts of leased messages and returns the consumer's new cursor. */
async function writeSettlements(
  store: Store,
  state: ConsumerState,
  settlements: readonly Settlement[],
  nowMs: number,
): Promise<bigint> {
  const { stream, consumer, cursor: before } = state;
  const sequences = settlements.map(({ sequence }) => sequence);
  const cursor = sequences.reduce((max, sequence) => (sequence > max ? sequence : max), before);
  const settling = new Set(sequences);
  const passes = [...state.leases.keys()].some((s) => s > before && s < cursor && !settling.has(s));
  const isPlain = settlements.every(
    ({ sequence, verdict }) => "ack" in verdict && sequence > before,
  );
  const moveCursor = "update bus_consumer set cursor = $3 where stream = $1 and consumer = $2";
  if (isPlain && !passes && !state.skips) {
    await store.query(moveCursor, [stream, consumer, cursor]);
    return cursor;
  }
  await store.transaction(async (sql) => {
    // What the cursor passes without being settled stays open.
    await sql.query(
      `insert into bus_open select $1, $2, sequence, 1, 0, false from bus_message
         where stream = $1 and sequence > $3 and sequence < $4 and sequence <> all($5::int8[])`,
      [stream, consumer, before, cursor, sequences],
    );
    await sql.query(
      "delete from bus_open where stream = $1 and consumer = $2 and sequence = any($3::int8[])",
      [stream, consumer, sequences],
    );
    for (const { sequence, verdict } of settlements) {
      const attempt = state.leases.get(sequence)?.attempt ?? 1;
      if ("retryAfterMs" in verdict) {
        const dueMs = Math.ceil(nowMs + verdict.retryAfterMs);
        await sql.query("insert into bus_open values ($1, $2, $3, $4, $5, $6)", [
          stream,
          consumer,
          sequence,
          attempt + 1,
          dueMs,
          verdict.alone,
        ]);
      } else if ("dead" in verdict) {
        await sql.query("insert into bus_dead values ($1, $2, $3, $4, $5, $6)", [
          stream,
          consumer,
          sequence,
          attempt,
          verdict.dead.slice(0, 100),
          nowMs,
        ]);
      }
    }
    await sql.query(moveCursor, [stream, consumer, cursor]);
  });
  return cursor;
}

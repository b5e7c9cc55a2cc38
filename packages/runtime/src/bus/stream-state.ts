/** One stream of the embedded bus: its limits, its publishing side and the removal of old messages. */
import assert from "node:assert/strict";
import type { Clock } from "../clock.ts";
import type { Sql, Store } from "../store/store.ts";
import type { BusMessage, PublishResult } from "./bus.ts";
import { ConsumerState } from "./consumer-state.ts";
import { assertPartitions, type StreamOptions } from "./stream-options.ts";

/** Time for somebody to look at a dead letter, then it goes with its message. */
export const DEAD_LETTERS_KEPT_DAYS = 40;
const dayMs = 86_400_000;
const dedupeWindowDefault = 200_000;
/** Settled messages before the table is tidied, and deleted ones before their space is reused. */
const collectEvery = 1_000;
const vacuumEvery = 20_000;

export class StreamState {
  readonly consumers: ReadonlyMap<string, ConsumerState>;
  /** Dead letters of all consumers. */
  dead: number;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #options: StreamOptions;
  #last: bigint;
  #settledSince = 0;
  #deletedSince = 0;

  private constructor(
    store: Store,
    clock: Clock,
    options: StreamOptions,
    consumers: ReadonlyMap<string, ConsumerState>,
    position: { readonly last: bigint; readonly dead: number },
  ) {
    this.#store = store;
    this.#clock = clock;
    this.#options = options;
    this.consumers = consumers;
    this.#last = position.last;
    this.dead = position.dead;
  }

  static async load(store: Store, clock: Clock, options: StreamOptions): Promise<StreamState> {
    const { name, messagesMax, consumers: names, retainAcked = false } = options;
    assert(messagesMax > 0, `stream ${name}: messagesMax is positive`);
    assert(names.length > 0 || retainAcked !== false, `stream ${name} has no consumer`);
    return store.transaction(async (sql) => {
      const consumers = await loadConsumers(sql, name, names);
      const [position] = await sql.query<{ last: bigint; dead: number }>(
        `select greatest(
             (select max(sequence) from bus_message where stream = $1),
             (select max(sequence) from bus_seen where stream = $1),
             (select max(cursor) from bus_consumer where stream = $1), 0) as last,
           (select count(*) from bus_dead where stream = $1)::int4 as dead`,
        [name],
      );
      assert(position !== undefined, "an aggregate has one row");
      return new StreamState(store, clock, options, consumers, position);
    });
  }

  async publish(messages: readonly BusMessage[]): Promise<PublishResult> {
    assertPartitions(this.#options, messages);
    const consumers = [...this.consumers.values()];
    const behind = Math.max(0, ...consumers.map(({ pending }) => pending)) + this.dead;
    if (behind + messages.length > this.#options.messagesMax) return { full: true };
    // Counted before the write, so that concurrent calls cannot pass the limit together.
    for (const consumer of consumers) consumer.pending += messages.length;
    let accepted = 0;
    try {
      accepted = await this.#insert(messages);
    } finally {
      for (const consumer of consumers) {
        consumer.pending -= messages.length - accepted;
        if (accepted > 0) consumer.wake();
      }
    }
    return { accepted, duplicates: messages.length - accepted };
  }

  async #insert(messages: readonly BusMessage[]): Promise<number> {
    const sequences = messages.map(() => (this.#last += 1n));
    const [row] = await this.#store.query<{ accepted: number }>(
      // By the array, not by a join: without statistics the planner would read all of bus_seen.
      `with seen as materialized (
         select id from bus_seen where stream = $1 and id = any($3::text[])),
       given as (
         select * from unnest($2::int8[], $3::text[], $4::text[], $5::bytea[])
           as g(sequence, id, subject, body)
         where id not in (select id from seen)),
       written as (
         insert into bus_message
           select $1, sequence, id, subject, body, $6::int8 from given order by sequence
           on conflict (stream, id) do nothing returning 1)
       select count(*)::int4 as accepted from written`,
      [
        this.#options.name,
        sequences,
        messages.map(({ id }) => id),
        messages.map(({ subject }) => subject),
        messages.map(({ body }) => body),
        this.#clock.nowMs(),
      ],
    );
    return row?.accepted ?? 0;
  }

  /** To be told of settled messages; tidies after every 1,000. */
  async settled(count: number): Promise<void> {
    this.#settledSince += count;
    if (this.#settledSince >= collectEvery) await this.collect();
  }

  /** Deletes what every consumer has settled and nobody retains, remembering the ids for a while. */
  async collect(): Promise<void> {
    this.#settledSince = 0;
    await this.#forgetDead();
    const { name, retainAcked = false, dedupeWindow = dedupeWindowDefault } = this.#options;
    if (retainAcked === true) return;
    const seconds = retainAcked === false ? 0 : retainAcked.seconds;
    const cursors = [...this.consumers.values()].map(({ cursor }) => cursor);
    const floor = cursors.reduce((low, cursor) => (cursor < low ? cursor : low), this.#last);
    const [row] = await this.#store.query<{ gone: number }>(
      `with gone as (
         delete from bus_message m where m.stream = $1 and m.sequence <= $2 and m.at_ms <= $3
           and not exists (select 1 from bus_open o
             where o.stream = m.stream and o.sequence = m.sequence)
           and not exists (select 1 from bus_dead d
             where d.stream = m.stream and d.sequence = m.sequence)
         returning m.id, m.sequence),
       kept as (
         insert into bus_seen select $1, id, sequence from gone on conflict do nothing)
       select count(*)::int4 as gone from gone`,
      [name, floor, this.#clock.nowMs() - seconds * 1000],
    );
    this.#deletedSince += row?.gone ?? 0;
    const forgotten = this.#last - BigInt(dedupeWindow);
    await this.#store.query("delete from bus_seen where stream = $1 and sequence <= $2", [
      name,
      forgotten,
    ]);
    if (this.#deletedSince < vacuumEvery) return;
    this.#deletedSince = 0;
    for (const table of ["bus_message", "bus_seen", "bus_consumer", "bus_open"]) {
      await this.#store.query(`vacuum ${table}`);
    }
  }

  async #forgetDead(): Promise<void> {
    if (this.dead === 0) return;
    const gone = await this.#store.query(
      "delete from bus_dead where stream = $1 and at_ms <= $2 returning 1",
      [this.#options.name, this.#clock.nowMs() - DEAD_LETTERS_KEPT_DAYS * dayMs],
    );
    this.dead -= gone.length;
  }
}

async function loadConsumers(
  sql: Sql,
  stream: string,
  names: readonly string[],
): Promise<Map<string, ConsumerState>> {
  for (const table of ["bus_consumer", "bus_open", "bus_dead"]) {
    const others = `delete from ${table} where stream = $1 and consumer <> all($2::text[])`;
    await sql.query(others, [stream, names]);
  }
  const consumers = new Map<string, ConsumerState>();
  for (const name of names) {
    const insert = "insert into bus_consumer values ($1, $2, 0) on conflict do nothing";
    await sql.query(insert, [stream, name]);
    const [row] = await sql.query<{ cursor: bigint; pending: number }>(
      `select c.cursor,
         ((select count(*) from bus_message m where m.stream = $1 and m.sequence > c.cursor) +
          (select count(*) from bus_open o where o.stream = $1 and o.consumer = $2))::int4 as pending
       from bus_consumer c where c.stream = $1 and c.consumer = $2`,
      [stream, name],
    );
    assert(row !== undefined, "the row was just inserted");
    consumers.set(name, new ConsumerState(stream, name, row.cursor, row.pending));
  }
  return consumers;
}

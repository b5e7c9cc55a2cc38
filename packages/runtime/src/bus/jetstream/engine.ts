/**
 * The bus over NATS JetStream (docs/decisions/0027-jetstream.md): one stream a hop, durable pull
 * consumers, in the servers' hands. This process keeps nothing but what it is working on.
 */
import type { ConsumerInfo } from "@nats-io/jetstream";
import { headers } from "@nats-io/nats-core";
import assert from "node:assert/strict";
import { sleepUntil, systemClock, type Clock } from "../../clock.ts";
import { RuntimeError, hasCode } from "../../error.ts";
import { silentLogger, type Logger } from "../../log.ts";
import type { Bus, BusMessage, ConsumerName, DeadLetter, Delivery } from "../bus.ts";
import type { PublishResult, ReadRange } from "../bus.ts";
import { busOver } from "../engine-bus.ts";
import type { BusEngine, FetchRequest, Leased, SettleVerdict, Settlement } from "../engine.ts";
import { assertPartitions, type StreamOptions } from "../stream-options.ts";
import { backlogOf } from "./backlog.ts";
import { DeadLetters } from "./dead-letters.ts";
import { deliveryOf, readingOf } from "./delivery.ts";
import { Hand } from "./hand.ts";
import { answerCode, openLink, type JetStreamConnection, type Link } from "./link.ts";
import { HEADERS, addressOf, durablesOf, escapeHeader, keepsSettled } from "./names.ts";
import { publishedOf } from "./names.ts";
import { streamName, subjectOf, subjectsUnder, type Durable } from "./names.ts";
import { Pressure } from "./pressure.ts";
import { pull } from "./pull.ts";
import { storedFrom } from "./stored.ts";
import type { Taken } from "./taken.ts";

export interface JetStreamOptions extends JetStreamConnection {
  /** As they were given to `provisionStreams`. */
  readonly streams: readonly StreamOptions[];
  readonly clock?: Clock;
  readonly log?: Logger;
}

export interface JetStreamBus extends Bus {
  /** For tests: its `close` ends the connection and leaves what is in hand, as a crash does. */
  readonly engine: BusEngine;
}

/**
 * Connects to servers where the streams were provisioned. Throws BUS_FORBIDDEN, BUS_UNREACHABLE. Later
 * it reconnects for ever; meanwhile calls wait 5 s and fail with BUS_UNREACHABLE, and may be repeated.
 */
export async function connectJetStream(options: JetStreamOptions): Promise<JetStreamBus> {
  const { clock = systemClock, log = silentLogger, streams } = options;
  const link = await openLink(options, clock);
  const engine = new JetStreamEngine(link, clock, streams);
  return { ...busOver(engine, { clock, log }), engine };
}

/** Messages sent and not yet confirmed; the servers take about 20,000 a second. */
const publishesMax = 256;
/** Server errors: "maximum messages exceeded", "maximum bytes exceeded". */
const FULL: ReadonlySet<number> = new Set([10_077, 10_076]);
/** One wait at the server; then the request is made again, in case the server has forgotten it. */
const pullMs = 5_000;
/** Between two looks at all partitions when all were empty. */
const lookMsMin = 20;
const lookMsMax = 500;
/** How often of its acknowledgement time a message in hand is kept. */
const keepShare = 3;
const millisecond = 1_000_000;

class JetStreamEngine implements BusEngine {
  readonly #link: Link;
  readonly #clock: Clock;
  readonly #streams: ReadonlyMap<string, StreamOptions>;
  readonly #pressure: ReadonlyMap<string, Pressure>;
  readonly #dead: DeadLetters;
  /** By consumer, from its first fetch on. */
  readonly #hands = new Map<string, Promise<Hand>>();
  /** Of consumers with partitions: the one to look at first. */
  readonly #turn = new Map<string, number>();
  readonly #closed = new AbortController();

  constructor(link: Link, clock: Clock, streams: readonly StreamOptions[]) {
    this.#link = link;
    this.#clock = clock;
    this.#streams = new Map(streams.map((stream) => [stream.name, stream]));
    const kept = streams.filter(keepsSettled);
    this.#pressure = new Map(kept.map((one) => [one.name, new Pressure(link, clock, one)]));
    this.#dead = new DeadLetters(link);
  }

  async publish(stream: string, messages: readonly BusMessage[]): Promise<PublishResult> {
    assertPartitions(this.#stream(stream), messages);
    const pressure = this.#pressure.get(stream);
    if (pressure !== undefined && !(await pressure.admits(messages.length))) return { full: true };
    const left = messages.values();
    let duplicates = 0;
    let isFull = false;
    const lane = async (): Promise<void> => {
      for (const message of left) {
        const outcome = await this.#publishOne(stream, message);
        if (outcome === "duplicate") duplicates += 1;
        if (outcome === "full") isFull = true;
        if (isFull) return;
      }
    };
    const lanes = Array.from({ length: Math.min(publishesMax, messages.length) }, lane);
    const ends = await Promise.allSettled(lanes);
    const failed = ends.find((end) => end.status === "rejected");
    if (failed !== undefined) throw failed.reason;
    return isFull ? { full: true } : { accepted: messages.length - duplicates, duplicates };
  }

  async #publishOne(
    stream: string,
    { id, subject, body }: BusMessage,
  ): Promise<"accepted" | "duplicate" | "full"> {
    const fields = headers();
    fields.set(HEADERS.messageId, escapeHeader(id));
    try {
      const { duplicate } = await this.#link.call(`publish to ${stream}`, () =>
        this.#link.client.publish(subjectOf(stream, subject), body, { headers: fields }),
      );
      return duplicate ? "duplicate" : "accepted";
    } catch (error) {
      const code = answerCode(error instanceof RuntimeError ? error.cause : error);
      if (code !== undefined && FULL.has(code)) return "full";
      throw error;
    }
  }

  async fetch(request: FetchRequest): Promise<Leased[]> {
    const durables = this.#durablesOf(request, request.subject);
    const { signal, waitMs = Infinity } = request;
    const hand = await this.#handOf(request, durables[0]);
    const endMs = this.#clock.nowMs() + waitMs;
    const [only] = durables;
    for (let looks = 0; ; looks += 1) {
      if (this.#closed.signal.aborted || signal?.aborted === true) return [];
      const startMs = this.#clock.nowMs();
      const leftMs = Math.max(0, endMs - startMs);
      const messages =
        only !== undefined && durables.length === 1
          ? await this.#pull(request, only, Math.min(pullMs, leftMs))
          : await this.#pullInTurn(request, durables);
      const leased = this.#lease(hand, request, messages);
      if (leased.length > 0 || leftMs === 0) return leased;
      // Refused, as by a server without a leader, or looked at all partitions: not again at once.
      if (this.#clock.nowMs() < startMs + lookMsMax) await this.#pause(looks, leftMs, signal);
      else looks = 0;
    }
  }

  /** Fails when there is no such consumer, or the user may not take from it: a pull would say nothing. */
  #handOf(name: ConsumerName, durable: Durable | undefined): Promise<Hand> {
    const key = keyOf(name);
    const open = this.#hands.get(key);
    if (open !== undefined) return open;
    const opening = this.#openHand(name, durable);
    this.#hands.set(key, opening);
    opening.catch(() => this.#hands.delete(key)); // The next fetch asks again.
    return opening;
  }

  async #openHand(name: ConsumerName, durable: Durable | undefined): Promise<Hand> {
    const { config } = await this.#infoOf(name, durable);
    const waitMs = (config.ack_wait ?? 0) / millisecond;
    return new Hand(this.#clock, Math.max(1, waitMs / keepShare));
  }

  #infoOf({ stream, consumer }: ConsumerName, durable?: Durable): Promise<ConsumerInfo> {
    const { consumers } = this.#link.manager;
    return this.#link.call(`take ${consumer} of ${stream}`, () =>
      consumers.info(streamName(stream), durable?.name ?? consumer),
    );
  }

  #pull({ stream, max, signal }: FetchRequest, { name }: Durable, waitMs: number) {
    const until = signal === undefined ? {} : { signal };
    const request = { stream: streamName(stream), durable: name, max, waitMs, ...until };
    return this.#link.take(`take from ${stream}`, () => pull(this.#link, this.#clock, request));
  }

  /** What is there in the partitions, beginning after the one that filled the last batch. */
  async #pullInTurn(request: FetchRequest, durables: readonly Durable[]): Promise<Taken[]> {
    const key = keyOf(request);
    const start = this.#turn.get(key) ?? 0;
    const messages: Taken[] = [];
    for (const [offset, durable] of [
      ...durables.slice(start),
      ...durables.slice(0, start),
    ].entries()) {
      const max = request.max - messages.length;
      try {
        messages.push(...(await this.#pull({ ...request, max }, durable, 0)));
      } catch (error) {
        if (messages.length > 0) return messages; // The next fetch will meet it again.
        throw error;
      }
      if (messages.length < request.max) continue;
      this.#turn.set(key, (start + offset + 1) % durables.length);
      break;
    }
    return messages;
  }

  async #pause(looks: number, leftMs: number, signal: AbortSignal | undefined): Promise<void> {
    const pauseMs = Math.min(lookMsMin * 2 ** Math.min(looks, 10), lookMsMax, leftMs);
    await sleepUntil(this.#clock, this.#clock.nowMs() + pauseMs, signal);
  }

  /** What is for another consumer alone is settled here; the rest is in hand from now on. */
  #lease(hand: Hand, name: ConsumerName, messages: readonly Taken[]): Leased[] {
    return messages.flatMap((message) => {
      const { only } = addressOf(message.message.subject);
      if (only !== undefined && only !== name.consumer) {
        message.pass();
        return [];
      }
      hand.hold(message);
      const delivery = deliveryOf(message);
      // It may be the one that its handler, or a whole process, died of.
      return delivery.attempt === 1 ? [delivery] : [{ ...delivery, alone: true }];
    });
  }

  async settle(name: ConsumerName, settlements: readonly Settlement[]): Promise<void> {
    this.#consumer(name);
    const hand = await this.#hands.get(keyOf(name));
    const acknowledged: Taken[] = [];
    const others: Promise<void>[] = [];
    for (const { sequence, verdict } of settlements) {
      const message = hand?.take(sequence);
      if (message === undefined) continue;
      if ("ack" in verdict) acknowledged.push(message);
      else others.push(this.#settleOtherwise(name, message, verdict));
    }
    const ends = await Promise.allSettled([...others, this.#acknowledge(name, acknowledged)]);
    const failed = ends.find((end) => end.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  /**
   * The server notes a durable consumer's acknowledgements in their order: when the last is confirmed,
   * all are. What a server that dies has not noted comes again, as after any crash.
   */
  async #acknowledge({ stream }: ConsumerName, messages: readonly Taken[]): Promise<void> {
    if (messages.length === 0) return;
    const lasts = new Map(messages.map((message) => [message.durable, message]));
    await this.#link.call(`settle messages of ${stream}`, async () => {
      for (const message of messages) {
        if (lasts.get(message.durable) !== message) message.pass();
      }
      await Promise.all([...lasts.values()].map((message) => message.acknowledge()));
    });
  }

  async #settleOtherwise(
    name: ConsumerName,
    message: Taken,
    verdict: Exclude<SettleVerdict, { readonly ack: true }>,
  ): Promise<void> {
    if ("retryAfterMs" in verdict) return message.giveBack(Math.ceil(verdict.retryAfterMs));
    await this.#dead.put(name, message, verdict.dead);
    message.end();
  }

  async pending(names: readonly ConsumerName[]): Promise<number> {
    const unique = new Map(names.map((name) => [keyOf(name), name]));
    const backlogs = [...unique.values()].map((name) =>
      backlogOf(this.#link, this.#consumer(name), name.consumer),
    );
    return (await Promise.all(backlogs)).reduce((sum, backlog) => sum + backlog, 0);
  }

  async last(stream: string, subjectPrefix: string): Promise<Delivery | undefined> {
    this.#stream(stream);
    const { streams } = this.#link.manager;
    const found = await this.#link.call(`read ${stream}`, () =>
      Promise.all(
        subjectsUnder(stream, subjectPrefix).map((filter) =>
          streams.getMessage(streamName(stream), { last_by_subj: filter }),
        ),
      ),
    );
    const newest = found.reduce((a, b) => ((b?.seq ?? 0) > (a?.seq ?? 0) ? b : a), null);
    return newest === null ? undefined : readingOf(newest);
  }

  async read(stream: string, range: ReadRange): Promise<Delivery[]> {
    this.#stream(stream);
    const name = streamName(stream);
    return (await storedFrom(this.#link, name, publishedOf(stream), range)).map(readingOf);
  }

  async deadLetters(stream?: string): Promise<DeadLetter[]> {
    if (stream !== undefined) return this.#dead.list(this.#stream(stream).name);
    const lists = [...this.#streams.keys()].map((name) =>
      this.#dead.list(name).catch((error: unknown) => {
        // Of all streams: those that this user may see.
        if (hasCode(error, "BUS_FORBIDDEN")) return [];
        throw error;
      }),
    );
    return (await Promise.all(lists)).flat().slice(0, 1_000);
  }

  async requeue(name: ConsumerName, sequence: bigint): Promise<boolean> {
    this.#consumer(name);
    return this.#dead.requeue(name, sequence);
  }

  async discard(name: ConsumerName, sequence: bigint): Promise<boolean> {
    this.#consumer(name);
    return this.#dead.discard(name, sequence);
  }

  async close(): Promise<void> {
    this.#closed.abort();
    for (const opened of await Promise.allSettled(this.#hands.values())) {
      if (opened.status === "fulfilled") opened.value.close();
    }
    await this.#link.close();
  }

  #stream(name: string): StreamOptions {
    if (this.#closed.signal.aborted) throw new RuntimeError("BUS_CLOSED", "the bus is closed");
    const stream = this.#streams.get(name);
    if (stream !== undefined) return stream;
    throw new RuntimeError("BUS_UNKNOWN_STREAM", `no stream ${name} is declared: check the config`);
  }

  /** The stream, if it has the consumer. */
  #consumer({ stream, consumer }: ConsumerName): StreamOptions {
    const options = this.#stream(stream);
    if (options.consumers.includes(consumer)) return options;
    const message = `stream ${stream} declares no consumer ${consumer}: check the config`;
    throw new RuntimeError("BUS_UNKNOWN_CONSUMER", message);
  }

  #durablesOf(name: ConsumerName, subject: string | undefined): readonly Durable[] {
    const durables = durablesOf(this.#consumer(name), name.consumer);
    if (subject === undefined) return durables;
    const found = durables.filter(({ partition }) => partition === subject);
    assert(found.length === 1, `${name.stream}: ${subject} is no partition of ${name.consumer}`);
    return found;
  }
}

const keyOf = ({ stream, consumer }: ConsumerName): string => `${stream}/${consumer}`;

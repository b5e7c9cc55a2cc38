/**
 * Many meters in one process, with one journal (docs/protocol.md §2.6, §4). A fleet is for trying
 * out and for simulation: a real meter is a fleet of one. It holds the data keys and readings of
 * all its meters, and nothing of anybody else.
 */
import assert from "node:assert/strict";
import type { Engine } from "@smarter-metering/paillier";
import {
  createMetrics,
  errorFields,
  machineDisk,
  sleepUntil,
  type Clock,
  type Disk,
  type Logger,
  type Metrics,
} from "@smarter-metering/runtime";
import { backoffMs } from "./backoff.ts";
import { openStocks, type BlindingStock } from "./blinding-stock.ts";
import { clockWatch, type ClockWatch } from "./clock-watch.ts";
import { Delivery, type Delivered } from "./delivery.ts";
import type { Random } from "./enrolment.ts";
import { MeterError } from "./error.ts";
import { openFleetJournal, type FleetJournal } from "./fleet-journal.ts";
import { FleetFindings } from "./fleet-findings.ts";
import { fleetMetrics, type FleetMetrics } from "./fleet-metrics.ts";
import { reportOf, type MeterStatus, type SendReport } from "./fleet-report.ts";
import { LIVE_WAITING_MAX, Meter } from "./meter.ts";
import { openerWatch, type OpenerWatch } from "./opener-watch.ts";
import { backlogDays, paceOf, type Pace } from "./pace.ts";
import { PriceBook } from "./price-book.ts";
import { priceWatch, type PriceWatch } from "./price-watch.ts";
import { parseProvisioning } from "./provisioning.ts";
import { namesKey } from "./records.ts";
import { addTallies, tallyOf, type SealTally } from "./seal-result.ts";
import { NO_WINDOWS, spread, type SendWindows, type SpreadPorts } from "./send-window.ts";
import { gather, isMessage, newTally, type Tally } from "./sendings.ts";
import type { MeterSource } from "./source.ts";
import { Turns, type Turn } from "./turns.ts";
import type { Uplink } from "./uplink.ts";
import { validatedSource } from "./validated-source.ts";

const COMPACT_AT_BYTES_DEFAULT = 64 * 1024 * 1024;
/** Rounds of a day with nothing but messages; what comes after them goes with the next call. */
const MESSAGE_ROUNDS_MAX = 2;
/** Meters that seal at the same time: as many frames share an fsync. */
const SEALING_MAX = 64;

export interface FleetMember {
  /** A provisioning document, as parsed from JSON. */
  readonly provisioning: unknown;
  readonly source: MeterSource;
}

export interface FleetConfig {
  readonly meters: readonly FleetMember[];
  /** Bytes written to the journal before a day is sent after which it is compacted. Default 64 MiB. */
  readonly compactAtBytes?: number;
  /** When meters send; by default at once. */
  readonly windows?: SendWindows;
}

export interface FleetPorts {
  readonly clock: Clock;
  readonly log: Logger;
  /** To be served by whoever runs the fleet; by default nobody does. */
  readonly metrics?: Metrics;
  /** An existing folder that only its owner can read; one fleet at a time. */
  readonly journalFolder: string;
  /** Where the journal is. Default: the machine's. */
  readonly disk?: Disk;
  readonly uplink: Uplink;
  readonly random: Random;
  /** For meters of `meter-encrypts`; whoever opened it closes it, after the fleet. */
  readonly engine?: Engine;
}

export interface Fleet {
  /** Bytes of a torn last write that the start cut off its journal. */
  readonly tornBytes: number;
  /** Start of the earliest block that some meter still has to bring to the concentrator. */
  nextBlock(): number;
  /**
   * Sends every day that ends by `blockEndSeconds`, each meter's at a moment of its window after it.
   * Resolves when all frames are settled or held by a refusal; waits with growing pauses while the
   * concentrator is down or full. While it waits, the other calls go on. After `close` it resolves with `complete: false`.
   */
  sendDay(blockEndSeconds: number): Promise<SendReport>;
  /**
   * Seals and sends, once, the intervals of [from, to) of the meters that have a customer and no
   * more than a day waiting; what fails goes with the next day.
   */
  sendLive(fromSeconds: number, toSeconds: number): Promise<void>;
  /**
   * Asks for messages, once, and answers what came. False when the concentrator could not be
   * reached.
   */
  poll(): Promise<boolean>;
  status(): MeterStatus[];
  /**
   * Ends waiting, finishes what is in hand, closes the journal. The uplink stays open. Idempotent.
   */
  close(): Promise<void>;
}

/**
 * Throws METER_PROVISIONING, METER_PROFILE_LOWERED, METER_CODE_VOID, METER_JOURNAL, and the codes of
 * the runtime's `openJournal`.
 */
export async function startFleet(config: FleetConfig, ports: FleetPorts): Promise<Fleet> {
  const { clock, log, journalFolder, disk = machineDisk, random, engine } = ports;
  const nowSeconds = (): number => Math.floor(clock.nowMs() / 1000);
  const provisionings = await Promise.all(
    config.meters.map(({ provisioning }) => parseProvisioning(provisioning)),
  );
  if (new Set(provisionings.map(({ meterName }) => meterName)).size < provisionings.length) {
    throw new MeterError("METER_PROVISIONING", "a meter is in the fleet twice");
  }
  const metrics = fleetMetrics(ports.metrics ?? createMetrics());
  const findings = new FleetFindings(metrics.findings);
  const stocks = openStocks(provisionings, engine, random);
  const journal = await openFleetJournal(journalFolder, provisionings, nowSeconds(), disk);
  if (journal.tornBytes > 0) log.warn("the journal was torn", { count: journal.tornBytes });
  const book = new PriceBook();
  const starting = provisionings.map((provisioning, index) => {
    const memory = journal.memories.get(namesKey(provisioning));
    const measured = config.meters[index]?.source;
    assert(memory !== undefined && measured !== undefined);
    const source = validatedSource(measured, provisioning, (code, intervals) => {
      findings.add(provisioning.meterName, code, intervals);
    });
    const blindings = stocks.get(provisioning.contribution?.key.id ?? "");
    const prices = provisioning.prices && book.of(provisioning.prices);
    const meterPorts = { journal, random, source, nowSeconds, blindings, prices };
    return Meter.start(provisioning, memory, meterPorts);
  });
  try {
    const meters = await Promise.all(starting);
    const parts = { meters, journal, stocks: [...stocks.values()], findings, metrics };
    return new RunningFleet(parts, config, ports);
  } catch (error) {
    await Promise.allSettled(starting);
    await journal.close();
    throw error;
  }
}

interface FleetParts {
  readonly meters: readonly Meter[];
  readonly journal: FleetJournal;
  readonly stocks: readonly BlindingStock[];
  readonly findings: FleetFindings;
  readonly metrics: FleetMetrics;
}

class RunningFleet implements Fleet {
  readonly tornBytes: number;
  readonly #meters: ReadonlyMap<string, Meter>;
  readonly #journal: FleetJournal;
  readonly #stocks: readonly BlindingStock[];
  readonly #compactAtBytes: number;
  readonly #windows: SendWindows;
  readonly #ports: FleetPorts;
  readonly #openerWatch: OpenerWatch;
  readonly #priceWatch: PriceWatch;
  readonly #clockWatch: ClockWatch;
  readonly #findings: FleetFindings;
  readonly #metrics: FleetMetrics;
  readonly #delivery: Delivery;
  readonly #closing = new AbortController();
  /** Of all that touches a meter, and of days, of which one at a time is sent. */
  readonly #turns = new Turns();
  readonly #days = new Turns();
  #closed: Promise<void> | undefined;

  constructor(
    { meters, journal, stocks, findings, metrics }: FleetParts,
    { compactAtBytes = COMPACT_AT_BYTES_DEFAULT, windows = NO_WINDOWS }: FleetConfig,
    ports: FleetPorts,
  ) {
    this.#meters = new Map(meters.map((meter) => [meter.name, meter]));
    this.#journal = journal;
    this.#stocks = stocks;
    this.#compactAtBytes = compactAtBytes;
    this.#windows = windows;
    this.#ports = ports;
    this.#openerWatch = openerWatch(meters, ports);
    this.#priceWatch = priceWatch(meters, ports);
    this.#clockWatch = clockWatch({ ...ports, metrics });
    this.#findings = findings;
    this.#metrics = metrics;
    this.#delivery = new Delivery(this.#meters, {
      ...ports,
      signal: this.#closing.signal,
      onRequest: () => this.#prepareBlindings(),
    });
    this.tornBytes = journal.tornBytes;
    this.#prepareBlindings();
  }

  nextBlock(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const meter of this.#meters.values()) next = Math.min(next, meter.nextBlock);
    return next;
  }

  status(): MeterStatus[] {
    return Array.from(this.#meters.values(), (meter) => ({
      meterId: meter.name,
      label: meter.provisioning.label,
      keyEpoch: meter.keyEpoch,
      nextBlock: meter.nextBlock,
      waitingFrames: meter.waitingFrames,
      isEnrolled: meter.customer.isEnrolled,
      openerKeysVersion: meter.opener?.version,
      held: meter.held,
      forkedFrames: meter.forkedFrames,
      framesOutOfRange: meter.framesOutOfRange,
      findings: this.#findings.of(meter.name),
      registersMilliwattHours: meter.registers,
    }));
  }

  async sendDay(blockEndSeconds: number): Promise<SendReport> {
    this.#checkOpen();
    return this.#days.run(() => this.#turns.run((turn) => this.#sendDay(blockEndSeconds, turn)));
  }

  sendLive(fromSeconds: number, toSeconds: number): Promise<void> {
    const window = { fromSeconds: toSeconds, seconds: this.#windows.liveSeconds };
    return this.#exclusive(async (turn) => {
      if (this.#clockWatch.isAhead) return;
      const enrolled = [...this.#meters.values()].filter(({ customer }) => customer.isEnrolled);
      await spread(enrolled, window, this.#spreadPorts(turn), async (meters) => {
        await eachMeter(meters, (meter) => meter.sealLive(fromSeconds, toSeconds));
        // Whoever has more waiting than fits before a LIVE brings it in days, at their pace.
        const near = meters.filter(({ waitingFrames }) => waitingFrames <= LIVE_WAITING_MAX);
        await this.#delivery.deliver(await gather(near), newTally());
      });
    });
  }

  poll(): Promise<boolean> {
    return this.#exclusive(async () => {
      await this.#openerWatch.look();
      await this.#priceWatch.look(Math.floor(this.#ports.clock.nowMs() / 1000));
      await this.#clockWatch.look();
      const meters = [...this.#meters.values()];
      const tally = newTally();
      for (const meter of meters) meter.customer.askForMessages();
      // Then answers, and keys for who has just enrolled.
      for (let round = 0; round < MESSAGE_ROUNDS_MAX && tally.attemptsFailed === 0; round++) {
        await this.#delivery.deliver(await gather(meters, isMessage), tally);
      }
      return tally.attemptsFailed === 0;
    });
  }

  close(): Promise<void> {
    this.#closing.abort();
    this.#closed ??= this.#days.run(() =>
      this.#turns.run(async () => {
        await Promise.all(this.#stocks.map((stock) => stock.close()));
        await this.#journal.close();
      }),
    );
    return this.#closed;
  }

  async #sendDay(untilSeconds: number, turn: Turn): Promise<SendReport> {
    const { clock, random, log } = this.#ports;
    const { signal } = this.#closing;
    const tally = newTally();
    const pace = paceOf(this.#backlogDays(untilSeconds), clock, random);
    const window = { fromSeconds: untilSeconds, seconds: this.#windows.blockSeconds };
    let sealed = tallyOf([]);
    await this.#openerWatch.look();
    await this.#priceWatch.look(untilSeconds);
    await this.#clockWatch.look();
    const all = [...this.#meters.values()];
    for (const meter of all) meter.resume();
    await spread(all, window, this.#spreadPorts(turn), async (meters) => {
      const day = { meters, untilSeconds, tally, pace, turn };
      sealed = addTallies(sealed, await this.#sendDayOf(day));
    });
    const { isAhead: clockAhead } = this.#clockWatch;
    return reportOf({ tally, sealed, meters: all, clockAhead, isClosed: signal.aborted }, log);
  }

  /** Until all is settled or held; what the last attempt to seal came to. */
  async #sendDayOf({ meters, untilSeconds, tally, pace, turn }: Day): Promise<SealTally> {
    const { signal } = this.#closing;
    let sealed = tallyOf([]);
    let delivered: Delivered | undefined;
    let fruitless = 0;
    let messageRounds = 0;
    while (!signal.aborted) {
      await this.#compactWhenDue();
      if (!this.#clockWatch.isAhead) {
        sealed = tallyOf(await eachMeter(meters, (meter) => meter.sealUpTo(untilSeconds)));
      }
      tally.framesSealed += sealed.framesSealed;
      const sendings = await gather(meters);
      if (sendings.every(({ outgoing }) => isMessage(outgoing))) messageRounds += 1;
      if (sendings.length === 0 || messageRounds > MESSAGE_ROUNDS_MAX) break;
      if (delivered?.putOff === true || fruitless > 0) {
        await this.#backOff(fruitless, delivered?.retryAfterMs, turn);
      }
      const before = (): Promise<void> => pace.next(turn, signal);
      delivered = await this.#delivery.deliver(sendings, tally, before);
      fruitless = delivered.settled > 0 ? 0 : fruitless + 1;
      this.#backlogDays(untilSeconds);
    }
    return sealed;
  }

  async #backOff(fruitless: number, askedMs: number | undefined, turn: Turn): Promise<void> {
    const { clock, random } = this.#ports;
    const waitMs = backoffMs(Math.max(1, fruitless), random, askedMs);
    await turn.aside(() => sleepUntil(clock, clock.nowMs() + waitMs, this.#closing.signal));
  }

  #spreadPorts(turn: Turn): SpreadPorts {
    const { clock, random } = this.#ports;
    return { clock, random, signal: this.#closing.signal, turn };
  }

  /** Of the meter furthest behind, for all to see. */
  #backlogDays(untilSeconds: number): number {
    const days = backlogDays(this.nextBlock(), untilSeconds);
    this.#metrics.backlog.set(days);
    return days;
  }

  /** Also between the rounds of a long backlog: the journal is as long as what waits. */
  async #compactWhenDue(): Promise<void> {
    if (this.#journal.appendedBytes <= this.#compactAtBytes) return;
    await this.#journal.compact(Math.floor(this.#ports.clock.nowMs() / 1000));
  }

  /** In the background. What fails here fails where a blinding is needed, and is an error there. */
  #prepareBlindings(): void {
    for (const stock of this.#stocks) {
      stock.refill().catch((error: unknown) => {
        this.#ports.log.warn("no blindings could be prepared", errorFields(error));
      });
    }
  }

  /** One call at a time, first come first served, but while one waits. */
  async #exclusive<T>(work: (turn: Turn) => Promise<T>): Promise<T> {
    this.#checkOpen();
    return this.#turns.run(work);
  }

  #checkOpen(): void {
    if (this.#closed !== undefined) throw new MeterError("METER_CLOSED", "the fleet is closed");
  }
}

interface Day {
  readonly meters: readonly Meter[];
  readonly untilSeconds: number;
  readonly tally: Tally;
  readonly pace: Pace;
  readonly turn: Turn;
}

async function eachMeter<T>(
  meters: readonly Meter[],
  work: (meter: Meter) => Promise<T>,
): Promise<T[]> {
  const results: T[] = [];
  for (let start = 0; start < meters.length; start += SEALING_MAX) {
    results.push(...(await Promise.all(meters.slice(start, start + SEALING_MAX).map(work))));
  }
  return results;
}

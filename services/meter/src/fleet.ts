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
  sleepUntil,
  type Clock,
  type Logger,
  type Metrics,
} from "@smarter-metering/runtime";
import { backoffMs } from "./backoff.ts";
import { openStocks, type BlindingStock } from "./blinding-stock.ts";
import { clockWatch, type ClockWatch } from "./clock-watch.ts";
import type { Random } from "./enrolment.ts";
import { MeterError } from "./error.ts";
import { openFleetJournal, type FleetJournal } from "./fleet-journal.ts";
import { FleetFindings } from "./fleet-findings.ts";
import { fleetMetrics, type FleetMetrics } from "./fleet-metrics.ts";
import { reportOf, type MeterStatus, type SendReport } from "./fleet-report.ts";
import { Meter } from "./meter.ts";
import { openerWatch, type OpenerWatch } from "./opener-watch.ts";
import { backlogDays, paceOf, type Pace } from "./pace.ts";
import { PriceBook } from "./price-book.ts";
import { priceWatch, type PriceWatch } from "./price-watch.ts";
import { parseProvisioning } from "./provisioning.ts";
import { namesKey } from "./records.ts";
import { tallyOf, type SealTally } from "./seal-result.ts";
import {
  count,
  gather,
  isMessage,
  newTally,
  type Sending,
  type Settlement,
  type Tally,
} from "./sendings.ts";
import type { MeterSource } from "./source.ts";
import type { Uplink } from "./uplink.ts";
import { validatedSource } from "./validated-source.ts";

const COMPACT_AT_BYTES_DEFAULT = 64 * 1024 * 1024;
/** Items of one request. */
const REQUEST_ITEMS_MAX = 64;
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
}

export interface FleetPorts {
  readonly clock: Clock;
  readonly log: Logger;
  /** To be served by whoever runs the fleet; by default nobody does. */
  readonly metrics?: Metrics;
  /** An existing folder that only its owner can read; one fleet at a time. */
  readonly journalFolder: string;
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
   * Sends every day that ends by `blockEndSeconds`. Resolves when all frames are settled or held by
   * a refusal; waits with growing pauses while the concentrator is down. After `close` it resolves
   * with `complete: false`.
   */
  sendDay(blockEndSeconds: number): Promise<SendReport>;
  /**
   * Seals and sends, once, the intervals of [from, to) of the meters that have a customer; what
   * fails goes with the next day.
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
  const { clock, log, journalFolder, random, engine } = ports;
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
  const journal = await openFleetJournal(journalFolder, provisionings, nowSeconds());
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
    const { compactAtBytes = COMPACT_AT_BYTES_DEFAULT } = config;
    const parts = { meters, journal, stocks: [...stocks.values()], findings, metrics };
    return new RunningFleet(parts, compactAtBytes, ports);
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
  readonly #ports: FleetPorts;
  readonly #openerWatch: OpenerWatch;
  readonly #priceWatch: PriceWatch;
  readonly #clockWatch: ClockWatch;
  readonly #findings: FleetFindings;
  readonly #metrics: FleetMetrics;
  readonly #closing = new AbortController();
  #tail: Promise<unknown> = Promise.resolve();
  #closed: Promise<void> | undefined;

  constructor(
    { meters, journal, stocks, findings, metrics }: FleetParts,
    compactAtBytes: number,
    ports: FleetPorts,
  ) {
    this.#meters = new Map(meters.map((meter) => [meter.name, meter]));
    this.#journal = journal;
    this.#stocks = stocks;
    this.#compactAtBytes = compactAtBytes;
    this.#ports = ports;
    this.#openerWatch = openerWatch(meters, ports);
    this.#priceWatch = priceWatch(meters, ports);
    this.#clockWatch = clockWatch({ ...ports, metrics });
    this.#findings = findings;
    this.#metrics = metrics;
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

  sendDay(blockEndSeconds: number): Promise<SendReport> {
    return this.#exclusive(() => this.#sendDay(blockEndSeconds));
  }

  sendLive(fromSeconds: number, toSeconds: number): Promise<void> {
    return this.#exclusive(async () => {
      if (this.#clockWatch.isAhead) return;
      await this.#eachMeter((meter) => meter.sealLive(fromSeconds, toSeconds));
      const meters = [...this.#meters.values()].filter(({ customer }) => customer.isEnrolled);
      await this.#deliver(await gather(meters), newTally());
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
      await this.#deliver(await gather(meters, isMessage), tally);
      // Answers, and keys for who has just enrolled.
      if (tally.attemptsFailed === 0) await this.#deliver(await gather(meters, isMessage), tally);
      return tally.attemptsFailed === 0;
    });
  }

  close(): Promise<void> {
    this.#closing.abort();
    this.#closed ??= this.#tail.then(async () => {
      await Promise.all(this.#stocks.map((stock) => stock.close()));
      await this.#journal.close();
    });
    return this.#closed;
  }

  async #sendDay(untilSeconds: number): Promise<SendReport> {
    const { clock, random } = this.#ports;
    const { signal } = this.#closing;
    const tally = newTally();
    const pace = paceOf(this.#backlogDays(untilSeconds), clock, random);
    let sealed = tallyOf([]);
    let fruitless = 0;
    let messageRounds = 0;
    await this.#openerWatch.look();
    await this.#priceWatch.look(untilSeconds);
    await this.#clockWatch.look();
    for (const meter of this.#meters.values()) meter.resume();
    while (!signal.aborted) {
      await this.#compactWhenDue();
      sealed = await this.#sealUpTo(untilSeconds);
      tally.framesSealed += sealed.framesSealed;
      const sendings = await gather([...this.#meters.values()]);
      if (sendings.every(({ outgoing }) => isMessage(outgoing))) messageRounds += 1;
      if (sendings.length === 0 || messageRounds > MESSAGE_ROUNDS_MAX) break;
      if (fruitless > 0) {
        const waitMs = backoffMs(fruitless, random);
        await sleepUntil(clock, clock.nowMs() + waitMs, signal);
      }
      fruitless = (await this.#deliver(sendings, tally, pace)) > 0 ? 0 : fruitless + 1;
      this.#backlogDays(untilSeconds);
    }
    const { isAhead: clockAhead } = this.#clockWatch;
    const meters = [...this.#meters.values()];
    return reportOf(
      { tally, sealed, meters, clockAhead, isClosed: signal.aborted },
      this.#ports.log,
    );
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

  async #sealUpTo(untilSeconds: number): Promise<SealTally> {
    if (this.#clockWatch.isAhead) return tallyOf([]);
    return tallyOf(await this.#eachMeter((meter) => meter.sealUpTo(untilSeconds)));
  }

  /**
   * Sends each item once, in order; the number that need not be sent again. Stops at the first
   * failed request.
   */
  async #deliver(sendings: readonly Sending[], tally: Tally, pace?: Pace): Promise<number> {
    const { signal } = this.#closing;
    let settled = 0;
    for (let start = 0; start < sendings.length && !signal.aborted; start += REQUEST_ITEMS_MAX) {
      await pace?.turn(signal);
      const request = sendings.slice(start, start + REQUEST_ITEMS_MAX);
      try {
        settled += await this.#exchange(request, tally);
      } catch (error) {
        if (!(error instanceof MeterError)) throw error;
        tally.attemptsFailed += 1;
        this.#ports.log.warn("a request was not taken", {
          ...errorFields(error),
          errorCode: error.code,
        });
        break;
      }
    }
    return settled;
  }

  async #exchange(request: readonly Sending[], tally: Tally): Promise<number> {
    const { log, uplink } = this.#ports;
    this.#prepareBlindings(); // While the request is on its way.
    const answer = await uplink.send(
      request.map(({ meter, outgoing }) => ({ meterId: meter.name, item: outgoing.item })),
    );
    const settlements = new Map<Meter, Settlement[]>();
    for (const [index, { meter, outgoing }] of request.entries()) {
      const verdict = answer.verdicts[index];
      if (verdict === undefined) continue;
      count(tally, outgoing, verdict);
      const list = settlements.get(meter) ?? [];
      settlements.set(meter, [...list, [outgoing, verdict]]);
    }
    const settled = await Promise.all(
      Array.from(settlements, async ([meter, list]) => {
        const before = meter.held;
        const forkedBefore = meter.forkedFrames;
        const done = await meter.settle(list);
        const ids = { meterId: meter.name };
        tally.forked += meter.forkedFrames - forkedBefore;
        if (meter.forkedFrames > forkedBefore) {
          log.warn("the concentrator has other frames of this meter: was its journal lost?", ids);
        }
        if (meter.held !== undefined && before === undefined) {
          log.warn("frames are refused; the meter keeps them", { ...ids, errorCode: meter.held });
        }
        return done;
      }),
    );
    for (const { meterId, message } of answer.downlink) {
      const outcome = (await this.#meters.get(meterId)?.customer.receive(message)) ?? "ignored";
      log.info("an enrolment request came", { meterId, outcome });
    }
    return settled.reduce((sum, done) => sum + done, 0);
  }

  /** In the background. What fails here fails where a blinding is needed, and is an error there. */
  #prepareBlindings(): void {
    for (const stock of this.#stocks) {
      stock.refill().catch((error: unknown) => {
        this.#ports.log.warn("no blindings could be prepared", errorFields(error));
      });
    }
  }

  async #eachMeter<T>(work: (meter: Meter) => Promise<T>): Promise<T[]> {
    const meters = [...this.#meters.values()];
    const results: T[] = [];
    for (let start = 0; start < meters.length; start += SEALING_MAX) {
      results.push(...(await Promise.all(meters.slice(start, start + SEALING_MAX).map(work))));
    }
    return results;
  }

  /** One call at a time, first come first served. */
  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closed !== undefined) {
      return Promise.reject(new MeterError("METER_CLOSED", "the fleet is closed"));
    }
    const result = this.#tail.then(work);
    this.#tail = result.catch(() => undefined);
    return result;
  }
}

/**
 * One meter (docs/protocol.md §2): seals its readings, writes each frame down before anyone may see
 * it, and keeps it until the concentrator has it. Not safe for concurrent calls: the fleet makes
 * one at a time.
 */
import {
  encodeFrame,
  equalBytes,
  keyCommitment,
  sealFrame,
  wipeBody,
  type FrameHeader,
  type UnsealedHeader,
} from "@smarter-metering/protocol";
import { localDayStart } from "@smarter-metering/tariff";
import type { BlindingStock } from "./blinding-stock.ts";
import { CustomerDesk } from "./customer-desk.ts";
import type { Random } from "./enrolment.ts";
import { openEpoch, skipOf, type OpenedEpoch } from "./epoch.ts";
import type { FleetJournal } from "./fleet-journal.ts";
import { bodyOf, checkLength, part } from "./frame-values.ts";
import type { MeterMemory } from "./memory.ts";
import { OpenerDesk } from "./opener-desk.ts";
import { contributionsOf, fitsTerms } from "./own-contributions.ts";
import { blockEndOf, instantOf, livePlace, nextCount, type Position } from "./position.ts";
import type { PriceSeries } from "./price-book.ts";
import { keepProfile } from "./profile.ts";
import type { Provisioning } from "./provisioning.ts";
import { addReadings, type Registers } from "./registers.ts";
import { frameRecord, type MeterRecord } from "./records.ts";
import { NOTHING_SEALED, type SealResult } from "./seal-result.ts";
import type { Outgoing, Settlement } from "./sendings.ts";
import type { MeterSource, Readings } from "./source.ts";
import { isForked, isStale, isTaken, type UplinkVerdict } from "./uplink.ts";

/** Frames sealed and not settled; more days wait in the source. */
export const WAITING_FRAMES_MAX = 64;
/** Of them before a LIVE: behind more, it would be old when it comes. */
export const LIVE_WAITING_MAX = 4;

export interface MeterPorts {
  readonly journal: FleetJournal;
  readonly random: Random;
  readonly source: MeterSource;
  readonly nowSeconds: () => number;
  /** Of a meter that makes its contributions itself. */
  readonly blindings: BlindingStock | undefined;
  /** Of a meter that counts a cost. */
  readonly prices: PriceSeries | undefined;
}

export class Meter {
  readonly provisioning: Provisioning;
  readonly customer: CustomerDesk;
  /** Where there is an opener. */
  readonly opener: OpenerDesk | undefined;
  /**
   * The code of a refusal that stands: the meter keeps its frames and does not send until `resume`.
   */
  held: string | undefined;
  /** Frames of this run with a reading that cannot be: they contribute nothing. */
  framesOutOfRange = 0;
  readonly #memory: MeterMemory;
  readonly #ports: MeterPorts;
  #epoch: OpenedEpoch;
  /** Frames sealed under `#epoch`. Only ever in memory: a start begins a new epoch. */
  #counter = 0;
  /**
   * Epochs of this run that were opened at a random distance: no earlier life of the meter has used
   * them.
   */
  readonly #skipped = new Set<number>();
  /** Starts of the chain since a frame was last taken. */
  #startsOver = 0;

  private constructor(
    provisioning: Provisioning,
    memory: MeterMemory,
    ports: MeterPorts,
    epoch: OpenedEpoch,
    desks: { readonly customer: CustomerDesk; readonly opener: OpenerDesk | undefined },
  ) {
    this.provisioning = provisioning;
    this.#memory = memory;
    this.#ports = ports;
    this.#epoch = epoch;
    this.customer = desks.customer;
    this.opener = desks.opener;
  }

  /**
   * A start of the meter: it opens a new epoch, durably, before anything else. Frames that wait and
   * were made under other terms are void, and will be made again. Throws METER_PROFILE_LOWERED, METER_CODE_VOID.
   */
  static async start(
    provisioning: Provisioning,
    memory: MeterMemory,
    ports: MeterPorts,
  ): Promise<Meter> {
    await keepProfile(provisioning, memory, ports);
    const customer = await CustomerDesk.open(provisioning, memory, ports);
    const opener = await OpenerDesk.open(provisioning, memory, ports);
    const recipient = opener?.keyAt(ports.nowSeconds());
    const epoch = await openEpoch(provisioning, memory, ports, recipient);
    const meter = new Meter(provisioning, memory, ports, epoch, { customer, opener });
    const fit = memory.waiting.every((frame) => fitsTerms(frame, provisioning));
    if (!fit) await meter.#write([{ kind: "VOIDED" }]);
    return meter;
  }

  get name(): string {
    return this.provisioning.meterName;
  }

  get keyEpoch(): number {
    return this.#epoch.keyEpoch;
  }

  get waitingFrames(): number {
    return this.#memory.waiting.length;
  }

  get forkedFrames(): number {
    return this.#memory.forkedFrames;
  }

  /** Cumulative, after the last BLOCK frame; for the meter's own display. */
  get registers(): Registers {
    return this.#memory.progress.registers;
  }

  /** Start of the first block that the concentrator may not have in full; none of a meter that was taken away. */
  get nextBlock(): number {
    return this.nextInstant === Infinity ? Infinity : this.#nextPosition.blockStart;
  }

  /** The first instant that it may still have to seal, again if need be. */
  get nextInstant(): number {
    const { servedUntil = Infinity } = this.provisioning;
    const instant = instantOf(this.provisioning, this.#nextPosition);
    return instant >= servedUntil ? Infinity : instant;
  }

  get #nextPosition(): Position {
    const [first] = this.#memory.waiting;
    return (first?.before ?? this.#memory.progress).position;
  }

  /** Where the calendar has a cost. */
  get prices(): PriceSeries | undefined {
    return this.#ports.prices;
  }

  /** Some price is not known of the time that it has still to seal before `untilSeconds`. */
  lacksPrices(untilSeconds: number): boolean {
    const { servedUntil = untilSeconds } = this.provisioning;
    return !this.#arePricesKnown(this.nextInstant, Math.min(untilSeconds, servedUntil));
  }

  #arePricesKnown(fromSeconds: number, toSeconds: number): boolean {
    return this.prices?.isKnown({ fromSeconds, toSeconds }) ?? true;
  }

  /**
   * Seals the BLOCK frames of every day that ends by `untilSeconds`, as far as there is data, room,
   * a key to seal to and a price to count by.
   */
  async sealUpTo(untilSeconds: number): Promise<SealResult> {
    const { source } = this.#ports;
    let framesSealed = 0;
    while (this.waitingFrames < WAITING_FRAMES_MAX) {
      const { installed, position } = this.#memory.progress;
      const blockEnd = blockEndOf(this.provisioning, position.blockStart);
      const { servedUntil = blockEnd } = this.provisioning;
      const end = Math.min(blockEnd, servedUntil);
      if (end > untilSeconds || instantOf(this.provisioning, position) >= end) break;
      const sealed = { ...NOTHING_SEALED, framesSealed };
      if (!(await this.#mayWrap())) return { ...sealed, lacksOpenerKey: true };
      if (installed) {
        const day = source.day(position.blockStart, blockEnd);
        if (day === undefined) return { ...sealed, lacksData: true };
        const from = instantOf(this.provisioning, position);
        if (!this.#arePricesKnown(from, end)) return { ...sealed, lacksPrices: true };
        await this.#sealBlock(position, { blockEnd, end }, day);
      } else {
        await this.#sealInstallation(this.provisioning.installedAt);
      }
      framesSealed += 1;
    }
    return { ...NOTHING_SEALED, framesSealed };
  }

  /**
   * Seals the newest intervals for the customer alone. Nothing to do for a meter without customer,
   * behind by more than the day that waits for its moment, without data or without prices.
   */
  async sealLive(fromSeconds: number, toSeconds: number): Promise<void> {
    const { installed, position, registers } = this.#memory.progress;
    const place = livePlace(this.provisioning, position, fromSeconds, toSeconds);
    if (place === undefined || !installed || !this.customer.isEnrolled) return;
    if (this.waitingFrames >= LIVE_WAITING_MAX) return;
    const { blockStart, firstSlot, count, skipped } = place;
    // From the last BLOCK on, because a frame carries the registers at its end.
    const first = instantOf(this.provisioning, position);
    const end = first + (skipped + count) * this.provisioning.intervalSeconds;
    const readings = this.#ports.source.live(first, end);
    if (readings === undefined || !this.#arePricesKnown(first, end)) return;
    checkLength(readings, skipped + count);
    await this.#seal(
      { kind: "LIVE", blockStart, firstSlot, count },
      part(readings, skipped, count),
      addReadings(registers, readings, first, this.provisioning, this.prices),
      registers,
    );
  }

  /**
   * What is to be sent now. Frames of one epoch at a time: a later epoch makes an earlier one
   * stale.
   */
  async outgoing(): Promise<Outgoing[]> {
    if (this.held !== undefined) return [];
    const messages = await this.customer.outgoing();
    const { waiting } = this.#memory;
    const epoch = waiting[0]?.header.keyEpoch;
    const frames = waiting
      .filter(({ header }) => header.keyEpoch === epoch)
      .map((frame): Outgoing => ({ kind: "frame", item: frame.item, frame }));
    return [...messages, ...frames];
  }

  /** Whether it still waits: another request may have settled it. */
  isOutgoing(outgoing: Outgoing): boolean {
    return outgoing.kind !== "frame" || this.#memory.waiting.includes(outgoing.frame);
  }

  /** Tries again what was refused. */
  resume(): void {
    this.held = undefined;
  }

  /**
   * Takes the verdicts of one request, in its order; the number of items that need not be sent
   * again.
   */
  async settle(settlements: readonly Settlement[]): Promise<number> {
    const records: MeterRecord[] = [];
    let settled = 0;
    for (const [outgoing, verdict] of settlements) {
      const record = this.#settledRecord(outgoing, verdict);
      if (record !== undefined) records.push(record);
      if (record !== undefined || isTaken(verdict)) settled += 1;
      else if (verdict.status === "refused" && !isForked(verdict) && !isStale(verdict)) {
        this.held ??= verdict.code;
      }
    }
    // Before the records are applied: the frame that a gap waits for may be one of those just taken.
    const isBroken = settlements.some((entry) => this.#isBroken(entry));
    await this.#write(records);
    if (isBroken) await this.#startOver();
    return settled;
  }

  /** The record that ends an item's life here, if it has one. */
  #settledRecord(outgoing: Outgoing, verdict: UplinkVerdict): MeterRecord | undefined {
    const taken = isTaken(verdict);
    if (outgoing.kind !== "frame") return taken ? this.customer.taken(outgoing) : undefined;
    const { keyEpoch, counter } = outgoing.frame.header;
    if (taken) this.#startsOver = 0;
    const forked = isForked(verdict) && this.#skipped.has(keyEpoch);
    if (!taken && !forked) return undefined;
    return { kind: "SETTLED", keyEpoch, counter, outcome: forked ? "forked" : "accepted" };
  }

  /**
   * The chain cannot go on: the concentrator waits for a frame that is not here any more, has seen
   * a later epoch, or has another frame in this one's place. What place that is, the counter or the
   * block, only shows in an epoch that it cannot know.
   */
  #isBroken([outgoing, verdict]: Settlement): boolean {
    if (outgoing.kind !== "frame") return false;
    const { keyEpoch } = outgoing.frame.header;
    if (isForked(verdict)) return !this.#skipped.has(keyEpoch);
    if (isStale(verdict)) return true;
    if (verdict.status !== "retry" || verdict.code !== "FRAME_GAP") return false;
    return !this.#memory.waiting.some(
      ({ header }) => header.keyEpoch === keyEpoch && header.counter === verdict.expectedCounter,
    );
  }

  /**
   * The epoch's envelope is for the opener's current key: a new epoch when that key's period is over.
   * False while no key is current.
   */
  async #mayWrap(): Promise<boolean> {
    if (this.opener === undefined) return true;
    const current = this.opener.keyAt(this.#ports.nowSeconds());
    if (current === undefined) return false;
    const { recipient } = this.#epoch;
    if (recipient !== undefined && equalBytes(recipient.keyId, current.keyId)) return true;
    await this.#openEpoch(1);
    return true;
  }

  async #openEpoch(skip: number): Promise<void> {
    const recipient = this.opener?.keyAt(this.#ports.nowSeconds());
    this.#epoch = await openEpoch(this.provisioning, this.#memory, this.#ports, recipient, skip);
    this.#counter = 0;
  }

  /** Voids the frames that wait and opens an epoch under which they will be sealed again. */
  async #startOver(): Promise<void> {
    await this.#write([{ kind: "VOIDED" }]);
    await this.#openEpoch(skipOf(this.#startsOver, this.#ports.random));
    this.#skipped.add(this.#epoch.keyEpoch);
    this.#startsOver += 1;
  }

  async #sealInstallation(installedAt: number): Promise<void> {
    const { zone, intervalSeconds } = this.provisioning;
    const blockStart = localDayStart(installedAt - 1, zone);
    const firstSlot = (installedAt - blockStart) / intervalSeconds;
    const { registers } = this.#memory.progress;
    const none: Readings = { importMilliwattHours: [], exportMilliwattHours: [], quality: [] };
    await this.#seal(
      { kind: "BLOCK", blockStart, firstSlot, count: 0 },
      none,
      registers,
      registers,
    );
  }

  /** `end` is before `blockEnd` on the day on which the meter is taken away. */
  async #sealBlock(
    position: Position,
    { blockEnd, end }: { readonly blockEnd: number; readonly end: number },
    day: Readings,
  ): Promise<void> {
    const { blockStart, slot } = position;
    const { intervalSeconds } = this.provisioning;
    checkLength(day, (blockEnd - blockStart) / intervalSeconds);
    const from = instantOf(this.provisioning, position);
    const count = Math.min(nextCount(this.provisioning, position), (end - from) / intervalSeconds);
    const readings = part(day, slot, count);
    const before = this.#memory.progress.registers;
    const registers = addReadings(before, readings, from, this.provisioning, this.prices);
    await this.#seal(
      { kind: "BLOCK", blockStart, firstSlot: slot, count },
      readings,
      registers,
      registers,
    );
  }

  /** Seals one frame and resolves when it is on disk. `kept` are the registers to go on from. */
  async #seal(
    place: Pick<FrameHeader, "kind" | "blockStart" | "firstSlot" | "count">,
    readings: Readings,
    registers: Registers,
    kept: Registers,
  ): Promise<void> {
    const { profile, networkPseudonym, meterId, intervalSeconds, registerBank, signer } =
      this.provisioning;
    const { keyEpoch, dataKey } = this.#epoch;
    const header: UnsealedHeader = {
      ...place,
      profile,
      networkPseudonym,
      meterId,
      keyEpoch,
      keyCommitment: await keyCommitment(meterId, keyEpoch, dataKey),
      counter: this.#counter,
      intervalSeconds,
      registerBank,
      previousFrameHash: this.#memory.headHash,
    };
    // Before anything can fail: a counter is never used twice with one key, whatever happens to its
    // frame.
    this.#counter += 1;
    const stock = place.kind === "BLOCK" ? this.#ports.blindings : undefined;
    const blinding = await stock?.take();
    const body = bodyOf(readings, registers, blinding?.seed);
    const frame = await sealFrame(header, body, dataKey, signer);
    let contributions: readonly Uint8Array[] | undefined = [];
    if (stock !== undefined && blinding !== undefined) {
      contributions = await contributionsOf(frame, body, blinding, this.provisioning, stock);
    }
    wipeBody(body);
    if (contributions === undefined) this.framesOutOfRange += 1;
    await this.#write([frameRecord(encodeFrame(frame), kept, contributions ?? [])]);
  }

  /** Disk first, then memory. */
  async #write(records: readonly MeterRecord[]): Promise<void> {
    if (records.length === 0) return;
    await this.#ports.journal.append(this.provisioning, records);
    for (const record of records) await this.#memory.apply(record);
  }
}

/**
 * A meter's state as the fold of its journal (docs/protocol.md §2.6): the same function takes a
 * record that was just written and one that is read back after a start, so that a restart cannot
 * see another state than the one that was left.
 */
import {
  decodeFrame,
  encodeUplinkItem,
  equalBytes,
  frameHash,
  type FrameHeader,
  type Profile,
} from "@smarter-metering/protocol";
import { localDayStart } from "@smarter-metering/tariff";
import { isEnrolled } from "./enrolment.ts";
import { advance, type Grid, type Position } from "./position.ts";
import { ZERO_REGISTERS, type Registers } from "./registers.ts";
import type { EnrolmentRecord, EpochRecord, MeterRecord } from "./records.ts";

/** What the frames sealed so far amount to. */
export interface Progress {
  /** The installation frame is sealed. */
  readonly installed: boolean;
  /** The next interval that no BLOCK frame holds. */
  readonly position: Position;
  readonly registers: Registers;
}

/** A frame on disk that the concentrator has not settled. */
export interface WaitingFrame {
  readonly header: FrameHeader;
  readonly bytes: Uint8Array;
  readonly hash: Uint8Array;
  /** The same bytes every time it is sent. */
  readonly item: Uint8Array;
  /** Of a BLOCK in `meter-encrypts`: the meter's own, signed. */
  readonly contributions: readonly Uint8Array[];
  /** Where the meter stood before it: where it returns to when the frame is voided. */
  readonly before: Progress;
}

export interface Epoch extends EpochRecord {
  /** The customer has its key. */
  wrapped: boolean;
}

export class MeterMemory {
  readonly epochs = new Map<number, Epoch>();
  /** Highest epoch ever opened; 0 before the first. */
  lastEpoch = 0;
  /** The highest ever used; a meter never goes back. */
  profile: Profile = "pes-encrypts";
  /** The newest list of the opener's keys, as signed, if one came after the installation. */
  openerKeys: string | undefined;
  progress: Progress;
  headHash: Uint8Array = new Uint8Array(32);
  /** In the order of the chain. */
  waiting: readonly WaitingFrame[] = [];
  enrolment: EnrolmentRecord | undefined;
  /** Number of the newest enrolment code of this contract, from 0. */
  recodes = 0;
  /** An account has enrolled with that code. */
  isCodeUsed = false;
  /** Frames that the concentrator has under another hash: after a lost journal. */
  forkedFrames = 0;
  readonly #grid: Grid;

  constructor(grid: Grid, installedAt: number) {
    this.#grid = grid;
    const blockStart = localDayStart(installedAt, grid.zone);
    const slot = (installedAt - blockStart) / grid.intervalSeconds;
    const position = { blockStart, slot };
    this.progress = { installed: false, position, registers: ZERO_REGISTERS };
  }

  async apply(record: MeterRecord): Promise<void> {
    switch (record.kind) {
      case "EPOCH":
        this.epochs.set(record.keyEpoch, { ...record, wrapped: false });
        this.lastEpoch = Math.max(this.lastEpoch, record.keyEpoch);
        return;
      case "FRAME":
        return this.#sealed(record.frame, record.registers, []);
      case "CONTRIBUTED_FRAME":
        return this.#sealed(record.frame, record.registers, record.contributions);
      case "PROFILE":
        this.profile = record.profile;
        return;
      case "OPENER_KEYS":
        this.openerKeys = record.jws;
        return;
      case "SETTLED":
        this.waiting = this.waiting.filter(
          ({ header }) => header.keyEpoch !== record.keyEpoch || header.counter !== record.counter,
        );
        if (record.outcome === "forked") this.forkedFrames += 1;
        return;
      case "VOIDED":
        this.progress = this.waiting[0]?.before ?? this.progress;
        this.waiting = [];
        return;
      case "ENROLMENT":
        return this.#enrolled(record);
      case "RECODED":
        this.recodes = record.recodes;
        this.isCodeUsed = false;
        return;
      case "WRAPPED": {
        const epoch = this.epochs.get(record.keyEpoch);
        if (epoch !== undefined) epoch.wrapped = true;
        return;
      }
      case "STATE": {
        const { installed, position, registers } = record;
        this.lastEpoch = Math.max(this.lastEpoch, record.lastEpoch);
        this.headHash = record.headHash;
        this.progress = { installed, position, registers };
        return;
      }
    }
  }

  #enrolled(record: EnrolmentRecord): void {
    const before = this.enrolment;
    this.enrolment = record;
    const isAnswered = before !== undefined && equalBytes(before.answer, record.answer);
    if (!isEnrolled(record) || isAnswered) return;
    this.isCodeUsed = true;
    // The first record after a compaction speaks of the customer who has the keys already.
    if (before === undefined) return;
    for (const epoch of this.epochs.values()) epoch.wrapped = false;
  }

  async #sealed(
    bytes: Uint8Array,
    registers: Registers,
    contributions: readonly Uint8Array[],
  ): Promise<void> {
    const frame = decodeFrame(bytes);
    const { header } = frame;
    const hash = await frameHash(frame);
    const item = this.#itemOf(header, bytes, contributions);
    const before = this.progress;
    this.waiting = [...this.waiting, { header, bytes, hash, item, contributions, before }];
    this.headHash = hash;
    if (header.kind === "LIVE") return;
    const from = { blockStart: header.blockStart, slot: header.firstSlot };
    this.progress = {
      installed: true,
      position: advance(this.#grid, from, header.count),
      registers,
    };
  }
  #itemOf(
    { kind, profile, keyEpoch }: FrameHeader,
    frame: Uint8Array,
    contributions: readonly Uint8Array[],
  ): Uint8Array {
    if (kind === "BLOCK" && profile === "meter-encrypts") {
      return encodeUplinkItem({ kind: "CONTRIBUTED_FRAME", frame, contributions });
    }
    const envelope = kind === "BLOCK" ? this.epochs.get(keyEpoch)?.openerEnvelope : undefined;
    return encodeUplinkItem({
      kind: "FRAME",
      frame,
      openerEnvelope: envelope ?? new Uint8Array(0),
    });
  }
}

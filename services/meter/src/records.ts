/**
 * The records of a meter's journal (docs/protocol.md §2.6). Each begins with its kind and the
 * meter's two names; integers are big-endian as on the wire. The journal holds data keys: it is
 * readable by its owner alone, and lives where the meter lives.
 */
import { Reader, REGISTERS, toHex, Writer, type Profile } from "@smarter-metering/protocol";
import { MeterError } from "./error.ts";
import type { Position } from "./position.ts";
import type { Registers } from "./registers.ts";

const PART_BYTES_MAX = 65_535;

/** One meter under one contract. */
export interface Names {
  readonly meterId: Uint8Array;
  readonly networkPseudonym: Uint8Array;
}

export interface EpochRecord {
  readonly kind: "EPOCH";
  readonly keyEpoch: number;
  readonly dataKey: Uint8Array;
  readonly openedSeconds: number;
  /** What travels with each BLOCK of this epoch, sealed once; empty in `meter-encrypts`. */
  readonly openerEnvelope: Uint8Array;
}

/**
 * Written before the frame is sent. `registers` as they are after it; a LIVE frame does not move
 * them.
 */
export interface FrameRecord {
  readonly kind: "FRAME";
  readonly frame: Uint8Array;
  readonly registers: Registers;
}

/** A BLOCK with what the meter contributes of it: one record, so that none is without the other. */
export interface ContributedFrameRecord extends Omit<FrameRecord, "kind"> {
  readonly kind: "CONTRIBUTED_FRAME";
  readonly contributions: readonly Uint8Array[];
}

/** The highest profile that this meter has ever used, under this or an earlier contract. */
export interface ProfileRecord {
  readonly kind: "PROFILE";
  readonly profile: Profile;
}

/** The newest list of the opener's keys that this meter has taken, under this or an earlier contract. */
export interface OpenerKeysRecord {
  readonly kind: "OPENER_KEYS";
  /** As signed. */
  readonly jws: string;
}

export type Outcome = "accepted" | "forked";
const OUTCOMES: readonly Outcome[] = ["accepted", "forked"];

/** The concentrator has this frame, or another in its place: it is not sent again. */
export interface SettledRecord {
  readonly kind: "SETTLED";
  readonly keyEpoch: number;
  readonly counter: number;
  readonly outcome: Outcome;
}

/** Frames that wait are void: they will be made again, under a new epoch. */
export interface VoidedRecord {
  readonly kind: "VOIDED";
}

/** The enrolment's state after each step. */
export interface EnrolmentRecord {
  readonly kind: "ENROLMENT";
  /** The nonce on offer. */
  readonly nonce: Uint8Array;
  /** UTC day (epoch days) of the failures counted, and their number. */
  readonly failureDay: number;
  readonly failures: number;
  /** Once the code is used; empty before. */
  readonly account: string;
  readonly customerSpki: Uint8Array;
  /** The nonce that was answered, and the answer, to be repeated as it was. */
  readonly answeredNonce: Uint8Array;
  readonly answer: Uint8Array;
}

/** The registry has issued a new code for this contract: the one before is void, and one more account may enrol. */
export interface RecodedRecord {
  readonly kind: "RECODED";
  /** The new code's number. */
  readonly recodes: number;
}

/** The customer's envelope for this epoch has been taken. */
export interface WrappedRecord {
  readonly kind: "WRAPPED";
  readonly keyEpoch: number;
}

/** What compaction leaves of settled frames. */
export interface StateRecord {
  readonly kind: "STATE";
  /** Highest epoch this meter has ever opened, under this or an earlier contract. */
  readonly lastEpoch: number;
  readonly headHash: Uint8Array;
  readonly installed: boolean;
  readonly position: Position;
  readonly registers: Registers;
}

export type MeterRecord =
  | EpochRecord
  | FrameRecord
  | SettledRecord
  | VoidedRecord
  | EnrolmentRecord
  | WrappedRecord
  | StateRecord
  | ContributedFrameRecord
  | ProfileRecord
  | OpenerKeysRecord
  | RecodedRecord;

const KINDS: readonly MeterRecord["kind"][] = [
  "EPOCH",
  "FRAME",
  "SETTLED",
  "VOIDED",
  "ENROLMENT",
  "WRAPPED",
  "STATE",
  "CONTRIBUTED_FRAME",
  "PROFILE",
  "OPENER_KEYS",
  "RECODED",
];
const PROFILES: readonly Profile[] = ["pes-encrypts", "meter-encrypts"];

export function frameRecord(
  frame: Uint8Array,
  registers: Registers,
  contributions: readonly Uint8Array[],
): FrameRecord | ContributedFrameRecord {
  return contributions.length === 0
    ? { kind: "FRAME", frame, registers }
    : { kind: "CONTRIBUTED_FRAME", frame, registers, contributions };
}

export const namesKey = ({ meterId, networkPseudonym }: Names): string =>
  `${toHex(meterId)}/${toHex(networkPseudonym)}`;

export function encodeRecord(names: Names, record: MeterRecord): Uint8Array {
  const writer = new Writer()
    .u8(KINDS.indexOf(record.kind) + 1)
    .fixed(names.meterId, 16)
    .fixed(names.networkPseudonym, 16);
  switch (record.kind) {
    case "EPOCH":
      writer.u32(record.keyEpoch).fixed(record.dataKey, 32).u64(record.openedSeconds);
      return writer.vector(record.openerEnvelope, PART_BYTES_MAX).finish();
    case "FRAME":
      writer.vector(record.frame, PART_BYTES_MAX, 1);
      return writeRegisters(writer, record.registers).finish();
    case "CONTRIBUTED_FRAME":
      writer.vector(record.frame, PART_BYTES_MAX, 1);
      writeRegisters(writer, record.registers).u8(record.contributions.length);
      for (const bytes of record.contributions) writer.vector(bytes, PART_BYTES_MAX, 1);
      return writer.finish();
    case "PROFILE":
      return writer.u8(PROFILES.indexOf(record.profile)).finish();
    case "OPENER_KEYS":
      return writer.vector(new TextEncoder().encode(record.jws), PART_BYTES_MAX, 1).finish();
    case "SETTLED":
      writer.u32(record.keyEpoch).u64(record.counter);
      return writer.u8(OUTCOMES.indexOf(record.outcome)).finish();
    case "VOIDED":
      return writer.finish();
    case "ENROLMENT":
      writer.fixed(record.nonce, 16).u32(record.failureDay).u8(record.failures);
      writer.vector(new TextEncoder().encode(record.account), 255);
      writer.vector(record.customerSpki, PART_BYTES_MAX).vector(record.answeredNonce, 255);
      return writer.vector(record.answer, PART_BYTES_MAX).finish();
    case "WRAPPED":
      return writer.u32(record.keyEpoch).finish();
    case "RECODED":
      return writer.u32(record.recodes).finish();
    default:
      writer
        .u32(record.lastEpoch)
        .fixed(record.headHash, 32)
        .u8(record.installed ? 1 : 0);
      writer.u64(record.position.blockStart).u16(record.position.slot);
      return writeRegisters(writer, record.registers).finish();
  }
}

/** Throws METER_JOURNAL for a record that this version did not write. */
export function decodeRecord(bytes: Uint8Array): { names: Names; record: MeterRecord } {
  try {
    const reader = new Reader(bytes);
    const kind = KINDS[reader.u8() - 1];
    const names = { meterId: reader.fixed(16), networkPseudonym: reader.fixed(16) };
    if (kind === undefined) throw new RangeError("unknown kind");
    const record = readRecord(kind, reader);
    reader.end();
    return { names, record };
  } catch (cause) {
    throw new MeterError("METER_JOURNAL", "a journal record is not of this version", cause);
  }
}

function readRecord(kind: MeterRecord["kind"], reader: Reader): MeterRecord {
  switch (kind) {
    case "EPOCH":
      return {
        kind,
        keyEpoch: reader.u32(),
        dataKey: reader.fixed(32),
        openedSeconds: reader.safeU64(),
        openerEnvelope: reader.vector(PART_BYTES_MAX),
      };
    case "FRAME":
      return { kind, frame: reader.vector(PART_BYTES_MAX, 1), registers: readRegisters(reader) };
    case "CONTRIBUTED_FRAME": {
      const sealed = { frame: reader.vector(PART_BYTES_MAX, 1), registers: readRegisters(reader) };
      const contributions = Array.from({ length: reader.u8() }, () =>
        reader.vector(PART_BYTES_MAX, 1),
      );
      return { kind, ...sealed, contributions };
    }
    case "PROFILE": {
      const profile = PROFILES[reader.u8()];
      if (profile === undefined) throw new RangeError("unknown profile");
      return { kind, profile };
    }
    case "OPENER_KEYS":
      return { kind, jws: new TextDecoder().decode(reader.vector(PART_BYTES_MAX, 1)) };
    case "SETTLED": {
      const settled = { keyEpoch: reader.u32(), counter: reader.safeU64() };
      const outcome = OUTCOMES[reader.u8()];
      if (outcome === undefined) throw new RangeError("unknown outcome");
      return { kind, ...settled, outcome };
    }
    case "VOIDED":
      return { kind };
    case "ENROLMENT":
      return {
        kind,
        nonce: reader.fixed(16),
        failureDay: reader.u32(),
        failures: reader.u8(),
        account: new TextDecoder().decode(reader.vector(255)),
        customerSpki: reader.vector(PART_BYTES_MAX),
        answeredNonce: reader.vector(255),
        answer: reader.vector(PART_BYTES_MAX),
      };
    case "WRAPPED":
      return { kind, keyEpoch: reader.u32() };
    case "RECODED":
      return { kind, recodes: reader.u32() };
    default:
      return {
        kind: "STATE",
        lastEpoch: reader.u32(),
        headHash: reader.fixed(32),
        installed: reader.u8() === 1,
        position: { blockStart: reader.safeU64(), slot: reader.u16() },
        registers: readRegisters(reader),
      };
  }
}

function writeRegisters(writer: Writer, registers: Registers): Writer {
  for (const register of registers) writer.u64(register);
  return writer;
}

const readRegisters = (reader: Reader): Registers =>
  Array.from({ length: REGISTERS }, () => reader.u64());

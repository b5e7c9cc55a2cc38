/**
 * One journal for all meters of a process (docs/protocol.md §2.6): meters that write at the same
 * time share an fsync. At start it is compacted: settled frames are dropped, epoch keys older than
 * 400 days too, and those of a tenant who moved out.
 */
import { join } from "node:path";
import { toHex } from "@smarter-metering/protocol";
import { openJournal, type Disk, type Journal } from "@smarter-metering/runtime";
import { MeterMemory } from "./memory.ts";
import type { Provisioning } from "./provisioning.ts";
import {
  decodeRecord,
  encodeRecord,
  frameRecord,
  namesKey,
  type MeterRecord,
  type Names,
} from "./records.ts";

const FILE = "meters.journal";
const EPOCH_KEPT_SECONDS = 400 * 86_400;
/** About 200,000 days of quarters; a start compacts. */
const OPTIONS = { onTorn: "truncate", bytesMax: 256 * 1024 * 1024 } as const;

export interface FleetJournal {
  /** State of every provisioned meter, under `namesKey`. */
  readonly memories: ReadonlyMap<string, MeterMemory>;
  /** Bytes of a torn last write that were cut off. */
  readonly tornBytes: number;
  /** Resolves when all records are on disk. Throws the codes of the runtime's journal. */
  append(names: Names, records: readonly MeterRecord[]): Promise<void>;
  /** Written since the journal was last compacted. */
  readonly appendedBytes: number;
  /** Leaves out what is settled. Not while an `append` runs. */
  compact(nowSeconds: number): Promise<void>;
  close(): Promise<void>;
}

/** Throws METER_JOURNAL, and the codes of the runtime's `openJournal`. */
export async function openFleetJournal(
  folder: string,
  meters: readonly Provisioning[],
  nowSeconds: number,
  disk: Disk,
): Promise<FleetJournal> {
  const old = await openJournal(join(folder, FILE), { ...OPTIONS, disk });
  const { tornBytes } = old;
  const records = old.records.map(decodeRecord);
  await old.close();

  const memories = await replay(meters, records);
  const others = recordsOfOthers(meters, records);
  let appendedBytes = 0;
  const compacted = (now: number): Promise<Journal> =>
    replaceJournal(disk, folder, [...others, ...kept(meters, memories, now)]);
  let journal = await compacted(nowSeconds);
  return {
    memories,
    tornBytes,
    get appendedBytes() {
      return appendedBytes;
    },
    async append(names, list) {
      const encoded = list.map((record) => encodeRecord(names, record));
      appendedBytes += encoded.reduce((sum, bytes) => sum + bytes.length, 0);
      await Promise.all(encoded.map((bytes) => journal.append(bytes)));
    },
    async compact(now) {
      const before = journal;
      journal = await compacted(now);
      appendedBytes = 0;
      await before.close();
    },
    close: () => journal.close(),
  };
}

/** Writes a journal beside the old one and puts it in its place; what is open goes with the name. */
async function replaceJournal(
  disk: Disk,
  folder: string,
  records: readonly Uint8Array[],
): Promise<Journal> {
  const fresh = join(folder, `${FILE}.new`);
  await disk.remove(fresh);
  const journal = await openJournal(fresh, { ...OPTIONS, disk });
  await Promise.all(records.map((bytes) => journal.append(bytes)));
  await disk.rename(fresh, join(folder, FILE));
  await disk.syncFolder(folder);
  return journal;
}

/**
 * Records of meters that this fleet does not run now stay as they are; those of an earlier contract
 * of a meter that it runs go.
 */
function recordsOfOthers(
  meters: readonly Provisioning[],
  records: readonly NamedRecord[],
): Uint8Array[] {
  const provisioned = new Set(meters.map(({ meterName }) => meterName));
  return records
    .filter(({ names }) => !provisioned.has(toHex(names.meterId)))
    .map(({ names, record }) => encodeRecord(names, record));
}

type NamedRecord = ReturnType<typeof decodeRecord>;

async function replay(
  meters: readonly Provisioning[],
  records: readonly NamedRecord[],
): Promise<Map<string, MeterMemory>> {
  const memories = new Map(
    meters.map((meter) => [namesKey(meter), new MeterMemory(meter, meter.installedAt)]),
  );
  // Epochs, profile and opener keys belong to the meter, across its contracts: none ever goes down.
  const lastEpochs = new Map<string, number>();
  const encrypting = new Set<string>();
  const openerKeys = new Map<string, string>();
  for (const { names, record } of records) {
    await memories.get(namesKey(names))?.apply(record);
    const opened =
      record.kind === "EPOCH" ? record.keyEpoch : record.kind === "STATE" ? record.lastEpoch : 0;
    const meterId = toHex(names.meterId);
    if (record.kind === "PROFILE" && record.profile === "meter-encrypts") encrypting.add(meterId);
    if (record.kind === "OPENER_KEYS") openerKeys.set(meterId, record.jws);
    lastEpochs.set(meterId, Math.max(lastEpochs.get(meterId) ?? 0, opened));
  }
  for (const meter of meters) {
    const memory = memories.get(namesKey(meter));
    if (memory === undefined) continue;
    memory.lastEpoch = lastEpochs.get(meter.meterName) ?? 0;
    memory.openerKeys = openerKeys.get(meter.meterName);
    if (encrypting.has(meter.meterName)) memory.profile = "meter-encrypts";
  }
  return memories;
}

/** The records of a journal that says the same in less. */
function* kept(
  meters: readonly Provisioning[],
  memories: ReadonlyMap<string, MeterMemory>,
  nowSeconds: number,
): Iterable<Uint8Array> {
  for (const meter of meters) {
    const memory = memories.get(namesKey(meter));
    if (memory === undefined) continue;
    if (memory.profile !== "pes-encrypts") {
      yield encodeRecord(meter, { kind: "PROFILE", profile: memory.profile });
    }
    if (memory.openerKeys !== undefined) {
      yield encodeRecord(meter, { kind: "OPENER_KEYS", jws: memory.openerKeys });
    }
    const needed = new Set(memory.waiting.map(({ header }) => header.keyEpoch));
    for (const [keyEpoch, epoch] of memory.epochs) {
      const old = epoch.openedSeconds < nowSeconds - EPOCH_KEPT_SECONDS;
      if (old && !needed.has(keyEpoch) && keyEpoch !== memory.lastEpoch) {
        memory.epochs.delete(keyEpoch);
        continue;
      }
      yield encodeRecord(meter, epoch);
      if (epoch.wrapped) yield encodeRecord(meter, { kind: "WRAPPED", keyEpoch });
    }
    const [first] = memory.waiting;
    const { lastEpoch, headHash } = memory;
    yield encodeRecord(meter, {
      kind: "STATE",
      lastEpoch,
      headHash,
      ...(first?.before ?? memory.progress),
    });
    for (const [index, frame] of memory.waiting.entries()) {
      const { registers } = memory.waiting[index + 1]?.before ?? memory.progress;
      yield encodeRecord(meter, frameRecord(frame.bytes, registers, frame.contributions));
    }
    for (const record of enrolmentRecords(memory)) yield encodeRecord(meter, record);
  }
}

/** In the order in which they came: a code, then the enrolment that used it; or an enrolment, then a code that waits for the next. */
function enrolmentRecords({ enrolment, recodes, isCodeUsed }: MeterMemory): MeterRecord[] {
  const enrolled: MeterRecord[] = enrolment === undefined ? [] : [enrolment];
  const recoded: MeterRecord[] = recodes === 0 ? [] : [{ kind: "RECODED", recodes }];
  return isCodeUsed ? [...recoded, ...enrolled] : [...enrolled, ...recoded];
}

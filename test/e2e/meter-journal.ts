/** Reads the journal of a demonstration's meters with the meters' own reader: epochs and data keys, for what tests compare. */
import { join } from "node:path";
import { cpSync } from "node:fs";
import { toHex } from "@smarter-metering/protocol";
import { openJournal } from "@smarter-metering/runtime";
import { decodeRecord, type EpochRecord } from "../../services/meter/src/records.ts";
import { temporaryFolder } from "./command-line.ts";

export interface MeterEpoch extends EpochRecord {
  /** Hex. */
  readonly meterId: string;
}

/** All epochs whose keys the journal in `folder` holds. */
export async function meterEpochs(folder: string): Promise<MeterEpoch[]> {
  const copy = join(temporaryFolder(), "meters.journal");
  cpSync(join(folder, "meters.journal"), copy);
  const journal = await openJournal(copy, { onTorn: "truncate" });
  await journal.close();
  return journal.records
    .map(decodeRecord)
    .flatMap(({ names, record }) =>
      record.kind === "EPOCH" ? [{ ...record, meterId: toHex(names.meterId) }] : [],
    );
}

/** The newest epoch of each meter. */
export async function newestEpochs(folder: string): Promise<ReadonlyMap<string, number>> {
  const newest = new Map<string, number>();
  for (const { meterId, keyEpoch } of await meterEpochs(folder)) {
    newest.set(meterId, Math.max(keyEpoch, newest.get(meterId) ?? 0));
  }
  return newest;
}

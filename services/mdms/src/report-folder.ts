/**
 * Reports that the privacy officer's command line leaves for the operators' pages: the audit residual and the attack report. They are made
 * from the log and the registry's network view, which name service points as the MDMS must not know them: so the MDMS computes neither,
 * and reads what was written down.
 */
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { systemCode } from "@smarter-metering/runtime";

/** The attack report's record is about 100 kB. */
const REPORT_BYTES_MAX = 4 * 1024 * 1024;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

export interface Report {
  readonly text: string;
  /** When it was written, epoch seconds. */
  readonly writtenAt: number;
}

/** By the name of its file; undefined where there is none. */
export type Reports = (name: string) => Promise<Report | undefined>;

export function reportsIn(folder: string): Reports {
  return async (name) => {
    if (!NAME.test(name)) return undefined;
    const path = join(folder, name);
    try {
      const { size, mtimeMs } = await stat(path);
      if (size > REPORT_BYTES_MAX) return undefined;
      return { text: await readFile(path, "utf8"), writtenAt: Math.floor(mtimeMs / 1000) };
    } catch (error) {
      if (systemCode(error) === "ENOENT") return undefined;
      throw error;
    }
  };
}

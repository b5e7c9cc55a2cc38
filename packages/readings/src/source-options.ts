// What a caller may say about a source, and how large a source may be.
import type { Unit } from "./unit.ts";

/**
 * What a source may need at most; each has a default that a household's decade of minutes fits in.
 */
export interface SourceLimits {
  /** Data rows, telegrams or readings of all files. Default 6,000,000. */
  readonly rows: number;
  /** Values of all files, at 40 bytes each (a wide row has 96). Default 20,000,000. */
  readonly values: number;
  /** Default 10,000. */
  readonly households: number;
  /** Of one file, unpacked. Default 1 GiB. */
  readonly bytes: number;
  /** Of one workbook as it lies on the disk. Default 128 MiB. */
  readonly workbookBytes: number;
  /** Heap of the thread that reads a workbook. Default 128, twice what a year of minutes needs. */
  readonly workbookHeapMebibytes: number;
  /** Grid of one household, gaps included. Default 6,000,000. */
  readonly intervals: number;
}

/** The defaults. */
export const SOURCE_LIMITS: SourceLimits = {
  rows: 6_000_000,
  values: 20_000_000,
  households: 10_000,
  bytes: 2 ** 30,
  workbookBytes: 2 ** 27,
  workbookHeapMebibytes: 128,
  intervals: 6_000_000,
};

/** The interval of a LOAD. */
export const REGISTER_INTERVAL_SECONDS = 900;

/** 3 × 63 A × 230 V with 25 % overcurrent. */
export const POWER_WATTS_MAX = 3 * 63 * 230 * 1.25;

export interface SourceProgress {
  /** Of the files as they lie on the disk. */
  readonly bytes: number;
  readonly bytesTotal: number;
  readonly rows: number;
}

export interface ReadSourceOptions {
  /** Wins over the header's. Needed when the source names none: READINGS_UNIT_NEEDED. */
  readonly unit?: Unit;
  /** IANA zone of time stamps without offset: READINGS_ZONE_NEEDED. */
  readonly zone?: string;
  /** Of intervals that are made from registers (P1). Default REGISTER_INTERVAL_SECONDS. */
  readonly intervalSeconds?: number;
  /** More than this is absurd and taken as missing. Default POWER_WATTS_MAX. */
  readonly powerWattsMax?: number;
  /** READINGS_MALFORMED at the first faulty row instead of counting it. */
  readonly strict?: boolean;
  /** Located findings kept of each kind. Default 20. */
  readonly findingsPerKindMax?: number;
  readonly limits?: Partial<SourceLimits>;
  readonly progress?: (progress: SourceProgress) => void;
  /** READINGS_ABORTED once it is aborted. */
  readonly signal?: AbortSignal;
}

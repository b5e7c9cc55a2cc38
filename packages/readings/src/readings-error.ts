// The one error class of this package. Runs wherever a source of readings is read.
// Messages name files, lines and columns, never a value that was read, except where a unit is asked
// for: there the aggregate magnitudes (mean a day, peak) are what lets a person answer.

/** What went wrong, for callers that act on it. */
export type ReadingsErrorCode =
  | "READINGS_FILE_MISSING"
  | "READINGS_FILE_UNREADABLE"
  | "READINGS_EMPTY"
  | "READINGS_GZIP_BROKEN"
  | "READINGS_FORMAT_UNKNOWN"
  | "READINGS_XML_REFUSED"
  | "READINGS_UNIT_NEEDED"
  | "READINGS_ZONE_NEEDED"
  | "READINGS_ZONE_UNKNOWN"
  | "READINGS_INTERVAL_UNKNOWN"
  | "READINGS_MALFORMED"
  | "READINGS_LABEL_CLASH"
  | "READINGS_TOO_LARGE"
  | "READINGS_ABORTED";

/** A source of readings cannot be used; `message` says what, where, and what to do. */
export class ReadingsError extends Error {
  override readonly name = "ReadingsError";
  readonly code: ReadingsErrorCode;

  constructor(code: ReadingsErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

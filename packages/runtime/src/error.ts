/**
 * The one error class of this package and the list of its codes. Every process uses it.
 *
 * Messages say what failed, where, and what to do. They carry names, ids and paths, never a value
 * that went through a query, a message body or a secret.
 */

export type RuntimeErrorCode =
  /** A unique, foreign key, check or not-null rule refused a row; `constraint` names the rule. */
  | "STORE_CONSTRAINT"
  /** Another live process holds the folder. */
  | "STORE_LOCKED"
  /** The folder exists but the database in it cannot be read. Nothing was deleted. */
  | "STORE_DAMAGED"
  /** The folder was written by another major version of the database. */
  | "STORE_VERSION"
  /** The store was closed before or during the call. */
  | "STORE_CLOSED"
  /** The database's thread ended; whether the last statement was committed is not known. */
  | "STORE_WORKER_DIED"
  /** A recorded migration was changed, removed or reordered, or a new one failed. */
  | "STORE_MIGRATION"
  /** Any other statement that the database refused: a bug in the SQL or a bad parameter. */
  | "STORE_QUERY"
  /** A result column has a type that the store does not hand out, such as numeric or timestamptz. */
  | "STORE_TYPE"
  /** Too many calls wait, a statement took too long, or the database has no room left. */
  | "STORE_BUSY"
  /** PostgreSQL: another transaction was in the way; nothing was changed, repeat the whole of it. */
  | "STORE_CONFLICT"
  /**
   * PostgreSQL: the server is away, refuses the connection, or ended it; whether the last statement
   * was committed is not known. Later calls connect again.
   */
  | "STORE_UNREACHABLE"
  /** What only the leader of a group may do: another member leads, or nobody does yet. */
  | "GROUP_NOT_LEADER"
  /** Another process has joined the group under this member's name. */
  | "GROUP_REPLACED"
  | "BUS_UNKNOWN_STREAM"
  | "BUS_UNKNOWN_CONSUMER"
  /** A message, a batch or a subject is larger than the bus takes. */
  | "BUS_TOO_LARGE"
  | "BUS_CLOSED"
  /** The remote bus refused the token, or the token may not do this. */
  | "BUS_FORBIDDEN"
  /** The remote bus cannot be reached or answered with an error. */
  | "BUS_UNREACHABLE"
  /** What is declared of a stream would lose messages that the servers hold. */
  | "BUS_CHANGE_REFUSED"
  | "CONFIG_UNREADABLE"
  | "CONFIG_INVALID"
  | "CONFIG_FILE_MISSING"
  | "HTTP_PORT_IN_USE"
  /** Listening failed for another reason: no permission, unknown address. */
  | "HTTP_LISTEN"
  /** Key, certificate or authorities of a TLS listener or client are missing or do not fit together. */
  | "TLS_FILES"
  /** The last write of a journal is incomplete; nothing after it was acknowledged. */
  | "JOURNAL_TORN"
  /** A record in the middle of a journal is damaged: acknowledged records are lost. */
  | "JOURNAL_CORRUPT"
  /** An earlier write or fsync failed; what the disk holds is not known until it is reopened. */
  | "JOURNAL_FAILED"
  | "JOURNAL_FULL"
  | "JOURNAL_CLOSED"
  /** A secret file is missing, unreadable, too large or readable by others. */
  | "SECRET_FILE";

export interface RuntimeErrorDetails {
  readonly cause?: unknown;
  /** STORE_CONSTRAINT: the name of the rule as the schema gives it. */
  readonly constraint?: string;
  /** CONFIG_INVALID, CONFIG_FILE_MISSING: one line for each problem, `path: what; what to do`. */
  readonly problems?: readonly string[];
}

export class RuntimeError extends Error {
  override readonly name = "RuntimeError";
  readonly code: RuntimeErrorCode;
  readonly constraint: string | undefined;
  readonly problems: readonly string[];

  constructor(code: RuntimeErrorCode, message: string, details: RuntimeErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.constraint = details.constraint;
    this.problems = details.problems ?? [];
  }
}

/** True if `error` is a RuntimeError with this code. */
export function hasCode(error: unknown, code: RuntimeErrorCode): error is RuntimeError {
  return error instanceof RuntimeError && error.code === code;
}

/** The `code` of a Node.js system error such as ENOENT, or undefined. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/** The one error class of this package. Messages carry sizes and origins, never an entry's content. */

export type LogErrorCode =
  /** Bytes or text that are no entry, head, proof or batch. */
  | "LOG_MALFORMED"
  /** The head is of another log. */
  | "LOG_HEAD_ORIGIN"
  /** The log's operator did not sign the head. */
  | "LOG_HEAD_SIGNATURE"
  /** Fewer trustees cosigned the head than the quorum asks for. */
  | "LOG_HEAD_QUORUM"
  /** A proof does not lead from the entry, or from the older head, to the head. */
  | "LOG_PROOF"
  /** Another history than the one seen before. */
  | "LOG_FORKED"
  /** Less than what was seen before. */
  | "LOG_TRUNCATED"
  /** Log time runs backwards, or ahead of the follower's clock. */
  | "LOG_TIME"
  /** The threshold or the keys of a quorum make no sense. */
  | "LOG_QUORUM_INVALID"
  /** The durable state is not there: it was lost, or never initialised. */
  | "LOG_STATE_MISSING"
  /** The durable state contradicts itself or belongs to another key. */
  | "LOG_STATE_DAMAGED"
  /** The key has signed more than the durable state knows: the state is an old copy. */
  | "LOG_STATE_STALE"
  /** Writing the durable state failed before: restart. */
  | "LOG_STATE_FAILED";

export class LogError extends Error {
  override readonly name = "LogError";
  readonly code: LogErrorCode;

  constructor(code: LogErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

/** Throws LOG_MALFORMED when `condition` does not hold: for what came from a peer. */
export function wellFormed(condition: boolean, what: string): asserts condition {
  if (!condition) throw new LogError("LOG_MALFORMED", `malformed: ${what}`);
}

/** Programmer errors; no node:assert, because customers verify in the browser. */
export function assert(condition: boolean, what: string): asserts condition {
  if (!condition) throw new TypeError(what);
}

/** Runs `decode`; whatever it throws about the bytes is LOG_MALFORMED. */
export function decoding<T>(what: string, decode: () => T): T {
  try {
    return decode();
  } catch (cause) {
    if (cause instanceof LogError) throw cause;
    throw new LogError("LOG_MALFORMED", `malformed: ${what}`, cause);
  }
}

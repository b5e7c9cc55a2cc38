/** Troubles of store and engine that pass, or end with a restart; the message in hand is none the worse and comes again. */

/** The registry is looked at every few seconds; the store's troubles are short or final. */
export const RETRY_MS = 5_000;

const PASSING: readonly unknown[] = [
  "STORE_BUSY",
  "STORE_CLOSED",
  "STORE_CONFLICT",
  "STORE_UNREACHABLE",
  "STORE_WORKER_DIED",
  "PAILLIER_ENGINE_BUSY",
];

export const isPassing = (error: unknown): boolean =>
  error instanceof Error && "code" in error && PASSING.includes(error.code);

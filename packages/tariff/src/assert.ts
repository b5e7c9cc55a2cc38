// The one assertion of this package: it also runs in the browser, where node:assert is missing.

/** Throws when `condition` is false: a mistake of the calling program, never bad input. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${message}`);
}

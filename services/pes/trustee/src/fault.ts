/** Why a release request is refused before any rule is asked (docs/protocol.md §8.2). Values, not errors; no pseudonyms in reasons. */

export type FaultCode =
  | "REQUEST_MALFORMED"
  | "REQUEST_FUTURE_EPOCH"
  | "REQUEST_OLD_EPOCH"
  | "REQUEST_BAD_SIGNATURE"
  | "REQUEST_WRONG_KEY"
  | "REQUEST_WRONG_COHORT"
  | "REQUEST_WRONG_STREAM"
  | "REQUEST_WRONG_BLOCK"
  | "REQUEST_WRONG_PACKING"
  | "REQUEST_MIXED_PROFILES"
  | "REQUEST_FOREIGN_CONTRIBUTION"
  | "REQUEST_DUPLICATE_MEMBER"
  | "REQUEST_WRONG_MEMBERS"
  | "REQUEST_BORDERS_DIFFER"
  | "REQUEST_WRONG_PRODUCT"
  /** The registry's policy or Paillier key is not this trustee's. */
  | "REGISTRY_NOT_ACCEPTED"
  /** The plaintext is no sum of so many contributions: quarantined, and its block or window is spent. */
  | "RELEASE_CORRUPT";

export interface Fault {
  readonly code: FaultCode;
  readonly reason: string;
}

/** What a check gives instead of its result. */
export interface Faulty {
  readonly fault: Fault;
}

export const fault = (code: FaultCode, reason: string): Fault => ({ code, reason });

/** The first fault in a list, in order; checks after it do not run. */
export function firstFault<T>(
  items: readonly T[],
  check: (item: T, index: number) => Fault | undefined,
): Fault | undefined {
  for (const [index, item] of items.entries()) {
    const found = check(item, index);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** What the concentrator answers to one uplink item (docs/protocol.md §2.7, §2.8, §4). */

/** Final for these bytes: the item had no effect. */
export type RefusalCode =
  | "FRAME_MALFORMED"
  | "FRAME_TOO_LARGE"
  | "FRAME_FOREIGN"
  | "FRAME_BAD_SIGNATURE"
  | "FRAME_FUTURE"
  | "FRAME_OFF_GRID"
  | "FRAME_PROFILE"
  /** A meter's own contributions are not those that the registry prescribes for the frame. */
  | "FRAME_TERMS"
  | "FRAME_FORKED"
  | "FRAME_STALE_EPOCH";

/** Not final: the meter keeps the item and sends again. */
export type RetryCode =
  | "FRAME_GAP"
  /** There is no room, on the bus or before it. */
  | "FRAME_QUEUE_FULL"
  /** The meter has sent more than its share; it goes on when that has come back. */
  | "FRAME_QUOTA";

export interface Refusal {
  readonly status: "refused";
  readonly code: RefusalCode;
  /** For people; never parsed. Holds no ids and no values. */
  readonly reason: string;
}

export type Verdict =
  | { readonly status: "accepted" }
  | { readonly status: "duplicate" }
  | Refusal
  | {
      readonly status: "retry";
      readonly code: RetryCode;
      /** FRAME_GAP: the counter of the frame that must come first. */
      readonly expectedCounter?: number;
    };

export function refused(code: RefusalCode, reason: string): Refusal {
  return { status: "refused", code, reason };
}

export const QUEUE_FULL = { status: "retry", code: "FRAME_QUEUE_FULL" } as const satisfies Verdict;
export const OVER_QUOTA = { status: "retry", code: "FRAME_QUOTA" } as const satisfies Verdict;

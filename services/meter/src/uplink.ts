/** The way up from meters to their concentrator (docs/protocol.md §4), as the fleet sees it. */
import { z } from "zod";

/** What the concentrator says of one item; see docs/protocol.md §2.8 for the codes. */
export const uplinkVerdict = z.discriminatedUnion("status", [
  z.object({ status: z.literal("accepted") }),
  z.object({ status: z.literal("duplicate") }),
  z.object({ status: z.literal("refused"), code: z.string().max(64), reason: z.string().max(512) }),
  z.object({
    status: z.literal("retry"),
    code: z.string().max(64),
    expectedCounter: z.number().int().nonnegative().optional(),
  }),
]);
export type UplinkVerdict = z.infer<typeof uplinkVerdict>;

export const isForked = (verdict: UplinkVerdict): boolean =>
  verdict.status === "refused" && verdict.code === "FRAME_FORKED";

export const isStale = (verdict: UplinkVerdict): boolean =>
  verdict.status === "refused" && verdict.code === "FRAME_STALE_EPOCH";

export const isTaken = ({ status }: UplinkVerdict): boolean =>
  status === "accepted" || status === "duplicate";

/** Nothing is wrong with the item: there was no room for it, or the meter has had its share. */
export const isPutOff = (verdict: UplinkVerdict): boolean =>
  verdict.status === "retry" && ["FRAME_QUEUE_FULL", "FRAME_QUOTA"].includes(verdict.code);

export interface UplinkEntry {
  /** Hex; the connection to use, where there is one per meter. */
  readonly meterId: string;
  /** An encoded uplink item. */
  readonly item: Uint8Array;
}

export interface UplinkAnswer {
  /** One per entry, in order. */
  readonly verdicts: readonly UplinkVerdict[];
  /** Enrolment requests for meters of this fleet. */
  readonly downlink: readonly { readonly meterId: string; readonly message: Uint8Array }[];
}

export interface Uplink {
  /**
   * One attempt. Throws MeterError UPLINK_UNREACHABLE or UPLINK_ANSWER: whether the concentrator
   * took the items is then not known, and they are to be sent again as they are.
   */
  send(entries: readonly UplinkEntry[]): Promise<UplinkAnswer>;
  /**
   * The registry's list of the opener's keys (docs/protocol.md §3.3), if the concentrator has one.
   * `meterId` (hex) names the connection to use. Throws like `send`. Absent where there is no such way.
   */
  openerKeys?(meterId: string): Promise<string | undefined>;
  /**
   * Documents of prices (docs/protocol.md §6.6) as the concentrator has them, oldest first: those that end after `fromSeconds`, where
   * there are many the first of them, perhaps older ones too. Undefined for a series without any. Else like `openerKeys`.
   */
  prices?(
    meterId: string,
    series: string,
    fromSeconds: number,
  ): Promise<readonly string[] | undefined>;
  /**
   * The concentrator's time in epoch seconds, rounded down; undefined when it does not say. Throws
   * like `send`. Absent where there is no way to ask.
   */
  time?(): Promise<number | undefined>;
  close(): Promise<void>;
}

/** What the meters of a fleet have to send, and what became of it (docs/protocol.md §4). */
import type { OutgoingMessage } from "./customer-desk.ts";
import type { WaitingFrame } from "./memory.ts";
import type { Meter } from "./meter.ts";
import type { UplinkVerdict } from "./uplink.ts";

/** What is to be sent for a meter, and how its verdict is understood. */
export type Outgoing =
  | { readonly kind: "frame"; readonly item: Uint8Array; readonly frame: WaitingFrame }
  | OutgoingMessage;

export type Settlement = readonly [outgoing: Outgoing, verdict: UplinkVerdict];

export interface Sending {
  readonly meter: Meter;
  readonly outgoing: Outgoing;
}

/** Of one call. */
export interface Tally {
  framesSealed: number;
  accepted: number;
  duplicates: number;
  forked: number;
  attemptsFailed: number;
}

export const newTally = (): Tally => ({
  framesSealed: 0,
  accepted: 0,
  duplicates: 0,
  forked: 0,
  attemptsFailed: 0,
});

export function count(tally: Tally, outgoing: Outgoing, verdict: Settlement[1]): void {
  if (outgoing.kind !== "frame") return;
  if (verdict.status === "accepted") tally.accepted += 1;
  if (verdict.status === "duplicate") tally.duplicates += 1;
}

export const isMessage = ({ kind }: Outgoing): boolean => kind !== "frame";

/** Meter by meter, each in its own order. */
export async function gather(
  meters: readonly Meter[],
  select: (outgoing: Outgoing) => boolean = () => true,
): Promise<Sending[]> {
  const lists = await Promise.all(
    meters.map(async (meter) =>
      (await meter.outgoing()).filter(select).map((outgoing) => ({ meter, outgoing })),
    ),
  );
  return lists.flat();
}

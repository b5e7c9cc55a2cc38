/**
 * The ledger's judgement of one contribution (docs/protocol.md §7.1): a pure function. Sees
 * contexts, no energy.
 */
import { equalBytes } from "@smarter-metering/protocol";

/**
 * What a contribution covers: slots [firstSlot, firstSlot + slots) of one service point, stream and
 * block.
 */
export interface Part {
  readonly firstSlot: number;
  readonly slots: number;
  readonly frameHash: Uint8Array;
}

/**
 * `conflict`: another frame's contribution has the same first slot. `overlap`: it covers slots that
 * another part covers. `late`: its set is sealed. A conflict is one before and after sealing:
 * equivocation is worth knowing at any time.
 */
export type Outcome = "accepted" | "duplicate" | "conflict" | "overlap" | "late";

/** `known` are the parts in the ledger of the same service point, stream and block. */
export function judgePart(part: Part, known: readonly Part[], sealed: boolean): Outcome {
  const same = known.find(({ firstSlot }) => firstSlot === part.firstSlot);
  if (same !== undefined) {
    return equalBytes(same.frameHash, part.frameHash) ? "duplicate" : "conflict";
  }
  if (known.some((other) => overlaps(other, part))) return "overlap";
  return sealed ? "late" : "accepted";
}

function overlaps(a: Part, b: Part): boolean {
  return a.firstSlot < b.firstSlot + b.slots && b.firstSlot < a.firstSlot + a.slots;
}

/** The concentrator's judgement of a verified frame against the meter's chain (docs/protocol.md §2.7): a pure function. */
import { equalBytes } from "./bytes.ts";
import type { FrameHeader } from "./frame.ts";

export interface ChainHead {
  readonly keyEpoch: number;
  readonly counter: number;
  readonly frameHash: Uint8Array;
}

/** What the concentrator remembers that bears on one frame. */
export interface ChainMemory {
  /** Undefined for a meter never heard of. */
  readonly head: ChainHead | undefined;
  /** Hash of the frame known under the same key epoch and counter. */
  readonly sameCounter: Uint8Array | undefined;
  /** Hash of the BLOCK frame known for the same (block, first slot). */
  readonly sameSlot: Uint8Array | undefined;
}

export type Judgement =
  | { readonly verdict: "accept" }
  | { readonly verdict: "duplicate" }
  | { readonly verdict: "gap"; readonly expectedCounter: number }
  | { readonly verdict: "fork"; readonly knownHash: Uint8Array }
  | { readonly verdict: "stale" };

export function judgeFrame(header: FrameHeader, hash: Uint8Array, memory: ChainMemory): Judgement {
  const { head, sameCounter, sameSlot } = memory;
  if (sameCounter !== undefined) {
    return equalBytes(sameCounter, hash)
      ? { verdict: "duplicate" }
      : { verdict: "fork", knownHash: sameCounter };
  }
  if (sameSlot !== undefined && header.kind === "BLOCK") {
    return { verdict: "fork", knownHash: sameSlot };
  }
  if (head === undefined || header.keyEpoch > head.keyEpoch) {
    return header.counter === 0 ? { verdict: "accept" } : { verdict: "gap", expectedCounter: 0 };
  }
  if (header.keyEpoch < head.keyEpoch || header.counter <= head.counter) {
    return { verdict: "stale" };
  }
  if (header.counter > head.counter + 1) {
    return { verdict: "gap", expectedCounter: head.counter + 1 };
  }
  return equalBytes(header.previousFrameHash, head.frameHash)
    ? { verdict: "accept" }
    : { verdict: "fork", knownHash: head.frameHash };
}

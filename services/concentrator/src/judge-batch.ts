/**
 * Judges the frames of one batch in order, each against the chain as the earlier ones leave it
 * (docs/protocol.md §2.7). Pure.
 */
import {
  judgeFrame,
  placeInBlock,
  type ChainHead,
  type Judgement,
} from "@smarter-metering/protocol";
import type { ExaminedFrame } from "./examine.ts";

/** The part of the chain memory that a batch touches. Keys: meter id; `counterName`; `slotName`. */
export interface BatchMemory {
  readonly heads: Map<string, ChainHead>;
  /** Frame hashes. */
  readonly counters: Map<string, Uint8Array>;
  /** Hashes of BLOCK frames. */
  readonly slots: Map<string, Uint8Array>;
}

export const counterName = (meterId: string, keyEpoch: number, counter: number): string =>
  `${meterId}/${keyEpoch}/${counter}`;

/** `place` is the frame's in its block. */
export const slotName = (meterId: string, blockStart: number, place: number): string =>
  `${meterId}/${blockStart}/${place}`;

/** One judgement per frame; accepted frames enter `memory`. */
export function judgeBatch(frames: readonly ExaminedFrame[], memory: BatchMemory): Judgement[] {
  return frames.map(({ frame: { header }, hash, meterId }) => {
    const counter = counterName(meterId, header.keyEpoch, header.counter);
    const slot = slotName(meterId, header.blockStart, placeInBlock(header));
    const judgement = judgeFrame(header, hash, {
      head: memory.heads.get(meterId),
      sameCounter: memory.counters.get(counter),
      sameSlot: memory.slots.get(slot),
    });
    if (judgement.verdict === "accept") {
      const { keyEpoch } = header;
      memory.heads.set(meterId, { keyEpoch, counter: header.counter, frameHash: hash });
      memory.counters.set(counter, hash);
      if (header.kind === "BLOCK") memory.slots.set(slot, hash);
    }
    return judgement;
  });
}

/** Envelopes, frames and chain of a checked bill (docs/protocol.md §11.2): what of them was left out, each once, and where it is. */
import type { FrameHeader } from "@smarter-metering/protocol";
import type { FrameFault } from "./frame-chain.ts";
import { instantText, unexplained, type BrokenCode, type LinkBook } from "./link.ts";
import type { OpenedFrames } from "./open-frames.ts";

export function reportEnvelopes(
  { envelopeFaults, closed, opened }: OpenedFrames,
  book: LinkBook,
): void {
  for (const { position, keyEpoch } of envelopeFaults) {
    const epoch = keyEpoch === undefined ? "" : `, epoch ${keyEpoch}`;
    book.broken("ENVELOPE_INVALID", `envelope ${position + 1}${epoch}`);
  }
  const epochs = new Map<number, number>();
  for (const { frame, hasKey } of closed) {
    if (!hasKey) epochs.set(frame.header.keyEpoch, (epochs.get(frame.header.keyEpoch) ?? 0) + 1);
  }
  const broken = envelopeFaults.map(({ keyEpoch }) => keyEpoch?.toString());
  for (const [epoch, count] of unexplained([...epochs], broken, ([name]) => String(name))) {
    book.broken("ENVELOPE_MISSING", `epoch ${epoch}, ${count} frames`);
  }
  const known = new Set(opened.map(({ frame }) => frame.header.keyEpoch)).size;
  book.ok("envelope", `keys of ${known} epochs`);
}

const FRAME_CODES = {
  malformed: "FRAME_MALFORMED",
  foreign: "FRAME_FOREIGN",
  badSignatures: "FRAME_UNSIGNED",
  equivocations: "CHAIN_FORKED",
  brokenLinks: "CHAIN_UNLINKED",
} as const satisfies Readonly<Record<FrameFault["kind"], BrokenCode>>;

export const frameText = (position: number, header: FrameHeader | undefined): string => {
  if (header === undefined) return `frame ${position + 1}`;
  const { counter, keyEpoch, blockStart } = header;
  const block = instantText(blockStart);
  return `frame ${position + 1}: counter ${counter} of epoch ${keyEpoch}, block ${block}`;
};

export function reportFrames(
  { faults, holes, closed, opened }: OpenedFrames,
  book: LinkBook,
): void {
  for (const { kind, positions, headers } of faults) {
    const where = positions.map((position, index) => frameText(position, headers[index]));
    book.broken(FRAME_CODES[kind], where.join("; "));
  }
  for (const { position, frame, hasKey } of closed) {
    if (hasKey) book.broken("FRAME_UNOPENABLE", frameText(position, frame.header));
  }
  book.ok("frame", `${opened.length} frames signed by the meter and opened`);
  book.ok("chain", holes === 0 ? "without holes" : `${holes} counters are not there`);
}

/** As they say of themselves; undefined for what says nothing. */
export function leftOutOf({ faults, closed }: OpenedFrames): (FrameHeader | undefined)[] {
  const unused = faults.filter(({ kind }) => kind !== "brokenLinks");
  return [
    ...unused.flatMap(({ positions, headers }) => positions.map((_, index) => headers[index])),
    ...closed.map(({ frame }) => frame.header),
  ];
}

/**
 * What the customer checks before he opens anything (docs/protocol.md §2.3, §2.7): that each frame is signed by the pinned meter, that no
 * two of them contradict each other, and how many of the chain are not there.
 */
import {
  decodeFrame,
  equalBytes,
  frameHash,
  toHex,
  verifyFrame,
  type SealedFrame,
} from "@smarter-metering/protocol";
import type { PinnedMeter } from "./pinned-meters.ts";

export interface ChainFindings {
  /** Not a frame at all. */
  malformed: number;
  /** Of a meter that is not pinned, or under another service point's name. */
  foreign: number;
  badSignatures: number;
  /** Frames that contradict another one of the same meter; none of them is used. */
  equivocations: number;
  /** Neighbours in the count whose hashes do not link. */
  brokenLinks: number;
  /** Counters between the first and last frame of an epoch that are not there: live frames that were dropped, or losses. */
  holes: number;
}

interface Verified {
  readonly frame: SealedFrame;
  readonly hash: Uint8Array;
}

export function findMeter(
  meters: readonly PinnedMeter[],
  names: { readonly meterId: Uint8Array; readonly networkPseudonym: Uint8Array },
): PinnedMeter | undefined {
  return meters.find(
    ({ meterId, networkPseudonym }) =>
      equalBytes(meterId, names.meterId) && equalBytes(networkPseudonym, names.networkPseudonym),
  );
}

/** The frames that may be opened, in the order of the chain, each once. Adds to `findings`. */
export async function checkedFrames(
  meters: readonly PinnedMeter[],
  encoded: readonly Uint8Array[],
  findings: ChainFindings,
): Promise<SealedFrame[]> {
  const verified = new Map<string, Verified>();
  for (const bytes of encoded) {
    const entry = await verifiedFrame(meters, bytes, findings);
    if (entry !== undefined) verified.set(toHex(entry.hash), entry);
  }
  const contradicted = contradictions([...verified.values()]);
  findings.equivocations += contradicted.size;
  const chains = groupBy(
    [...verified.values()].filter((entry) => !contradicted.has(entry)),
    ({ frame: { header } }) => `${toHex(header.meterId)} ${header.keyEpoch}`,
  );
  const frames: SealedFrame[] = [];
  for (const chain of chains.values()) {
    chain.sort((a, b) => a.frame.header.counter - b.frame.header.counter);
    checkLinks(chain, findings);
    for (const { frame } of chain) frames.push(frame);
  }
  return frames;
}

async function verifiedFrame(
  meters: readonly PinnedMeter[],
  bytes: Uint8Array,
  findings: ChainFindings,
): Promise<Verified | undefined> {
  let frame: SealedFrame;
  try {
    frame = decodeFrame(bytes);
  } catch {
    findings.malformed++;
    return undefined;
  }
  const meter = findMeter(meters, frame.header);
  if (meter === undefined) {
    findings.foreign++;
    return undefined;
  }
  try {
    await verifyFrame(frame, meter.meterKey);
  } catch {
    findings.badSignatures++;
    return undefined;
  }
  return { frame, hash: await frameHash(frame) };
}

/** As `Map.groupBy`, which Node 20 does not have. */
function groupBy<Item>(items: readonly Item[], key: (item: Item) => string): Map<string, Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const name = key(item);
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [item]);
    else group.push(item);
  }
  return groups;
}

/** Frames that share a counter, or BLOCKs that share a block and first slot, with another frame (§2.7). */
function contradictions(entries: readonly Verified[]): Set<Verified> {
  const names = entries.flatMap((entry) => {
    const { kind, meterId, keyEpoch, counter, blockStart, firstSlot } = entry.frame.header;
    const meter = toHex(meterId);
    const byCounter = { entry, name: `${meter} counter ${keyEpoch} ${counter}` };
    const bySlot = { entry, name: `${meter} slot ${blockStart} ${firstSlot}` };
    return kind === "BLOCK" ? [byCounter, bySlot] : [byCounter];
  });
  const shared = [...groupBy(names, ({ name }) => name).values()].filter(
    (group) => group.length > 1,
  );
  return new Set(shared.flat().map(({ entry }) => entry));
}

function checkLinks(chain: readonly Verified[], findings: ChainFindings): void {
  for (const [index, { frame }] of chain.entries()) {
    const previous = chain[index - 1];
    if (previous === undefined) continue;
    const missing = frame.header.counter - previous.frame.header.counter - 1;
    findings.holes += missing;
    if (missing === 0 && !equalBytes(frame.header.previousFrameHash, previous.hash)) {
      findings.brokenLinks++;
    }
  }
}

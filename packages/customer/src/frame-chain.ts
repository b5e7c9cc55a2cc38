/**
 * What the customer checks before he opens anything (docs/protocol.md §2.3, §2.7): that each frame is signed by the pinned meter, that no
 * two of them contradict each other, and how many of the chain are not there.
 */
import {
  decodeFrame,
  equalBytes,
  frameHash,
  placeInBlock,
  toHex,
  verifyFrame,
  type FrameHeader,
  type SealedFrame,
} from "@smarter-metering/protocol";
import type { PinnedMeter } from "./pinned-meters.ts";

export interface FrameFault {
  readonly kind:
    /** Not a frame at all. */
    | "malformed"
    /** Of a meter that is not pinned, or under another service point's name. */
    | "foreign"
    | "badSignatures"
    /** Frames that contradict each other; none of them is used. */
    | "equivocations"
    /** Neighbours in the count whose hashes do not link. */
    | "brokenLinks";
  /** Which of the frames given, from 0. */
  readonly positions: readonly number[];
  /** As those frames say, which need not be true. */
  readonly headers: readonly FrameHeader[];
}

export interface CheckedFrame {
  readonly position: number;
  readonly frame: SealedFrame;
  readonly hash: Uint8Array;
}

export interface CheckedFrames {
  /** Those that may be opened, in the order of the chain, each once. */
  readonly frames: readonly CheckedFrame[];
  readonly faults: readonly FrameFault[];
  /** Counters between the first and last frame of an epoch that are not there: live frames that were dropped, or losses. */
  readonly holes: number;
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

export async function checkFrames(
  meters: readonly PinnedMeter[],
  encoded: readonly Uint8Array[],
): Promise<CheckedFrames> {
  const verified = new Map<string, CheckedFrame>();
  const faults: FrameFault[] = [];
  for (const [position, bytes] of encoded.entries()) {
    const entry = await verifiedFrame(meters, bytes, position);
    if ("kind" in entry) {
      faults.push(entry);
      continue;
    }
    const name = toHex(entry.hash);
    if (!verified.has(name)) verified.set(name, entry);
  }
  const contradictions = contradictionsOf([...verified.values()]);
  const contradicted = new Set(contradictions.flat());
  faults.push(...contradictions.map((entries) => faultOf("equivocations", entries)));
  const chains = groupBy(
    [...verified.values()].filter((entry) => !contradicted.has(entry)),
    ({ frame: { header } }) => `${toHex(header.meterId)} ${header.keyEpoch}`,
  );
  let holes = 0;
  for (const chain of chains.values()) {
    chain.sort((a, b) => a.frame.header.counter - b.frame.header.counter);
    const links = checkLinks(chain);
    holes += links.holes;
    faults.push(...links.faults);
  }
  return { frames: [...chains.values()].flat(), faults, holes };
}

async function verifiedFrame(
  meters: readonly PinnedMeter[],
  bytes: Uint8Array,
  position: number,
): Promise<CheckedFrame | FrameFault> {
  let frame: SealedFrame;
  try {
    frame = decodeFrame(bytes);
  } catch {
    return { kind: "malformed", positions: [position], headers: [] };
  }
  const stated = { positions: [position], headers: [frame.header] };
  const meter = findMeter(meters, frame.header);
  if (meter === undefined) return { kind: "foreign", ...stated };
  try {
    await verifyFrame(frame, meter.meterKey);
  } catch {
    return { kind: "badSignatures", ...stated };
  }
  return { position, frame, hash: await frameHash(frame) };
}

const faultOf = (kind: FrameFault["kind"], entries: readonly CheckedFrame[]): FrameFault => ({
  kind,
  positions: entries.map(({ position }) => position),
  headers: entries.map(({ frame }) => frame.header),
});

/** As `Map.groupBy`, which Node 20 does not have. */
export function groupBy<Item>(
  items: readonly Item[],
  key: (item: Item) => string,
): Map<string, Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const name = key(item);
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [item]);
    else group.push(item);
  }
  return groups;
}

/** What no two frames have in common: the counter, and for a BLOCK its block and first slot (§2.7). */
export function frameNames(header: FrameHeader): string[] {
  const { kind, meterId, keyEpoch, counter, blockStart } = header;
  const meter = toHex(meterId);
  const byCounter = `${meter} counter ${keyEpoch} ${counter}`;
  return kind === "BLOCK"
    ? [byCounter, `${meter} slot ${blockStart} ${placeInBlock(header)}`]
    : [byCounter];
}

/** Frames that share a name; the same frames are named once. */
function contradictionsOf(entries: readonly CheckedFrame[]): CheckedFrame[][] {
  const names = entries.flatMap((entry) =>
    frameNames(entry.frame.header).map((name) => ({ entry, name })),
  );
  const groups = [...groupBy(names, ({ name }) => name).values()]
    .filter((group) => group.length > 1)
    .map((group) => group.map(({ entry }) => entry));
  const distinct = groupBy(groups, (group) => group.map(({ position }) => position).join(" "));
  return [...distinct.values()].flatMap((same) => same.slice(0, 1));
}

function checkLinks(chain: readonly CheckedFrame[]): Pick<CheckedFrames, "faults" | "holes"> {
  const faults: FrameFault[] = [];
  let holes = 0;
  for (const [index, entry] of chain.entries()) {
    const previous = chain[index - 1];
    if (previous === undefined) continue;
    const { counter, previousFrameHash } = entry.frame.header;
    const missing = counter - previous.frame.header.counter - 1;
    holes += missing;
    if (missing === 0 && !equalBytes(previousFrameHash, previous.hash)) {
      faults.push(faultOf("brokenLinks", [entry]));
    }
  }
  return { faults, holes };
}

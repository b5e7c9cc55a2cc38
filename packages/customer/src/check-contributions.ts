/**
 * What went into the sums of others (docs/protocol.md §6.4, §11.2): the customer computes his contributions again and compares them byte by
 * byte with those that he is shown. On his device; his readings and their blinding stay there.
 */
import {
  decodeContribution,
  equalBytes,
  instantOf,
  ProtocolError,
  toHex,
  verifyContribution,
  type Contribution,
  type ContributionContext,
  type ContributionHeader,
  type EncryptedContribution,
  type FrameHeader,
} from "@smarter-metering/protocol";
import { spanOf } from "./bill-window.ts";
import { findMeter } from "./frame-chain.ts";
import { instantText, unexplained, type LinkBook } from "./link.ts";
import type { OpenedFrame } from "./open-frames.ts";
import { recomputeContributions } from "./own-contributions.ts";
import type { PinnedMeter } from "./pinned-meters.ts";
import { verifiedByAny, type Registered } from "./registered.ts";

export interface ShownContribution {
  /** As encoded, with its signature. */
  readonly contribution: Uint8Array;
  /** Its receipt from the log (§13.6). */
  readonly receipt?: string;
}

export interface ContributionEvidence {
  readonly shown: readonly ShownContribution[];
  /** What the registry says of a frame's block; undefined for a frame whose contributions were not asked for. */
  readonly contextOf: (
    frame: FrameHeader,
    frameHash: Uint8Array,
  ) => Promise<ContributionContext | undefined>;
  /** (1 + M·n)·h_s^ρ mod n² under the registry's key: `Engine.encrypt` of packages/paillier. */
  readonly encrypt: (message: Uint8Array, blinding: Uint8Array) => Promise<Uint8Array>;
}

interface OwnFrames {
  readonly blocks: readonly OpenedFrame[];
  readonly meters: readonly PinnedMeter[];
}

/** One that must be there, as computed again. */
interface Expected extends EncryptedContribution {
  readonly name: string;
  readonly where: string;
}

const nameOf = ({ header }: Pick<Contribution, "header">): string =>
  `${toHex(header.frameHash)} ${header.stream}`;

/** One that was shown and is what the readings give. */
export interface FoundContribution extends ShownContribution {
  readonly header: ContributionHeader;
  readonly where: string;
}

export async function checkContributions(
  evidence: ContributionEvidence | undefined,
  own: OwnFrames,
  registered: Registered | undefined,
  book: LinkBook,
): Promise<FoundContribution[]> {
  if (evidence === undefined) {
    book.notChecked("contribution", "none were shown", "ask who keeps them for your contributions");
    return [];
  }
  if (registered === undefined) {
    book.notChecked("contribution", "waits for the registry");
    return [];
  }
  const expected = await expectedOf(evidence, own.blocks);
  const found = new Map<string, FoundContribution>();
  const notFound: (string | undefined)[] = [];
  let waiting = 0;
  for (const [position, shown] of evidence.shown.entries()) {
    const contribution = decoded(shown.contribution);
    const place = contribution === undefined ? "" : placeOf(contribution);
    const code = await faultOf(contribution, { expected, own, registered });
    if (code === undefined && contribution !== undefined) {
      const { header } = contribution;
      found.set(nameOf(contribution), { ...shown, header, where: place });
      continue;
    }
    notFound.push(contribution && nameOf(contribution));
    const where = [`contribution ${position + 1}`, place].filter((part) => part !== "").join(", ");
    if (code === "waits") waiting += 1;
    else if (code !== undefined) book.broken(code, where);
  }
  const missing = [...expected.values()].filter(({ name }) => !found.has(name));
  for (const { where } of unexplained(missing, notFound, ({ name }) => name)) {
    book.broken("CONTRIBUTION_MISSING", where);
  }
  if (waiting > 0) book.notChecked("contribution", `${waiting} wait for the frames`);
  else book.ok("contribution", `${found.size} contributions are what these readings give`);
  return [...found.values()];
}

async function expectedOf(
  { contextOf, encrypt }: ContributionEvidence,
  blocks: readonly OpenedFrame[],
): Promise<Map<string, Expected>> {
  const expected = new Map<string, Expected>();
  for (const { frame, hash, dataKey } of blocks) {
    const context = await contextOf(frame.header, hash);
    if (context === undefined) continue;
    try {
      for (const own of await recomputeContributions(frame, dataKey, context, encrypt)) {
        expected.set(nameOf(own), { ...own, name: nameOf(own), where: placeOf(own) });
      }
    } catch (error) {
      // A frame with a reading that cannot be contributes nothing (§6.3).
      const nothing = error instanceof ProtocolError && error.code === "FRAME_OUT_OF_RANGE";
      if (!nothing) throw error;
    }
  }
  return expected;
}

async function faultOf(
  contribution: Contribution | undefined,
  {
    expected,
    own,
    registered,
  }: {
    readonly expected: ReadonlyMap<string, Expected>;
    readonly own: OwnFrames;
    readonly registered: Registered;
  },
) {
  if (contribution === undefined) return "CONTRIBUTION_MALFORMED";
  const { header } = contribution;
  const meter = findMeter(own.meters, header);
  const metersKeys = meter === undefined ? [] : [meter.meterKey];
  const keys = header.profile === "pes-encrypts" ? registered.keysOf("opener") : metersKeys;
  const signed = await verifiedByAny(keys, async (key) => {
    await verifyContribution(contribution, key);
    return true;
  });
  if (signed === undefined) return "CONTRIBUTION_UNSIGNED";
  const same = expected.get(nameOf(contribution));
  if (same === undefined) return isOfAnother(header, own) ? "CONTRIBUTION_FOREIGN" : "waits";
  const equal =
    equalBytes(same.headerBytes, contribution.headerBytes) &&
    equalBytes(same.ciphertext, contribution.ciphertext);
  return equal ? undefined : "CONTRIBUTION_DIFFERS";
}

/** Of another household; or it names a frame of this one's that the meter did not sign for that time. */
function isOfAnother(header: ContributionHeader, { blocks, meters }: OwnFrames): boolean {
  const sameTime = blocks.filter(
    ({ frame }) =>
      frame.header.blockStart === header.blockStart &&
      spanOf(frame.header).to === instantOf(header),
  );
  const isSigned = sameTime.some(({ hash }) => equalBytes(hash, header.frameHash));
  return findMeter(meters, header) === undefined || (sameTime.length > 0 && !isSigned);
}

function decoded(bytes: Uint8Array): Contribution | undefined {
  try {
    return decodeContribution(bytes);
  } catch {
    return undefined; // Named by the caller.
  }
}

const placeOf = ({ header }: Pick<Contribution, "header">): string =>
  `${header.stream} of block ${instantText(header.blockStart)}`;

/**
 * What went into the sums of others (docs/protocol.md §6.4, §11.2): the customer computes his contributions again, compares them byte by
 * byte with those that he is shown, and checks that these are in the log. On his device; his readings and their blinding stay there.
 */
import {
  decodeContribution,
  equalBytes,
  instantOf,
  primitives,
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

/** What stands in the log for a contribution: the SHA-256 of its encoding. */
export interface LoggedContribution {
  readonly kind: "contribution";
  readonly body: Uint8Array;
}

export interface ContributionEvidence {
  readonly shown: readonly ShownContribution[];
  /** What the registry says of a frame's block; undefined for a frame whose contributions were not asked for. */
  readonly contextOf: (frame: FrameHeader) => Promise<ContributionContext | undefined>;
  /** (1 + M·n)·h_s^ρ mod n² under the registry's key: `Engine.encrypt` of packages/paillier. */
  readonly encrypt: (message: Uint8Array, blinding: Uint8Array) => Promise<Uint8Array>;
  /** Rejects with a LOG_ code when the receipt does not stand: `checkReceipt` of packages/log under the log's quorum. */
  readonly checkReceipt?: (entry: LoggedContribution, receipt: string) => Promise<void>;
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

export async function checkContributions(
  evidence: ContributionEvidence,
  own: OwnFrames,
  registered: Registered | undefined,
  book: LinkBook,
): Promise<void> {
  const expected = await expectedOf(evidence, own.blocks);
  const found = new Map<string, ShownContribution>();
  const notFound: (string | undefined)[] = [];
  let waiting = 0;
  for (const [position, shown] of evidence.shown.entries()) {
    const contribution = decoded(shown.contribution);
    const where = `contribution ${position + 1}${contribution ? `, ${placeOf(contribution)}` : ""}`;
    const code = await faultOf(contribution, { expected, own, registered });
    if (code === undefined && contribution !== undefined) {
      found.set(nameOf(contribution), shown);
      continue;
    }
    notFound.push(contribution && nameOf(contribution));
    if (code === "waits") waiting += 1;
    else if (code !== undefined) book.broken(code, where);
  }
  const missing = [...expected.values()].filter(({ name }) => !found.has(name));
  for (const { where } of unexplained(missing, notFound, ({ name }) => name)) {
    book.broken("CONTRIBUTION_MISSING", where);
  }
  if (waiting > 0) {
    book.notChecked("contribution", `${waiting} wait for the frames or for the registry`);
  } else {
    const recomputed = `${found.size} contributions are what these readings give`;
    book.ok("contribution", recomputed);
  }
  await checkReceipts(evidence, [...found.values()], book);
}

async function expectedOf(
  { contextOf, encrypt }: ContributionEvidence,
  blocks: readonly OpenedFrame[],
): Promise<Map<string, Expected>> {
  const expected = new Map<string, Expected>();
  for (const { frame, dataKey } of blocks) {
    const context = await contextOf(frame.header);
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
    readonly registered: Registered | undefined;
  },
) {
  if (contribution === undefined) return "CONTRIBUTION_MALFORMED";
  const { header } = contribution;
  const meter = findMeter(own.meters, header);
  const isOpeners = header.profile === "pes-encrypts";
  if (isOpeners && registered === undefined) return "waits";
  const metersKeys = meter === undefined ? [] : [meter.meterKey];
  const keys = isOpeners ? (registered?.keysOf("opener") ?? []) : metersKeys;
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

async function checkReceipts(
  { checkReceipt }: ContributionEvidence,
  found: readonly ShownContribution[],
  book: LinkBook,
): Promise<void> {
  if (found.length === 0) {
    book.notChecked("log", "waits for the contributions");
    return;
  }
  if (checkReceipt === undefined || !found.some(({ receipt }) => receipt !== undefined)) {
    book.notChecked("log", "no receipts of contributions", "ask for them where the log is kept");
    return;
  }
  for (const { contribution, receipt } of found) {
    const where = placeOf(decodeContribution(contribution));
    if (receipt === undefined) {
      book.broken("LOG_RECEIPT_MISSING", where);
      continue;
    }
    const body = await primitives.sha256(contribution);
    try {
      await checkReceipt({ kind: "contribution", body }, receipt);
    } catch (error) {
      if (!(error instanceof Error && "code" in error && String(error.code).startsWith("LOG_"))) {
        throw error;
      }
      book.broken("LOG_RECEIPT_INVALID", where);
    }
  }
  book.ok("log", `${found.length} contributions are in the log`);
}

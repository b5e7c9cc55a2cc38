/**
 * What the terms of a LOAD request say (docs/protocol.md §8.1-8.3): a cohort's sum over one block. Read by the trustee from the log, and
 * judged from these terms and its own registry alone; the contributions must bear them out (load-request.ts).
 */
import { hasMember, type LoadFacts } from "@smarter-metering/policy";
import {
  ADDITIONS_MAX,
  equalBytes,
  loadPacking,
  toHex,
  type Cohort,
  type LoadAggregateTerms,
  type LoadRequest,
} from "@smarter-metering/protocol";
import { addLocalDays, localDayStart } from "@smarter-metering/tariff";
import { fault, type Fault, type Faulty } from "./fault.ts";
import type { RegistryContext } from "./registry-context.ts";
import type { LoadClaim, Spent } from "./spent.ts";

/** Terms that fit the registry. */
export interface LoadTerms {
  readonly kind: "LOAD";
  readonly terms: LoadRequest;
  readonly cohort: Cohort;
  readonly contributors: number;
  readonly contributorsPerSlot: readonly number[];
}

export function readLoad(terms: LoadRequest, context: RegistryContext): LoadTerms | Faulty {
  const cohort = context.view.cohort(terms.cohort, terms.cohortVersion);
  if (cohort === undefined || context.view.cohortAt(cohort.id, terms.blockStart) !== cohort) {
    const reason = "this version of the cohort is not in force for the block";
    return { fault: fault("REQUEST_WRONG_COHORT", reason) };
  }
  const wrong = termsFault(terms, cohort, context) ?? runsFault(terms, cohort.members.length);
  if (wrong !== undefined) return { fault: wrong };
  const contributorsPerSlot = terms.runs.flatMap(({ slotCount, members }) =>
    Array.from({ length: slotCount }, () => countOf(members)),
  );
  return { kind: "LOAD", terms, cohort, contributors: countOf(terms.members), contributorsPerSlot };
}

function termsFault(
  terms: LoadRequest,
  cohort: Cohort,
  { publicKey, view }: RegistryContext,
): Fault | undefined {
  if (terms.stream === "LOAD_EXPORT" && !cohort.exportLoad) {
    return fault("REQUEST_WRONG_STREAM", "the cohort has no export load");
  }
  const { slots } = loadPacking(cohort.loadValueBits, publicKey.bits);
  if (terms.slotCount > slots || cohort.members.length > ADDITIONS_MAX) {
    return fault("REQUEST_WRONG_PACKING", "the block or the cohort is larger than one ciphertext");
  }
  const isFirst = cohort.version === 1;
  if (!isFirst && view.cohort(cohort.id, cohort.version - 1) === undefined) {
    return fault("REQUEST_WRONG_COHORT", "the version before is not known, nor what changed");
  }
  return undefined;
}

/** The runs cover the slots, each with some of the members that contribute. */
function runsFault({ slotCount, members, runs }: LoadRequest, size: number): Fault | undefined {
  const isBitmap = (bits: Uint8Array): boolean =>
    bits.length === Math.ceil(size / 8) &&
    (size % 8 === 0 || (bits.at(-1) ?? 0) >> (size % 8) === 0);
  const isWithin = (bits: Uint8Array): boolean =>
    bits.every((byte, index) => (byte & ~(members[index] ?? 0)) === 0);
  const fits =
    isBitmap(members) &&
    runs.every((run) => run.slotCount > 0 && isBitmap(run.members) && isWithin(run.members)) &&
    runs.every(({ members: own }, index) => !equalBytes(own, runs[index + 1]?.members ?? EMPTY)) &&
    runs.reduce((sum, run) => sum + run.slotCount, 0) === slotCount;
  if (fits) return undefined;
  return fault("REQUEST_WRONG_MEMBERS", "the bitmaps of members do not fit slots and cohort");
}

const EMPTY = new Uint8Array(0);

const countOf = (bitmap: Uint8Array): number => {
  let count = 0;
  for (let member = 0; member < 8 * bitmap.length; member++) {
    if (hasMember(bitmap, member)) count += 1;
  }
  return count;
};

/** What the rules of the policy are asked about. */
export function loadFacts(
  { terms, cohort, contributors, contributorsPerSlot }: LoadTerms,
  { view }: RegistryContext,
  spent: Spent,
  nowSeconds: number,
): LoadFacts {
  const { blockStart, intervalSeconds, slotCount } = terms;
  const before = new Set(view.cohort(cohort.id, cohort.version - 1)?.members);
  const now = new Set(cohort.members);
  const blockEnd = addLocalDays(blockStart, 1, cohort.zone);
  return {
    cohort: cohort.id,
    cohortVersion: cohort.version,
    blockStartSeconds: blockStart,
    intervalSeconds,
    slotCount,
    contributorsPerSlot,
    memberCount: cohort.members.length,
    contributorCount: contributors,
    complete: contributorsPerSlot.every((count) => count === cohort.members.length),
    churn: {
      first: cohort.version === 1,
      added: cohort.members.filter((member) => !before.has(member)).length,
      removed: [...before].filter((member) => !now.has(member)).length,
    },
    registeredIntervalSeconds: cohort.intervalSeconds,
    onBlockGrid:
      localDayStart(blockStart, cohort.zone) === blockStart &&
      blockStart + slotCount * intervalSeconds === blockEnd,
    alreadyReleased: spent.blocks(cohort.id, terms.stream),
    nowSeconds,
  };
}

/** What a release under these terms spends, whatever the registry says. */
export function loadClaim(terms: LoadRequest): LoadClaim {
  const { stream, blockStart, intervalSeconds, slotCount } = terms;
  return {
    kind: "LOAD",
    stream,
    cohort: terms.cohort,
    cohortVersion: terms.cohortVersion,
    startSeconds: blockStart,
    endSeconds: blockStart + slotCount * intervalSeconds,
    intervalSeconds,
    runs: terms.runs.map((run) => ({ ...run, members: toHex(run.members) })),
  };
}

/** What is said about the sums before they are known. */
export function loadAggregateTerms(
  { terms, cohort, contributors, contributorsPerSlot }: LoadTerms,
  { policy, epoch, publicKey }: RegistryContext,
  requestDigest: string,
): LoadAggregateTerms {
  return {
    kind: "LOAD",
    stream: terms.stream,
    cohort: cohort.id,
    cohortVersion: cohort.version,
    blockStart: terms.blockStart,
    intervalSeconds: terms.intervalSeconds,
    contributors,
    members: cohort.members.length,
    contributorsPerSlot: [...contributorsPerSlot],
    policyId: policy.id,
    registryEpoch: epoch,
    paillierKeyId: publicKey.id,
    requestDigest,
    loadValueBits: cohort.loadValueBits,
  };
}

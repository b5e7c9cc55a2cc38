/**
 * LOAD requests (docs/protocol.md §8.1-8.3): a cohort's sum over one block. Verified by the trustee from the signed contributions and its
 * own registry, never from what the aggregator says about them.
 */
import type { Engine } from "@smarter-metering/paillier";
import { presenceRuns, type LoadFacts, type PresenceRun } from "@smarter-metering/policy";
import {
  ADDITIONS_MAX,
  equalBytes,
  loadPacking,
  toHex,
  type Cohort,
  type Contribution,
  type LoadAggregateTerms,
  type LoadRequest,
} from "@smarter-metering/protocol";
import { addLocalDays, localDayStart } from "@smarter-metering/tariff";
import { states, sumOf, type Aggregate } from "./aggregate.ts";
import { contributionsFault } from "./contribution-check.ts";
import { fault, firstFault, type Fault, type Faulty } from "./fault.ts";
import type { RegistryContext } from "./registry-context.ts";
import type { LoadClaim, Spent } from "./spent.ts";

export interface LoadToVerify {
  readonly kind: "LOAD";
  readonly terms: LoadRequest;
  readonly contributions: readonly Contribution[];
}

export interface VerifiedLoad {
  readonly kind: "LOAD";
  readonly terms: LoadRequest;
  readonly cohort: Cohort;
  readonly contributors: number;
  readonly contributorsPerSlot: readonly number[];
  /** Over the members of the cohort version. */
  readonly runs: readonly PresenceRun[];
  readonly aggregate: Aggregate;
}

export async function verifyLoad(
  { kind, terms, contributions }: LoadToVerify,
  context: RegistryContext,
  engine: Engine,
): Promise<VerifiedLoad | Faulty> {
  const cohort = context.view.cohort(terms.cohort, terms.cohortVersion);
  if (cohort === undefined || context.view.cohortAt(cohort.id, terms.blockStart) !== cohort) {
    const reason = "this version of the cohort is not in force for the block";
    return { fault: fault("REQUEST_WRONG_COHORT", reason) };
  }
  const presence = slotsPerServicePoint(contributions, terms.slotCount);
  const wrong =
    termsFault(terms, cohort, context) ??
    firstFault(contributions, ({ header }) => headerFault(header, terms, cohort, context)) ??
    presence.fault ??
    membersFault(terms, cohort, presence.slots) ??
    (await contributionsFault(contributions, cohort.profile, context));
  if (wrong !== undefined) return { fault: wrong };
  const aggregate = await sumOf(engine, context.publicKey, contributions);
  if (aggregate === undefined || !states(terms.product, aggregate)) {
    const reason = "the product is not that of the contributions";
    return { fault: fault("REQUEST_WRONG_PRODUCT", reason) };
  }
  const contributorsPerSlot = Array.from({ length: terms.slotCount }, (_, slot) =>
    [...presence.slots.values()].reduce((sum, slots) => sum + (slots[slot] === VALUE ? 1 : 0), 0),
  );
  const contributors = presence.slots.size;
  const slots = cohort.members.map((member) => presence.slots.get(member));
  const runs = presenceRuns(
    terms.slotCount,
    slots.length,
    (member, slot) => slots[member]?.[slot] === VALUE,
  );
  return { kind, terms, cohort, contributors, contributorsPerSlot, runs, aggregate };
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

function headerFault(
  header: Contribution["header"],
  terms: LoadRequest,
  cohort: Cohort,
  { publicKey, view }: RegistryContext,
): Fault | undefined {
  if (header.stream !== terms.stream) {
    return fault("REQUEST_WRONG_STREAM", `a contribution of stream ${header.stream}`);
  }
  const fits =
    header.blockStart === terms.blockStart &&
    header.intervalSeconds === terms.intervalSeconds &&
    header.count > 0 &&
    header.firstSlot + header.count <= terms.slotCount;
  if (!fits) return fault("REQUEST_WRONG_BLOCK", "a contribution of another block or interval");
  const packing = loadPacking(cohort.loadValueBits, publicKey.bits);
  if (header.valueBits !== packing.valueBits || header.slotBits !== packing.slotBits) {
    return fault("REQUEST_WRONG_PACKING", "a contribution is not packed as registered");
  }
  if (view.cohortOf(toHex(header.networkPseudonym), terms.blockStart) !== cohort) {
    return fault("REQUEST_FOREIGN_CONTRIBUTION", "a contribution is not of a member");
  }
  return undefined;
}

/** What a service point sent for a slot. */
const ABSENT = 0;
const NO_VALUE = 1;
const VALUE = 2;

/** Slots by service point, from the bitmaps; parts of one service point must not overlap. */
function slotsPerServicePoint(
  contributions: readonly Contribution[],
  slotCount: number,
): { readonly slots: ReadonlyMap<string, Uint8Array>; readonly fault: Fault | undefined } {
  const slots = new Map<string, Uint8Array>();
  let overlap = false;
  for (const { header } of contributions) {
    const network = toHex(header.networkPseudonym);
    const sent = slots.get(network) ?? new Uint8Array(slotCount);
    slots.set(network, sent);
    for (let offset = 0; offset < header.count; offset++) {
      const slot = header.firstSlot + offset;
      overlap ||= sent[slot] !== ABSENT && slot < slotCount;
      const isValue = ((header.bitmap[offset >> 3] ?? 0) >> (offset & 7)) & 1;
      sent[slot] = isValue === 1 ? VALUE : NO_VALUE;
    }
  }
  const reason = "two contributions of one service point cover the same slot";
  return { slots, fault: overlap ? fault("REQUEST_DUPLICATE_MEMBER", reason) : undefined };
}

/** The bitmap names exactly those whose contributions are there. */
function membersFault(
  terms: LoadRequest,
  cohort: Cohort,
  slots: ReadonlyMap<string, Uint8Array>,
): Fault | undefined {
  const expected = new Uint8Array(Math.ceil(cohort.members.length / 8));
  for (const [index, member] of cohort.members.entries()) {
    if (slots.has(member)) expected[index >> 3] = (expected[index >> 3] ?? 0) | (1 << (index & 7));
  }
  if (equalBytes(expected, terms.members)) return undefined;
  return fault("REQUEST_WRONG_MEMBERS", "the member bitmap is not that of the contributions");
}

/** What the rules of the policy are asked about. */
export function loadFacts(
  { terms, cohort, contributors, contributorsPerSlot }: VerifiedLoad,
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

/** What the release spends. */
export function loadClaim({ terms, cohort, runs }: VerifiedLoad): LoadClaim {
  const { stream, blockStart, intervalSeconds, slotCount } = terms;
  return {
    kind: "LOAD",
    stream,
    cohort: cohort.id,
    cohortVersion: cohort.version,
    startSeconds: blockStart,
    endSeconds: blockStart + slotCount * intervalSeconds,
    intervalSeconds,
    runs: runs.map((run) => ({ ...run, members: toHex(run.members) })),
  };
}

/** What is said about the sums before they are known. */
export function loadTerms(
  { terms, cohort, contributors, contributorsPerSlot }: VerifiedLoad,
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

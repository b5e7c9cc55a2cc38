/**
 * Whether the contributions of a LOAD request bear out its terms (docs/protocol.md §8.2). Verified by the trustee from the signed
 * contributions and its own registry, never from what the aggregator says about them.
 */
import type { Engine } from "@smarter-metering/paillier";
import { presenceRuns } from "@smarter-metering/policy";
import { equalBytes, loadPacking, toHex, type Contribution } from "@smarter-metering/protocol";
import { states, sumOf, type Aggregate } from "./aggregate.ts";
import { contributionsFault } from "./contribution-check.ts";
import { fault, firstFault, type Fault, type Faulty } from "./fault.ts";
import type { LoadTerms } from "./load-terms.ts";
import type { RegistryContext } from "./registry-context.ts";

export async function verifyLoad(
  load: LoadTerms,
  contributions: readonly Contribution[],
  context: RegistryContext,
  engine: Engine,
): Promise<Aggregate | Faulty> {
  const presence = slotsPerServicePoint(contributions, load.terms.slotCount);
  const wrong =
    firstFault(contributions, ({ header }) => headerFault(header, load, context)) ??
    presence.fault ??
    membersFault(load, presence.slots) ??
    (await contributionsFault(contributions, load.cohort.profile, context));
  if (wrong !== undefined) return { fault: wrong };
  const aggregate = await sumOf(engine, context.publicKey, contributions);
  if (aggregate !== undefined && states(load.terms.product, aggregate)) return aggregate;
  const reason = "the product is not that of the contributions";
  return { fault: fault("REQUEST_WRONG_PRODUCT", reason) };
}

function headerFault(
  header: Contribution["header"],
  { terms, cohort }: LoadTerms,
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

/** The bitmaps name exactly those whose contributions are there, and who has a value when. */
function membersFault(
  { terms, cohort: { members } }: LoadTerms,
  slots: ReadonlyMap<string, Uint8Array>,
): Fault | undefined {
  const sent = members.map((member) => slots.get(member));
  const [present] = presenceRuns(1, members.length, (member) => sent[member] !== undefined);
  const runs = presenceRuns(
    terms.slotCount,
    members.length,
    (member, slot) => sent[member]?.[slot] === VALUE,
  );
  const agrees =
    present !== undefined &&
    equalBytes(present.members, terms.members) &&
    runs.length === terms.runs.length &&
    runs.every((run, index) => {
      const stated = terms.runs[index];
      return stated?.slotCount === run.slotCount && equalBytes(stated.members, run.members);
    });
  if (agrees) return undefined;
  return fault("REQUEST_WRONG_MEMBERS", "the member bitmaps are not those of the contributions");
}

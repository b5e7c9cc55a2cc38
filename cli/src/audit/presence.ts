/** Who contributed when, from the headers of contributions (docs/protocol.md §8.1): the bitmaps of a LOAD request. */
import { hasMember, presenceRuns } from "@smarter-metering/policy";
import { toHex, type ContributionHeader, type MemberRun } from "@smarter-metering/protocol";

/** Over `members` in the registry's order; bit i stands for member i. */
export function presenceOf(
  headers: readonly ContributionHeader[],
  members: readonly string[],
  slotCount: number,
): { readonly members: Uint8Array; readonly runs: MemberRun[] } {
  const headersOf = new Map<string, ContributionHeader[]>();
  for (const header of headers) {
    const name = toHex(header.networkPseudonym);
    headersOf.set(name, [...(headersOf.get(name) ?? []), header]);
  }
  const own = members.map((name) => headersOf.get(name) ?? []);
  const bitmap = new Uint8Array(Math.ceil(members.length / 8));
  for (const [index, { length }] of own.entries()) {
    if (length > 0) bitmap[index >> 3] = (bitmap[index >> 3] ?? 0) | (1 << (index & 7));
  }
  const runs = presenceRuns(slotCount, members.length, (member, slot) =>
    (own[member] ?? []).some((header) => hasValue(header, slot)),
  );
  return { members: bitmap, runs };
}

const hasValue = ({ firstSlot, count, bitmap }: ContributionHeader, slot: number): boolean =>
  slot >= firstSlot && slot < firstSlot + count && hasMember(bitmap, slot - firstSlot);

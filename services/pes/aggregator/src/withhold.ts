/**
 * Which days of load are left out so that bills can be given (docs/protocol.md §7.2). A member who is billed and missing from a few
 * intervals of LOAD would be exposed: all bills less all loads are those intervals, and rule R5 would refuse bills for ever. A day of the
 * same billing window of which nobody's load is known puts everybody's energy of that day between the two.
 */
import { hasMember } from "@smarter-metering/policy";
import type { Cohort, ContributionHeader } from "@smarter-metering/protocol";
import type { Sql } from "@smarter-metering/runtime";
import {
  bandsOf,
  gridInstantAtOrAfter,
  parseCalendar,
  priceAt,
  stepSecondsOf,
  TariffError,
} from "@smarter-metering/tariff";
import type { LoadSetKey } from "./load-set.ts";
import { blockOf, type RegistryContext } from "./registry-context.ts";

/** The code of a set that was left out. */
export const WITHHELD = "WITHHELD_FOR_BILLS";

/**
 * Whether this set, whose contributions have these headers, is to be left out: a few members have no value in a slot, and no day of the
 * window that is unreleased already has that slot's bands of every calendar. One day a month in most months with such gaps.
 */
export async function isToBeWithheld(
  sql: Sql,
  set: LoadSetKey,
  cohort: Cohort,
  headers: readonly ContributionHeader[],
  registry: RegistryContext,
): Promise<boolean> {
  const { endSeconds, slots } = blockOf(cohort, set.block);
  const exposed = slotsWithFewAbsent(cohort, headers, slots, registry.policy.auditMembersMin);
  const hidesCosts = set.stream === "LOAD" && isForCosts(cohort, set.block, registry);
  if (exposed.length === 0 && !hidesCosts) return false;
  const rows = await sql.query<{ block: bigint }>(
    `select block from load_set
      where cohort = $1 and stream = $2 and state = 'SUPPRESSED' and block <> $3`,
    [set.cohort, set.stream, set.block],
  );
  const window = windowEnd(cohort, endSeconds, registry);
  const unreleased = rows
    .map(({ block }) => Number(block))
    .filter((block) => windowEnd(cohort, blockOf(cohort, block).endSeconds, registry) === window);
  if (hidesCosts && !unreleased.some((block) => isForCosts(cohort, block, registry))) return true;
  try {
    const hidden = new Set<string>();
    for (const block of unreleased) {
      for (const names of bandNames(set.stream, cohort, block, registry)) {
        for (const name of names) hidden.add(name);
      }
    }
    const bands = bandNames(set.stream, cohort, set.block, registry);
    return exposed.some((slot) => (bands[slot] ?? []).some((name) => !hidden.has(name)));
  } catch (error) {
    // A band that changes inside an interval: no bill can be judged then, and the trustee says so.
    if (error instanceof TariffError) return false;
    throw error;
  }
}

/**
 * Whether a day without load hides the costs of the cohort (§8.3, R5): fewer than m members are billed by energy alone, and the prices of
 * all others differ within the day. Those that will be known only afterwards are taken to differ.
 */
function isForCosts(
  { members, intervalSeconds, ...cohort }: Cohort,
  block: number,
  { view, policy, prices, calendars }: RegistryContext,
): boolean {
  const points = members.flatMap((member) => view.servicePoint(member) ?? []);
  const priced = points.filter((point) => point.prices !== undefined);
  if (priced.length === 0 || points.length - priced.length >= policy.auditMembersMin) return false;
  const { slots } = blockOf({ ...cohort, members, intervalSeconds }, block);
  const banks = new Set(priced.map(({ registerBank }) => registerBank));
  return [...banks].every((bank) => {
    const known = prices.get(bank) ?? [];
    const own = Array.from({ length: slots }, (_, i) =>
      priceAt(known, block + i * intervalSeconds),
    );
    if (own.every((price) => price !== undefined)) return new Set(own).size > 1;
    return stepSecondsOf(calendars.get(bank) ?? {}) !== undefined;
  });
}

function slotsWithFewAbsent(
  { members }: Cohort,
  headers: readonly ContributionHeader[],
  slots: number,
  membersMin: number,
): number[] {
  const absent = Array.from({ length: slots }, () => members.length);
  for (const { firstSlot, count, bitmap } of headers) {
    for (let slot = 0; slot < count; slot++) {
      if (!hasMember(bitmap, slot)) continue;
      absent[firstSlot + slot] = (absent[firstSlot + slot] ?? 0) - 1;
    }
  }
  return absent.flatMap((count, slot) => (count > 0 && count < membersMin ? [slot] : []));
}

/** The billing window that a day ends in, by its end; contracts that count days from another start have R5 alone. */
function windowEnd(cohort: Cohort, blockEnd: number, { view, policy }: RegistryContext): number {
  const contractStartSeconds = view.versionsOf(cohort.id)[0]?.fromBlock ?? cohort.fromBlock;
  const grid = { grid: policy.billGrid, zone: cohort.zone, contractStartSeconds };
  return gridInstantAtOrAfter(grid, blockEnd);
}

/** For each slot of a day the registers that count it, in every calendar. */
function bandNames(
  stream: LoadSetKey["stream"],
  cohort: Cohort,
  block: number,
  { view }: RegistryContext,
): string[][] {
  const { slots } = blockOf(cohort, block);
  const names = Array.from({ length: slots }, (): string[] => []);
  if (stream === "LOAD_EXPORT") return names.map(() => ["export"]);
  for (const [bank, document] of Object.entries(view.document.calendars)) {
    const bands = bandsOf(
      parseCalendar(document),
      block,
      cohort.intervalSeconds,
      slots,
      cohort.zone,
    );
    for (const [slot, band] of bands.entries()) names[slot]?.push(`${bank}/${band}`);
  }
  return names;
}

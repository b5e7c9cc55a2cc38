/**
 * The audit residual Σ bills − Σ loads of a cohort (docs/protocol.md §8.3): made of those who are in one sum and not in the other. The
 * rule that `audit residual` asks before it says a number is asked directly.
 */
import { judgeResidual, presenceRuns } from "@smarter-metering/policy";
import type { ActiveAttack } from "./attack.ts";
import { DAYS } from "./town.ts";
import { instantOfDay, SLOT_SECONDS, SLOTS, wattHoursOf, ZONE, type Home } from "./town-homes.ts";

const TARGET = 0;
const MONTH_DAYS = DAYS - 1;
/** The interval in which the target's meter did not reach the aggregator. */
const [ABSENT_DAY, ABSENT_SLOT] = [9, 76];

const isAbsent = (home: number, day: number, slot: number): boolean =>
  home === TARGET && day === ABSENT_DAY && slot === ABSENT_SLOT;

/** Σ over the month of a home's LOAD, whole Wh, where `counts` says so. */
const monthOf = (home: Home, counts: (day: number, slot: number) => boolean): number =>
  Array.from({ length: MONTH_DAYS }, (_, day) =>
    wattHoursOf(home, day).filter((_value, slot) => counts(day, slot)),
  )
    .flat()
    .reduce((sum, value) => sum + value, 0);

export const residualAttacks: readonly ActiveAttack[] = [
  {
    name: "audit residual: a member is missing from the load for one interval",
    adversary: "whoever reads the published residual Σ bills − Σ loads",
    guard: "the rule for the residual",
    without: "model: the residual as it would be published",
    expected: "RESIDUAL_FEW_ABSENT",
    control({ town: { homes } }) {
      const residual = homes.reduce((sum, home, index) => {
        const billed = monthOf(home, () => true);
        return sum + billed - monthOf(home, (day, slot) => !isAbsent(index, day, slot));
      }, 0);
      const truth = homes
        .slice(0, 1)
        .map((home) => wattHoursOf(home, ABSENT_DAY)[ABSENT_SLOT] ?? -1);
      return Promise.resolve({ recovered: [residual], truth });
    },
    system({ town: { homes }, policy }) {
      const members = homes.map(({ label }) => label);
      const loads = Array.from({ length: MONTH_DAYS }, (_, day) => ({
        startSeconds: instantOfDay(day),
        intervalSeconds: SLOT_SECONDS,
        members,
        runs: presenceRuns(SLOTS, members.length, (home, slot) => !isAbsent(home, day, slot)),
      }));
      const bills = members.map((servicePoint) => ({
        servicePoint,
        fromBorderSeconds: instantOfDay(0),
        toBorderSeconds: instantOfDay(MONTH_DAYS),
      }));
      const refusals = judgeResidual({ zone: ZONE, loads, bills }, policy);
      const codes = refusals.map(({ code }) => code);
      return Promise.resolve({ kind: "refused", by: "policy rule of the residual", codes });
    },
  },
];

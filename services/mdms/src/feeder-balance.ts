/**
 * What a neighbourhood's feeder measured against what was released of its households
 * (docs/quality.md). Works on sums of a cohort alone: a feeder meter is the network's own, and nothing here
 * can point at a household. Pure.
 */

/** One local day of one neighbourhood, slot by slot; all of one length. */
export interface FeederDay {
  readonly blockStart: number;
  readonly intervalSeconds: number;
  readonly members: number;
  /** What flowed into the neighbourhood (below 0: out of it), Wh; null where the feeder has no reading. */
  readonly feederWattHours: readonly (number | null)[];
  /** Released import less released export, Wh. */
  readonly loadWattHours: readonly number[];
  /** Members in the sum of each slot. */
  readonly contributorsPerSlot: readonly number[];
}

export interface SlotBalance {
  /** The load as if those who are absent had used what the others did on average. */
  readonly scaledLoadWattHours: number;
  /** Feeder less scaled load: losses, and what no meter of the neighbourhood counts. */
  readonly differenceWattHours: number;
}

export interface DayBalance {
  readonly blockStart: number;
  readonly intervalSeconds: number;
  /** Undefined where a side is missing, or too few members are absent for the difference to be said. */
  readonly slots: readonly (SlotBalance | undefined)[];
  /** Slots with a balance, and the sums over them. */
  readonly balancedSlots: number;
  readonly feederWattHours: number;
  readonly scaledLoadWattHours: number;
  /** Difference by feeder; undefined when too little of the day is balanced to judge it. */
  readonly lossShare: number | undefined;
  readonly judgement: "expected" | "above" | "below" | "not-judged";
}

/** Losses of a low-voltage network, with room for what is unmetered and for rounding. */
export const LOSS_SHARE_EXPECTED = { min: -0.02, max: 0.08 } as const;
/** Judged days, the newest, that lie outside on one side. */
export const IMBALANCE_DAYS = 3;
/** A day is judged when this share of its slots is balanced. */
const BALANCED_SHARE_MIN = 0.5;

/**
 * `absentMembersMin`: `auditMembersMin` of the policy. Where fewer members are absent, but some, the
 * difference less the usual loss would be their energy, and is not said.
 */
export function balanceDay(day: FeederDay, absentMembersMin: number): DayBalance {
  const { blockStart, intervalSeconds, members } = day;
  const slots = day.feederWattHours.map((feeder, slot): SlotBalance | undefined => {
    const contributors = day.contributorsPerSlot[slot] ?? 0;
    const load = day.loadWattHours[slot];
    const absent = members - contributors;
    const isSayable = absent === 0 || absent >= absentMembersMin;
    if (feeder === null || load === undefined || contributors === 0 || !isSayable) return undefined;
    const scaledLoadWattHours = Math.round((load * members) / contributors);
    return { scaledLoadWattHours, differenceWattHours: feeder - scaledLoadWattHours };
  });
  const balanced = slots.filter((slot) => slot !== undefined);
  const scaledLoadWattHours = sum(balanced.map((slot) => slot.scaledLoadWattHours));
  const differenceWattHours = sum(balanced.map((slot) => slot.differenceWattHours));
  const feederWattHours = scaledLoadWattHours + differenceWattHours;
  const isJudged = balanced.length >= BALANCED_SHARE_MIN * slots.length && feederWattHours > 0;
  const lossShare = isJudged ? differenceWattHours / feederWattHours : undefined;
  return {
    blockStart,
    intervalSeconds,
    slots,
    balancedSlots: balanced.length,
    feederWattHours,
    scaledLoadWattHours,
    lossShare,
    judgement: judge(lossShare),
  };
}

function judge(lossShare: number | undefined): DayBalance["judgement"] {
  if (lossShare === undefined) return "not-judged";
  if (lossShare > LOSS_SHARE_EXPECTED.max) return "above";
  return lossShare < LOSS_SHARE_EXPECTED.min ? "below" : "expected";
}

/**
 * Whether the newest judged days, three of them, all lie on one side of what is expected. Days that could
 * not be judged neither count nor interrupt. `days` in the order of time.
 */
export function isImbalanced(days: readonly Pick<DayBalance, "judgement">[]): boolean {
  const newest = days.filter(({ judgement }) => judgement !== "not-judged").slice(-IMBALANCE_DAYS);
  if (newest.length < IMBALANCE_DAYS) return false;
  return (["above", "below"] as const).some((side) =>
    newest.every(({ judgement }) => judgement === side),
  );
}

const sum = (values: readonly number[]): number =>
  values.reduce((total, value) => total + value, 0);

// Rules for BILL releases: one service point's registers over one billing window.
// docs/protocol.md: release policy, R8 and timing. Pure; a trustee makes the facts from two signed
// border contributions, its pinned registry, its own ledger and its own clock.

import {
  gridInstantAtOrAfter,
  localDaysBetween,
  type ContractGrid,
} from "@smarter-metering/tariff";
import type { ReleasePolicy } from "./policy.ts";
import { areIntegers, instantText, judgeAll, overlaps } from "./rule.ts";
import type { Refusal, Rule } from "./rule.ts";

/** A window on the grid, and the instants of the contributions its registers were taken from. */
export interface BillWindowFacts {
  readonly fromGridSeconds: number;
  readonly toGridSeconds: number;
  readonly fromBorderSeconds: number;
  readonly toBorderSeconds: number;
}

/** What is known of a requested bill. */
export interface BillFacts extends BillWindowFacts {
  readonly servicePoint: string;
  /** IANA zone of the service point, from the registry. */
  readonly zone: string;
  readonly contractStartSeconds: number;
  /** A local midnight; null while the contract goes on. */
  readonly contractEndSeconds: number | null;
  /** When another contract ended that one of these meters served, before this one's end; null for none. */
  readonly contractBeforeEndSeconds: number | null;
  /** The contribution at the start is the contract's installation contribution. */
  readonly fromIsInstallation: boolean;
  /** Windows of this service point released before. */
  readonly recordedWindows: readonly BillWindowFacts[];
  readonly registerCount: number;
  /** Both border contributions are there. */
  readonly complete: boolean;
  /** The judge's own clock. */
  readonly nowSeconds: number;
}

/** A contract's last window may be shorter than others, down to this, where the contract's end is not on the grid. */
export const FINAL_WINDOW_DAYS_MIN = 7;
/** From one contract's end to the next of the same meter, for such a window. */
const MOVE_OUT_DAYS_MIN = 90;

const isFinal = ({ toGridSeconds, contractEndSeconds }: BillFacts): boolean =>
  toGridSeconds === contractEndSeconds;

const daysOf = ({ fromGridSeconds, toGridSeconds, zone }: BillFacts): number =>
  localDaysBetween(fromGridSeconds, toGridSeconds, zone);

function isWindow(window: BillWindowFacts): boolean {
  const { fromGridSeconds, toGridSeconds, fromBorderSeconds, toBorderSeconds } = window;
  return (
    areIntegers([fromGridSeconds, toGridSeconds, fromBorderSeconds, toBorderSeconds], 0) &&
    fromGridSeconds < toGridSeconds &&
    fromBorderSeconds < toBorderSeconds
  );
}

const billShape: Rule<BillFacts> = {
  id: "SHAPE",
  code: "SHAPE_INCONSISTENT",
  judge: (facts) =>
    [facts, ...facts.recordedWindows].every(isWindow) &&
    areIntegers([facts.contractStartSeconds, facts.nowSeconds], 0) &&
    areIntegers([facts.contractEndSeconds ?? 0, facts.contractBeforeEndSeconds ?? 0], 0) &&
    areIntegers([facts.registerCount], 1)
      ? undefined
      : "the times or counts of the request contradict each other",
};

const tooManyRegisters: Rule<BillFacts> = {
  id: "SHAPE",
  code: "SHAPE_TOO_MANY_REGISTERS",
  judge: ({ registerCount }, { registersMax }) =>
    registerCount <= registersMax
      ? undefined
      : `${registerCount} registers, at most ${registersMax} are released`,
};

function contractGrid(facts: BillFacts, policy: ReleasePolicy): ContractGrid {
  const { zone, contractStartSeconds } = facts;
  return { grid: policy.billGrid, zone, contractStartSeconds };
}

const offGrid: Rule<BillFacts> = {
  id: "R8",
  code: "R8_OFF_GRID",
  judge(facts, policy) {
    const contract = contractGrid(facts, policy);
    const end = facts.contractEndSeconds;
    if (end !== null && facts.toGridSeconds > end) {
      return `${instantText(facts.toGridSeconds)} is after the contract's end, ${instantText(end)}`;
    }
    const instants = [facts.fromGridSeconds, ...(isFinal(facts) ? [] : [facts.toGridSeconds])];
    const off = instants.find((instant) => gridInstantAtOrAfter(contract, instant) !== instant);
    if (off === undefined) return undefined;
    const next = instantText(gridInstantAtOrAfter(contract, off));
    return `${instantText(off)} is not on the billing grid; the next instant on it is ${next}`;
  },
};

const windowTooShort: Rule<BillFacts> = {
  id: "R8",
  code: "R8_WINDOW_TOO_SHORT",
  judge(facts, { billWindowDaysMin }) {
    const needed = isFinal(facts)
      ? Math.min(FINAL_WINDOW_DAYS_MIN, billWindowDaysMin)
      : billWindowDaysMin;
    const days = daysOf(facts);
    return days >= needed ? undefined : `the window has ${days} local days, ${needed} needed`;
  },
};

/** Contracts that end one soon after the other would cut the use of one household into short bills. */
const moveOutsTooClose: Rule<BillFacts> = {
  id: "R8",
  code: "R8_MOVE_OUTS_TOO_CLOSE",
  judge(facts, { billWindowDaysMin }) {
    const { contractEndSeconds: end, contractBeforeEndSeconds: before, zone } = facts;
    if (end === null || before === null || !isFinal(facts)) return undefined;
    const days = localDaysBetween(before, end, zone);
    if (daysOf(facts) >= billWindowDaysMin || days >= MOVE_OUT_DAYS_MIN) return undefined;
    return `a contract of this meter ended ${days} local days before, ${MOVE_OUT_DAYS_MIN} needed for a short bill`;
  },
};

/** On the grid and at the borders: two windows that share days show their difference. */
const windowOverlap: Rule<BillFacts> = {
  id: "R8",
  code: "R8_OVERLAP",
  judge(facts) {
    const grid = (window: BillWindowFacts) => ({
      startSeconds: window.fromGridSeconds,
      endSeconds: window.toGridSeconds,
    });
    const border = (window: BillWindowFacts) => ({
      startSeconds: window.fromBorderSeconds,
      endSeconds: window.toBorderSeconds,
    });
    const before = facts.recordedWindows.find(
      (window) => overlaps(grid(window), grid(facts)) || overlaps(border(window), border(facts)),
    );
    if (before === undefined) return undefined;
    const span = `${instantText(before.fromGridSeconds)} to ${instantText(before.toGridSeconds)}`;
    return `the window overlaps the one from ${span}, released before`;
  },
};

/** A second border at the same grid instant would show what lies between the two. */
const borderNotShared: Rule<BillFacts> = {
  id: "R8",
  code: "R8_BORDER_NOT_SHARED",
  judge(facts) {
    const { fromGridSeconds, toGridSeconds, fromBorderSeconds, toBorderSeconds } = facts;
    for (const window of facts.recordedWindows) {
      const follows = window.toGridSeconds === fromGridSeconds;
      const precedes = window.fromGridSeconds === toGridSeconds;
      if (follows && window.toBorderSeconds !== fromBorderSeconds) {
        const [here, there] = [fromBorderSeconds, window.toBorderSeconds].map(instantText);
        return `the window starts at border ${here}, the one before it ended at ${there}`;
      }
      if (precedes && window.fromBorderSeconds !== toBorderSeconds) {
        const [here, there] = [toBorderSeconds, window.fromBorderSeconds].map(instantText);
        return `the window ends at border ${here}, the one after it started at ${there}`;
      }
    }
    return undefined;
  },
};

/** The installation contribution may precede the grid: it is where the contract began. */
const borderOutsideCutoff: Rule<BillFacts> = {
  id: "R8",
  code: "R8_BORDER_OUTSIDE_CUTOFF",
  judge(facts, { billCutoffSeconds }) {
    const { fromGridSeconds, toGridSeconds, fromBorderSeconds, toBorderSeconds } = facts;
    const earliest = facts.fromIsInstallation
      ? Math.min(facts.contractStartSeconds, fromGridSeconds)
      : fromGridSeconds;
    const fromFits =
      fromBorderSeconds >= earliest && fromBorderSeconds <= fromGridSeconds + billCutoffSeconds;
    const toFits =
      toBorderSeconds >= toGridSeconds && toBorderSeconds <= toGridSeconds + billCutoffSeconds;
    if (fromFits && toFits) return undefined;
    const [border, grid] = fromFits
      ? [toBorderSeconds, toGridSeconds]
      : [fromBorderSeconds, fromGridSeconds];
    return `border ${instantText(border)} is not within ${billCutoffSeconds} s after \
${instantText(grid)}`;
  },
};

/** The contract's first window, and no other, starts at the installation contribution. */
const installation: Rule<BillFacts> = {
  id: "R8",
  code: "R8_INSTALLATION_BORDER",
  judge(facts, policy) {
    const first = gridInstantAtOrAfter(contractGrid(facts, policy), 0);
    if ((facts.fromGridSeconds === first) === facts.fromIsInstallation) return undefined;
    return facts.fromIsInstallation
      ? `the window starts at the installation contribution, but not at ${instantText(first)}`
      : "the contract's first window does not start at the installation contribution";
  },
};

const beforeCutoff: Rule<BillFacts> = {
  id: "TIMING",
  code: "TIMING_BEFORE_CUTOFF",
  judge(facts, { billCutoffSeconds }) {
    const cutoffSeconds = facts.toGridSeconds + billCutoffSeconds;
    const earliest = facts.complete
      ? facts.toBorderSeconds
      : Math.max(facts.toBorderSeconds, cutoffSeconds);
    if (facts.nowSeconds >= earliest) return undefined;
    const what = facts.complete ? "complete" : "incomplete";
    return `the ${what} bill may be released from ${instantText(earliest)} on`;
  },
};

/** Every rule for a bill, in the order refusals are listed. */
export const billRules: readonly Rule<BillFacts>[] = [
  tooManyRegisters,
  offGrid,
  windowTooShort,
  moveOutsTooClose,
  windowOverlap,
  borderNotShared,
  borderOutsideCutoff,
  installation,
  beforeCutoff,
];

/**
 * All refusals of a bill release; none means it may be released. Throws TariffError ZONE_UNKNOWN
 * when the registry's zone is not known to this machine: then nothing is released either.
 */
export function judgeBill(facts: BillFacts, policy: ReleasePolicy): Refusal[] {
  return judgeAll(billShape, billRules, facts, policy);
}

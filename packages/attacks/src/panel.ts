// A panel: the plaintext households that an evaluation attacks, real or synthetic, on one grid.
// No party of the system holds one: it is made of files given for research, or of a seed, on a
// researcher's own machine.
import type { Figures, Series } from "@smarter-metering/readings";
import { figuresOf, syntheticNeighbourhood } from "@smarter-metering/readings";
import { addLocalDays, localDayStart } from "@smarter-metering/tariff";
import { AttackError } from "./error.ts";
import type { Trace } from "./trace.ts";

export interface PanelHome {
  readonly label: string;
  /** Whole watt-hours per slot, as a meter contributes them (docs/protocol.md §1.4). */
  readonly load: Trace;
  /** Exported energy over the same slots. */
  readonly exported: Trace;
  /** Ground truth where known: 1 where somebody was at home for at least half of the slot. */
  readonly occupied?: Uint8Array;
}

export interface Panel {
  readonly name: string;
  /** IANA zone of the households. */
  readonly zone: string;
  /** A local midnight, epoch seconds. */
  readonly startSeconds: number;
  readonly slotsPerDay: number;
  readonly days: number;
  readonly homes: readonly PanelHome[];
}

const DAY_SECONDS = 86_400;

/**
 * The households of `series` as a panel; a missing interval is no energy. `occupied` is the ground
 * truth by household, where there is one. Throws ATTACK_GRID_UNEVEN, ATTACK_NOT_LOCAL_DAYS and
 * ATTACK_TOO_SMALL (fewer than two households).
 */
export function panelOf(
  name: string,
  series: readonly Series[],
  { zone, occupied }: { readonly zone: string; readonly occupied?: readonly Uint8Array[] },
): Panel {
  const [first] = series;
  if (first === undefined || series.length < 2) {
    throw new AttackError("ATTACK_TOO_SMALL", `${name}: a panel is at least two households`);
  }
  const { startSeconds, intervalSeconds } = first;
  const slotsPerDay = DAY_SECONDS / intervalSeconds;
  const days = first.quality.length / slotsPerDay;
  const odd = series.find(
    (one) =>
      one.startSeconds !== startSeconds ||
      one.intervalSeconds !== intervalSeconds ||
      one.quality.length !== first.quality.length,
  );
  if (odd !== undefined || slotsPerDay % 48 !== 0 || !Number.isInteger(days)) {
    const label = odd?.label ?? first.label;
    const message = `${name}: household ${label} is not on one grid of whole days with the others`;
    throw new AttackError("ATTACK_GRID_UNEVEN", message);
  }
  assertLocalDays(name, startSeconds, days, zone);
  const homes = series.map((one, index): PanelHome => {
    const truth = occupied?.[index];
    return {
      label: one.label,
      load: { wattHours: wholeWattHours(one.importMilliwattHours), slotsPerDay },
      exported: { wattHours: wholeWattHours(one.exportMilliwattHours), slotsPerDay },
      ...(truth === undefined ? {} : { occupied: truth }),
    };
  });
  return { name, zone, startSeconds, slotsPerDay, days, homes };
}

/** Monday 29 October 2018, the first day of the real households that calibrated the synthetic. */
const SYNTHETIC_START_SECONDS = Date.UTC(2018, 9, 28, 23) / 1000;

/** The neighbourhood of `seed`, 15 minutes, with the truth about who was at home. Repeatable. */
export function syntheticPanel(options: {
  readonly seed: string;
  readonly households: number;
  /** Default 49, the weeks of the real calibration. */
  readonly days?: number;
}): Panel {
  const zone = "Europe/Zurich";
  const { seed, households, days = 49 } = options;
  const range = { startSeconds: SYNTHETIC_START_SECONDS, intervalSeconds: 900, zone };
  const neighbourhood = syntheticNeighbourhood({ ...range, seed, households, days });
  return panelOf(
    `synthetic ${seed}`,
    neighbourhood.map(({ series }) => ({ ...series, label: `${seed}/${series.label}` })),
    { zone, occupied: neighbourhood.map(({ truth }) => truth.occupied) },
  );
}

/** What the homes of a panel are like, for whoever compares it with another. */
export function figuresOfPanel({ homes, startSeconds, slotsPerDay }: Panel): Figures {
  const series = homes.map(({ label, load, exported }): Series => {
    const [imported, exports] = [load, exported].map(({ wattHours }) =>
      wattHours.map((energy) => 1000 * energy),
    );
    return {
      label,
      startSeconds,
      intervalSeconds: DAY_SECONDS / slotsPerDay,
      importMilliwattHours: imported ?? new Float64Array(0),
      exportMilliwattHours: exports ?? new Float64Array(0),
      quality: new Uint8Array(load.wattHours.length),
    };
  });
  return figuresOf(series);
}

/** ⌊R_end/1000⌋ − ⌊R_start/1000⌋ of the cumulative register: telescopes, as the contributions do. */
function wholeWattHours(milliwattHours: Float64Array): Float64Array {
  let [register, before] = [0, 0];
  return milliwattHours.map((energy) => {
    register += energy;
    const now = Math.floor(register / 1000);
    const whole = now - before;
    before = now;
    return whole;
  });
}

function assertLocalDays(name: string, startSeconds: number, days: number, zone: string): void {
  // Half a day later no clock change can make it another date.
  const isMidnight = localDayStart(startSeconds + DAY_SECONDS / 2, zone) === startSeconds;
  const isEven = Array.from(
    { length: days },
    (_, day) =>
      addLocalDays(startSeconds, day + 1, zone) === startSeconds + (day + 1) * DAY_SECONDS,
  );
  if (isMidnight && !isEven.includes(false)) return;
  const message = `${name}: give whole local days of ${zone} without a change of the clocks`;
  throw new AttackError("ATTACK_NOT_LOCAL_DAYS", message);
}

// One row of the privacy evaluation: an attack, how it fared on its control, how on the system, and
// what it must not reach. An attack that fails on its control proves nothing.
import type { Estimate } from "./metrics/estimate.ts";

/** What was measured, for a reader ("AUC", "AUC in − out", "top-1"), and what came out. */
export interface Figure {
  readonly figure: string;
  readonly estimate: Estimate;
}

/** The control's 95 % interval lies above `controlMin`, the system's below `systemMax`. */
export interface Bound {
  readonly controlMin: number;
  readonly systemMax: number;
}

export interface GateRow {
  readonly attack: string;
  /** What the attacker received: "sum of 100 homes", "one bill". */
  readonly view: string;
  /** On raw readings. */
  readonly control: Figure;
  readonly system: Figure;
  readonly bound: Bound;
}

export interface Verdict {
  readonly controlHolds: boolean;
  readonly systemHolds: boolean;
}

/** Whether a row proves what it should. */
export function judgeRow({ control, system, bound }: GateRow): Verdict {
  return {
    controlHolds: control.estimate.low >= bound.controlMin,
    systemHolds: system.estimate.high <= bound.systemMax,
  };
}

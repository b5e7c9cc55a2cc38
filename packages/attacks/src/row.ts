// One row of the privacy evaluation, passive or active: an attack, how it fared on its control, how
// on the system, and what it must not reach. An attack that fails on its control proves nothing.
import type { Estimate } from "./metrics/estimate.ts";

/** A measured result, or what became of an attack that either works or does not. */
export type Result =
  | {
      readonly kind: "measured";
      /** What was measured, for a reader: "AUC", "AUC in − out", "top-1". */
      readonly figure: string;
      readonly estimate: Estimate;
    }
  | { readonly kind: "succeeded" }
  | { readonly kind: "refused" };

/** The control's 95 % interval lies above `controlMin`, the system's below `systemMax`. */
export interface Bound {
  readonly controlMin: number;
  readonly systemMax: number;
}

export interface AttackRow {
  readonly attack: string;
  /** What the attacker received: "sum of 100 homes", "one bill", "LOAD release". */
  readonly view: string;
  /** Raw readings, or the guard off. */
  readonly control: Result;
  readonly system: Result;
  /** Of measured results; without one, the control must succeed and the system refuse. */
  readonly bound?: Bound;
  /** Of the refusal, as the system answered it. */
  readonly code?: string;
}

export interface Verdict {
  readonly controlHolds: boolean;
  readonly systemHolds: boolean;
}

/** Whether a row proves what it should. A row without measure or refusal where one is due fails. */
export function judgeRow({ control, system, bound }: AttackRow): Verdict {
  if (bound === undefined) {
    const [controlHolds, systemHolds] = [control.kind === "succeeded", system.kind === "refused"];
    return { controlHolds, systemHolds };
  }
  return {
    controlHolds: control.kind === "measured" && control.estimate.low >= bound.controlMin,
    systemHolds: system.kind === "measured" && system.estimate.high <= bound.systemMax,
  };
}

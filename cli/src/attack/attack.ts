/** What an active attack is, and what came of it: it must succeed where the guard is off, and be refused where it is on (docs/protocol.md §8). */
import { describeError } from "../cli-error.ts";
import type { Stage } from "./stage.ts";

export interface ActiveAttack {
  readonly name: string;
  /** Who attacks, and what he holds. */
  readonly adversary: string;
  /** What stops him: a party's memory, a rule, a key. */
  readonly guard: string;
  /** What the control runs on: a real party with the guard off, or, where production code cannot be without it, a model of a few lines. */
  readonly without: string;
  /**
   * What the adversary recovers from a system without the guard, and the truth it must equal: a reading, a register, an identity. Never a
   * flag: the same numbers, or it has not succeeded.
   */
  control(stage: Stage): Promise<Recovery>;
  /** The same adversary before the real parties. */
  system(stage: Stage): Promise<Observed>;
  /** The code that must be among those answered; none where the defence is that there is nothing to find. */
  readonly expected?: string;
}

/** Compared value by value. In the adversary's own words, so that a control that finds nothing is empty. */
export interface Recovery {
  readonly recovered: readonly (number | bigint | string)[];
  readonly truth: readonly (number | bigint | string)[];
}

export type Observed =
  /** A party's own answer. */
  | { readonly kind: "refused"; readonly by: string; readonly codes: readonly string[] }
  /** Nobody refuses: what the adversary gets is of no use, and why. */
  | { readonly kind: "nothing found"; readonly by: string; readonly why: string }
  /** The attack works. */
  | { readonly kind: "succeeded"; readonly by: string; readonly why: string };

export interface ActiveResult {
  readonly name: string;
  readonly adversary: string;
  readonly guard: string;
  readonly without: string;
  /** "96 of 96", or why not. */
  readonly control: string;
  readonly controlHolds: boolean;
  readonly by: string;
  /** Codes as answered, or what was found instead. */
  readonly answer: string;
  readonly systemHolds: boolean;
}

/** Never throws for what an attack does: an attack that breaks proves nothing, and its row says so. */
export async function runAttack(attack: ActiveAttack, stage: Stage): Promise<ActiveResult> {
  const { name, adversary, guard, without } = attack;
  const control = await attack.control(stage).then(judgeRecovery, failed);
  const system = await attack.system(stage).then(
    (observed) => judgeObserved(observed, attack.expected),
    (error: unknown) => ({ by: "", answer: failed(error).text, holds: false }),
  );
  return {
    name,
    adversary,
    guard,
    without,
    control: control.text,
    controlHolds: control.holds,
    by: system.by,
    answer: system.answer,
    systemHolds: system.holds,
  };
}

const failed = (error: unknown): { text: string; holds: false } => ({
  text: `did not run: ${describeError(error)}`,
  holds: false,
});

function judgeRecovery({ recovered, truth }: Recovery): { text: string; holds: boolean } {
  const right = truth.filter((value, index) => recovered[index] === value).length;
  const holds = truth.length > 0 && right === truth.length && recovered.length === truth.length;
  return { text: `${right} of ${truth.length}`, holds };
}

function judgeObserved(
  observed: Observed,
  expected: string | undefined,
): { by: string; answer: string; holds: boolean } {
  const { by } = observed;
  if (observed.kind !== "refused") {
    const holds = observed.kind === "nothing found" && expected === undefined;
    return { by, answer: observed.why, holds };
  }
  // The expected code first: the others are what is wrong with the request besides.
  const codes = [...new Set(observed.codes)].toSorted(
    (a, b) => Number(b === expected) - Number(a === expected),
  );
  return {
    by,
    answer: codes.join(", "),
    holds: expected !== undefined && codes.includes(expected),
  };
}

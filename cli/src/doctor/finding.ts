/** What `doctor` found, in words for the person who has to act. */
import { describeError } from "../cli-error.ts";

/** red: something is wrong or will be lost · yellow: look at it soon · green: as it should be. */
export type Level = "green" | "yellow" | "red";

export interface Finding {
  /** What was looked at, such as `keys` or `opener: disk`. */
  readonly what: string;
  readonly level: Level;
  readonly finding: string;
  /** What to do; of everything that is not green. */
  readonly advice?: string;
}

export const green = (what: string, finding: string): Finding => ({
  what,
  level: "green",
  finding,
});

export const yellow = (what: string, finding: string, advice: string): Finding => ({
  what,
  level: "yellow",
  finding,
  advice,
});

export const red = (what: string, finding: string, advice: string): Finding => ({
  what,
  level: "red",
  finding,
  advice,
});

/** What `look` finds; a failure is red, and its message says what to do. */
export async function lookedAt(
  what: string,
  look: () => Finding | Promise<Finding>,
): Promise<Finding> {
  try {
    return await look();
  } catch (error) {
    return { what, level: "red", finding: describeError(error) };
  }
}

// What a rule is. docs/protocol.md: release policy. Trustees judge what they verified themselves;
// aggregators run the same rules beforehand, to ask only for what will be granted.

import type { ReleasePolicy } from "./policy.ts";

/** One rule over facts of one kind. New rules join a list; none knows of another. */
export interface Rule<Facts> {
  /** Name in docs/protocol.md; a rule there may have several codes. */
  readonly id: string;
  readonly code: string;
  /** Why the release is refused, in words with counts and times, never pseudonyms; or nothing. */
  judge(facts: Facts, policy: ReleasePolicy): string | undefined;
}

/** A rule's no. An empty list of refusals is the only yes. */
export interface Refusal {
  readonly rule: string;
  readonly code: string;
  readonly reason: string;
}

/** Half-open, epoch seconds. */
export interface TimeSpan {
  readonly startSeconds: number;
  readonly endSeconds: number;
}

/**
 * Refusals of every rule, in order. Facts that `shape` refuses reach no other rule: the rules may
 * rely on integers in order.
 */
export function judgeAll<Facts>(
  shape: Rule<Facts>,
  rules: readonly Rule<Facts>[],
  facts: Facts,
  policy: ReleasePolicy,
): Refusal[] {
  const refusals = (judges: readonly Rule<Facts>[]): Refusal[] =>
    judges.flatMap((rule) => {
      const reason = rule.judge(facts, policy);
      return reason === undefined ? [] : [{ rule: rule.id, code: rule.code, reason }];
    });
  const misshapen = refusals([shape]);
  return misshapen.length > 0 ? misshapen : refusals(rules);
}

/** Whether two half-open spans share an instant. */
export function overlaps(a: TimeSpan, b: TimeSpan): boolean {
  return a.startSeconds < b.endSeconds && b.startSeconds < a.endSeconds;
}

/** Whether every value is an integer from `min` up to what dates can show (year 9999). */
export function areIntegers(values: readonly number[], min: number): boolean {
  return values.every(
    (value) => Number.isInteger(value) && value >= min && value <= 253_402_300_799,
  );
}

/** An instant for a reason, UTC. */
export function instantText(epochSeconds: number): string {
  return new Date(epochSeconds * 1000).toISOString().replace(".000Z", "Z");
}

/** The conditions of a list's filters: only those that are asked for, so that each takes the index that fits. */
import type { SqlValue } from "@smarter-metering/runtime";

export interface Conditions {
  /** For `where`. */
  readonly text: string;
  readonly params: SqlValue[];
  /** Adds a parameter; its place, such as "$3". */
  param(value: SqlValue): string;
}

/** Of fixed texts, in each of which `$` stands for its value; those whose value is undefined are left out. */
export function conditions(
  filters: readonly (readonly [text: string, value: SqlValue | undefined])[],
): Conditions {
  const params: SqlValue[] = [];
  const param = (value: SqlValue): string => `$${params.push(value)}`;
  const texts = filters.flatMap(([text, value]) =>
    value === undefined ? [] : [text.replaceAll("$", () => param(value))],
  );
  return { text: texts.length === 0 ? "true" : texts.join(" and "), params, param };
}

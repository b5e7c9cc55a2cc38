/** Broken links as what a person is told. Pure. */
import type { Link } from "@smarter-metering/customer";
import type { FindingCode, Findings } from "./messages.ts";

export function findingsOf(links: readonly Link[]): Findings {
  const counts = new Map<FindingCode, number>();
  for (const { code } of links) {
    if (code !== "") counts.set(code, 1 + (counts.get(code) ?? 0));
  }
  return [...counts].map(([code, count]) => ({ code, count }));
}

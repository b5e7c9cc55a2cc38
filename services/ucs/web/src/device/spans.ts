/** Stretches of time that have been fetched, so that nothing is fetched twice. Pure. */
import type { Range } from "./messages.ts";

/** Disjoint and ascending, with `added` in it. */
export function withSpan(spans: readonly Range[], added: Range): Range[] {
  const apart = spans.filter(({ from, to }) => to < added.from || from > added.to);
  const touching = [added, ...spans.filter((span) => !apart.includes(span))];
  const from = Math.min(...touching.map((span) => span.from));
  const to = Math.max(...touching.map((span) => span.to));
  return [...apart, { from, to }].sort((a, b) => a.from - b.from);
}

/** What of `wanted` is in none of `spans`, the newest first. */
export function missingOf(spans: readonly Range[], wanted: Range): Range[] {
  const missing: Range[] = [];
  let { from } = wanted;
  for (const span of spans) {
    if (span.to <= from) continue;
    if (span.from >= wanted.to) break;
    if (span.from > from) missing.push({ from, to: span.from });
    from = Math.max(from, span.to);
  }
  if (from < wanted.to) missing.push({ from, to: wanted.to });
  return missing.reverse();
}

/** In pieces of at most `seconds`, the newest first: what is looked at first comes first. */
export function piecesOf({ from, to }: Range, seconds: number): Range[] {
  const pieces: Range[] = [];
  for (let end = to; end > from; end -= seconds) {
    pieces.push({ from: Math.max(from, end - seconds), to: end });
  }
  return pieces;
}

// Series as long CSV that `readSource` reads back identically: the format in which readings travel
// between tools. Missing intervals are written, so that a series keeps its length.
import { EXCHANGE_HEADER } from "./layout.ts";
import type { Series } from "./series.ts";
import { QUALITIES } from "./series.ts";
import { formatUtc } from "./timestamp.ts";

const LINES_PER_CHUNK = 4096;

/** The CSV text of `series` in chunks, header first. A label is quoted when it has to be. */
export function* writeSeries(series: Iterable<Series>): Generator<string> {
  yield `${EXCHANGE_HEADER.join(",")}\n`;
  for (const one of series) {
    const label = quote(one.label);
    let lines: string[] = [];
    for (const [slot, code] of one.quality.entries()) {
      const start = formatUtc(one.startSeconds + slot * one.intervalSeconds);
      const imported = one.importMilliwattHours[slot] ?? 0;
      const exported = one.exportMilliwattHours[slot] ?? 0;
      const quality = QUALITIES[code] ?? "missing";
      lines.push(`${label},${start},${one.intervalSeconds},${imported},${exported},${quality}\n`);
      if (lines.length < LINES_PER_CHUNK) continue;
      yield lines.join("");
      lines = [];
    }
    yield lines.join("");
  }
}

/** RFC 4180 §2. */
function quote(label: string): string {
  return /[",\r\n]/.test(label) ? `"${label.replaceAll('"', '""')}"` : label;
}

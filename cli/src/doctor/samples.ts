/** The text of /metrics (Prometheus format 0.0.4) as samples: what the roles' own `render` writes, not every liberty of the format. */

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A role has at most 500 metrics of 200 series; a line more than that is not one of ours. */
const LINES_MAX = 200_000;
const SAMPLE = /^([a-z][a-z0-9_]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-z][a-z0-9_]*)="((?:[^"\\]|\\.)*)"/g;

/** Lines that are no samples are left out. */
export function parseSamples(text: string): Sample[] {
  return text
    .split("\n", LINES_MAX)
    .filter((line) => !line.startsWith("#"))
    .flatMap((line) => {
      const [, name, labels = "", value] = SAMPLE.exec(line) ?? [];
      if (name === undefined) return [];
      const pairs = [...labels.matchAll(LABEL)].map(
        ([, key = "", given = ""]) => [key, unescaped(given)] as const,
      );
      return [{ name, labels: Object.fromEntries(pairs), value: Number(value) }];
    });
}

const unescaped = (text: string): string =>
  text.replaceAll(/\\(.)/g, (_, escaped: string) => (escaped === "n" ? "\n" : escaped));

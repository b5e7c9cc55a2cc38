/** The rows of docs/metrics.md, for the tests of metrics, alerts and dashboard. */
import { readFileSync } from "node:fs";

export interface DocumentedMetric {
  readonly name: string;
  readonly type: string;
  readonly labels: readonly string[];
  readonly unit: string;
}

const page = new URL("../../docs/metrics.md", import.meta.url);

/** Each row that begins with a name in code font. */
export function documentedMetrics(): DocumentedMetric[] {
  const rows = readFileSync(page, "utf8").matchAll(/^\| `([a-z0-9_]+)` +\|(.*)\|$/gm);
  return [...rows].map(([, name = "", rest = ""]) => {
    const [type = "", labels = "", unit = ""] = rest.split("|").map((cell) => cell.trim());
    const names = [...labels.matchAll(/`([a-z]+)`/g)].map(([, label]) => label ?? "");
    return { name, type, labels: names, unit };
  });
}

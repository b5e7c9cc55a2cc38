/** Numbers from a party's `/metrics` (Prometheus text format 0.0.4): what the parties themselves count. */
import type { Door } from "../../cli/src/serve/door.ts";

/** The sum of a metric's samples that have all of these labels. */
export async function readMetric(
  door: Door,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<number> {
  const response = await door.fetch(`${door.url}/metrics`);
  const text = await response.text();
  if (!response.ok) throw new Error(`${door.url}/metrics answers ${response.status}`);
  const wanted = Object.entries(labels).map(([key, value]) => `${key}="${value}"`);
  return text
    .split("\n")
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .filter((line) => wanted.every((label) => line.includes(label)))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
}

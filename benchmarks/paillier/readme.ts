/** Puts a run's tables into packages/paillier/README.md, between its two markers. */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { format } from "prettier";

const path = fileURLToPath(new URL("../../packages/paillier/README.md", import.meta.url));
const begin = "<!-- benchmark: npm run bench:paillier -- --readme rewrites from here -->";
const end = "<!-- benchmark: to here -->";

export async function writeReadme(part: string): Promise<void> {
  const text = readFileSync(path, "utf8");
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${path} does not have both markers`);
  const whole = `${text.slice(0, from)}${begin}\n\n${part}\n\n${text.slice(to)}`;
  writeFileSync(path, await format(whole, { parser: "markdown", printWidth: 100 }));
}

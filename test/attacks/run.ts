/**
 * The full privacy evaluation (`npm run soak:attacks`): 200 made-up homes, the 100 Swiss homes where they lie beside the repository, and all
 * active attacks. Writes docs/privacy-evaluation.md and its record.
 */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { main } from "../../cli/src/main.ts";

const root = new URL("../../", import.meta.url);
const swiss = fileURLToPath(
  new URL("../shared/data/ch15min_kwh_100households_49days.csv.gz", root),
);
const isThere = existsSync(swiss);
if (!isThere) process.stderr.write(`${swiss} is absent: made-up homes alone\n`);
// Its values fit mean power in kW, whatever its name says.
const real = ["--data", swiss, "--title", "100 Swiss homes", "--unit", "kW"];
const report = fileURLToPath(new URL("docs/privacy-evaluation.md", root));
const words = ["attack", "run", "--households", "200", "--write", report];
process.exitCode = await main(isThere ? [...words, ...real] : words);

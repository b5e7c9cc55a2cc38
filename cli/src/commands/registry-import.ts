/** `registry import`: new service points from a CSV table; their letters and what their meters are to be told go into files. */
import { existsSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { loadState, type Admitted, type NewServicePoint } from "@smarter-metering/registry";
import { writeSecretFile } from "@smarter-metering/runtime";
import { CliError, EXIT } from "../cli-error.ts";
import type { Command } from "../command.ts";
import { COLUMNS, readServicePoints } from "../deployment/service-points-csv.ts";
import { changeRegistry } from "../serve/registry-admin.ts";
import { dirOption, layoutFrom } from "./deployment-option.ts";
import { onlyOperand } from "./readings-source.ts";

/** Of one request; each is one epoch of the registry. */
const BATCH = 5_000;
const FAULTS_SHOWN = 50;

export const registryImport: Command = {
  name: "registry import",
  summary: "Admit the service points of a CSV table; all of them, or none where a line is wrong.",
  operands: "<file>",
  options: {
    ...dirOption,
    out: {
      type: "string",
      value: "<folder>",
      text: "new folder for letters.json (enrolment codes) and meters.json",
    },
  },
  async run({ terminal }, args) {
    const layout = layoutFrom(args);
    const file = onlyOperand(args, "a CSV table");
    const out = args.required("out");
    if (existsSync(out)) throw new CliError("FOLDER_EXISTS", `${out} exists; name a new folder`);
    const { neighbourhoods } = await loadState(layout.folder("registry"));
    const { servicePoints, faults } = readServicePoints(await textOf(file), neighbourhoods);
    if (faults.length > 0) {
      for (const { line, fault } of faults.slice(0, FAULTS_SHOWN)) {
        terminal.warn(`${file}:${line}: ${fault}`);
      }
      const message = `${faults.length} faults in ${file}, nothing was sent; columns: ${COLUMNS.join(", ")}`;
      throw new CliError("SERVICE_POINTS_FAULTY", message);
    }
    await mkdir(out, { recursive: true, mode: 0o700 });
    const admitted: Admitted[] = [];
    for (let at = 0; at < servicePoints.length; at += BATCH) {
      const batch: readonly NewServicePoint[] = servicePoints.slice(at, at + BATCH);
      const body = { servicePoints: batch };
      admitted.push(
        (await changeRegistry(layout, terminal, "/v1/service-points", body)) as Admitted,
      );
      // After each: what is admitted has its letter, whatever happens to the next.
      await writeAdmitted(out, admitted);
    }
    const counted = { admitted: servicePoints.length, out };
    if (terminal.json) terminal.printJson(counted);
    else
      terminal.print(`${counted.admitted} service points are admitted; letters and meters: ${out}`);
    return EXIT.ok;
  },
};

/** `letters.json` and `meters.json` in a folder that is there. */
export async function writeAdmitted(out: string, admitted: readonly Admitted[]): Promise<void> {
  const letters = admitted.flatMap((one) => one.letters);
  const meters = admitted.flatMap((one) => one.meters);
  await writeSecretFile(join(out, "letters.json"), JSON.stringify(letters, null, 2));
  await writeSecretFile(join(out, "meters.json"), JSON.stringify(meters, null, 2));
}

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new CliError("FILE_UNREADABLE", `cannot read ${path}`, EXIT.failed, cause);
  }
}

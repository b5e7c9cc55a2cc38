/** Shapes of what the commands print and write, as docs and users know them; and the customer's export. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runAll, temporaryFolder } from "./command-line.ts";

export interface Summary {
  readonly meters: number;
  readonly intervals: number;
  readonly energy_mWh: string;
  readonly blocksReleased: number;
  readonly blocksSuppressed: number;
  readonly statements: number;
  readonly statementDifference_mWh: string;
  readonly lost: number;
  readonly doubled: number;
  readonly customersChecked: number;
  readonly customerDifference_mWh: string;
  readonly unsafe: boolean;
  readonly seconds: number;
}

export interface Release {
  readonly cohort: string;
  readonly start: string;
  readonly intervalSeconds: number;
  readonly contributors: number;
  readonly energy_Wh: readonly number[];
}

export interface Statement {
  readonly servicePoint: string;
  readonly from: string;
  readonly to: string;
  readonly registers_mWh: Readonly<Record<string, string>>;
  readonly export_mWh: string;
  readonly energy_mWh: string;
}

export interface Household {
  readonly servicePoint: string;
  readonly networkPseudonym: string;
  readonly login: string | null;
  readonly password: string | null;
  readonly enrolmentCode: string;
  readonly signUp: string;
  readonly registryFingerprint: string;
}

export const households = (dir: string): Readonly<Record<string, Household>> =>
  JSON.parse(readFileSync(join(dir, "households.json"), "utf8")) as Record<string, Household>;

/** The words of `portal export` with a password of the test's choice. */
export function exportWords(dir: string, household: string, password: string): string[] {
  const file = join(temporaryFolder(), "password");
  writeFileSync(file, `${password}\n`, { mode: 0o600 });
  return ["portal", "export", "--dir", dir, "--household", household, "--password-file", file];
}

/** More exports than that are shared by two processes, which only a deployment that is served can answer. */
const EXPORTS_AT_ONCE_MAX = 2;

/** What `load show`, `statement show` and the `portal export` of each of `labels` say of a deployment. */
export async function shown(dir: string, labels: readonly string[]) {
  const words = [
    ["load", "show", "--dir", dir, "--json"],
    ["statement", "show", "--dir", dir, "--json"],
    ...labels.map((label) => exportWords(dir, label, households(dir)[label]?.password ?? "")),
  ];
  const parts = labels.length > EXPORTS_AT_ONCE_MAX ? 2 : 1;
  const size = Math.ceil(words.length / parts);
  const shares = Array.from({ length: parts }, (_, part) =>
    runAll(words.slice(size * part, size * (part + 1))),
  );
  const outcomes = (await Promise.all(shares)).flat();
  for (const [index, { code, stderr }] of outcomes.entries()) {
    assert.equal(code, 0, `${words[index]?.join(" ")}: ${stderr}`);
  }
  const [loads, statements, ...exports] = outcomes.map(({ stdout }) => stdout);
  return {
    ...(JSON.parse(loads ?? "") as { releases: readonly Release[] }),
    ...(JSON.parse(statements ?? "") as { statements: readonly Statement[] }),
    /** CSV texts, in the order of `labels`. */
    exports,
  };
}

/** Epoch seconds as the commands print them. */
export const iso = (seconds: number): string =>
  new Date(1000 * seconds).toISOString().replace(".000Z", "Z");

/** What `demo` says of itself when all is well. */
export function assertExact(summary: Summary): void {
  const { lost, doubled, statementDifference_mWh, customerDifference_mWh } = summary;
  assert.deepEqual(
    { lost, doubled, statementDifference_mWh, customerDifference_mWh },
    { lost: 0, doubled: 0, statementDifference_mWh: "0", customerDifference_mWh: "0" },
  );
}

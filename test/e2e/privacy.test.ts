/**
 * The privacy officer's commands on a small deployment, from the command line (docs/privacy-officer.md): access, erasure, and a policy that
 * changes. One demonstration of five homes, whose parties are up.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { runAll, start, temporaryFolder, type Outcome, type Running } from "./command-line.ts";
import { households } from "./deployment-output.ts";

const dir = join(temporaryFolder(), "town");
const HOUSEHOLD = ["--dir", dir, "--household", "s001"] as const;

let demo: Running | undefined;
before(async () => {
  const size = ["--households", "5", "--days", "2", "--customers", "1"];
  const policy = ["--unsafe-policy", "--min-contributors", "5"];
  demo = start("demo", ...size, ...policy, "--json", "--dir", dir);
  await demo.printed("Ctrl-C ends it", "stderr");
});
after(() => demo?.end("SIGKILL"));

const read = (path: string): unknown => JSON.parse(readFileSync(path, "utf8"));
function outcome(given: Outcome | undefined, code: number, says?: RegExp): string {
  assert.equal(given?.code, code, given?.stderr);
  if (says !== undefined) assert.match(`${given?.stdout}${given?.stderr}`, says);
  return given?.stdout ?? "";
}

test("access: one folder with what registry, MDMS and portal hold, and nobody's key", async () => {
  const out = join(temporaryFolder(), "held");
  const [exported, again, unknown] = await runAll([
    ["privacy", "export", ...HOUSEHOLD, "--out", out, "--json"],
    ["privacy", "export", ...HOUSEHOLD, "--out", out],
    ["privacy", "export", "--dir", dir, "--household", "s999", "--out", `${out}-other`],
  ]);
  outcome(exported, 0);
  outcome(again, 1, /FOLDER_EXISTS/);
  outcome(unknown, 1, /HOUSEHOLD_UNKNOWN/);
  assert(!existsSync(`${out}-other`));
  const home = households(dir)["s001"];
  assert(home !== undefined);
  const registry = read(join(out, "registry.json")) as {
    label: string;
    network: string;
    mdms: string;
    meters: unknown[];
  };
  assert.deepEqual(
    [registry.label, registry.network, registry.mdms, registry.meters.length],
    ["s001", home.networkPseudonym, home.servicePoint, 1],
  );
  const mdms = read(join(out, "mdms.json")) as { statements: { servicePoint: string }[] };
  assert(mdms.statements.length >= 1);
  assert(mdms.statements.every(({ servicePoint }) => servicePoint === home.servicePoint));
  const ucs = read(join(out, "ucs.json")) as {
    account: { login: string };
    sealedFrames: { kind: string; count: number }[];
  };
  assert.equal(ucs.account.login, home.login);
  assert((ucs.sealedFrames.find(({ kind }) => kind === "BLOCK")?.count ?? 0) >= 2);
  for (const party of ["registry", "mdms", "ucs"]) {
    const text = readFileSync(join(out, `${party}.json`), "utf8");
    for (const secret of [home.enrolmentCode, home.password, "ciphertext", "verifier"]) {
      assert(!text.includes(String(secret)), `${party}.json holds ${secret}`);
    }
  }
});

test("erasure: refused while the contract runs, but for the account; what remains is said with its reason", async () => {
  const [running, account, statements, held] = await runAll([
    ["privacy", "erase", ...HOUSEHOLD],
    ["privacy", "erase", ...HOUSEHOLD, "--account-only", "--json"],
    ["statement", "show", "--dir", dir, "--json"],
    ["privacy", "export", ...HOUSEHOLD, "--out", join(temporaryFolder(), "after"), "--quiet"],
  ]);
  outcome(running, 3, /UCS_CONTRACT_RUNNING/);
  const { deleted, remains } = JSON.parse(outcome(account, 0)) as {
    deleted: Record<string, number>;
    remains: { party: string; what: string; why: string }[];
  };
  assert.deepEqual([deleted["accounts"], deleted["sealedFrames"]], [1, 0]);
  assert((deleted["keyEnvelopes"] ?? 0) >= 1);
  assert(remains.some(({ party, why }) => party === "MDMS" && why.includes("3660 days")));
  assert(remains.every(({ why }) => why !== ""));
  const home = households(dir)["s001"]?.servicePoint;
  const left = JSON.parse(outcome(statements, 0)) as { statements: { servicePoint: string }[] };
  assert(
    left.statements.some(({ servicePoint }) => servicePoint === home),
    "bills stay",
  );
  outcome(held, 0);
});

test("policy: shown, compared, tightened at once, loosened only after its notice", async () => {
  const [shown] = await runAll([["policy", "show", "--dir", dir, "--json"]]);
  const { policy } = JSON.parse(outcome(shown, 0)) as { policy: Record<string, unknown> };
  const file = (name: string, changes: object): string => {
    const path = join(temporaryFolder(), `${name}.json`);
    writeFileSync(path, JSON.stringify({ ...policy, id: `UNSAFE-${name}`, ...changes }));
    return path;
  };
  const looser = ["--dir", dir, "--file", file("looser", { contributorsMin: 4 })];
  const tighter = ["--dir", dir, "--file", file("tighter", { churnMin: 40 })];
  const [compared, early, announced, tightened, after, stillEarly] = await runAll([
    ["policy", "check", ...looser, "--json"],
    ["policy", "apply", ...looser],
    ["policy", "announce", ...looser],
    ["policy", "apply", ...tighter, "--json"],
    ["policy", "show", "--dir", dir],
    ["policy", "apply", ...looser],
  ]);
  const { changes, notice } = JSON.parse(outcome(compared, 0)) as {
    changes: { field: string; direction: string }[];
    notice: boolean;
  };
  assert.deepEqual(
    [notice, changes.map(({ field, direction }) => `${field} ${direction}`)],
    [true, ["contributorsMin looser"]],
  );
  outcome(early, 3, /REGISTRY_POLICY_NOTICE.*has to be announced/);
  outcome(announced, 0, /is announced, not before .*Z[\s\S]*"nextPolicyId": "UNSAFE-looser"/);
  assert.deepEqual(JSON.parse(outcome(tightened, 0)), { policyId: "UNSAFE-tighter" });
  assert.equal(
    (read(join(dir, "deployment.json")) as { policyId: string }).policyId,
    "UNSAFE-tighter",
  );
  outcome(after, 0, /Announced: UNSAFE-looser, not before/);
  outcome(stillEarly, 3, /REGISTRY_POLICY_NOTICE.*is announced and holds from/);
});

/**
 * The command line itself: help of every command, exit codes, messages, and the shapes that scripts rely on. The help is held against
 * `golden/help.txt`; `SMARTER_METERING_UPDATE_GOLDEN=1` writes that file anew, and the change is then reviewed like any other.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { commands } from "../../cli/src/commands/index.ts";
import { run, runAll, start, temporaryFolder } from "./command-line.ts";
import { households, type Summary } from "./deployment-output.ts";
import { liveDelaysMs } from "./live-client.ts";

test("the help of every command is as reviewed", async () => {
  const names = commands.map(({ name }) => name);
  const outcomes = await runAll([
    ["--help"],
    ...names.map((name) => [...name.split(" "), "--help"]),
  ]);
  for (const { code, stderr } of outcomes)
    assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
  const text = outcomes.map(({ stdout }) => stdout).join(`\n${"─".repeat(40)}\n\n`);
  const path = fileURLToPath(new URL("golden/help.txt", import.meta.url));
  if (process.env["SMARTER_METERING_UPDATE_GOLDEN"] === "1") writeFileSync(path, text);
  assert.equal(text, readFileSync(path, "utf8"));
  // The committed entry prints the same.
  assert.deepEqual(await run("--help"), outcomes[0]);
  for (const name of names)
    assert.match(outcomes[0]?.stdout ?? "", new RegExp(`^  ${name}  `, "m"));
});

test("what cannot be understood ends with code 2 or 1 and one line that says what to do", async () => {
  const folder = temporaryFolder();
  const missing = join(folder, "nothing-here");
  const notJson = join(folder, "not.json");
  writeFileSync(notJson, "{");
  const cases: readonly { words: string[]; code: number; says: RegExp }[] = [
    { words: ["fly"], code: 2, says: /CLI_USAGE: no command "fly"; see smarter-metering --help/ },
    {
      words: ["demo", "--speed", "1"],
      code: 2,
      says: /CLI_USAGE: demo: Unknown option '--speed'.*demo --help/,
    },
    { words: ["demo", "now"], code: 2, says: /CLI_USAGE: demo: unexpected "now"/ },
    {
      words: ["demo", "--days", "none"],
      code: 2,
      says: /--days takes a whole number from 1 to 400, not "none"/,
    },
    {
      words: ["demo", "--days", "0"],
      code: 2,
      says: /--days takes a whole number from 1 to 400, not "0"/,
    },
    {
      words: ["demo", "--unit", "MWh"],
      code: 2,
      says: /--unit is one of kW, W, kWh, Wh, mWh, not "MWh"/,
    },
    { words: ["load", "show"], code: 2, says: /CLI_USAGE: --dir is needed/ },
    { words: ["readings", "inspect"], code: 2, says: /CLI_USAGE: a file is needed/ },
    {
      words: ["release", "why", "north"],
      code: 2,
      says: /takes a cohort and the start of a block/,
    },
    {
      words: ["release", "request", "--dir", folder],
      code: 2,
      says: /either --cohort or --service-point/,
    },
    { words: ["serve", "--role", "king"], code: 2, says: /--role is one of all, registry, / },
    {
      words: ["load", "show", "--dir", folder],
      code: 1,
      says: /DEPLOYMENT_MISSING: .* holds no deployment; make one with/,
    },
    {
      words: ["demo", "--data", missing, "--dir", missing],
      code: 1,
      says: /READINGS_\w+: .*nothing-here/,
    },
    {
      words: ["tariff", "check", missing],
      code: 1,
      says: /FILE_UNREADABLE: cannot read .*nothing-here/,
    },
    { words: ["tariff", "check", notJson], code: 1, says: /FILE_NOT_JSON: .*not.json is not JSON/ },
    {
      words: ["serve", "--role", "bus", "--config", notJson],
      code: 1,
      says: /CONFIG_UNREADABLE: .*not.json/,
    },
  ];
  const outcomes = await runAll(cases.map(({ words }) => words));
  for (const [index, { words, code, says }] of cases.entries()) {
    const outcome = outcomes[index];
    const name = words.join(" ");
    assert.equal(outcome?.code, code, name);
    assert.equal(outcome.stdout, "", name);
    assert.match(outcome.stderr, /^smarter-metering: [^\n]+\n$/, name);
    assert.match(outcome.stderr, says, name);
  }
  assert.equal(existsSync(missing), false);
});

test("a noun alone shows its verbs; errors with --json are one JSON object on stderr", async () => {
  const [noun, wrong] = await runAll([["release"], ["demo", "--days", "x", "--json"]]);
  assert.equal(noun?.code, 2);
  for (const verb of ["list", "why", "request"])
    assert.match(noun.stdout, new RegExp(`release ${verb}`));
  assert.doesNotMatch(noun.stdout, /demo/);
  assert.equal(wrong?.stdout, "");
  assert.deepEqual(JSON.parse(wrong.stderr), {
    error: 'CLI_USAGE: --days takes a whole number from 1 to 400, not "x"',
  });
  // A process ends with the code that main gives.
  assert.equal((await run("fly")).code, 2);
});

/** Type of each key of `demo --json`; scripts rely on them. */
const SUMMARY = {
  meters: "number",
  intervals: "number",
  energy_mWh: "string",
  blocksReleased: "number",
  blocksSuppressed: "number",
  statements: "number",
  statementDifference_mWh: "string",
  lost: "number",
  doubled: "number",
  customersChecked: "number",
  billsRecomputed: "number",
  billsExact: "number",
  customerDifference_mWh: "string",
  engine: "string",
  keyBits: "number",
  profile: "string",
  trustees: "object",
  receivedPlaintext: "object",
  openerPlaintextReadingsMax: "number",
  openerPlaintextMsP99: "number",
  policyId: "string",
  unsafe: "boolean",
  seconds: "number",
};

/** A reading is with the customer so soon after the end of its interval. */
const LIVE_DELAY_MS_MAX = 5_000;

interface Residual {
  readonly bills: number;
  readonly blocks: number;
  readonly refusals: readonly object[];
  readonly residual_mWh: string | null;
}

/**
 * Log, every request, and the bill of the one customer: nothing is broken, and of the bill nothing is unchecked. There is the load of a
 * day with five bills, and as much again for every 24 s that the demonstration has been live.
 */
async function checkAll(dir: string): Promise<void> {
  const json = ["--dir", dir, "--json"];
  const { stdout } = await run("release", "list", ...json);
  const { sets, bills } = JSON.parse(stdout) as Record<string, { requestDigest: string | null }[]>;
  const digests = [...(sets ?? []), ...(bills ?? [])].flatMap((one) => one.requestDigest ?? []);
  assert(digests.length >= 6);
  const [log, bill, residual, ...replays] = await runAll([
    ["log", "verify", ...json],
    ["statement", "verify", ...json],
    ["audit", "residual", "north", ...json],
    ...digests.map((digest) => ["audit", "replay", digest.slice(0, 16), ...json]),
  ]);
  const { entries } = JSON.parse(log?.stdout ?? "") as { entries: Record<string, number> };
  assert((entries["release-request"] ?? 0) >= digests.length);
  const verified = JSON.parse(bill?.stdout ?? "") as { bills: { links: { status: string }[] }[] };
  assert.deepEqual(new Set(verified.bills[0]?.links.map(({ status }) => status)), new Set(["ok"]));
  assert(replays.every(({ stdout: replay }) => replay.includes('"isSound": true')));
  const { windows } = JSON.parse(residual?.stdout ?? "") as { windows: Residual[] };
  const [first] = windows;
  assert.deepEqual([first?.bills, first?.blocks, first?.refusals], [5, 1, []]);
  // A meter counts what is left of a watt-hour with the next day.
  assert(Number(first?.residual_mWh) >= 0 && Number(first?.residual_mWh) < 5_000);
  assert([log, bill, residual, ...replays].every((outcome) => outcome?.code === 0));
}

test("demo --json prints one object and goes live; households.json has a row for each; a seed names its numbers", async (t) => {
  const dir = join(temporaryFolder(), "deployment");
  const size = ["--households", "5", "--days", "1", "--customers", "1", "--seed", "e2e"];
  const policy = ["--unsafe-policy", "--min-contributors", "5"];
  const demo = start("demo", ...size, ...policy, "--json", "--dir", dir);
  t.after(() => demo.end("SIGKILL"));
  await demo.printed("Ctrl-C ends it", "stderr");
  const delaysMs = await liveDelaysMs(dir, "s001", 8);
  t.diagnostic(`live readings after ${delaysMs.map((ms) => `${Math.ceil(ms)} ms`).join(", ")}`);
  assert.equal(delaysMs.length, 8);
  assert(Math.max(...delaysMs) <= LIVE_DELAY_MS_MAX);
  // A command asks those who serve; a second demonstration is kept out.
  const [asked, second] = await runAll([
    ["statement", "show", "--dir", dir, "--json"],
    ["demo", "--dir", dir, "--exit", "--quiet"],
  ]);
  const { statements } = JSON.parse(asked?.stdout ?? "") as { statements: object[] };
  assert(statements.length >= 5);
  assert.match(second?.stderr ?? "", /^smarter-metering: STORE_LOCKED: [^\n]+\n$/);
  await checkAll(dir);
  const { code, stdout } = await demo.end("SIGTERM");
  assert.equal(code, 0);
  const summary = JSON.parse(stdout) as Summary;
  const types = Object.entries(summary).map(([key, value]) => [key, typeof value] as const);
  assert.deepEqual(Object.fromEntries(types), SUMMARY);
  const { energy_mWh, seconds, openerPlaintextMsP99, openerPlaintextReadingsMax, ...rest } =
    summary as Summary & Record<string, unknown>;
  const { stdout: version } = await run("--version", "--verbose");
  const engineHere = /^engine (\w+)/m.exec(version)?.[1];
  assert.deepEqual(rest, {
    meters: 5,
    intervals: 480,
    blocksReleased: 1,
    blocksSuppressed: 0,
    statements: 5,
    statementDifference_mWh: "0",
    lost: 0,
    doubled: 0,
    customersChecked: 1,
    billsRecomputed: 1,
    billsExact: 1,
    customerDifference_mWh: "0",
    engine: engineHere,
    keyBits: 3072,
    profile: "pes-encrypts",
    trustees: { threshold: 1, count: 1 },
    receivedPlaintext: {
      meters: true,
      customers: true,
      opener: true,
      concentrator: false,
      aggregator: false,
      trustee: false,
      mdms: false,
      ucs: false,
    },
    policyId: "UNSAFE-demo",
    unsafe: true,
  });
  // Made-up households are frozen: the same seed gives the same year on every machine.
  assert.equal(energy_mWh, "39303256");
  assert(seconds > 0 && Number(openerPlaintextMsP99) >= 0);
  assert(Number(openerPlaintextReadingsMax) >= 96 && Number(openerPlaintextReadingsMax) <= 768);

  const rows = Object.entries(households(dir));
  assert.deepEqual(
    rows.map(([label]) => label),
    ["s001", "s002", "s003", "s004", "s005"],
  );
  for (const [label, row] of rows) {
    const hasAccount = label === "s001";
    assert.match(row.servicePoint, /^[0-9a-f]{32}$/);
    assert.match(row.networkPseudonym, /^[0-9a-f]{32}$/);
    assert.notEqual(row.servicePoint, row.networkPseudonym);
    assert.match(row.enrolmentCode, /^[0-9A-Z*~$=-]{27,33}$/);
    assert.equal(row.login, hasAccount ? "customer-001" : null);
    assert.equal(typeof row.password, hasAccount ? "string" : "object");
    assert.match(row.signUp, /^(https?:\S+)?\/sign-up#network=[0-9a-f]{32}&code=\S{27,}$/);
    assert.match(row.registryFingerprint, /^([0-9a-f]{4} ){15}[0-9a-f]{4}$/);
    assert.equal(Object.keys(row).length, 7);
  }
  assert.equal(
    new Set(rows.flatMap(([, row]) => [row.servicePoint, row.networkPseudonym])).size,
    10,
  );
});

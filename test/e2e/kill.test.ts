/**
 * The demonstration killed with SIGKILL in the middle of its load, started again until it completes: nothing is lost, nothing is counted
 * twice. Then what a party says when its files are not what they were: one line, and nothing else is disturbed.
 */
import assert from "node:assert/strict";
import {
  copyFileSync,
  cpSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { test } from "node:test";
import { run, runAll, start, temporaryFolder, type Outcome, type Running } from "./command-line.ts";
import { numbersFrom, writeHomes } from "./made-up-homes.ts";
import { newestEpochs } from "./meter-journal.ts";
import { assertTrue } from "./truth.ts";

const SEED = 20_260_105;
const DAYS = 7;
/** With SMARTER_METERING_E2E=full: more kills, and a cut journal; `npm test` has three minutes for everything. */
const isFull = process.env["SMARTER_METERING_E2E"] === "full";
/** Days that are loaded when a kill is near. */
const KILLED_AFTER_DAYS = isFull ? [1, 3, 5] : [3];
const DELAY_MS_MAX = 700;

const folder = temporaryFolder();
const csv = join(folder, "homes.csv");
const truth = writeHomes(csv, 5, DAYS, SEED);
const next = numbersFrom(SEED);
const killed = join(folder, "killed");
const cut = join(folder, "cut");
const oldLedger = join(folder, "old-ledger");

const terms = ["--unsafe-policy", "--min-contributors", "5", "--customers", "1"];
const source = ["--data", csv, "--unit", "kW", "--zone", "Europe/Zurich"];
const words = (dir: string): string[] => ["demo", "--dir", dir, ...source, ...terms];

/** One line, a code, no stack. */
function assertOneLine(outcome: Outcome | undefined, expected: string): void {
  assert(outcome !== undefined);
  const { code, stdout, stderr } = outcome;
  assert.match(stderr, new RegExp(`^smarter-metering: ${expected}: [^\\n]+\\n$`));
  assert.equal(code, 1);
  assert.equal(stdout, "");
}

/** Starts it, and kills it at a random moment after `days` days are loaded. */
async function startAndKill(days: number): Promise<void> {
  const demo = start(...words(killed), "--exit");
  await demo.printed(`loading days ${Math.floor((100 * days) / DAYS)} %`, "stderr");
  const delayMs = next() % DELAY_MS_MAX;
  await new Promise((resolve) => setTimeout(resolve, delayMs));
  const { code } = await demo.end("SIGKILL");
  assert.equal(code, null, `it ended by itself before the kill after ${days} days`);
}

test("killed in the middle of its load, it ends with every number as if nothing had happened", async () => {
  for (const days of KILLED_AFTER_DAYS) {
    await startAndKill(days);
    if (days === 3) cpSync(join(killed, "trustee"), oldLedger, { recursive: true });
  }
  cpSync(killed, cut, { recursive: true });

  const { code, stdout } = await run(...words(killed), "--exit");
  assert.match(stdout, /intervals lost 0, doubled 0/);
  assert.match(stdout, /difference to the meters 0 mWh/);
  assert.match(stdout, /difference to their meters 0 mWh/);
  assert.equal(code, 0);
  await assertTrue(killed, truth, DAYS, ["home-1"]);
});

const cutJournal = async (): Promise<void> => {
  const journal = join(cut, "meters", "meters.journal");
  const bytes = statSync(journal).size;
  const before = await newestEpochs(join(cut, "meters"));
  truncateSync(journal, 8 + (next() % (bytes - 8)));
  let outcome = await run(...words(cut), "--exit");
  // A meter that has forgotten the nonce of an enrolment under way refuses it; the customer asks again at the next start.
  if (outcome.stderr.includes("CUSTOMER_ENROLMENT_FAILED")) {
    outcome = await run(...words(cut), "--exit");
  }
  const { code, stdout, stderr } = outcome;
  assert.match(stdout, /intervals lost 0, doubled 0/, stderr);
  assert.match(stdout, /statements +5; difference to the meters 0 mWh/);
  // What the customer can open depends on where the cut was: keys that had not gone out are gone with it.
  assert(code === 0 || (code === 4 && !/difference to their meters 0 mWh/.test(stdout)), stderr);
  const epochs = await newestEpochs(join(cut, "meters"));
  assert.equal(epochs.size, 5);
  for (const [meter, epoch] of before) assert((epochs.get(meter) ?? 0) > epoch);
};
if (isFull)
  test("a meter journal cut at a random byte costs new epochs, and no reading", cutJournal);

/** The registry and the bus of the deployment, each in a process of its own; and every role's files to be damaged. */
async function serveTwo(): Promise<{ registry: string; bus: string; parties: Running[] }> {
  const registry = start("serve", "--role", "registry", "--dir", killed);
  const bus = start("serve", "--role", "bus", "--dir", killed);
  const urlOf = async (role: string, party: Running): Promise<string> => {
    await party.printed(`${role} serves`, "stderr");
    return /http:\/\/127\.0\.0\.1:\d+/.exec(party.stderr())?.[0] ?? "";
  };
  const urls = { registry: await urlOf("registry", registry), bus: await urlOf("bus", bus) };
  return { ...urls, parties: [registry, bus] };
}

function changeJson(path: string, change: (value: Record<string, unknown>) => object): void {
  const value = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
  writeFileSync(path, JSON.stringify({ ...value, ...change(value) }));
}

test("damaged, missing, old and foreign files are refused in one line each", async (t) => {
  const { registry, bus, parties } = await serveTwo();
  t.after(() => Promise.all(parties.map((party) => party.end("SIGTERM"))));
  const port = Number(new URL(registry).port);
  let copies = 0;
  /** A copy of a role's folder, its peers at their present addresses. */
  const copyOf = (role: string): string => {
    const copy = join(folder, `${role}-${copies++}`);
    const filter = (path: string): boolean => !basename(path).startsWith("lock.");
    cpSync(join(killed, role), copy, { recursive: true, filter });
    return copy;
  };
  const trustee = (): string => {
    const copy = copyOf("trustee");
    changeJson(join(copy, "config.json"), () => ({ registryUrl: registry, busUrl: bus }));
    return copy;
  };
  const cases: readonly {
    code: string;
    role: string;
    make: () => string;
    damage: (copy: string) => void;
  }[] = [
    {
      code: "TRUSTEE_LEDGER_TRUNCATED",
      role: "trustee",
      make: trustee,
      damage: (copy) => {
        const path = join(copy, "releases.journal");
        truncateSync(path, 8 + (next() % (statSync(path).size - 8)));
      },
    },
    {
      code: "TRUSTEE_LEDGER_MISSING",
      role: "trustee",
      make: trustee,
      damage: (copy) => rmSync(join(copy, "releases.journal")),
    },
    {
      code: "TRUSTEE_LEDGER_STALE",
      role: "trustee",
      make: trustee,
      damage: (copy) => {
        for (const name of ["releases.journal", "head.json"]) {
          copyFileSync(join(oldLedger, name), join(copy, name));
        }
      },
    },
    {
      code: "STORE_DAMAGED",
      role: "bus",
      make: () => copyOf("bus"),
      damage: (copy) => truncateSync(join(copy, "store", "database", "global", "pg_control"), 100),
    },
    { code: "STORE_LOCKED", role: "bus", make: () => join(killed, "bus"), damage: () => undefined },
    {
      code: "CONFIG_INVALID",
      role: "registry",
      make: () => copyOf("registry"),
      damage: (copy) => changeJson(join(copy, "config.json"), () => ({ listenn: {} })),
    },
    {
      code: "CONFIG_UNREADABLE",
      role: "registry",
      make: () => copyOf("registry"),
      damage: (copy) => truncateSync(join(copy, "config.json"), 20),
    },
    {
      code: "CONFIG_FILE_MISSING",
      role: "registry",
      make: () => copyOf("registry"),
      damage: (copy) => rmSync(join(copy, "keys.json")),
    },
    {
      code: "HTTP_PORT_IN_USE",
      role: "registry",
      make: () => copyOf("registry"),
      damage: (copy) =>
        changeJson(join(copy, "config.json"), () => ({ listen: { host: "127.0.0.1", port } })),
    },
  ];
  const lines = cases.map(({ role, make, damage }) => {
    const copy = make();
    damage(copy);
    return ["serve", "--demo", "--role", role, "--config", join(copy, "config.json")];
  });
  const outcomes = await runAll(lines);
  for (const [index, { code }] of cases.entries()) {
    await t.test(code, () => assertOneLine(outcomes[index], code));
  }
  await t.test("the untouched trustee starts at the same registry and bus", async (served) => {
    const path = join(trustee(), "config.json");
    const whole = start("serve", "--demo", "--role", "trustee", "--config", path);
    served.after(() => whole.end("SIGKILL"));
    await whole.printed("trustee serves", "stderr");
    assert.equal((await whole.end("SIGTERM")).code, 0);
  });
});

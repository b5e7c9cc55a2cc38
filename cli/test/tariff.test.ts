// The commands for tariffs, each run in this process: what check says, and that publish refuses what
// bills could not be made by. The deployment is a new one whose clock stands still.

import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { compareStatement } from "@smarter-metering/customer";
import { unsafePolicy } from "@smarter-metering/policy";
import { parseMdmsView, type BillRelease } from "@smarter-metering/protocol";
import { addLocalDays, dayStartOf, parseTariff, type Tariff } from "@smarter-metering/tariff";
import { priceFollows } from "../../packages/customer/src/price-check.ts";
import { makeStatement, readRegisters } from "../../services/mdms/src/make-statement.ts";
import type { MdmsServicePoint } from "../../services/mdms/src/registry-context.ts";
import { Arguments, type Command } from "../src/command.ts";
import { tariffCheck } from "../src/commands/tariff-check.ts";
import { tariffPublish } from "../src/commands/tariff-publish.ts";
import { tariffSign } from "../src/commands/tariff-sign.ts";
import { demoTariff } from "../src/demo/demo-tariff.ts";
import { initDeployment } from "../src/deployment/init.ts";
import { layoutOf } from "../src/deployment/layout.ts";
import { writeClock } from "../src/serve/clock-file.ts";
import { newestView } from "../src/serve/registry-access.ts";
import { Terminal } from "../src/terminal.ts";

const zone = "Europe/Zurich";
const root = mkdtempSync(join(tmpdir(), "tariff-commands-"));
const layout = layoutOf(join(root, "deployment"));
after(() => {
  rmSync(root, { recursive: true });
});

/** Keeps what is printed. */
class Page extends Terminal {
  readonly lines: string[] = [];
  override print(text: string): void {
    this.lines.push(text);
  }
  override note(text: string): void {
    this.lines.push(text);
  }
  override warn(text: string): void {
    this.lines.push(text);
  }
}

async function run(command: Command, ...words: string[]): Promise<{ code: number; text: string }> {
  const terminal = new Page({ json: words.includes("--json"), quiet: true });
  const { signal } = new AbortController();
  const code = await command.run({ terminal, signal }, new Arguments(command, words));
  return { code, text: terminal.lines.join("\n") };
}

const fileOf = (name: string, content: unknown): string => {
  const path = join(root, name);
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
};

const current = demoTariff(zone);
const [first] = current.versions;
assert.ok(first);
const withVersion = (validFrom: string, change: object = {}): Tariff => ({
  ...current,
  versions: [first, { ...first, version: 2, validFrom, ...change }],
});

test("tariff check: faults with their paths, all of them", async () => {
  const faulty = { ...current, currency: "franc", versions: [{ ...first, taxBasisPoints: -1 }] };
  const path = fileOf("faulty.json", faulty);
  const { code, text } = await run(tariffCheck, path);
  assert.equal(code, 4);
  assert.deepEqual(text.split("\n"), [
    "TARIFF_MALFORMED: currency: expected an ISO 4217 code",
    "TARIFF_OUT_OF_RANGE: versions[0].taxBasisPoints: -1 is outside 0 to 10000",
  ]);
  const json = JSON.parse((await run(tariffCheck, path, "--json")).text) as { faults: unknown[] };
  assert.equal(json.faults.length, 2);
});

interface Report {
  readonly hours: readonly { month: string; hours: Record<string, number>; narrow: string[] }[];
  readonly profiles: readonly {
    label: string;
    bills: readonly { month: string; days: number; energy_mWh: string; amount: string }[];
    total: string;
  }[];
}

test("tariff check: hours of a year, a warning where R9 would refuse, twelve bills and their sum", async () => {
  const rule = { weekdays: [1], from: "18:00", to: "21:00", band: "high" };
  const calendar = { ...current.calendar, id: "mondays", rules: [rule] };
  const path = fileOf("mondays.json", { ...current, calendar });
  const words = [path, "--profile", "sample", "--from", "2026-02-10"];
  const { code, text } = await run(tariffCheck, ...words);
  assert.equal(code, 0);
  assert.match(text, /^Tariff household-tou in CHF, calendar mondays\./);
  assert.match(text, /warning: in 2026-02 band high holds for 12 h; a bill needs 0 or 60/);
  assert.match(text, /\n {2}2026-03 +15 +728\n/, "743 hours: clocks change");
  const report = JSON.parse((await run(tariffCheck, ...words, "--json")).text) as Report;
  assert.deepEqual(report.hours[0], {
    month: "2026-02",
    hours: { high: 12, low: 660 },
    narrow: ["high"],
  });
  const [profile] = report.profiles;
  assert.ok(profile);
  assert.deepEqual([profile.bills.length, profile.bills[0]?.days], [12, 28]);
  const cents = profile.bills.map(({ amount }) => BigInt(amount.replace(".", "")));
  const total = cents.reduce((sum, each) => sum + each, 0n);
  assert.equal(profile.total.replace(".", ""), String(total));
  assert.ok(total > 20_000n, "a household's year costs more than 200");
  assert.deepEqual(JSON.parse((await run(tariffCheck, ...words, "--json")).text), report, "again");
});

test("tariff check: bills of a file of readings, whole local days alone", async () => {
  const start = dayStartOf("2026-03-28", zone) - 900;
  const rows = Array.from({ length: 3 * 96 }, (_, slot) => {
    const time = new Date((start + slot * 900) * 1000).toISOString();
    return `home,${time},900,250000,0,valid`;
  });
  const csv = ["household,start,seconds,import_mWh,export_mWh,quality", ...rows].join("\n");
  const words = ["--profile", fileOf("home.csv", csv), "--json"];
  const { text } = await run(tariffCheck, fileOf("plain.json", current), ...words);
  const [profile] = (JSON.parse(text) as Report).profiles;
  // Saturday, the Sunday of 23 hours, Monday; a kW all the time, 28 hours of it high.
  assert.deepEqual(profile?.bills, [
    { month: "2026-03", days: 3, energy_mWh: "71000000", export_mWh: "0", amount: "19.77" },
  ]);
});

test("a statement over every kind of price is what the customer makes of it", () => {
  const tariff = parseTariff({
    ...current,
    versions: [
      {
        ...first,
        standingChargeMicroPerMonth: 7_770_000,
        minimumChargeMicroPerDay: 3_000_000,
        tiers: {
          thresholdDays: 30,
          steps: [
            { upTo_mWh: 50_000_001, priceMicroPerKilowattHour: 10_001 },
            { priceMicroPerKilowattHour: 20_003 },
          ],
        },
        taxes: [
          { name: "Levy", microPerKilowattHour: 23_001 },
          { name: "VAT", basisPoints: 811, on: ["energy", "standing", "levies"] },
        ],
        credits: [{ name: "Welcome", microPerBill: 5_000_000 }],
      },
    ],
  });
  const [from, to] = [dayStartOf("2026-02-01", zone), dayStartOf("2026-03-05", zone)];
  const registers_mWh = ["100000007", "20000003", "999", ...Array.from({ length: 5 }, () => "0")];
  const release = {
    fromGrid: from,
    toGrid: to,
    registers_mWh,
    registerBank: "00",
    requestDigest: "00",
  } as BillRelease;
  const point = { servicePoint: "00", zone, tariff: tariff.tariff } as MdmsServicePoint;
  const registered = { tariff, registerBank: "00" };
  const registers = readRegisters(release, registered);
  assert.ok(registers);
  const statement = makeStatement(release, point, registered, registers);
  assert.equal(statement.lines.length, 12);
  assert.ok(priceFollows(statement, tariff));
  const { own } = compareStatement(statement, [], tariff);
  assert.equal(
    own.amountMinor < BigInt(statement.amount.replace(".", "")),
    true,
    "no readings, less",
  );
  for (const index of statement.lines.keys()) {
    const lines = statement.lines.map((line, at) =>
      at === index ? { ...line, amountE16: String(BigInt(line.amountE16) + 1n) } : line,
    );
    assert.equal(priceFollows({ ...statement, lines }, tariff), false, `line ${index}`);
  }
  assert.equal(priceFollows({ ...statement, lines: statement.lines.slice(1) }, tariff), false);
});

before(async () => {
  const contractStart = dayStartOf("2026-01-01", zone);
  await initDeployment({
    root: layout.root,
    clock: "replay",
    keyBits: 2048,
    quorum: undefined,
    policy: unsafePolicy({ contributorsMin: 1 }),
    tariff: current,
    neighbourhoods: [
      { id: "north", zone, intervalSeconds: 1800, profile: "meter-encrypts", exportLoad: false },
    ],
    households: [
      { label: "h1", neighbourhood: "north", intervalSeconds: 1800, fuse: { amps: 25, phases: 3 } },
    ],
    contractStart,
    basePort: 0,
    openerPlaintextReadingsMax: 1000,
  });
  await writeClock(layout, 1000 * addLocalDays(contractStart, 40, zone));
});

const epochs = (): number => readdirSync(join(layout.folder("registry"), "epochs")).length;
const publish = (name: string, tariff: unknown, ...words: string[]) =>
  run(tariffPublish, fileOf(name, tariff), "--dir", layout.root, ...words);

test("tariff publish refuses what bills could not be made by, and publishes nothing", async () => {
  const rows: [string, unknown][] = [
    ["TARIFF_VERSION_TOO_NEAR", withVersion("2026-02-01")],
    ["TARIFF_VERSION_TOO_NEAR", withVersion("2026-03-03")],
    [
      "TARIFF_TOO_MANY_REGISTERS",
      {
        ...current,
        versions: [
          first,
          ...["05", "13", "22"].map((day, index) => {
            return { ...first, version: index + 2, validFrom: `2026-05-${day}` };
          }),
        ],
      },
    ],
    ["REGISTRY_TARIFF_INVALID", { ...withVersion("2026-04-01"), minorDigits: 3 }],
    ["REGISTRY_TARIFF_INVALID", { ...current, versions: [{ ...first, taxBasisPoints: 0 }] }],
    ["TARIFF_MALFORMED", { ...current, currency: "" }],
  ];
  for (const [code, tariff] of rows) {
    await assert.rejects(publish("refused.json", tariff, "--yes"), { code }, code);
  }
  assert.equal(epochs(), 1);
});

test("tariff sign and publish: what changes in words, one epoch, and nothing the second time", async () => {
  const next = withVersion("2026-04-01", { standingChargeMicroPerDay: 400_000 });
  const path = fileOf("next.json", next);
  const signed = await run(tariffSign, path, "--dir", layout.root);
  const jws = fileOf("next.jws", `${signed.text}\n`);
  const { code, text } = await run(tariffPublish, jws, "--dir", layout.root, "--yes");
  assert.equal(code, 0);
  assert.equal(
    text,
    `Version 2, from 2026-04-01: standing charge 0.40 CHF a day. no longer standing charge 0.32 CHF \
a day.\ntariff household-tou: is published`,
  );
  assert.equal(epochs(), 2);
  const view = parseMdmsView((await newestView(layout, "mdms")).text);
  assert.deepEqual(view.tariffs, [signed.text]);
  const again = await publish("again.json", next, "--json");
  assert.deepEqual(JSON.parse(again.text), { tariff: "household-tou", outcome: "known" });
  const forged = `${signed.text.slice(0, -8)}AAAAAAAA`;
  const other = JSON.stringify({ ...next, tariff: "other" });
  const [header = "", , signature = ""] = forged.split(".");
  const unsigned = `${header}.${Buffer.from(other).toString("base64url")}.${signature}`;
  const refused = { code: "REGISTRY_TARIFF_INVALID" };
  await assert.rejects(publish("forged.jws", unsigned, "--yes"), refused);
  const fresh = await publish("fresh.json", { ...next, tariff: "other" }, "--yes");
  assert.match(fresh.text, /^A new tariff\.\nTariff other in CHF/);
  assert.equal(epochs(), 3);
});

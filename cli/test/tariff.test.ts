// The commands for tariffs and prices, each run in this process: what check says, what a market's
// table becomes, and that publish refuses what bills could not be made by. The deployment is a new
// one whose clock stands still.

import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { compareStatement } from "@smarter-metering/customer";
import { unsafePolicy } from "@smarter-metering/policy";
import { mdmsReader, type BillRelease } from "@smarter-metering/protocol";
import {
  addLocalDays,
  dayStartOf,
  parseDynamicPrices,
  parseTariff,
  type DynamicPrices,
  type Tariff,
} from "@smarter-metering/tariff";
import { priceFollows } from "../../packages/customer/src/price-check.ts";
import { makeStatement, readRegisters } from "../../services/mdms/src/make-statement.ts";
import type { MdmsServicePoint } from "../../services/mdms/src/registry-context.ts";
import { Arguments, type Command } from "../src/command.ts";
import { tariffCheck } from "../src/commands/tariff-check.ts";
import { tariffPrices } from "../src/commands/tariff-prices.ts";
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
  readonly notes: readonly string[];
  readonly hours: readonly { month: string; hours: Record<string, number>; narrow: string[] }[];
  readonly profiles: readonly {
    label: string;
    bills: readonly {
      month: string;
      days: number;
      energy_mWh: string;
      amount: string;
      pricedBy?: string;
    }[];
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

test("tariff check: from when a version that starts inside a month prices it, in words and in bills", async () => {
  const rule = { weekdays: [1, 2, 3, 4, 5, 6, 7], from: "00:00", to: "24:00", band: "high" };
  const rules = [{ ...rule, monthDays: { from: 1, to: 15 } }];
  const halves = { ...current.calendar, id: "halves", rules };
  const dearer = { standingChargeMicroPerDay: 40_000_000 };
  const changing = withVersion("2026-03-16", dearer);
  const words = ["--profile", "sample", "--from", "2026-02-10", "--zone", zone];
  const march = `version 2 starts on 2026-03-16, inside windows 2026-03-01 to 2026-04-01 (${zone})`;
  const rows: [object, string, number][] = [
    [{ ...changing, calendar: halves }, `${march}: it takes effect on that day`, 16],
    [
      changing,
      `${march}: it takes effect on 2026-04-01, because band high holds before and after it`,
      0,
    ],
  ];
  for (const [tariff, note, days] of rows) {
    const path = fileOf("changing.json", tariff);
    const page = await run(tariffCheck, path, ...words);
    assert.ok(page.text.split("\n").includes(note), page.text);
    const json = JSON.parse((await run(tariffCheck, path, ...words, "--json")).text) as Report;
    assert.deepEqual(json.notes, [note]);
    const plain = fileOf("plain.json", { ...tariff, versions: [first] });
    const before = JSON.parse((await run(tariffCheck, plain, ...words, "--json")).text) as Report;
    assert.deepEqual(before.notes, []);
    const [with2, without] = [json, before].map(({ profiles }) => {
      const bill = profiles[0]?.bills.find(({ month }) => month === "2026-03");
      return Number(bill?.amount);
    });
    // The days from then on, each dearer by 40 less the old charge, and the tax on it.
    const extra = days * ((40_000_000 - first.standingChargeMicroPerDay) / 1e6);
    const taxed = extra * (1 + first.taxBasisPoints / 10_000);
    assert.ok(Math.abs((with2 ?? 0) - (without ?? 0) - taxed) < 0.011, note);
  }
  const later = await run(tariffCheck, fileOf("past.json", changing), "--from", "2026-05-01");
  assert.doesNotMatch(later.text, /version 2 starts/, "history");
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
    ["TARIFF_VERSION_TOO_NEAR", withVersion("2026-02-09")],
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
  const next = withVersion("2026-04-10", { standingChargeMicroPerDay: 400_000 });
  const path = fileOf("next.json", next);
  const signed = await run(tariffSign, path, "--dir", layout.root);
  const jws = fileOf("next.jws", `${signed.text}\n`);
  const { code, text } = await run(tariffPublish, jws, "--dir", layout.root, "--yes");
  assert.equal(code, 0);
  assert.equal(
    text,
    `Version 2, from 2026-04-10: standing charge 0.40 CHF a day. no longer standing charge 0.32 CHF \
a day.\nversion 2 starts on 2026-04-10, inside windows 2026-04-01 to 2026-05-01 (Europe/Zurich): it \
takes effect on 2026-05-01, because band high holds before and after it\ntariff household-tou: published`,
  );
  assert.equal(epochs(), 2);
  const { view } = await newestView(layout, mdmsReader);
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

const terms = {
  prices: "day-ahead",
  stepSeconds: 3600,
  priceStepMicro: 1000,
  floorMicroPerKilowattHour: -500_000,
} as const;
/** Grid and margin in its band, the market's prices beside it. */
const dynamic = parseTariff({
  ...current,
  tariff: "dynamic",
  calendar: { id: "dynamic", bands: ["grid"], rules: [], defaultBand: "grid", cost: terms },
  versions: [
    {
      ...first,
      pricesMicroPerKilowattHour: { grid: 120_000 },
      feedInMicroPerKilowattHour: 0,
      standingChargeMicroPerDay: 0,
      taxBasisPoints: 0,
      costFallbackMicroPerKilowattHour: 250_000,
    },
  ],
});
const dynamicFile = fileOf("dynamic.json", dynamic);
const march = dayStartOf("2026-03-01", zone);

/** An ordinary market: cheap at night and noon, and every day a little different. */
const pricesOf = (startSeconds: number, count: number, change: object = {}): DynamicPrices => ({
  kind: "smarter-metering/prices",
  ...terms,
  currency: "CHF",
  startSeconds,
  pricesMicroPerKilowattHour: Array.from(
    { length: count },
    (_, hour) => 1000 * (60 + (hour % 24) * 3 + ((hour * 7) % 50) - (hour % 24 === 13 ? 90 : 0)),
  ),
  ...change,
});

const hourOf = (hour: number): string =>
  new Date(1000 * (march + 3600 * hour)).toISOString().replace(":00.000Z", "Z");

test("tariff prices: a market's table, exactly, whatever its header and its marks", async () => {
  const rows: [string, string, boolean, number[]][] = [
    [
      "UTC",
      `Hour (UTC),Price [CHF/MWh]\n${hourOf(0)},45\n${hourOf(1)},-3\n${hourOf(2)},0\n`,
      false,
      [45_000, -3000, 0],
    ],
    [
      "offset",
      "2026-03-01T00:00+01:00,45.000\n2026-03-01T01:00+01:00,1e2",
      false,
      [45_000, 100_000],
    ],
    [
      "semicolons",
      `\ufeffZeit;Preis\r\n${hourOf(0)};45,0\r\n${hourOf(1)};7\r\n`,
      false,
      [45_000, 7000],
    ],
    [
      "no header, rounded",
      `${hourOf(0)},44.5\n${hourOf(1)},45.5\n${hourOf(2)},-0.501`,
      true,
      [44_000, 46_000, -1000],
    ],
  ];
  for (const [what, table, isRounded, prices] of rows) {
    const words = [fileOf("table.csv", table), "--tariff", dynamicFile];
    const { code, text } = await run(tariffPrices, ...words, ...(isRounded ? ["--round"] : []));
    const [json = "", note] = text.split("\n");
    const document = parseDynamicPrices(JSON.parse(json));
    assert.equal(code, 0);
    assert.deepEqual(document, pricesOf(march, 0, { pricesMicroPerKilowattHour: prices }), what);
    const said = "3 of 3 prices were rounded to the nearest 1000 × 10^-6 CHF/kWh, half to even";
    assert.equal(note, isRounded ? said : undefined, what);
  }
});

test("tariff prices: what is no table of prices is refused, each fault with line and column", async () => {
  const good = `time,price\n${hourOf(0)},45\n`;
  const rows: [string, RegExp][] = [
    [`${good}${hourOf(1)},45.5\n`, /table\.csv:3:2: no multiple of the price step, 1000 × 10\^-6/],
    [`${good}${hourOf(1)},-501\n`, /:3:2: below the floor of -500000/],
    [`${good}${hourOf(1)},\n`, /:3:2: not a price/],
    [`${good}${hourOf(1)},n/a\n`, /:3:2: not a price/],
    [`${good}${hourOf(2)},45\n`, /:3:1: 3600 s after the row before it/],
    [`${good}${hourOf(0)},45\n`, /:3:1: 3600 s after the row before it/],
    [`${good}2026-03-01 01:00,45\n`, /:3:1: not a time with Z or an offset/],
    ["time,price\n2026-03-01T00:30Z,45\n", /:2:1: no step of 3600 s/],
    [`${good}${hourOf(1)},45,CHF\n`, /:3:3: two columns/],
    [`${good}${hourOf(1)}\n`, /:3:2: two columns/],
    [`${good}"${hourOf(1)},45\n`, /:3:\d+: Quote Not Closed/],
    ["time,price\n", /:1:1: no prices in it/],
    ["", /:1:1: no prices in it/],
  ];
  for (const [table, says] of rows) {
    const terminal = new Page({ json: false, quiet: true });
    const words = [fileOf("table.csv", table), "--tariff", dynamicFile];
    const { signal } = new AbortController();
    const running = tariffPrices.run({ terminal, signal }, new Arguments(tariffPrices, words));
    await assert.rejects(running, { code: "PRICES_FAULTY", message: /^1 faults in / }, table);
    assert.match(terminal.lines.join("\n"), says);
  }
  const cost = { ...terms, known: "afterwards" };
  const later = fileOf("later.json", { ...dynamic, calendar: { ...dynamic.calendar, cost } });
  const { text } = await run(tariffPrices, fileOf("table.csv", good), "--tariff", later);
  assert.equal(parseDynamicPrices(JSON.parse(text)).known, "afterwards");
  const atFloor = fileOf("floor.csv", `${hourOf(0)},-500`);
  assert.equal((await run(tariffPrices, atFloor, "--tariff", dynamicFile)).code, 0);
  await assert.rejects(run(tariffPrices, atFloor, "--tariff", later), { code: "PRICES_FAULTY" });
  const flat = ["--tariff", fileOf("flat.json", current)];
  const refused = { code: "PRICES_FOREIGN" };
  await assert.rejects(run(tariffPrices, fileOf("table.csv", good), ...flat), refused);
});

test("tariff check: prices in words, and whether R9 would let a cost of them be released", async () => {
  const hours = 31 * 24 - 1; // Clocks change.
  const path = fileOf("march.json", pricesOf(march, hours));
  const { code, text } = await run(tariffCheck, path);
  assert.equal(code, 0);
  assert.deepEqual(text.split("\n"), [
    "Prices day-ahead in CHF, one every 60 minutes, in steps of 0.001 CHF/kWh from -0.50 CHF/kWh on.",
    "743 prices, 2026-02-28T23:00:00Z to 2026-03-31T22:00:00Z.",
    "Least 0.01, mean 0.115222, most 0.178 CHF/kWh.",
    "",
    "R9 for a class of 100 at 3 × 63 A, Europe/Zurich",
    "  2026-03-01 to 2026-04-01  a cost may be released",
  ]);
  // A day at a time: judged with those before it, or not at all.
  const days = ["most.json", "rest.json"].map((name, part) => {
    const prices = pricesOf(march, hours).pricesMicroPerKilowattHour;
    const own = part === 0 ? prices.slice(0, -23) : prices.slice(-23);
    const startSeconds = march + part * (hours - 23) * 3600;
    return fileOf(name, pricesOf(startSeconds, 0, { pricesMicroPerKilowattHour: own }));
  });
  const [most = "", rest = ""] = days;
  assert.match((await run(tariffCheck, rest)).text, /\nR9 looks at whole windows, of 28 days/);
  const together = await run(tariffCheck, rest, "--prices", most);
  assert.match(
    together.text,
    /^Prices .*\n23 prices,.*\n.*\n\nR9 .*\n {2}2026-03-01 to 2026-04-01 {2}a cost/,
  );

  // One hour with a price of its own is that hour's reading.
  const peak = pricesOf(march, hours).pricesMicroPerKilowattHour.map((_, h) =>
    h === 400 ? 1000 : 0,
  );
  const peaked = fileOf("peak.json", pricesOf(march, 0, { pricesMicroPerKilowattHour: peak }));
  const refused = await run(tariffCheck, peaked);
  assert.equal(refused.code, 4);
  assert.match(
    refused.text,
    /R9_COST_LEVERAGE, R9_COST_RESIDUE\nwarning: from 2026-03-01 on R9_COST_LEVERAGE: /,
  );
  const small = await run(tariffCheck, path, "--class", "99", "--fuse", "10000", "--json");
  const { windows } = JSON.parse(small.text) as { windows: { refusals: { code: string }[] }[] };
  assert.deepEqual(
    windows[0]?.refusals.map((refusal) => refusal.code),
    ["R9_COST_CLASS_TOO_SMALL", "R9_VALUE_TOO_LARGE"],
  );

  const faulty = await run(tariffCheck, fileOf("faulty.json", pricesOf(march + 1, 24)));
  assert.deepEqual(faulty, {
    code: 4,
    text: "TARIFF_OUT_OF_RANGE: startSeconds: expected a multiple of 3600",
  });
  const other = fileOf("other.json", pricesOf(march, 24, { currency: "EUR" }));
  const rows: [string[], string][] = [
    [[path, "--prices", other], "PRICES_FOREIGN"],
    [[dynamicFile, "--prices", other], "PRICES_FOREIGN"],
    [[fileOf("flat.json", current), "--prices", path], "CLI_USAGE"],
    [[path, "--zone", "Asia/Kolkata"], "PRICES_OFF_GRID"],
    [
      [rest, "--prices", fileOf("gap.json", pricesOf(march - 90 * 86_400, 24))],
      "TARIFF_PRICES_MISSING",
    ],
  ];
  for (const [words, wanted] of rows) {
    await assert.rejects(run(tariffCheck, ...words), { code: wanted }, wanted);
  }
});

test("tariff check: bills with a cost are Σ price × energy, and elsewhere those of the fallback", async () => {
  const prices = pricesOf(march, 31 * 24 - 1);
  const start = dayStartOf("2026-03-30", zone);
  const energies = Array.from({ length: 4 * 96 }, (_, slot) => 100_000 + 1000 * (slot % 7));
  const rows = energies.map((energy, slot) => {
    const time = new Date((start + slot * 900) * 1000).toISOString();
    return `home,${time},900,${energy},0,valid`;
  });
  const csv = ["household,start,seconds,import_mWh,export_mWh,quality", ...rows].join("\n");
  const words = ["--profile", fileOf("home.csv", csv), "--prices", fileOf("march.json", prices)];
  const { text } = await run(tariffCheck, dynamicFile, ...words, "--json");
  const [profile] = (JSON.parse(text) as Report).profiles;
  const amount = (from: number, micro: (slot: number) => number): string => {
    const slots = energies.slice(from, from + 192);
    const sum = slots.reduce((total, energy, index) => total + energy * micro(from + index), 0);
    return (Math.round(sum / 1e10) / 100).toFixed(2);
  };
  const market = (slot: number): number =>
    prices.pricesMicroPerKilowattHour[(start - march) / 3600 + Math.floor(slot / 4)] ?? Number.NaN;
  assert.deepEqual(
    profile?.bills.map((bill) => [bill.month, bill.amount, bill.pricedBy]),
    [
      ["2026-03", amount(0, (slot) => 120_000 + market(slot)), "prices"],
      ["2026-04", amount(192, () => 120_000 + 250_000), "fallback"],
    ],
  );
  const page = await run(tariffCheck, dynamicFile, ...words);
  assert.match(page.text, /\n {2}month +kWh +fed in +CHF +priced by\n/);
  assert.match(page.text, /\n {2}2026-04 .* fallback\n/);
});

test("tariff sign and publish: prices of a published tariff, one epoch, and what the registry refuses", async () => {
  await publish("dynamic.json", dynamic, "--yes");
  const before = epochs();
  const path = fileOf("prices.json", pricesOf(march, 24));
  const signed = await run(tariffSign, path, "--dir", layout.root);
  const named = await run(tariffSign, path, "--dir", layout.root, "--json");
  assert.deepEqual(JSON.parse(named.text), { prices: "day-ahead", jws: signed.text });
  const jws = fileOf("prices.jws", `${signed.text}\n`);
  const { text } = await run(tariffPublish, jws, "--dir", layout.root, "--yes");
  assert.match(text, /^Prices day-ahead in CHF.*\n24 prices, .*\n.*\nprices day-ahead: published$/);
  assert.equal(epochs(), before + 1);
  const { view } = await newestView(layout, mdmsReader);
  assert.equal(view.prices?.length, 1);
  const again = await publish("again.json", pricesOf(march, 24), "--json");
  assert.deepEqual(JSON.parse(again.text), { prices: "day-ahead", outcome: "known" });
  const refused = { code: "REGISTRY_PRICES_INVALID", message: /go on at 2026-03-01T23:00:00Z/ };
  await assert.rejects(publish("gap.json", pricesOf(march, 25), "--yes"), refused);
  assert.equal(epochs(), before + 1);
});

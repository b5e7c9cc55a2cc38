/** A deployment billed by the prices of each hour: every bill is Σ price × energy, and its customer counts it again. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { dayStartOf, type DynamicPrices } from "@smarter-metering/tariff";
import { dayAheadDays, dayAheadTariff } from "../support/day-ahead.ts";
import { run, runAll, temporaryFolder } from "./command-line.ts";

const ZONE = "Europe/Zurich";
/** The first day that a demonstration shows, and the month after it. */
const FIRST_DAY = dayStartOf("2026-10-01", ZONE);
const DAYS = 31;
const SIZE = [
  "--households",
  "20",
  "--customers",
  "1",
  "--min-contributors",
  "20",
  "--seed",
  "e2e",
];

function written(folder: string, name: string, document: object): string {
  const path = join(folder, name);
  writeFileSync(path, JSON.stringify(document));
  return path;
}

function demonstration(folder: string, prices: readonly DynamicPrices[]): string[] {
  const tariff = written(folder, "tariff.json", dayAheadTariff());
  const files = prices.map((document, day) => written(folder, `prices-${day}.json`, document));
  const priced = ["--tariff", tariff, ...files.flatMap((file) => ["--prices", file])];
  return ["demo", "--exit", "--json", ...SIZE, ...priced, "--dir", join(folder, "deployment")];
}

test("bills by the hour: exact, counted again by the customer, and made again by an auditor", async () => {
  const folder = temporaryFolder();
  const dir = join(folder, "deployment");
  const { code, stdout } = await run(
    ...demonstration(folder, dayAheadDays(FIRST_DAY, DAYS + 1, ZONE)),
  );
  assert.equal(code, 0, stdout);
  const summary = JSON.parse(stdout) as Record<string, unknown>;
  assert.equal(summary["statements"], 20);
  const [verified, shown] = await runAll([
    ["statement", "verify", "--json", "--dir", dir],
    ["statement", "show", "--json", "--dir", dir],
  ]);
  assert.equal(verified?.code, 0, verified?.stdout);
  const { bills } = JSON.parse(verified.stdout) as {
    bills: { explanation: string; links: { link: string; status: string }[] }[];
  };
  const [bill] = bills;
  assert(bill !== undefined && bill.links.some(({ link }) => link === "prices"));
  assert.equal(bill.explanation, "exact");
  assert.deepEqual(
    bill.links.filter(({ status }) => status !== "ok"),
    [],
  );
  const { statements } = JSON.parse(shown?.stdout ?? "") as {
    statements: { requestDigest: string; cost: { counted: string } }[];
  };
  assert(statements.every(({ cost }) => BigInt(cost.counted) > 0n));
  const replayed = await run("audit", "replay", statements[0]?.requestDigest ?? "", "--dir", dir);
  assert.equal(replayed.code, 0, replayed.stdout + replayed.stderr);
  assert.match(shown?.stdout ?? "", /each interval at its own price/);
});

test("one dear hour: the month is billed without its cost, and says so", async () => {
  const folder = temporaryFolder();
  const days = dayAheadDays(FIRST_DAY, DAYS + 1, ZONE);
  const dear = days.map((document, day) => ({
    ...document,
    pricesMicroPerKilowattHour: document.pricesMicroPerKilowattHour.map((price, hour) =>
      day === 10 && hour === 18 ? 9_000_000 : price,
    ),
  }));
  const { code } = await run(...demonstration(folder, dear));
  assert.equal(code, 0);
  const dir = join(folder, "deployment");
  const [verified, shown, releases] = await runAll([
    ["statement", "verify", "--dir", dir],
    ["statement", "show", "--json", "--dir", dir],
    ["release", "list", "--dir", dir],
  ]);
  assert.equal(verified?.code, 0, verified?.stdout);
  assert.match(shown?.stdout ?? "", /at the price where its own may not be shown/);
  assert.match(releases?.stdout ?? "", /RELEASED +without its cost: R9_COST_LEVERAGE/);
});

test("prices with a hole, or for a tariff without a cost, are refused before anything is made", async () => {
  const folder = temporaryFolder();
  const days = dayAheadDays(FIRST_DAY, DAYS, ZONE);
  const hole = demonstration(
    folder,
    days.filter((_, day) => day !== 12),
  );
  const foreign = ["--prices", written(folder, "more.json", days[0] ?? {})];
  const [missing, alone] = await runAll([hole, ["demo", "--exit", ...SIZE, ...foreign]]);
  assert.equal(missing?.code, 1);
  assert.match(missing.stderr, /^\{"error":"PRICES_MISSING: [^\n]+\n$/);
  assert.equal(alone?.code, 2);
  assert.match(alone.stderr, /^smarter-metering: CLI_USAGE: --prices goes with/);
});

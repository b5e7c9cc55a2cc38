/**
 * The operators' pages against a whole deployment, in Chromium: what they show is what the command line says, each role gets what is its
 * own, and every page holds in every look. The neighbourhood has a day that was refused, and time goes on.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import type { Page } from "playwright-core";
import { en } from "../../services/mdms/web/src/texts/en.ts";
import { runAll, temporaryFolder } from "../e2e/command-line.ts";
import { iso, shown, type Release, type Statement } from "../e2e/deployment-output.ts";
import { DESKTOP, visit, type Visitor } from "./chromium.ts";
import { startDeployment, type Deployment } from "./deployment.ts";
import {
  assertNavigation,
  assertRefusedPages,
  assertRoutes,
  assertTabs,
} from "./operator-roles.ts";
import { keepUntilEnd } from "./keep.ts";
import { assertNoFaults, faultsInAllLooks, settled, tableRows } from "./looks.ts";
import { writeNeighbourhood } from "./neighbourhood-file.ts";
import {
  blocksReleased,
  figure,
  kilowattsText,
  logIn,
  logOut,
  moreBlocksReleased,
  open,
  operatorTexts,
  savedCsv,
  sendLogin,
  showTable,
  status,
  totpCode,
  totpStep,
  type Credentials,
} from "./operator-desk.ts";
import {
  OPERATOR_TABS,
  operatorPages,
  operatorRoutes,
  ROLES,
  type Role,
  type Subject,
} from "./operator-pages.ts";

const HOUSEHOLDS = 24;
const LOADED_DAYS = 33;
/** 2026-10-13, when fewer than the policy's ten of each neighbourhood measured. */
const GAP = { day: 12, measuring: 8 };
const GAP_DATE = "2026-10-13";
const FULL_DATE = "2026-10-07";
const AUTUMN_DATE = "2026-10-25";
const VIEWER = { login: "viewer", password: "a viewer's long password" };
let deployment: Deployment;
let releases: readonly Release[];
let statements: readonly (Statement & { readonly amount: string })[];
let subject: Subject;
const visitors: Visitor[] = [];
/** Opened at the start and never loaded again. */
let watcher: { readonly page: Page; readonly before: number };

const keep = keepUntilEnd();

before(async () => {
  const file = writeNeighbourhood({ households: HOUSEHOLDS, days: 75, gap: GAP });
  const source = ["--data", file, "--zone", "Europe/Zurich", "--customers", "0"];
  deployment = await keep(startDeployment(...source, "--days", String(LOADED_DAYS)));
  watcher = await watch();
  const [created] = await runAll([[...operatorWords("create", VIEWER), "--role", "viewer"]]);
  assert.equal(created?.code, 0, created?.stderr);
  const said = await shown(deployment.dir, []);
  releases = said.releases;
  statements = said.statements as typeof statements;
  const [bill] = statements;
  assert(bill !== undefined);
  const { servicePoint, from } = bill;
  subject = { cohort: "north", date: FULL_DATE, servicePoint, from };
});

/** `operator create` or `operator reset` with a password of the test's choice. */
function operatorWords(verb: "create" | "reset", { login, password }: Credentials): string[] {
  const path = join(temporaryFolder(), "password");
  writeFileSync(path, `${password}\n`, { mode: 0o600 });
  return ["operator", verb, "--dir", deployment.dir, "--login", login, "--password-file", path];
}

const credentialsOf = (role: Role): Credentials => {
  const found = deployment.operators.find((operator) => operator.role === role);
  return role === "viewer" ? VIEWER : (found ?? assert.fail(`no login of ${role}`));
};

/** The start page with a profile of its own, whose complaints the last test reads. */
async function arrive(): Promise<Page> {
  const visitor = await keep(visit(deployment.mdms, DESKTOP));
  visitors.push(visitor);
  await visitor.page.goto(deployment.mdms);
  return visitor.page;
}

async function enter(role: Role): Promise<Page> {
  const page = await arrive();
  await logIn(page, credentialsOf(role));
  return page;
}

async function watch(): Promise<typeof watcher> {
  const page = await enter("privacy-officer");
  await page.getByText(en.overview.live, { exact: true }).waitFor();
  await page.evaluate(() => Object.assign(window, { isSamePage: true }));
  return { page, before: await blocksReleased(page) };
}

const loadPath = (query: string): string => `/neighbourhoods/${subject.cohort}?${query}`;
describe("an operator", () => {
  let page: Page;

  before(async () => {
    page = await enter("operator");
  });

  test("a second factor: switched on, asked for, refused when wrong; a recovery code once", async () => {
    const me = credentialsOf("operator");
    await open(page, "/account");
    await page.getByRole("button", { name: en.account.begin }).click();
    const panel = page.locator("section", {
      has: page.getByRole("heading", { name: en.account.totpTitle }),
    });
    await panel.getByRole("textbox", { name: en.account.current }).fill(me.password);
    await panel.getByRole("button", { name: en.account.begin }).click();
    const secret = await panel.locator(`code[aria-label="${en.account.secret}"]`).innerText();
    assert.match(secret, /^[A-Z2-7]{32}$/);
    const step = totpStep();
    await panel.getByLabel(en.account.confirmCode).fill(totpCode(secret, step));
    await panel.getByRole("button", { name: en.account.confirm }).click();
    await panel.getByText(en.account.codesTitle).waitFor();
    const [recovery = ""] = await panel.locator(".codes code").allInnerTexts();
    await panel.getByRole("button", { name: en.account.codesKept }).click();
    await panel.getByText(en.account.totpOn).waitFor();
    await logOut(page, me.login);

    const refused = page.getByRole("alert");
    for (const code of ["", totpCode(secret, step), totpCode(secret, step + 100)]) {
      await sendLogin(page, { ...me, code });
      await refused.filter({ hasText: en.refusals["MDMS_LOGIN_REFUSED"]?.what ?? "" }).waitFor();
      await page.reload();
    }
    await logIn(page, { ...me, code: totpCode(secret, step + 1) });
    await logOut(page, me.login);
    await logIn(page, { ...me, code: recovery });
    await logOut(page, me.login);
    await sendLogin(page, { ...me, code: recovery });
    await refused.waitFor();
    const [reset] = await runAll([operatorWords("reset", me)]);
    assert.equal(reset?.code, 0, reset?.stderr);
    await logIn(page, me);
  });

  test("a neighbourhood's load is what `load show` says, with contributors on every point", async () => {
    const start = new Date(`${FULL_DATE}T00:00:00+02:00`).toISOString().replace(".000Z", "Z");
    const block = releases.find((one) => one.cohort === subject.cohort && one.start === start);
    assert(block !== undefined && block.energy_Wh.length === 96);
    await open(page, loadPath(`span=day&date=${FULL_DATE}`));
    await page.locator("canvas, svg").first().waitFor();
    await showTable(page);
    const rows = await tableRows(page, en.neighbourhoods.tableCaption);
    assert.deepEqual(
      rows.map(([, load, , contributors]) => [load, contributors]),
      block.energy_Wh.map((energy) => [kilowattsText(energy), String(block.contributors)]),
    );
    const csv = await savedCsv(page, page.getByRole("link", { name: en.common.csv }));
    assert.deepEqual(csv[0], ["cohort", "start", "interval_seconds", "energy_Wh", "contributors"]);
    assert.deepEqual(
      csv.slice(1).map(([, , , energy]) => Number(energy)),
      block.energy_Wh,
    );
    const peak = kilowattsText(Math.max(...block.energy_Wh));
    assert.match(await figure(page, en.neighbourhoods.peak).innerText(), new RegExp(peak));
  });

  test("the day with an hour more has it twice, and nothing is missing", async () => {
    await open(page, loadPath(`span=day&step=hour&date=${AUTUMN_DATE}`));
    await showTable(page);
    const rows = await tableRows(page, en.neighbourhoods.tableCaption);
    assert.equal(rows.length, 25);
    const twice = rows.map(([time = ""]) => time).filter((time) => time.includes("02:00"));
    assert.equal(new Set(twice).size, 2, twice.join("; "));
    assert(rows.every(([, load]) => load !== "–"));
  });

  test("a refused day is a gap with its reason in words, here and in the ledger", async () => {
    const words = en.refusals["R1_TOO_FEW_CONTRIBUTORS"];
    assert(words !== undefined);
    await open(page, loadPath(`span=week&date=${GAP_DATE}`));
    await showTable(page);
    const rows = await tableRows(page, en.neighbourhoods.tableCaption);
    const gaps = rows.filter(([, load]) => load === "–");
    assert.equal(gaps.length, 96);
    assert(
      gaps.every(([time, , , contributors]) => time?.includes("13 Oct") && contributors === "0"),
    );
    const [[day, state, reason] = [], ...more] = await tableRows(page, en.neighbourhoods.gapsTitle);
    assert.deepEqual([day, state, more], ["13 Oct 2026", en.privacy.states.SUPPRESSED, []]);
    assert.equal(reason, words.what);
    await page.getByRole("link", { name: "13 Oct 2026" }).click();
    await page.getByRole("heading", { name: en.privacy.ledgerCaption }).waitFor();
    const entries = await tableRows(page, en.privacy.ledgerCaption);
    assert.deepEqual(
      entries.map((entry) => entry.slice(0, 3)),
      [["13 Oct 2026", subject.cohort, en.privacy.states.SUPPRESSED]],
    );
    const table = page.getByRole("table", { name: en.privacy.ledgerCaption });
    await table.getByText(words.what).click();
    await table.getByText(words.why).waitFor();
    await table.getByText(words.todo).waitFor();
  });

  test("statements: the list is its CSV file, a bill is what `statement show` says, links last", async () => {
    await open(page, "/statements");
    const rows = await tableRows(page, en.statements.caption);
    const [head = [], ...csv] = await savedCsv(
      page,
      page.getByRole("link", { name: en.common.csv }),
    );
    const column = (name: string): string[] => csv.map((cells) => cells[head.indexOf(name)] ?? "");
    assert.equal(rows.length, HOUSEHOLDS);
    const sums = column("amount").map((amount) => `CHF ${amount}`);
    assert.deepEqual(
      rows.map(([, , , , amount]) => amount?.replace("\u00a0", " ")),
      sums,
    );
    const points = column("service_point");
    for (const [index, [, point = ""]] of rows.entries())
      assert(points[index]?.startsWith(point.replace(/\W*$/, "")), `${point}: ${points[index]}`);

    const chosen = statements[3];
    assert(chosen !== undefined);
    await page.locator(`a[href*="/statements/${chosen.servicePoint}/"]`).first().click();
    for (const reload of [false, true]) {
      if (reload) await page.reload();
      await settled(page);
      const total = await figure(page, en.statements.total).innerText();
      assert(total.replace("\u00a0", " ").includes(`CHF ${chosen.amount}`), total);
      const used = (Number(chosen.energy_mWh) / 1e6).toFixed(1);
      assert.match(await figure(page, en.statements.energy).first().innerText(), new RegExp(used));
      await page.getByText(chosen.servicePoint, { exact: true }).first().waitFor();
    }
  });

  test("a move-out is proposed, the clerk declines it, and the page shows why", async () => {
    const reason = "the contract runs until spring";
    await open(page, `/registry?tab=proposals&servicePoint=${subject.servicePoint}`);
    await page.getByLabel(en.registry.date, { exact: true }).fill("2027-02-01");
    await page.getByRole("button", { name: en.registry.submit, exact: true }).click();
    await page.getByRole("table", { name: en.registry.proposalsCaption }).waitFor();
    await page.getByRole("button", { name: en.registry.showEffects }).click();
    await page.getByRole("heading", { name: en.registry.effects }).waitFor();
    const dir = ["--dir", deployment.dir];
    const [listed] = await runAll([["registry", "proposals", ...dir, "--json"]]);
    const { proposals } = JSON.parse(listed?.stdout ?? "") as {
      proposals: { id: string; state: string; order: { kind: string; contractEnd: number } }[];
    };
    const proposal = proposals.find(({ state }) => state === "open");
    assert(proposal !== undefined);
    const { kind, contractEnd } = proposal.order;
    assert.deepEqual([kind, iso(contractEnd)], ["move-out", "2027-01-31T23:00:00Z"]);
    const [declined] = await runAll([
      ["registry", "decline", proposal.id, ...dir, "--reason", reason],
    ]);
    assert.equal(declined?.code, 0, declined?.stderr);
    await open(page, "/registry?tab=proposals");
    const [row = []] = await tableRows(page, en.registry.proposalsCaption);
    assert(row.some((cell) => cell.includes(en.registry.states.declined) && cell.includes(reason)));
  });
});

test("billing writes a tariff, sees what it does to past bills, signs and publishes it", async () => {
  const page = await enter("billing");
  await open(page, "/tariffs");
  await page.getByRole("link", { name: en.tariffs.fresh }).click();
  const form = en.tariffForm;
  await page.getByLabel(form.validFrom, { exact: true }).fill("2027-03-01");
  const price = page.getByLabel(form.priceOf("low"));
  await price.fill("cheap");
  await page.getByRole("button", { name: form.check }).click();
  await page.getByText(form.noFaults).waitFor({ state: "detached" });
  await price.fill("0.4999");
  await page.getByRole("button", { name: form.check }).click();
  await page.getByText(form.noFaults).waitFor();
  const amounts = statements.map(({ amount }) => Number(amount));
  const sum = amounts.reduce((total, amount) => total + amount, 0).toFixed(2);
  const sumText = (await figure(page, form.before).innerText()).replaceAll(/[^0-9.]/g, "");
  assert.equal(sumText, sum);
  await figure(page, form.bills).getByText(form.dearerCheaper(HOUSEHOLDS, 0)).waitFor();
  await page.getByRole("button", { name: form.sign }).click();

  const key = page.locator("input[type=file]");
  const sign = page.getByRole("button", { name: form.sign });
  const keyText = readFileSync(join(deployment.dir, "registry/tariff-signer-keys.json"), "utf8");
  await key.setInputFiles(join(deployment.dir, "deployment.json"));
  await sign.click();
  await page.getByRole("alert").filter({ hasText: form.keyWrong }).waitFor();
  await key.setInputFiles(join(deployment.dir, "mdms/keys.json"));
  await sign.click();
  await page.getByRole("alert").filter({ hasText: /sign/i }).waitFor();
  const sent: string[] = [];
  page.on("request", (request) => sent.push(request.postData() ?? ""));
  await key.setInputFiles(join(deployment.dir, "registry/tariff-signer-keys.json"));
  await sign.click();
  await page.getByText(form.published).waitFor();
  const { signingSeed } = JSON.parse(keyText) as { signingSeed: string };
  assert(
    sent.some((body) => body.includes("jws")) && !sent.some((body) => body.includes(signingSeed)),
  );

  await page.getByRole("link", { name: form.toTariffs }).click();
  const caption = en.tariffs.versionsCaption("household-tou");
  await page.getByRole("table", { name: caption }).getByText("1 Mar 2027").waitFor();
  const [[version, from, prices] = []] = await tableRows(page, caption);
  assert.match(version ?? "", new RegExp(`^2\\s+${en.tariffs.states["to-come"]}$`));
  assert.equal(from, "1 Mar 2027");
  assert.match(prices ?? "", /low: 0\.4999 CHF\/kWh/);
});

describe("what is not a role's own", () => {
  for (const role of ROLES) {
    test(`${role}: navigation, addresses and the API agree`, async () => {
      const page = await enter(role);
      await assertNavigation(page, role, subject);
      await assertRefusedPages(page, role, subject);
      await assertTabs(page, role, subject);
      await assertRoutes(page, role, subject);
    });
  }

  test("a stranger: every address is the login, every route 401", async () => {
    const page = await arrive();
    for (const path of ["/", "/statements", "/audit"]) {
      await page.goto(new URL(path, deployment.mdms).href);
      await page.getByRole("heading", { name: en.login.title }).waitFor();
    }
    for (const route of operatorRoutes(subject))
      assert.equal(await status(page, route), 401, route.path);
  });
});

describe("every page fits, is accessible and speaks one language, in every look", () => {
  const walkers: readonly Role[] = ["billing", "operator", "privacy-officer"];
  const takenBy = (roles: readonly Role[]): Role | undefined =>
    walkers.toReversed().find((role) => roles.includes(role));

  test("each by somebody who may see it", async () => {
    const all = [...operatorPages(subject), ...OPERATOR_TABS];
    const faults = await Promise.all(
      walkers.map(async (role) => {
        const page = await enter(role);
        const found: string[] = [];
        for (const { path, roles } of all) {
          if (takenBy(roles) !== role) continue;
          await open(page, path);
          found.push(...(await faultsInAllLooks(page, operatorTexts)));
        }
        return found;
      }),
    );
    assertNoFaults(faults.flat());
  });

  test("login, a refused address, one that leads nowhere", async () => {
    const stranger = await arrive();
    await settled(stranger);
    const faults = await faultsInAllLooks(stranger, operatorTexts);
    const viewer = await enter("viewer");
    for (const path of ["/audit", "/nowhere"]) {
      await open(viewer, path);
      faults.push(...(await faultsInAllLooks(viewer, operatorTexts)));
    }
    assertNoFaults(faults);
  });
});

test("blocks that were released meanwhile are counted on a page that nobody loaded again", async () => {
  const { page, before: count } = watcher;
  await moreBlocksReleased(page, count);
  assert.equal(await page.evaluate(() => "isSamePage" in window), true);
});

test("no error, no violated policy, no request to another host, in all of the above", () => {
  assert.deepEqual([...new Set(visitors.flatMap(({ complaints }) => complaints))], []);
});

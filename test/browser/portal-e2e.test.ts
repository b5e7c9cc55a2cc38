/**
 * A customer's whole way through the portal, in a real browser against a real deployment: sign-up and the recovery drill, the meter that
 * answers, his month, his bill, who saw what, his exports, a share, a forgotten password, another device, and the end of the account. What the
 * pages say is held against what his meter measured. Run by `npm run test:browser`; needs Chromium, xmllint and the built pages.
 */
import assert from "node:assert/strict";
import { createHash, generateKeyPairSync } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import {
  createPortalClient,
  openShared,
  parseRecoveryKey,
  parseShareSecret,
} from "@smarter-metering/customer";
import { parseEnrolmentCode, primitives } from "@smarter-metering/protocol";
import { readSource } from "@smarter-metering/readings";
import { registryFiles } from "../../cli/src/audit/registry.ts";
import { layoutOf } from "../../cli/src/deployment/layout.ts";
import { withMasterKey } from "../../packages/customer/src/vault.ts";
import { unwrapItem } from "../../packages/customer/src/wrapped-item.ts";
import { enCodes } from "../../services/ucs/web/src/texts/en-codes.ts";
import { run, temporaryFolder } from "../e2e/command-line.ts";
import type { Household } from "../e2e/deployment-output.ts";
import { DESKTOP, PHONE, visit, type Visitor } from "./chromium.ts";
import { startDeployment, type Deployment } from "./deployment.ts";
import { assertEspi } from "./espi-schema.ts";
import { keepUntilEnd } from "./keep.ts";
import { settled } from "./looks.ts";
import { faultsOf, speak } from "./portal-looks.ts";
import {
  beginSignUp,
  connect,
  figure,
  goTo,
  logIn,
  OTHER_RECOVERY_KEY,
  recover,
  typeBack,
} from "./portal-steps.ts";

const ZONE = "Europe/Zurich";
const ANNA = { name: "anna", password: "long enough, first" };
const RECOVERED = { ...ANNA, password: "long enough, second" };
const { problems } = enCodes;
/** The demonstration's 24 households make two neighbourhoods. */
const OTHERS = 11;

/** A row of the customer's CSV without the column of costs, which not every table has. */
type Row = readonly string[];
const COLUMNS = 6;
const IMPORT = 3;
const rowsOf = (csv: string): Row[] =>
  csv
    .trim()
    .split("\n")
    .slice(1)
    .map((line) => line.split(",").slice(0, COLUMNS));

/** Of decimal kWh with six digits. */
const milliwattHours = (text = ""): number => Number(text.replace(".", ""));

describe("a customer of the portal", () => {
  const folder = temporaryFolder();
  let deployment: Deployment;
  let household: Household;
  let visitor: Visitor;
  let recoveryKey = "";
  /** Of the billed month, as the command line opens them. */
  let readings: Row[] = [];
  let month = "";

  const keep = keepUntilEnd();

  before(async () => {
    deployment = await keep(startDeployment());
    const stranger = Object.values(deployment.households()).find(({ login }) => login === null);
    assert(stranger !== undefined);
    household = stranger;
    visitor = await keep(visit(deployment.portal, PHONE));
  });

  test("signs up, is held to the recovery key, and is connected by the meter", async () => {
    const { page } = visitor;
    await page.goto(deployment.portal);
    recoveryKey = await beginSignUp(page, ANNA);
    await typeBack(page, OTHER_RECOVERY_KEY);
    await page
      .getByRole("alert")
      .filter({ hasText: problems["DRILL_DIFFERS"] ?? "?" })
      .waitFor();
    await typeBack(page, recoveryKey.toLowerCase());
    await connect(page, household.networkPseudonym, household.enrolmentCode);
    await page.getByRole("heading", { name: "Overview" }).waitFor();
  });

  test("sees his month: the sum of what his meter measured", async () => {
    const { page } = visitor;
    const password = join(folder, "password");
    writeFileSync(password, ANNA.password, { mode: 0o600 });
    const words = ["--login", ANNA.name, "--password-file", password, "--zone", ZONE];
    const { code, stdout, stderr } = await run(
      "portal",
      "export",
      "--dir",
      deployment.dir,
      ...words,
    );
    assert.equal(code, 0, stderr);
    const all = rowsOf(stdout);
    month = all[0]?.[0]?.slice(0, 7) ?? "";
    readings = all.filter(([local = ""]) => local.startsWith(month));
    assert(readings.length > 28 * 96, `only ${readings.length} readings`);
    const sum = readings.reduce((total, row) => total + milliwattHours(row[IMPORT]), 0);
    await goTo(page, `/usage/month/${month}-01`);
    await settled(page);
    assert.equal(await figure(page, "Used"), `${decimal(sum)} kWh`);
    assert.equal(await page.locator(".notice").count(), 0, "a whole month has no gaps");
  });

  test("finds his bill equal to its re-computation, link by link", async () => {
    const { page } = visitor;
    await goTo(page, "/bills");
    await page.getByText("difference 0").first().waitFor();
    await page.locator("main tbody a").first().click();
    await page.getByText("Difference: CHF 0.00").waitFor();
    const links = await page
      .locator("ul.links > li")
      .evaluateAll((all) => all.map((link) => `${link.className}: ${link.textContent}`));
    assert.deepEqual(
      links.filter((link) => !link.startsWith("link ok")),
      [],
    );
    assert(links.length >= 11, `only ${links.length} links`);
  });

  test("sees who saw what, with how many others, in the log", async () => {
    const { page } = visitor;
    await goTo(page, `/privacy?month=${month}`);
    await settled(page);
    const sentences = await page.locator(".releases summary").allTextContents();
    const mixed = `was added to that of at least ${OTHERS} other households`;
    const sums = sentences.filter((text) => text.includes(mixed));
    const bills = sentences.filter((text) => text.includes("your supplier got the total"));
    const days = new Set(readings.map(([local = ""]) => local.slice(0, 10))).size;
    assert.deepEqual([sums.length, bills.length], [days, 1]);
    for (const text of sentences) assert.match(text, /in the log$/);
    await page.getByText(household.registryFingerprint).waitFor();
    assert.equal(await page.locator(".notice.alarm, .link.broken").count(), 0);
  });

  test("sees live readings arrive", async () => {
    const { page } = visitor;
    await goTo(page, "/");
    await page.locator(".live-value", { hasText: /\d\s?k?W/ }).waitFor();
    await page.getByText("live", { exact: true }).waitFor();
  });

  test("takes his readings along: a table, and a Green Button that is valid and reads back", async (context) => {
    const { page } = visitor;
    await goTo(page, "/export");
    await settled(page);
    const last = readings.at(-1)?.[0]?.slice(0, 10) ?? "";
    await page.locator("[name=first]").fill(`${month}-01`);
    await page.locator("[name=last]").fill(last);
    const made = async (button: string): Promise<string> => {
      const download = page.waitForEvent("download");
      await page.getByRole("button", { name: button }).click();
      return (await download).path();
    };
    assert.deepEqual(rowsOf(readFileSync(await made("Make the table"), "utf8")), readings);
    const feed = readFileSync(await made("Make the file"), "utf8");
    const note = (text: string): void => context.diagnostic(text);
    await assertEspi(feed, { folder, name: "portal", note });
    const { series } = await readSource(join(folder, "portal.xml"));
    const [own] = series;
    assert.deepEqual(
      [...(own?.importMilliwattHours ?? [])],
      readings.map((row) => milliwattHours(row[IMPORT])),
    );
  });

  test("shares the month with a key, whose owner opens and proves it", async () => {
    const { page } = visitor;
    const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const pem = publicKey.export({ type: "spki", format: "pem" }).toString();
    const spki = publicKey.export({ type: "spki", format: "der" });
    await page.getByLabel("Public key of the other").fill(pem);
    await page.getByRole("button", { name: "Check the key" }).click();
    const fingerprint = createHash("sha256").update(spki).digest("hex");
    await page.getByText((fingerprint.match(/.{4}/g) ?? []).join(" ")).waitFor();
    await page.getByLabel("What for").fill("advice");
    await page.getByLabel("I have compared the fingerprint").check();
    const download = page.waitForEvent("download");
    await page.getByRole("button", { name: "Make the sealed file" }).click();
    const jwe = readFileSync(await (await download).path(), "utf8");
    const secret = await parseShareSecret(
      privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    );
    const { rootKey, epochs, networkView } = await registryFiles(layoutOf(deployment.dir));
    const text = await networkView(epochs.length - 1);
    const registry = { rootKey, epochs, view: { name: "network", text } } as const;
    const { shared, proof } = await openShared(jwe, secret, registry);
    assert.equal(proof.status, "proven");
    assert.equal(shared.purpose, "advice");
    assert.deepEqual(
      shared.readings.map(({ importMilliwattHours }) => importMilliwattHours),
      readings.map((row) => milliwattHours(row[IMPORT])),
    );
  });

  test("leaves nothing secret at rest: while it is open, locked, and signed out", async () => {
    const { page } = visitor;
    const secrets = await secretsOf(deployment.portal, household, recoveryKey, readings);
    assert.deepEqual(await visitor.secretsAtRest(secrets), []);
    await page.getByRole("button", { name: "Lock", exact: true }).click();
    await page.getByRole("heading", { name: "Locked" }).waitFor();
    assert.deepEqual(await visitor.secretsAtRest(secrets), []);
    await page.locator("[name=password]").fill(ANNA.password);
    await page.getByRole("button", { name: "Unlock" }).click();
    const signOut = page.getByRole("button", { name: "Sign out" }).first();
    // The page forgets at once; the session's end is the portal's answer.
    await Promise.all([
      page.waitForResponse((response) => response.request().method() === "DELETE"),
      signOut.click(),
    ]);
    await page.getByText("You are signed out").waitFor();
    assert.deepEqual(await visitor.context.cookies(), []);
    await page.goBack();
    await page.locator("[name=password]").waitFor();
    // A scan that cannot find anything proves nothing.
    const planted = `planted ${"x".repeat(40)}`;
    await page.evaluate((text) => localStorage.setItem("planted", text), planted);
    assert.deepEqual(visitor.complaints, []);
    const left = await visitor.secretsLeft({ ...secrets, planted });
    assert.notDeepEqual(left, []);
    assert.deepEqual(
      left.filter((found) => !found.startsWith("planted in /")),
      [],
    );
  });

  test("is refused with a wrong password, and with a wrong recovery key; the right one opens all again", async () => {
    visitor = await keep(visit(deployment.portal, DESKTOP));
    const { page } = visitor;
    const refusal = page.getByRole("alert").filter({
      hasText: problems["CUSTOMER_UNLOCK_FAILED"] ?? "?",
    });
    await page.goto(deployment.portal);
    await logIn(page, { ...ANNA, password: "long enough, wrong" });
    await refusal.waitFor();
    await page.getByRole("link", { name: "Use your recovery key" }).click();
    await recover(page, RECOVERED, OTHER_RECOVERY_KEY);
    await refusal.waitFor();
    await recover(page, RECOVERED, recoveryKey);
    await page.getByRole("heading", { name: "Overview" }).waitFor();
    await goTo(page, "/bills");
    await page.getByText("difference 0").first().waitFor();
  });

  test("has the same on a second device without letter or key; it locks when nobody uses it", async () => {
    const second = await visit(deployment.portal, PHONE);
    const { page } = second;
    try {
      await page.clock.install();
      await page.goto(`${deployment.portal}/usage/month/${month}-01`);
      await logIn(page, ANNA);
      await page.getByRole("alert").waitFor();
      await logIn(page, RECOVERED);
      await settled(page);
      const sum = readings.reduce((total, row) => total + milliwattHours(row[IMPORT]), 0);
      assert.equal(await figure(page, "Used"), `${decimal(sum)} kWh`);
      await page.clock.fastForward("14:00");
      assert.equal(await page.getByRole("heading", { name: "Locked" }).count(), 0);
      await page.clock.fastForward("02:00");
      await page.getByRole("heading", { name: "Locked" }).waitFor();
      assert(!(await page.content()).includes(decimal(sum)), "a locked page shows readings");
      assert.deepEqual(second.complaints, []);
    } finally {
      await second.close();
    }
  });

  test("every page, in both languages and themes, on a phone and a desk: accessible, and it fits", async () => {
    const { page } = visitor;
    await goTo(page, "/bills");
    await page.locator("main tbody a").first().click();
    await page.getByText("Difference: CHF 0.00").waitFor();
    const bill = new URL(page.url()).pathname;
    const inside = [
      "/",
      "/bills",
      bill,
      `/privacy?month=${month}`,
      "/export",
      "/household",
      "/settings",
      ...["day", "week", "month", "year", "live"].map((span) => `/usage/${span}`),
      `/usage/month/${month}-01?view=profile`,
      "/nothing-here",
    ];
    const faults = await faultsOf(page, inside);
    await page
      .getByRole("button", { name: /Sign out|Se déconnecter/ })
      .first()
      .click();
    await page.locator("[name=password]").waitFor();
    faults.push(...(await faultsOf(page, ["/", "/sign-up", "/recover"])));
    assert.deepEqual([...new Set(faults)], []);
    assert.deepEqual(visitor.complaints, []);
  });

  test("deletes the account, which is then unknown", async () => {
    const { page } = visitor;
    await page.goto(`${deployment.portal}/settings`);
    await speak(page, "en");
    await page.setViewportSize({ width: 360, height: 780 });
    await logIn(page, RECOVERED);
    const panel = page.locator(".panel", { hasText: "This cannot be undone" });
    await panel.getByRole("button", { name: "Delete the account" }).click();
    await panel.getByText("the law makes him keep them").waitFor();
    await panel.locator("[name=password]").fill(RECOVERED.password);
    await panel.locator("[name=word]").fill("delete");
    await panel.getByRole("button", { name: "Delete my account" }).click();
    await page.getByText("Your account is deleted").waitFor();
    await logIn(page, RECOVERED);
    await page.getByRole("alert").waitFor();
    assert.deepEqual(visitor.complaints, []);
  });
});

/** kWh with two digits, rounded half away from zero. */
const decimal = (energyMilliwattHours: number): string =>
  (Math.floor((energyMilliwattHours + 5_000) / 10_000) / 100).toFixed(2);

/** Everything of a customer that may lie nowhere, made from his password on a device of our own. */
async function secretsOf(
  origin: string,
  { enrolmentCode }: Household,
  recoveryKey: string,
  readings: readonly Row[],
): Promise<Record<string, string | Uint8Array>> {
  const random = (length: number): Uint8Array => primitives.randomBytes(length);
  const client = createPortalClient({ fetch, origin, session: "bearer", random });
  const { keys, items } = await client.login(ANNA.name, ANNA.password);
  await client.logout();
  const [masterKey, privateKey] = await withMasterKey(ANNA.name, keys, items, async (key) => [
    Uint8Array.from(key),
    await unwrapItem(ANNA.name, "private-key", items["private-key"], key),
  ]);
  assert(masterKey !== undefined && privateKey !== undefined);
  const some = readings.slice(40, 44).map((row) => milliwattHours(row[IMPORT]));
  return {
    password: ANNA.password,
    "recovery key": recoveryKey,
    "recovery key, bytes": parseEnrolmentCode(parseRecoveryKey(recoveryKey).slice(2)),
    "enrolment code": enrolmentCode,
    "enrolment code, bytes": parseEnrolmentCode(enrolmentCode),
    "authentication key": keys.authenticationKey,
    "wrapping key": keys.wrappingKey,
    "master key": masterKey,
    "private key": privateKey,
    "a part of the private key": privateKey.slice(-200, -100),
    "a row of readings": readings[40]?.slice(0, IMPORT + 1).join(",") ?? "?",
    "readings as text": some.join(","),
    "readings in memory": new Uint8Array(Float64Array.from(some).buffer),
  };
}

/**
 * The portal in a real browser: sign-up with the recovery drill, enrolment with a meter that answers over the bus, the day's total, a live
 * reading, locking and signing out, which forget; then a new password on another device, where the meter comes out of the vault. Run by `npm run test:browser`; needs Chromium and the built pages.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import {
  decodeEnrolmentRequest,
  encodeEnrolmentCode,
  recipientFromSpki,
} from "@smarter-metering/protocol";
import { listen } from "@smarter-metering/runtime";
import { chromium, type Locator, type Page } from "playwright-core";
import {
  answerNewest,
  envelopeFor,
  offerOf,
  openPortal,
  publishSealed,
} from "../../services/ucs/test/portal.ts";
import { CHROMIUM, CHROMIUM_FLAGS } from "./chromium.ts";

const webFolder = fileURLToPath(new URL("../../services/ucs/dist/web", import.meta.url));
const password = "a long enough password";

/** Gives the recovery key. */
async function signUp(page: Page): Promise<string> {
  await page.getByRole("link", { name: "Make an account" }).click();
  await page.getByLabel("Name", { exact: true }).fill("anna");
  await page.getByRole("textbox", { name: "New password" }).fill(password);
  await page.getByRole("textbox", { name: "Password again" }).fill(password);
  await page.getByRole("button", { name: "Make my keys" }).click();
  const recoveryKey = (await page.locator("#recovery-key code").textContent()) ?? "";
  await page.getByRole("button", { name: "I have kept it" }).click();
  await page.getByLabel("From your note").fill("RK-00000-00000-00000-00000-00000-00");
  await page.getByRole("button", { name: "Make my account" }).click();
  await page.getByRole("alert").filter({ hasText: "recovery key" }).waitFor();
  await page.getByLabel("From your note").fill(recoveryKey.toLowerCase());
  await page.getByRole("button", { name: "Make my account" }).click();
  return recoveryKey;
}

async function recover(page: Page, recoveryKey: string, newPassword: string): Promise<void> {
  await page.getByRole("link", { name: "Use your recovery key" }).click();
  await page.getByLabel("Name", { exact: true }).fill("anna");
  await page.getByLabel("Recovery key").fill(recoveryKey);
  await page.getByRole("textbox", { name: "New password" }).fill(newPassword);
  await page.getByRole("textbox", { name: "Password again" }).fill(newPassword);
  await page.getByRole("button", { name: "Set the new password" }).click();
}

/** What a figure of the page says. */
const figure = (page: Page, label: string, text: string): Locator =>
  page
    .locator(".figure", { has: page.getByText(label, { exact: true }) })
    .filter({ hasText: text });

test("sign-up, enrolment, the day's total, live, lock, sign-out, a new password elsewhere", async () => {
  // Not a skip: a run of the browser tests without a browser has tested nothing.
  assert(existsSync(CHROMIUM), `the browser test did NOT run: there is no ${CHROMIUM}`);
  const portal = await openPortal({}, webFolder);
  const server = await listen({ app: portal.ucs.http, port: 0 });
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_FLAGS });
  const context = await browser.newContext({
    viewport: { width: 360, height: 740 },
    timezoneId: portal.world.zone,
    locale: "en-GB",
  });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (line) => line.type() === "error" && complaints.push(line.text()));
  try {
    const [house] = portal.world.households;
    assert(house !== undefined);
    await offerOf(portal, house, "browser");
    await page.goto(server.url);
    const recoveryKey = await signUp(page);
    await page.getByLabel("Number of the letter").fill(house.network);
    await page.getByLabel("Code of the letter").fill(encodeEnrolmentCode(house.enrolmentCode));
    await Promise.all([
      page.waitForResponse(
        (response) => response.url().endsWith("/v1/enrolments") && response.status() === 202,
      ),
      page.getByRole("button", { name: "Connect", exact: true }).click(),
    ]);
    const request = await portal.bus.last("downlink", house.meterId);
    assert(request !== undefined);
    const { customerSpki } = decodeEnrolmentRequest(request.body);
    await envelopeFor(portal, house, await recipientFromSpki(customerSpki));
    const values = Array.from({ length: 96 }, (_, slot) => (slot === 40 ? 0 : 1_000 * slot));
    const quality = values.map((_, slot) => (slot === 40 ? 1 : 0));
    const blockStart = portal.world.dayStart(0);
    const frame = await house.frames.next(
      { blockStart },
      { importMilliwattHours: values, quality },
    );
    await publishSealed(portal, frame);
    await answerNewest(portal, house);

    await figure(page, "Used", "4.52").first().waitFor();
    await page.getByRole("link", { name: "See the day" }).click();
    await figure(page, "Used", "4.52").waitFor();
    await page.getByText("15 min of this period have no readings").waitFor();
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    assert(width <= 360, `the page is ${width} px wide on a screen of 360`);
    await page.getByRole("radio", { name: "Table" }).check({ force: true });
    const rows = page.getByRole("row").filter({ hasText: "10:00" });
    assert.match((await rows.first().textContent()) ?? "", /0\.126\skWh.*15\smin missing/);

    const live = await house.frames.next(
      { kind: "LIVE", blockStart: portal.world.dayStart(1), firstSlot: 0 },
      { importMilliwattHours: [250_000] },
    );
    await page.getByRole("link", { name: "Overview" }).click();
    await page.getByRole("heading", { name: "Now" }).waitFor();
    await publishSealed(portal, live);
    await page.locator(".live-value", { hasText: "1 kW" }).waitFor();
    await page.getByText("live", { exact: true }).waitFor();

    const stored = await page.evaluate(() =>
      JSON.stringify([Object.entries(localStorage), Object.entries(sessionStorage)]),
    );
    for (const secret of [password, recoveryKey, "anna"]) assert(!stored.includes(secret), stored);
    await page.getByRole("button", { name: "Lock" }).click();
    await page.getByRole("heading", { name: "Locked" }).waitFor();
    assert.deepEqual(await context.cookies(), []);
    await page.getByRole("textbox", { name: "Password" }).fill(password);
    await page.getByRole("button", { name: "Unlock" }).click();
    await page.getByRole("heading", { name: "Overview" }).waitFor();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByText("You are signed out").waitFor();
    assert.deepEqual(await context.cookies(), []);

    const elsewhere = await browser.newContext({ timezoneId: portal.world.zone, locale: "en-GB" });
    const other = await elsewhere.newPage();
    const { view, epoch } = portal.world.ucsFeed.current();
    const change = "households: 50 instead of 100 <b>(looser)</b>";
    const policyNotice = { policyId: "looser", inForceFrom: 1_800_000_000, changes: [change] };
    portal.world.ucsFeed.set(epoch + 1, { ...view, policyNotice });
    await other.goto(server.url);
    const notice = other.locator(".notice", { hasText: "other rules hold" });
    await notice.waitFor();
    assert.deepEqual(await notice.locator("li").allTextContents(), [change]);
    await recover(other, recoveryKey, `${password}, and newer`);
    await figure(other, "Used", "0.25").first().waitFor();
    await elsewhere.close();
    assert.deepEqual(complaints, []);
  } finally {
    await browser.close();
    await server.close();
    await portal.close();
  }
});

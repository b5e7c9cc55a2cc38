/**
 * The portal in a real browser: sign-up with the recovery drill, enrolment with a meter that answers over the bus, the day's total, a live
 * reading, log-out that forgets; then a new password on another device, where the meter comes out of the vault. Run by `npm run test:browser`; needs Chromium and the built pages.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import {
  decodeEnrolmentRequest,
  encodeEnrolmentCode,
  recipientFromSpki,
} from "@smarter-metering/protocol";
import { listen } from "@smarter-metering/runtime";
import { chromium, type Page } from "playwright-core";
import {
  answerNewest,
  envelopeFor,
  offerOf,
  openPortal,
  publishSealed,
} from "../../services/ucs/test/portal.ts";

const CHROMIUM = "/usr/bin/chromium";
const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const webFolder = fileURLToPath(new URL("../../services/ucs/dist/web", import.meta.url));
const password = "a long enough password";

/** Gives the recovery key. */
async function signUp(page: Page): Promise<string> {
  const form = page.locator("form", { hasText: "Sign up" });
  await form.locator("[name=login]").fill("anna");
  await form.locator("[name=password]").fill(password);
  await form.locator("[name=again]").fill(password);
  await form.locator("button").click();
  const recoveryKey = (await page.locator("#recovery-key").textContent()) ?? "";
  await page.getByRole("button", { name: "I have written it down" }).click();
  await page.getByLabel("From your note").fill("RK-00000-00000-00000-00000-00000-00");
  await page.getByRole("button", { name: "Make my account" }).click();
  await page.locator("#status.alarm").waitFor();
  await page.getByLabel("From your note").fill(recoveryKey.toLowerCase());
  await page.getByRole("button", { name: "Make my account" }).click();
  return recoveryKey;
}

async function recover(page: Page, recoveryKey: string, newPassword: string): Promise<void> {
  const form = page.locator("form", { hasText: "Forgot your password?" });
  await form.locator("[name=login]").fill("anna");
  await form.locator("[name=recovery]").fill(recoveryKey);
  await form.locator("[name=password]").fill(newPassword);
  await form.locator("[name=again]").fill(newPassword);
  await form.locator("button").click();
}

test("sign-up, enrolment, the day's total, live, log-out, a new password elsewhere", async () => {
  // Not a skip: a run of the browser tests without a browser has tested nothing.
  assert(existsSync(CHROMIUM), `the browser test did NOT run: there is no ${CHROMIUM}`);
  const portal = await openPortal({}, webFolder);
  const server = await listen({ app: portal.ucs.http, port: 0 });
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  const context = await browser.newContext({
    viewport: { width: 360, height: 740 },
    timezoneId: portal.world.zone,
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
    await page.getByLabel("Network number").fill(house.network);
    await page.getByLabel("Enrolment code").fill(encodeEnrolmentCode(house.enrolmentCode));
    const sent = page.waitForResponse(
      (response) => response.url().endsWith("/v1/enrolments") && response.status() === 202,
    );
    await page.getByRole("button", { name: "Connect" }).click();
    await sent;
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

    await page.locator(".total", { hasText: "4.520 kWh" }).waitFor();
    assert.equal(await page.locator("svg .value").count(), 95);
    assert.equal(await page.locator("svg .gap").count(), 1);
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    assert(width <= 360, `the page is ${width} px wide on a screen of 360`);
    await page.screenshot({ path: join(tmpdir(), "portal-360.png"), fullPage: true });
    await page.setViewportSize({ width: 1100, height: 800 });
    await page.emulateMedia({ colorScheme: "dark" });
    await page.screenshot({ path: join(tmpdir(), "portal-dark.png"), fullPage: true });

    const live = await house.frames.next(
      { kind: "LIVE", blockStart: portal.world.dayStart(1), firstSlot: 0 },
      { importMilliwattHours: [250_000] },
    );
    await publishSealed(portal, live);
    await page.locator(".total", { hasText: "0.250 kWh" }).waitFor();
    await page.getByRole("button", { name: "Previous day" }).click();
    await page.locator(".total", { hasText: "4.520 kWh" }).waitFor();

    const stored = await page.evaluate(() => JSON.stringify(Object.entries(localStorage)));
    assert(!stored.includes(password));
    await page.getByRole("button", { name: "Log out" }).click();
    await page.getByRole("button", { name: "Log in" }).waitFor();
    assert.deepEqual(await context.cookies(), []);

    const elsewhere = await browser.newContext({ timezoneId: portal.world.zone });
    const other = await elsewhere.newPage();
    assert.equal(await page.locator(".notice").count(), 0);
    const { view, epoch } = portal.world.ucsFeed.current();
    const change = "households: 50 instead of 100 <b>(looser)</b>";
    const policyNotice = { policyId: "looser", inForceFrom: 1_800_000_000, changes: [change] };
    portal.world.ucsFeed.set(epoch + 1, { ...view, policyNotice });
    await other.goto(server.url);
    const notice = other.getByRole("complementary", { name: "Announcement" });
    await notice.waitFor();
    assert.deepEqual(await notice.locator("li").allTextContents(), [change]);
    assert.match((await notice.locator("h2").textContent()) ?? "", /^From 2027-01-15 the rules/);
    await recover(other, recoveryKey, `${password}, and newer`);
    await other.locator(".total", { hasText: "0.250 kWh" }).waitFor();
    await elsewhere.close();
    assert.deepEqual(complaints, []);
  } finally {
    await browser.close();
    await server.close();
    await portal.close();
  }
});

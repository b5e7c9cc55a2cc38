/**
 * Pictures of every page of both applications for docs/images, from a demonstration of 120 households under the default policy: two
 * widths, light and dark, and four for the README. Needs Debian's Chromium and built pages (`npm run screenshots` builds them).
 */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { DESKTOP, visit } from "../test/browser/chromium.ts";
import { startDemonstration, type Deployment } from "../test/browser/deployment.ts";
import { settled } from "../test/browser/looks.ts";
import { logIn as logInOperator, open } from "../test/browser/operator-desk.ts";
import { OPERATOR_TABS, operatorPages, type Role } from "../test/browser/operator-pages.ts";
import { goTo, logIn as logInCustomer } from "../test/browser/portal-steps.ts";
import { toIndexedPng } from "./indexed-png.ts";

const folder = fileURLToPath(new URL("../docs/images", import.meta.url));
/** Enough for one neighbourhood under the default policy, a month's bill, and a week of the next month. */
const SIZE = ["--households", "120", "--days", "40", "--customers", "1"];
const DATE = "2026-11-05";
const COHORT = "north";
/** 2026-10-01T00:00 in Europe/Zurich. */
const WINDOW_START_SECONDS = Date.parse("2026-09-30T22:00:00Z") / 1000;

const WIDTHS = [1280, 360] as const;
const THEMES = ["light", "dark"] as const;
/** Longer pages are cut there. */
const HEIGHT_MAX = 1400;
const README_HEIGHT = 800;
/** Live charts are never idle. */
const DRAWING_MS_MAX = 300;
const README: ReadonlySet<string> = new Set([
  "operators-overview",
  "operators-load-day",
  "portal-usage-month",
  "portal-bill",
]);

const PORTAL_OUTSIDE: readonly (readonly [name: string, path: string])[] = [
  ["login", "/"],
  ["sign-up", "/sign-up"],
  ["recover", "/recover"],
];
const PORTAL_INSIDE: readonly (readonly [name: string, path: string])[] = [
  ["overview", "/"],
  ["usage-day", `/usage/day/${DATE}`],
  ["usage-week", `/usage/week/${DATE}`],
  ["usage-month", "/usage/month/2026-10-15"],
  ["usage-year", "/usage/year/2026-10-15"],
  ["usage-live", "/usage/live"],
  ["bills", "/bills"],
  ["bill", `/bills/${WINDOW_START_SECONDS}`],
  ["privacy", "/privacy"],
  ["export", "/export"],
  ["household", "/household"],
  ["settings", "/settings"],
];

function keep(name: string, png: Buffer): void {
  writeFileSync(join(folder, `${name}.png`), toIndexedPng(png));
}

/** The page that is open, in its four looks. */
async function picture(page: Page, name: string): Promise<void> {
  for (const width of WIDTHS) {
    for (const theme of THEMES) {
      await page.setViewportSize({ width, height: README_HEIGHT });
      await page.emulateMedia({ colorScheme: theme, reducedMotion: "reduce" });
      await drawn(page);
      const high = await page.evaluate(() => document.documentElement.scrollHeight);
      await page.setViewportSize({ width, height: Math.min(high, HEIGHT_MAX) });
      await drawn(page);
      keep(`${name}-${width}-${theme}`, await page.screenshot());
    }
  }
  if (!README.has(name)) return;
  await page.setViewportSize({ width: DESKTOP.width, height: README_HEIGHT });
  await page.emulateMedia({ colorScheme: "light" });
  await drawn(page);
  keep(`readme-${name}`, await page.screenshot());
}

/** Nothing loads, and what changed its size has been drawn again. */
async function drawn(page: Page): Promise<void> {
  await settled(page);
  await page.evaluate(
    (timeout) => new Promise((resolve) => requestIdleCallback(() => resolve(null), { timeout })),
    DRAWING_MS_MAX,
  );
}

async function operatorPictures(deployment: Deployment): Promise<void> {
  const stranger = await visit(deployment.mdms, DESKTOP);
  await stranger.page.goto(deployment.mdms);
  await settled(stranger.page);
  await picture(stranger.page, "operators-login");
  await stranger.close();
  const [home] = Object.values(deployment.households());
  assert(home !== undefined);
  const from = new Date(1000 * WINDOW_START_SECONDS).toISOString().replace(".000Z", "Z");
  const subject = { cohort: COHORT, date: DATE, servicePoint: home.servicePoint, from };
  const pages = [...operatorPages(subject), ...OPERATOR_TABS];
  const taken = new Set<string>();
  for (const role of ["operator", "billing", "privacy-officer"] satisfies Role[]) {
    const visitor = await visit(deployment.mdms, DESKTOP);
    const account = deployment.operators.find((operator) => operator.role === role);
    assert(account !== undefined);
    await visitor.page.goto(deployment.mdms);
    await logInOperator(visitor.page, account);
    for (const { name, path, roles } of pages) {
      if (taken.has(name) || !roles.includes(role)) continue;
      taken.add(name);
      await open(visitor.page, path);
      await picture(visitor.page, `operators-${name}`);
    }
    await visitor.close();
  }
}

async function portalPictures(deployment: Deployment): Promise<void> {
  const visitor = await visit(deployment.portal, DESKTOP);
  const { page } = visitor;
  for (const [name, path] of PORTAL_OUTSIDE) {
    await page.goto(new URL(path, deployment.portal).href);
    await settled(page);
    await picture(page, `portal-${name}`);
  }
  await page.goto(deployment.portal);
  const home = Object.values(deployment.households()).find(({ login }) => login !== null);
  assert(home !== undefined && home.login !== null && home.password !== null);
  await logInCustomer(page, { name: home.login, password: home.password });
  await page.locator("nav").first().waitFor();
  for (const [name, path] of PORTAL_INSIDE) {
    await goTo(page, path);
    await settled(page);
    await picture(page, `portal-${name}`);
  }
  await visitor.close();
}

const deployment = await startDemonstration(...SIZE);
try {
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(folder)) if (name.endsWith(".png")) rmSync(join(folder, name));
  await operatorPictures(deployment);
  await portalPictures(deployment);
} finally {
  await deployment.close();
}

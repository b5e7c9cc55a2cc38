/**
 * Debian's Chromium for the browser tests: a fresh profile in a folder of its own, and pages that are watched for what must never happen
 * (an error, a violated policy, a request to another host, something inaccessible, something secret on disk).
 */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium, type BrowserContext, type Page } from "playwright-core";

export const CHROMIUM = "/usr/bin/chromium";
export const CHROMIUM_FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** For anything to appear: whoever waits in vain fails, but a busy machine is no failure. */
const WAIT_MS_MAX = 60_000;

export interface Look {
  readonly width: number;
  readonly theme: "light" | "dark";
  readonly language: "en" | "fr";
}

export const DESKTOP: Look = { width: 1280, theme: "light", language: "en" };
export const PHONE: Look = { width: 360, theme: "light", language: "en" };

const localeOf = (language: Look["language"]): string => (language === "fr" ? "fr-CH" : "en-GB");

export interface Visitor {
  readonly context: BrowserContext;
  readonly page: Page;
  /** Console errors, exceptions, policy violations and requests to other origins so far, in words. */
  readonly complaints: string[];
  /** Those of `secrets` (UTF-8 text or bytes) that some file of the profile or some storage of the page holds. */
  secretsAtRest(secrets: Readonly<Record<string, string | Uint8Array>>): Promise<string[]>;
  /** Ends the visit, and what the browser has kept of it: as `secretsAtRest`, after it has written everything. */
  secretsLeft(secrets: Readonly<Record<string, string | Uint8Array>>): Promise<string[]>;
  close(): Promise<void>;
}

/** Visits `origin` with a profile of its own. Not finding Chromium is a failure: a run without a browser has tested nothing. */
export async function visit(
  origin: string,
  { width, theme, language }: Look,
  timezoneId = "Europe/Zurich",
): Promise<Visitor> {
  assert(existsSync(CHROMIUM), `the browser tests did NOT run: there is no ${CHROMIUM}`);
  const profile = mkdtempSync(join(tmpdir(), "smarter-metering-browser-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: CHROMIUM,
    args: [...CHROMIUM_FLAGS, `--lang=${localeOf(language)}`],
    viewport: { width, height: width < 600 ? 780 : 900 },
    colorScheme: theme,
    locale: localeOf(language),
    timezoneId,
    acceptDownloads: true,
  });
  context.setDefaultTimeout(WAIT_MS_MAX);
  const page = context.pages()[0] ?? (await context.newPage());
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(`exception: ${String(error)}`));
  page.on("console", (line) => {
    // A refused request is an answer that the page shows; Chromium logs it all the same.
    const isRefusal =
      /the server responded with a status of (400|401|403|404|409|422|429|503)/.test(line.text());
    if (line.type() === "error" && !isRefusal) complaints.push(`console: ${line.text()}`);
  });
  context.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(`${origin}/`) && !url.startsWith("blob:"))
      complaints.push(`foreign: ${url}`);
  });
  await page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
      queueMicrotask(() => {
        throw new Error(`policy violated: ${violatedDirective} ${blockedURI}`); // Seen as a pageerror.
      }),
    );
  });
  return {
    context,
    page,
    complaints,
    secretsAtRest: (secrets) => secretsAtRest(context, page, profile, secrets),
    async secretsLeft(secrets) {
      await context.close();
      return secretsIn(placesIn(profile), secrets);
    },
    async close() {
      await context.close();
      rmSync(profile, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What axe-core finds against WCAG 2.2 A and AA, as `rule: where`. */
export async function inaccessible(page: Page): Promise<string[]> {
  await page.evaluate(`${axe}; undefined`);
  // Half way from one theme to the other no colour is what it will be.
  await page.evaluate(async () => {
    const transitions = document.getAnimations().filter((one) => one instanceof CSSTransition);
    await Promise.allSettled(transitions.map(({ finished }) => finished));
  });
  const found = await page.evaluate(`axe.run(document, {
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
  }).then(({ violations }) => violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => id + ": " + target.join(" ") + ": " + failureSummary)))`);
  return found as string[];
}

/** The page is no wider than the screen. */
export async function assertFits(page: Page): Promise<void> {
  const { wide, screen } = await page.evaluate(() => ({
    wide: document.documentElement.scrollWidth,
    screen: window.innerWidth,
  }));
  assert(wide <= screen, `${page.url()} is ${wide} px wide on a screen of ${screen}`);
}

async function secretsAtRest(
  context: BrowserContext,
  page: Page,
  profile: string,
  secrets: Readonly<Record<string, string | Uint8Array>>,
): Promise<string[]> {
  const stored = await page.evaluate(async () => {
    const databases = await indexedDB.databases();
    const stores = "caches" in window ? await caches.keys() : [];
    const [local, session] = [Object.entries(localStorage), Object.entries(sessionStorage)];
    return JSON.stringify([local, session, databases, stores]);
  });
  // The session's own token is the one secret that a browser has to keep: HttpOnly, in the jar.
  await context.cookies(); // Written out by now, or never.
  return secretsIn([["storage of the page", Buffer.from(stored)], ...placesIn(profile)], secrets);
}

type Place = readonly [name: string, bytes: Buffer];

const placesIn = (profile: string): Place[] =>
  filesOf(profile).map((path) => [path.slice(profile.length), readFileSync(path)]);

function secretsIn(
  places: readonly Place[],
  secrets: Readonly<Record<string, string | Uint8Array>>,
): string[] {
  const found: string[] = [];
  for (const [name, secret] of Object.entries(secrets)) {
    for (const form of formsOf(secret)) {
      const holders = places.filter(([, bytes]) => bytes.includes(form)).map(([place]) => place);
      found.push(...holders.map((place) => `${name} in ${place}`));
    }
  }
  return [...new Set(found)];
}

function formsOf(secret: string | Uint8Array): Buffer[] {
  if (typeof secret === "string")
    return [Buffer.from(secret, "utf8"), Buffer.from(secret, "utf16le")];
  const bytes = Buffer.from(secret);
  return [
    bytes,
    ...(["base64", "base64url", "hex"] as const).map((form) => Buffer.from(bytes.toString(form))),
  ];
}

/** Larger files are Chromium's own components. */
const FILE_BYTES_MAX = 64 * 1024 * 1024;

function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((path) => {
      const stat = statSync(path, { throwIfNoEntry: false });
      return stat?.isFile() === true && stat.size <= FILE_BYTES_MAX;
    });
}

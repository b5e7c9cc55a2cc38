/** An operator at the desk: logging in, an authenticator app, files that the pages save. */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Locator, Page } from "playwright-core";
import { en } from "../../services/mdms/web/src/texts/en.ts";
import { fr } from "../../services/mdms/web/src/texts/fr.ts";
import { kitTexts } from "../../packages/web/src/language/kit-texts.ts";
import { settled } from "./looks.ts";

/** Everything that the pages say by themselves. */
export const operatorTexts = { en: [en, kitTexts.en], fr: [fr, kitTexts.fr] };

export interface Credentials {
  readonly login: string;
  readonly password: string;
  readonly code?: string;
}

/** Sends the form; whether it lets in is for the caller to see. */
export async function sendLogin(page: Page, { login, password, code }: Credentials): Promise<void> {
  await page.getByLabel(en.login.login, { exact: true }).fill(login);
  await page.getByRole("textbox", { name: en.login.password }).fill(password);
  await page.getByLabel(en.login.code).fill(code ?? "");
  await page.getByRole("button", { name: en.login.submit }).click();
}

export async function logIn(page: Page, credentials: Credentials): Promise<void> {
  await sendLogin(page, credentials);
  await page.getByRole("button", { name: credentials.login }).waitFor();
  await settled(page);
}

export async function logOut(page: Page, login: string): Promise<void> {
  await page.getByRole("button", { name: login }).click();
  await page.getByRole("button", { name: en.nav.logOut }).click();
  await page.getByRole("heading", { name: en.login.title }).waitFor();
}

/** The address by the browser's own bar: everything is loaded anew. */
export async function open(page: Page, path: string): Promise<void> {
  await page.goto(new URL(path, page.url()).href);
  await settled(page);
}

/** What is around a figure's label. */
export const figure = (page: Page, label: string): Locator =>
  page.locator(".figure", { has: page.getByText(label, { exact: true }) });

/** As the page writes what was `wattHours` in a quarter of an hour. */
export function kilowattsText(wattHours: number): string {
  const watts = 4 * wattHours;
  const text = (value: number, options: Intl.NumberFormatOptions): string =>
    new Intl.NumberFormat("en-GB", options).format(value);
  return watts < 1000
    ? `${text(watts, { maximumFractionDigits: 0 })}\u202fW`
    : `${text(watts / 1000, { maximumSignificantDigits: 3 })}\u202fkW`;
}

/** Instead of the chart. */
export const showTable = (page: Page): Promise<void> =>
  page.getByRole("radio", { name: "Table" }).first().check({ force: true });

/** What the overview counts. */
export async function blocksReleased(page: Page): Promise<number> {
  const text = await figure(page, en.overview.loadBlocks).innerText();
  return Number(/\d+/.exec(text)?.[0]);
}

/** A day of the neighbourhood is 24 seconds of a demonstration, and its release waits for the cut-off of the day after. */
const RELEASE_MS_MAX = 90_000;

/** Resolves when the overview counts more than `least`. */
export async function moreBlocksReleased(page: Page, least: number): Promise<void> {
  await page.waitForFunction(
    ([label, count]) => {
      const figures = [...document.querySelectorAll<HTMLElement>(".figure")];
      const text = figures.find((one) => one.innerText.includes(label))?.innerText ?? "";
      return Number(/\d+/.exec(text)?.[0]) > count;
    },
    [en.overview.loadBlocks, least] as const,
    { timeout: RELEASE_MS_MAX },
  );
}

const STEP_SECONDS = 30;
const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** The present step (RFC 6238 §4.2). */
export const totpStep = (): number => Math.floor(Date.now() / 1000 / STEP_SECONDS);

/** The code of a step (RFC 6238, RFC 4226 §5.3) by the secret as the page shows it (RFC 4648 §6). */
export function totpCode(secret: string, step: number): string {
  const bits = Array.from(secret)
    .map((sign) => BASE32.indexOf(sign).toString(2).padStart(5, "0"))
    .join("");
  const bytes = (bits.match(/[01]{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const mac = createHmac("sha1", Buffer.from(bytes)).update(counter).digest();
  const number = mac.readUInt32BE((mac.at(-1) ?? 0) & 15) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, "0");
}

/** Presses what saves a CSV file; gives its rows. None of the files has a quoted comma or line in it. */
export async function savedCsv(page: Page, control: Locator): Promise<string[][]> {
  const [download] = await Promise.all([page.waitForEvent("download"), control.click()]);
  assert(download.suggestedFilename().endsWith(".csv"), download.suggestedFilename());
  const text = await readFile(await download.path(), "utf8");
  assert(!text.includes('"'), "a quoted cell");
  return text
    .trimEnd()
    .split("\r\n")
    .map((line) => line.split(","));
}

/** The status of a request that the open page makes as a page does, with or without the session's token. */
export function status(
  page: Page,
  { method, path }: { readonly method: string; readonly path: string },
): Promise<number> {
  return page.evaluate(
    async ([verb, address]) => {
      const isPost = verb === "POST";
      const headers: Record<string, string> = { "x-mdms-page": "1" };
      if (isPost) {
        const session = (await (await fetch("/v1/session", { headers })).json()) as {
          csrfToken?: string;
        };
        headers["x-csrf-token"] = session.csrfToken ?? "";
        headers["content-type"] = "application/json";
        headers["idempotency-key"] = crypto.randomUUID();
      }
      const options = isPost ? { method: "POST", headers, body: "{}" } : { headers };
      return (await fetch(address, options)).status;
    },
    [method, path] as const,
  );
}

/**
 * A page in every look: two widths, two themes, two languages, changed in place as a person changes them. Each must fit and complain of
 * nothing; axe-core runs in four of the eight, which hold every pair of width, theme and language.
 */
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { assertFits, inaccessible, type Look } from "./chromium.ts";

type Language = Look["language"];

/** The order changes little from one to the next: a language is two loads of the page's data. */
const LOOKS: readonly (Look & { readonly axe: boolean })[] = [
  { language: "en", theme: "light", width: 1280, axe: true },
  { language: "en", theme: "light", width: 360, axe: false },
  { language: "en", theme: "dark", width: 360, axe: true },
  { language: "en", theme: "dark", width: 1280, axe: false },
  { language: "fr", theme: "dark", width: 1280, axe: true },
  { language: "fr", theme: "dark", width: 360, axe: false },
  { language: "fr", theme: "light", width: 360, axe: true },
  { language: "fr", theme: "light", width: 1280, axe: false },
];

/** Nothing is being loaded any more. */
export async function settled(page: Page): Promise<void> {
  await page.locator("main h1").first().waitFor();
  await page.waitForFunction(
    () => document.querySelector(".skeleton, [aria-busy=true], .spinner") === null,
  );
}

export async function putOn(page: Page, { width, theme, language }: Look): Promise<void> {
  await page.setViewportSize({ width, height: width < 600 ? 780 : 900 });
  await page.emulateMedia({ colorScheme: theme });
  await speak(page, language);
  await settled(page);
}

/** By the page's own control, which on a phone may lie under the bar at the foot of the screen. */
async function speak(page: Page, language: Language): Promise<void> {
  const choice = page.locator(`.segments label[lang="${language}"] input`).first();
  await choice.evaluate((input: HTMLInputElement) => {
    if (!input.checked) input.click();
  });
  await page.locator(`html[lang="${language}"]`).waitFor({ state: "attached" });
}

/** What is wrong with the page that is open, in any of its looks; it stays in the last one. */
export async function faultsInAllLooks(
  page: Page,
  texts: Readonly<Record<Language, unknown>>,
): Promise<string[]> {
  const faults: string[] = [];
  for (const look of LOOKS) {
    await putOn(page, look);
    const place = `${page.url()}, ${look.width} px, ${look.theme}, ${look.language}`;
    const isOf = (fault: string): string => `${place}: ${fault}`;
    await assertFits(page).catch((error: unknown) => faults.push(isOf(String(error))));
    if (look.axe) faults.push(...(await inaccessible(page)).map(isOf));
    if (look.width > 600) faults.push(...(await otherWords(page, look.language, texts)).map(isOf));
  }
  return faults;
}

/** Shorter ones are names and words that both languages have. */
const TEXT_CHARS_MIN = 20;

/** Texts of the other language that the page shows. Those that take parameters are not looked for. */
async function otherWords(
  page: Page,
  language: Language,
  texts: Readonly<Record<Language, unknown>>,
): Promise<string[]> {
  const own = new Set(plainTexts(texts[language]));
  const other = plainTexts(texts[language === "en" ? "fr" : "en"]);
  const shown = await page.evaluate(() => document.body.innerText);
  return other
    .filter((text) => text.length > TEXT_CHARS_MIN && !own.has(text) && shown.includes(text))
    .map((text) => `"${text}" is not ${language}`);
}

function plainTexts(value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).flatMap(plainTexts);
}

/** The table of the page with that caption: its rows' cells as they are read. */
export async function tableRows(page: Page, caption: string): Promise<string[][]> {
  const table = page.getByRole("table", { name: caption });
  await table.first().waitFor();
  return table
    .locator("tbody tr")
    .evaluateAll((rows) =>
      rows.map((row) =>
        [...row.querySelectorAll("td")].map((cell) => (cell as HTMLElement).innerText.trim()),
      ),
    );
}

export function assertNoFaults(faults: readonly string[]): void {
  assert.deepEqual([...new Set(faults)], []);
}

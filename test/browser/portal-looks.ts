/** The portal's pages in several looks: two languages, two themes, a phone and a desk. What is inaccessible, or does not fit, is a fault. */
import type { Page } from "playwright-core";
import { assertFits, inaccessible, type Look } from "./chromium.ts";
import { settled } from "./looks.ts";
import { goTo } from "./portal-steps.ts";

/** Four of the eight, which hold every pair of width, theme and language. */
const LOOKS: readonly Look[] = [
  { language: "en", theme: "light", width: 1280 },
  { language: "en", theme: "dark", width: 360 },
  { language: "fr", theme: "light", width: 360 },
  { language: "fr", theme: "dark", width: 1280 },
];

/** By the page's own control. */
export async function speak(page: Page, language: Look["language"]): Promise<void> {
  const choice = page.locator(`.segments label[lang="${language}"] input`).first();
  await choice.evaluate((input: HTMLInputElement) => {
    if (!input.checked) input.click();
  });
  await page.locator(`html[lang="${language}"]`).waitFor({ state: "attached" });
}

/** What is wrong with pages of the application in any of the looks. The page where one chooses the language is where each round begins. */
export async function faultsOf(page: Page, paths: readonly string[]): Promise<string[]> {
  const chooser = paths.includes("/settings") ? "/settings" : "/";
  const faults: string[] = [];
  for (const language of ["en", "fr"] as const) {
    await goTo(page, chooser);
    await speak(page, language);
    for (const path of paths) {
      await goTo(page, path);
      for (const { theme, width } of LOOKS.filter((look) => look.language === language)) {
        await page.setViewportSize({ width, height: 800 });
        await page.emulateMedia({ colorScheme: theme });
        await settled(page);
        const place = `${path}, ${width} px, ${theme}, ${language}`;
        await assertFits(page).catch((error: unknown) => faults.push(String(error)));
        faults.push(...(await inaccessible(page)).map((fault) => `${place}: ${fault}`));
      }
    }
  }
  return faults;
}

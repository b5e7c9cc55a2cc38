/** What a customer does on the portal's pages, in English, step by step: for the tests that drive a browser. */
import type { Locator, Page } from "playwright-core";

export interface Account {
  readonly name: string;
  readonly password: string;
}

/** No key of anybody: well formed, all zero. */
export const OTHER_RECOVERY_KEY = "RK-00000-00000-00000-00000-00000-00";

/** To another page of the application without loading it anew, which would forget the keys. */
export async function goTo(page: Page, path: string): Promise<void> {
  await page.evaluate((to) => {
    history.pushState(null, "", to);
    dispatchEvent(new PopStateEvent("popstate"));
  }, path);
}

export async function logIn(page: Page, { name, password }: Account): Promise<void> {
  await page.locator("[name=name]").fill(name);
  await page.locator("[name=password]").fill(password);
  await page.locator("main button[type=submit]").click();
}

/** Up to the drill, which `typeBack` is for. Gives the recovery key. */
export async function beginSignUp(page: Page, { name, password }: Account): Promise<string> {
  await page.getByRole("link", { name: "Make an account" }).click();
  await page.locator("[name=name]").fill(name);
  await page.locator("[name=newPassword]").fill(password);
  await page.locator("[name=again]").fill(password);
  await page.getByRole("button", { name: "Make my keys" }).click();
  const recoveryKey = (await page.locator("#recovery-key code").textContent()) ?? "";
  await page.getByRole("button", { name: "I have kept it" }).click();
  return recoveryKey;
}

export async function typeBack(page: Page, recoveryKey: string): Promise<void> {
  await page.getByLabel("From your note").fill(recoveryKey);
  await page.getByRole("button", { name: "Make my account" }).click();
}

/** With what the letter says. */
export async function connect(page: Page, network: string, code: string): Promise<void> {
  await page.getByLabel("Number of the letter").fill(network);
  await page.getByLabel("Code of the letter").fill(code);
  await page.getByRole("button", { name: "Connect", exact: true }).click();
}

export async function recover(page: Page, account: Account, recoveryKey: string): Promise<void> {
  await page.locator("[name=name]").fill(account.name);
  await page.locator("[name=recoveryKey]").fill(recoveryKey);
  await page.locator("[name=newPassword]").fill(account.password);
  await page.locator("[name=again]").fill(account.password);
  await page.getByRole("button", { name: "Set the new password" }).click();
}

/** What a figure says, without its unit's thin space. */
export async function figure(place: Page | Locator, label: string): Promise<string> {
  const found = place.locator(`.figure:has(dt:text-is("${label}")) .figure-value`).first();
  return ((await found.textContent()) ?? "").replaceAll(/\s/g, " ").trim();
}

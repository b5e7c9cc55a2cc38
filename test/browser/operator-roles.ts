/** What a role is offered, and that what it is not offered is refused: by the pages in words, by the server on every route. */
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { en } from "../../services/mdms/web/src/texts/en.ts";
import { open, status } from "./operator-desk.ts";
import {
  OPERATOR_TABS,
  operatorPages,
  operatorRoutes,
  type Role,
  type Subject,
} from "./operator-pages.ts";

export async function assertNavigation(page: Page, role: Role, subject: Subject): Promise<void> {
  const links = page.getByRole("navigation").getByRole("link");
  const offered = await links.evaluateAll((all) => all.map((link) => link.getAttribute("href")));
  const own = operatorPages(subject).filter(
    ({ inNavigation, roles }) => inNavigation === true && roles.includes(role),
  );
  assert.deepEqual(
    offered,
    own.map(({ path }) => path),
  );
}

/** Each by its address. */
export async function assertRefusedPages(page: Page, role: Role, subject: Subject): Promise<void> {
  for (const { path, roles } of operatorPages(subject)) {
    if (roles.includes(role)) continue;
    await open(page, path);
    const heading = page.getByRole("heading", { level: 1 });
    assert.equal(await heading.innerText(), en.common.notAllowedTitle, path);
    await page.getByText(en.common.notAllowed(en.roles[role])).waitFor();
  }
}

const TAB_NAMES: Readonly<Record<string, string>> = { ...en.registry.tabs, ...en.privacy.tabs };

export async function assertTabs(page: Page, role: Role, subject: Subject): Promise<void> {
  for (const { path, roles } of OPERATOR_TABS) {
    const { pathname, searchParams } = new URL(path, page.url());
    const above = operatorPages(subject).find((one) => one.path === pathname);
    if (above?.roles.includes(role) !== true) continue;
    await open(page, path);
    const name = TAB_NAMES[searchParams.get("tab") ?? ""] ?? assert.fail(path);
    const count = await page.getByRole("tab", { name, exact: true }).count();
    assert.equal(count, roles.includes(role) ? 1 : 0, path);
  }
}

export async function assertRoutes(page: Page, role: Role, subject: Subject): Promise<void> {
  for (const route of operatorRoutes(subject)) {
    const got = await status(page, route);
    assert.equal(got === 403, !route.roles.includes(role), `${route.path} answers ${got}`);
    assert(got < 500, `${route.path} answers ${got}`);
  }
}

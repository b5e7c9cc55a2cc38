/**
 * The operators' pages in a real browser, on an MDMS of this process: login and its refusal, each role's navigation and what it is refused, a
 * neighbourhood's curve over a change of the clock, a statement, the second factor. Run by `npm run test:browser`; needs Chromium and the
 * built pages.
 */
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { addWebFiles, listen } from "@smarter-metering/runtime";
import type { Page } from "playwright-core";
import { totpCode, totpStep } from "../../services/mdms/src/access/totp.ts";
import { ROLES, type Role } from "../../services/mdms/src/index.ts";
import {
  billRelease,
  loadRelease,
  startFixture,
  type Fixture,
} from "../../services/mdms/test/fixture.ts";
import { assertFits, DESKTOP, inaccessible, PHONE, visit, type Visitor } from "./chromium.ts";
import { keepUntilEnd } from "./keep.ts";

const webFolder = fileURLToPath(new URL("../../services/mdms/dist/web", import.meta.url));
const PASSWORD = "correct horse battery staple";

async function logIn(page: Page, login: string, code?: string): Promise<void> {
  await page.locator("[name=login]").fill(login);
  await page.locator("[name=password]").fill(PASSWORD);
  if (code !== undefined) await page.locator("[name=code]").fill(code);
  await page.locator("button[type=submit]").click();
}

describe("operators' pages", () => {
  let fixture: Fixture;
  let servicePoint = "";
  let server: Awaited<ReturnType<typeof listen>>;
  let visitor: Visitor;

  const keep = keepUntilEnd();

  before(async () => {
    fixture = await keep(startFixture({ startDate: "2025-02-01" }));
    const { world, mdms, http } = fixture;
    servicePoint = world.households[0]?.mdms ?? "";
    await fixture.deliver(
      await billRelease(world, 0, [0, 28], { request: "bill 0", sequence: 0 }),
      await billRelease(world, 0, [28, 59], { request: "bill 1", sequence: 1 }),
      await loadRelease(world, 57, { request: "spring", sequence: 2 }),
      await loadRelease(world, 55, { request: "before", sequence: 3 }),
    );
    for (const role of ROLES) await mdms.createOperator({ login: role, password: PASSWORD, role });
    await addWebFiles(http, webFolder);
    server = await keep(listen({ app: http, port: 0 }));
    visitor = await keep(visit(server.url, DESKTOP));
  });

  const links = (page: Page): Promise<string[]> =>
    page
      .locator("nav .nav-link")
      .evaluateAll((all) => all.map((link) => link.getAttribute("href") ?? ""));
  const logOut = async (page: Page): Promise<void> => {
    await page.locator(".menu > button").click();
    await page.locator(".menu-list button").last().click();
    await page.locator("[name=password]").waitFor();
  };

  test("a wrong password says so and nothing more; a deep link survives the login", async () => {
    const { page } = visitor;
    await page.goto(`${server.url}/neighbourhoods/north?span=day&date=2025-03-30`);
    await page.locator("[name=login]").fill("viewer");
    await page.locator("[name=password]").fill("wrong wrong wrong");
    await page.locator("button[type=submit]").click();
    await page.getByRole("alert").filter({ hasText: "or the account is locked" }).waitFor();
    await logIn(page, "viewer");
    await page.getByRole("heading", { name: "north", level: 1 }).waitFor();
  });

  test("a neighbourhood's day of 23 hours: figures, and every interval in the table", async () => {
    const { page } = visitor;
    const figure = (name: string): Promise<string | null> =>
      page.locator(`.figure:has(dt:text-is("${name}")) .figure-value`).textContent();
    assert.equal((await figure("Peak"))?.replaceAll(/\s/g, " "), "4.36 kW");
    assert.equal(await figure("Contributors"), "4");
    assert.deepEqual(await inaccessible(page), []);
    await page.getByRole("radio", { name: "Table" }).check();
    assert.equal(await page.locator("tbody tr").count(), 92);
    const times = await page.locator("tbody tr td:first-child").allTextContents();
    assert.match(times[7] ?? "", /01:45/);
    assert.match(times[8] ?? "", /03:00/);
    await page.getByRole("radio", { name: "Week", exact: true }).check();
    const gaps = page.locator(".panel", { hasText: "Gaps" });
    await gaps.waitFor();
    assert.equal(
      await gaps.locator("tbody tr").count(),
      5,
      "five days of the week are not released",
    );
  });

  test("each role finds what is its own, and is refused the rest in words", async () => {
    const { page } = visitor;
    const found = new Map<Role, string[]>();
    for (const role of ROLES) {
      await logOut(page);
      await page.goto(`${server.url}/audit`);
      await logIn(page, role);
      const heading = role === "privacy-officer" ? "Audit trail" : "Not for this role";
      await page.getByRole("heading", { name: heading, level: 1 }).waitFor();
      found.set(role, await links(page));
    }
    const all = ["/", "/neighbourhoods", "/tariffs", "/privacy", "/feeders"];
    const customers = ["/service-points", "/statements"];
    for (const [role, more] of [
      ["viewer", []],
      ["billing", [...customers, "/corrections"]],
      ["operator", [...customers, "/registry"]],
      ["privacy-officer", ["/registry", "/audit", "/operators"]],
    ] as const) {
      assert.deepEqual(found.get(role)?.toSorted(), [...all, ...more].toSorted(), role);
    }
  });

  test("a statement as a person expects it, in French too, on a phone too", async () => {
    const path = `/statements/${servicePoint}/2025-02-28T23:00:00Z`;
    for (const look of [DESKTOP, { ...PHONE, language: "fr", theme: "dark" } as const]) {
      const own = await visit(server.url, look);
      const { page } = own;
      try {
        await page.goto(`${server.url}${path}`);
        await logIn(page, "billing");
        await page.locator(".panel table").waitFor();
        const words = await page.locator("main").innerText();
        const expected =
          look.language === "fr"
            ? [/Énergie, high/, /Abonnement\s/, /31 jours/, /la période d’avant/, /À payer/]
            : [/Energy, high/, /Standing charge/, /31 days/, /in the window before/, /Total due/];
        for (const pattern of expected) assert.match(words, pattern);
        assert.deepEqual(await inaccessible(page), []);
        await assertFits(page);
        assert.deepEqual(own.complaints, []);
      } finally {
        await own.close();
      }
    }
  });

  test("a second factor: set up by its secret, asked for at the next login", async () => {
    const { page } = visitor;
    await page.goto(`${server.url}/account`);
    await page.getByRole("button", { name: "Set it up" }).click();
    const panel = page.locator(".panel", { hasText: "Second factor" });
    await panel.locator("[name=password]").fill(PASSWORD);
    await panel.locator("button[type=submit]").click();
    await panel.locator("svg.qr").waitFor();
    const secret = fromBase32((await panel.locator("code").textContent()) ?? "");
    const shown = (): string => totpCode(secret, totpStep(fixture.clock.nowMs() / 1000));
    await panel.locator("[name=code]").fill(shown());
    await panel.locator("button[type=submit]").click();
    await panel.locator(".codes li").first().waitFor();
    assert.equal(await panel.locator(".codes li").count(), 10);
    const [code = ""] = await panel.locator(".codes li").allTextContents();
    await page.getByRole("button", { name: "I have kept them" }).click();
    await logOut(page);
    await logIn(page, "privacy-officer");
    await page.getByRole("alert").waitFor();
    await fixture.clock.advanceTo(fixture.clock.nowMs() + 30_000);
    await logIn(page, "privacy-officer", shown());
    await page.getByRole("heading", { level: 1, name: "My account" }).waitFor();
    await logOut(page);
    await logIn(page, "privacy-officer", code.toLowerCase());
    await page.getByText("9 recovery codes are left").waitFor();
    const held = await visitor.secretsAtRest({ password: PASSWORD, code, secret });
    assert.deepEqual(held, []);
    assert.deepEqual(visitor.complaints, []);
  });
});

function fromBase32(text: string): Uint8Array {
  const bits = Array.from(text.trim(), (char) =>
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(char).toString(2).padStart(5, "0"),
  );
  return Uint8Array.from(bits.join("").match(/.{8}/g) ?? [], (byte) => Number.parseInt(byte, 2));
}

/**
 * A portal that lies to its customer, in a real browser: it changes one answer at a time, and the page says what happened, by its code, or
 * in the words for it. Everything is real but for the lie (test/browser/hostile-proxy.ts). Run by `npm run test:browser`; needs Chromium
 * and the built pages.
 */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { decodeEnrolmentRequest, fromBase64Url, toBase64Url } from "@smarter-metering/protocol";
import { demoTariff } from "../../cli/src/demo/demo-tariff.ts";
import { enCodes } from "../../services/ucs/web/src/texts/en-codes.ts";
import { runAll, temporaryFolder } from "../e2e/command-line.ts";
import { DESKTOP, visit, type Visitor } from "./chromium.ts";
import { startDeployment, type Deployment } from "./deployment.ts";
import { accountOf, billPath, clientOf, heldOf, type Held } from "./held-by-portal.ts";
import { onJson, startHostileProxy, type Attack, type HostileProxy } from "./hostile-proxy.ts";
import { keepUntilEnd } from "./keep.ts";
import { settled } from "./looks.ts";
import {
  AT_LOGIN,
  BILL,
  flipped,
  GROUPS,
  session,
  type Code,
  type Items,
  type Lie,
} from "./portal-lies.ts";
import { beginSignUp, connect, goTo, logIn, typeBack, type Account } from "./portal-steps.ts";

const NEWCOMER: Account = { name: "newcomer", password: "long enough, new" };

/** The portal asks for a new register every half minute (`registryPollSeconds`). */
const SHOWN_MS_MAX = 90_000;

/** A credit note for every bill, sent to the customers as a new version of it; and another tariff, which makes an epoch. */
async function correctAndPublish(deployment: Deployment): Promise<void> {
  const { dir, portal } = deployment;
  const { versions, ...tariff } = demoTariff("Europe/Zurich");
  const lower = versions.map((version) => {
    const { high = 0, low = 0 } = version.pricesMicroPerKilowattHour;
    return { ...version, pricesMicroPerKilowattHour: { high: high - 5_000, low } };
  });
  const folder = temporaryFolder();
  const write = (name: string, document: unknown): string => {
    const path = join(folder, name);
    writeFileSync(path, JSON.stringify(document));
    return path;
  };
  const corrected = write("corrected.json", { ...tariff, versions: lower });
  const another = write("another.json", { ...tariff, tariff: "household-other", versions });
  const about = ["--reason", "lower", "--from", "2000-01-01", "--until", "2999-01-01"];
  const outcomes = await runAll([
    ["statement", "correct", corrected, "--dir", dir, ...about],
    ["tariff", "publish", another, "--dir", dir, "--yes"],
  ]);
  for (const { code, stderr } of outcomes) assert.equal(code, 0, stderr);
  const [first] = Object.values(deployment.households());
  assert(first !== undefined);
  const deadline = performance.now() + SHOWN_MS_MAX;
  for (;;) {
    const client = clientOf(portal, fetch);
    const { name, password } = accountOf(first);
    const login = await client.login(name, password);
    const { statements } = await client.statements(login);
    const { epochs } = await client.registry();
    await client.logout();
    const shown = [statements[0]?.sequence, epochs.length];
    if (isDeepStrictEqual(shown, [2, 2])) return;
    const message = `the portal shows bill and epoch ${shown.join(" and ")}, not the second of each`;
    assert(performance.now() < deadline, message);
    await setTimeout(1_000);
  }
}

/** The words on the page for a code; a finding's are followed by the code itself. */
function wordsFor(code: Code): string {
  const problem = enCodes.problems[code];
  if (problem !== undefined) return problem;
  assert(code in enCodes.findings, `${code} has no words`);
  return code;
}

/** The first answer that one of the lies has. */
const together = (lies: readonly Lie[], own: Held, other: Held): Attack => {
  const answers = lies.map(({ answer }) => answer(own, other));
  return {
    answer: (asked, given) => answers.map((answer) => answer(asked, given)).find(Boolean),
  };
};

describe("a hostile portal", () => {
  let deployment: Deployment;
  let own: Held;
  let other: Held;
  let account: Account;
  let proxy: HostileProxy;
  let visitor: Visitor;

  const keep = keepUntilEnd();

  before(async () => {
    deployment = await keep(startDeployment());
    const [first, second] = Object.values(deployment.households());
    assert(first !== undefined && second !== undefined);
    account = accountOf(first);
    [own, other] = [
      await heldOf(deployment.portal, first),
      await heldOf(deployment.portal, second),
    ];
    // So that there are an older bill and an older register to show again.
    await correctAndPublish(deployment);
    proxy = await keep(startHostileProxy(deployment.portal));
    visitor = await keep(visit(proxy.url, DESKTOP));
  });

  async function begin(attack: Attack | undefined, path = "/"): Promise<void> {
    const { page } = visitor;
    proxy.attack(attack);
    await page.goto(`${proxy.url}${path}`);
    await logIn(page, account);
  }

  test("an honest portal raises no alarm anywhere", async () => {
    const { page } = visitor;
    await begin(undefined);
    const places = [
      ["/", page.getByText("difference 0")],
      ["/bills", page.getByText("difference 0")],
      [billPath(own), page.getByText("Difference: CHF 0.00")],
      ["/privacy", page.locator(".releases li")],
    ] as const;
    for (const [path, content] of places) {
      await goTo(page, path);
      await content.first().waitFor();
      await settled(page);
      assert.deepEqual(await page.locator(".notice.alarm, .link.broken").allTextContents(), []);
    }
    assert.deepEqual(visitor.complaints, []);
  });

  for (const lie of AT_LOGIN) {
    test(`at the login: ${lie.name}`, async () => {
      await begin(together([lie], own, other));
      await visitor.page
        .getByRole("alert")
        .filter({ hasText: wordsFor(lie.code) })
        .waitFor();
      if (lie.code !== "CUSTOMER_WEAK_ITERATIONS") return;
      assert.deepEqual(
        proxy.asked().filter(({ method }) => method !== "GET"),
        [],
        "something made of the password was sent",
      );
    });
  }

  test("the pinned meters of another account: no meter is believed but by the letter", async () => {
    const attack = session((body, { session: { pinnedMeters } }) => ({ ...body, pinnedMeters }));
    await begin({ answer: attack(own, other) });
    await visitor.page.getByRole("heading", { name: "Confirm your meter" }).first().waitFor();
  });

  for (const lies of GROUPS) {
    test(lies.map(({ name }) => name).join("; "), async () => {
      const { page } = visitor;
      await begin(together(lies, own, other));
      await settled(page);
      for (const lie of lies) {
        await goTo(page, lie.page === BILL ? billPath(own) : lie.page);
        const words = page.locator("main").getByText(wordsFor(lie.code));
        await words.first().waitFor({ state: lie.page === BILL ? "attached" : "visible" });
      }
    });
  }

  test("a swapped public key, and another meter's word for it: neither is believed", async () => {
    const { page } = visitor;
    const stranger = Object.values(deployment.households()).find(({ login }) => login === null);
    assert(stranger !== undefined);
    const { publicKey } = other.session;
    const swap = onJson<Items>("/v1/sessions", (body) => ({ ...body, publicKey }));
    const word = onJson<Items>("/v1/enrolments/", () => other.enrolment);
    proxy.attack({ answer: (asked, given) => swap(asked, given) ?? word(asked, given) });
    await page.goto(proxy.url);
    await typeBack(page, await beginSignUp(page, NEWCOMER));
    await connect(page, stranger.networkPseudonym, stranger.enrolmentCode);
    const failed = wordsFor("CUSTOMER_ENROLMENT_FAILED");
    await page.getByRole("alert").filter({ hasText: failed }).waitFor();
    const posted = (to: string): unknown => {
      const found = proxy.asked().find(({ method, path }) => method === "POST" && path === to);
      return JSON.parse(found?.body ?? "{}");
    };
    const { registration } = posted("/v1/accounts") as { registration: { publicKey: string } };
    const { request } = posted("/v1/enrolments") as { request: string };
    const { customerSpki } = decodeEnrolmentRequest(fromBase64Url(request));
    assert.equal(toBase64Url(customerSpki), registration.publicKey);
    proxy.attack(undefined);
    await page.getByRole("button", { name: "Connect", exact: true }).click();
    await page.getByRole("heading", { name: "Overview" }).waitFor();
  });

  test("a forged live reading", async () => {
    const { page } = visitor;
    await begin({ live: flipped(own.frames[0] ?? "", 1) });
    await page.locator(".live-value").waitFor();
    await goTo(page, "/settings");
    await goTo(page, "/");
    await page.getByRole("alert").filter({ hasText: "FRAMES_UNSIGNED" }).waitFor();
  });

  test("a changed script, a changed worker, a script put into the page: none of them runs", async () => {
    const { page } = visitor;
    const file = (pattern: RegExp, put: (text: string) => string): Attack => ({
      answer: ({ path }, given) =>
        pattern.test(path) ? { ...given, text: put(given.text) } : undefined,
    });
    const mark = "document.documentElement.dataset.hostile = 1;";
    const marked = (): Promise<string | null> => page.locator("html").getAttribute("data-hostile");
    await page.context().clearCookies();

    proxy.attack(file(/^\/assets\/index-.*\.js$/, (text) => `${mark}${text}`));
    await page.goto(proxy.url);
    assert.deepEqual([await marked(), await page.locator("#app").innerHTML()], [null, ""]);
    assert(visitor.complaints.splice(0).some((line) => line.includes("integrity")));

    proxy.attack(
      file(/^\/$/, (text) => text.replace("</body>", `<script>${mark}</script></body>`)),
    );
    await page.goto(proxy.url);
    await page.locator("[name=password]").waitFor();
    assert.equal(await marked(), null);
    assert(
      visitor.complaints.splice(0).some((line) => line.includes("policy violated: script-src")),
    );

    await begin(file(/^\/assets\/worker-.*\.js$/, (text) => `${mark}${text}`));
    await page
      .getByRole("alert")
      .filter({ hasText: wordsFor("DEVICE_PART_REFUSED") })
      .waitFor();
    assert.deepEqual(
      proxy.asked().filter(({ path }) => path.startsWith("/v1/logins")),
      [],
      "a changed worker got the password",
    );
    visitor.complaints.splice(0);

    await begin(
      file(/^\/assets\/later-.*\.js$/, (text) => `${mark}${text}`),
      "/privacy",
    );
    await page.getByRole("alert").filter({ hasText: "DEVICE_PART_REFUSED" }).waitFor();
  });
});

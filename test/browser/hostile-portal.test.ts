/**
 * A portal that lies to its customer, in a real browser: it changes one answer at a time, and the page says what happened, by its code, or
 * in the words for it. Everything is real but for the lie (test/browser/hostile-proxy.ts). Run by `npm run test:browser`; needs Chromium
 * and the built pages.
 */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import {
  createPortalClient,
  type CustomerErrorCode,
  type PortalClient,
} from "@smarter-metering/customer";
import { decodeSealedStatement, primitives } from "@smarter-metering/protocol";
import { demoTariff } from "../../cli/src/demo/demo-tariff.ts";
import type { FindingCode } from "../../services/ucs/web/src/device/messages.ts";
import { enCodes } from "../../services/ucs/web/src/texts/en-codes.ts";
import { runAll, temporaryFolder } from "../e2e/command-line.ts";
import type { Household } from "../e2e/deployment-output.ts";
import { DESKTOP, visit, type Visitor } from "./chromium.ts";
import { startDeployment, type Deployment } from "./deployment.ts";
import { onJson, startHostileProxy, type Attack, type HostileProxy } from "./hostile-proxy.ts";
import { settled } from "./looks.ts";
import { goTo, logIn, type Account } from "./portal-steps.ts";

const FAR_FUTURE = 99_999_999_999;

/** What the portal has of one household, as it gives it. */
interface Held {
  readonly session: Readonly<Record<string, unknown>>;
  readonly frames: readonly string[];
  readonly envelopes: readonly string[];
  readonly statements: readonly string[];
  readonly contributions: readonly unknown[];
  readonly requests: readonly unknown[];
}

const accountOf = ({ login, password }: Household): Account => {
  assert(login !== null && password !== null, "the household has no account");
  return { name: login, password };
};

const clientOf = (origin: string, ask: typeof fetch): PortalClient =>
  createPortalClient({
    fetch: ask,
    origin,
    session: "bearer",
    random: (length) => primitives.randomBytes(length),
  });

/** Logs in as the customer whom the portal plays with, to learn what the portal has of him: all of it is closed but to him. */
async function heldOf(portal: string, household: Household): Promise<Held> {
  const answers = new Map<string, Record<string, unknown>[]>();
  const recorded: typeof fetch = async (input, init) => {
    const response = await fetch(input, init);
    const { pathname } = new URL(response.url);
    const isJson = response.headers.get("content-type")?.includes("json") === true;
    if (isJson) {
      const body = (await response.clone().json()) as Record<string, unknown>;
      answers.set(pathname, [...(answers.get(pathname) ?? []), body]);
    }
    return response;
  };
  const client = clientOf(portal, recorded);
  const { name, password } = accountOf(household);
  const login = await client.login(name, password);
  await client.envelopes();
  for await (const _page of client.frames(0, FAR_FUTURE));
  const { statements } = await client.statements(login);
  const [bill] = statements;
  assert(bill !== undefined, `${name} has no bill`);
  await client.evidence(bill.from, FAR_FUTURE);
  await client.logout();
  const all = <Item>(path: string, key: string): Item[] =>
    (answers.get(path) ?? []).flatMap((body) => body[key] as Item[]);
  return {
    session: answers.get("/v1/sessions")?.[0] ?? {},
    frames: all("/v1/frames", "frames"),
    envelopes: all("/v1/envelopes", "envelopes"),
    statements: all("/v1/statements", "statements"),
    contributions: all("/v1/evidence/contributions", "contributions"),
    requests: all("/v1/evidence/requests", "requests"),
  };
}

/** The address of the only bill. */
function billPath({ statements: [bill = ""] }: Held): string {
  return `/bills/${decodeSealedStatement(Buffer.from(bill, "base64url")).from}`;
}

/** A credit note for every bill, sent to the customers as a new version of it; and another tariff, which makes an epoch. */
async function correctAndPublish({ dir, portal, households }: Deployment): Promise<void> {
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
  const [first] = Object.values(households());
  assert(first !== undefined);
  for (let attempt = 1; ; attempt++) {
    const client = clientOf(portal, fetch);
    const { name, password } = accountOf(first);
    const login = await client.login(name, password);
    const { statements } = await client.statements(login);
    const { epochs } = await client.registry();
    await client.logout();
    if (statements[0]?.sequence === 2 && epochs.length === 2) return;
    assert(attempt < 20, "the portal does not show the new bill and the new register");
    await setTimeout(500);
  }
}

/** base64url with one bit changed, `place` from 0 at the start to 1 at the end. */
function flipped(text: string, place: number): string {
  const bytes = Buffer.from(text, "base64url");
  const index = Math.floor(place * (bytes.length - 1));
  bytes[index] = (bytes[index] ?? 0) ^ 1;
  return bytes.toString("base64url");
}

type Code = CustomerErrorCode | FindingCode | "UCS_EVIDENCE_UNAVAILABLE" | "DEVICE_PROGRAM_REFUSED";

interface Lie {
  readonly name: string;
  readonly answer: (own: Held, other: Held) => NonNullable<Attack["answer"]>;
  /** Where the customer is told. */
  readonly page: string;
  readonly code: Code;
}

type Items = Readonly<Record<string, unknown>>;
interface Session {
  readonly items: Items;
}
interface Request {
  readonly terms: string | null;
  readonly receipt: string | null;
}

/** A list of the portal's as `change` has it; of pages each one. */
const list =
  (path: string, change: (own: Held, other: Held) => readonly unknown[] | undefined) =>
  (own: Held, other: Held): NonNullable<Attack["answer"]> => {
    const key = path.split("/").at(-1) ?? "";
    return onJson<Items>(path, (body) => {
      // The last page of a list of evidence is empty, and has to stay so for the list to end.
      const isEnd = (body[key] as unknown[]).length === 0;
      return isEnd ? body : { ...body, [key]: change(own, other) };
    });
  };

const session = (change: (body: Session, other: Held) => unknown) => (_own: Held, other: Held) =>
  onJson<Session>("/v1/sessions", (body) => change(body, other));

const registry = (change: (body: Registry) => unknown) => () => onJson("/v1/registry", change);
interface Registry {
  readonly rootKey: string;
  readonly epochs: readonly string[];
  readonly view: string;
}

const away = (path: string, code: string) => (): NonNullable<Attack["answer"]> => (asked) =>
  asked.path.startsWith(path)
    ? { status: 503, type: "application/problem+json", text: JSON.stringify({ code }) }
    : undefined;

/** What keeps the vault closed: said on the page of the login. */
const AT_LOGIN: readonly Lie[] = [
  {
    name: "fewer iterations than the floor",
    answer: () => onJson<Items>("/v1/logins/", (body) => ({ ...body, iterations: 999_999 })),
    page: "/",
    code: "CUSTOMER_WEAK_ITERATIONS",
  },
  {
    name: "a salt of the wrong length",
    answer: () => onJson<Items>("/v1/logins/", (body) => ({ ...body, salt: "AAAA" })),
    page: "/",
    code: "CUSTOMER_PORTAL_MALFORMED",
  },
  {
    name: "another salt",
    answer: () =>
      onJson<{ salt: string }>("/v1/logins/", (body) => {
        return { ...body, salt: flipped(body.salt, 0) };
      }),
    page: "/",
    code: "CUSTOMER_UNLOCK_FAILED",
  },
  {
    name: "the wrapped items of another account",
    answer: session((body, other) => ({ ...body, items: other.session["items"] })),
    page: "/",
    code: "CUSTOMER_UNLOCK_FAILED",
  },
  {
    name: "the private key of another account",
    answer: session((body, other) => {
      const { "private-key": key } = other.session["items"] as Items;
      return { ...body, items: { ...body.items, "private-key": key } };
    }),
    page: "/",
    code: "CUSTOMER_UNLOCK_FAILED",
  },
  {
    name: "an item under another version",
    answer: session((body) => {
      const item = body.items["private-key"] as { version: number };
      const older = { ...item, version: item.version + 1 };
      return { ...body, items: { ...body.items, "private-key": older } };
    }),
    page: "/",
    code: "CUSTOMER_UNLOCK_FAILED",
  },
];

const BILL = "/bills/first";

/** What a vault that is open finds out. Those of one group are told together: they change different answers. */
const GROUPS: readonly (readonly Lie[])[] = [
  [
    {
      name: "a frame of another household among the own",
      answer: list("/v1/frames", (own, other) => [...own.frames, other.frames[0]]),
      page: "/",
      code: "FRAMES_FOREIGN",
    },
    {
      name: "a bill with a changed byte",
      answer: list("/v1/statements", ({ statements: [bill = ""] }) => [flipped(bill, 0.6)]),
      page: "/bills",
      code: "STATEMENT_UNOPENABLE",
    },
    {
      name: "a release of another household",
      answer: list("/v1/evidence/requests", (_own, { requests }) => requests),
      page: "/privacy",
      code: "REQUEST_FOREIGN",
    },
  ],
  [
    {
      name: "all frames of another household",
      answer: list("/v1/frames", (_own, { frames }) => frames),
      page: "/",
      code: "FRAMES_FOREIGN",
    },
    {
      name: "the bill of another household",
      answer: list("/v1/statements", (_own, { statements }) => statements),
      page: "/bills",
      code: "STATEMENT_UNOPENABLE",
    },
  ],
  [
    {
      name: "a frame twice, the second time with other readings",
      answer: list("/v1/frames", ({ frames }) => [...frames, flipped(frames[3] ?? "", 0.5)]),
      page: "/",
      code: "FRAMES_UNSIGNED",
    },
    {
      name: "no bill any more",
      answer: list("/v1/statements", () => []),
      page: "/bills",
      code: "STATEMENT_ROLLBACK",
    },
  ],
  [
    {
      name: "a changed envelope",
      answer: list("/v1/envelopes", ({ envelopes: [envelope = ""] }) => [flipped(envelope, 0.7)]),
      page: "/",
      code: "ENVELOPES_INVALID",
    },
    {
      name: "another root of the registry",
      answer: registry((body) => ({ ...body, rootKey: "ab".repeat(32) })),
      page: "/bills",
      code: "REGISTRY_OTHER_ROOT",
    },
  ],
  [
    {
      name: "a contribution dropped",
      answer: list("/v1/evidence/contributions", ({ contributions }) => contributions.slice(1)),
      page: BILL,
      code: "CONTRIBUTION_MISSING",
    },
    {
      name: "releases whose terms are changed",
      answer: list("/v1/evidence/requests", ({ requests }) =>
        (requests as Request[]).map((request) => {
          return { ...request, terms: request.terms && flipped(request.terms, 0.9) };
        }),
      ),
      page: "/privacy",
      code: "REQUEST_UNSIGNED",
    },
    {
      name: "the bill as it was before its credit note",
      answer: list("/v1/statements", ({ statements }) => statements),
      page: "/bills",
      code: "STATEMENT_ROLLBACK",
    },
  ],
  [
    {
      name: "no envelope",
      answer: list("/v1/envelopes", () => []),
      page: "/",
      code: "FRAMES_UNOPENABLE",
    },
    {
      name: "the registry without its newest epoch",
      answer: registry(({ epochs, ...body }) => ({ ...body, epochs: epochs.slice(0, -1) })),
      page: "/bills",
      code: "REGISTRY_ROLLBACK",
    },
  ],
  [
    {
      name: "another view of the registry than the signed one",
      answer: registry(({ view, ...body }) => ({ ...body, view: view.replace("north", "south") })),
      page: "/bills",
      code: "REGISTRY_VIEW",
    },
  ],
  [
    {
      name: "the registry withheld",
      answer: away("/v1/registry", "UCS_EVIDENCE_UNAVAILABLE"),
      page: "/bills",
      code: "UCS_EVIDENCE_UNAVAILABLE",
    },
    {
      name: "the evidence withheld",
      answer: away("/v1/evidence", "UCS_EVIDENCE_UNAVAILABLE"),
      page: "/privacy",
      code: "UCS_EVIDENCE_UNAVAILABLE",
    },
  ],
  [
    {
      name: "the oldest frames dropped",
      answer: list("/v1/frames", ({ frames }) => frames.slice(5)),
      page: BILL,
      code: "WINDOW_BORDER",
    },
    {
      name: "the contributions of another household",
      answer: list("/v1/evidence/contributions", (_own, other) => other.contributions),
      page: BILL,
      code: "CONTRIBUTION_FOREIGN",
    },
  ],
  [
    {
      name: "a frame dropped from the middle",
      answer: list("/v1/frames", ({ frames }) => frames.toSpliced(5, 1)),
      page: BILL,
      code: "WINDOW_GAP",
    },
    {
      name: "receipts of the log exchanged",
      answer: list("/v1/evidence/requests", ({ requests }) => {
        const all = requests as Request[];
        const receipts = all.map(({ receipt }) => receipt).reverse();
        return all.map((request, at) => ({ ...request, receipt: receipts[at] }));
      }),
      page: "/privacy",
      code: "LOG_RECEIPT_INVALID",
    },
  ],
];

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

  before(async () => {
    deployment = await startDeployment();
    const [first, second] = Object.values(deployment.households());
    assert(first !== undefined && second !== undefined);
    account = accountOf(first);
    [own, other] = [
      await heldOf(deployment.portal, first),
      await heldOf(deployment.portal, second),
    ];
    // So that there are an older bill and an older register to show again.
    await correctAndPublish(deployment);
    proxy = await startHostileProxy(deployment.portal);
    visitor = await visit(proxy.url, DESKTOP);
  });
  after(async () => {
    await visitor.close();
    await proxy.close();
    await deployment.close();
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
      .filter({ hasText: wordsFor("DEVICE_PROGRAM_REFUSED") })
      .waitFor();
    assert.deepEqual(
      proxy.asked().filter(({ path }) => path.startsWith("/v1/logins")),
      [],
      "a changed worker got the password",
    );
  });
});

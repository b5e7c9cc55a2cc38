/** Who gets in, to what, for how long: accounts, second factors, sessions, roles route by route, live events. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { toHex, utf8 } from "@smarter-metering/protocol";
import { createMetrics } from "@smarter-metering/runtime";
import { readAudit } from "../src/access/audit.ts";
import { permissionsOf, ROLES, type Role } from "../src/access/roles.ts";
import { SecondFactors, FACTOR_COLUMNS, type FactorRow } from "../src/access/second-factors.ts";
import { matchTotp, otpauthUri, toBase32, totpCode, totpStep } from "../src/access/totp.ts";
import { startMdms } from "../src/index.ts";
import { billRelease, loadRelease, OPERATOR_TOKEN, startFixture, type Fixture } from "./fixture.ts";

const PASSWORD = "correct horse battery staple";

describe("one-time passwords", () => {
  const secret = utf8("12345678901234567890");

  test("RFC 4226 appendix D, RFC 6238 appendix B (their last six digits)", () => {
    const hotp = [755224, 287082, 359152, 969429, 338314, 254676, 287922, 162583, 399871, 520489];
    const codes = hotp.map((_, counter) => totpCode(secret, counter));
    assert.deepEqual(codes, hotp.map(String));
    const totp: readonly (readonly [seconds: number, code: string])[] = [
      [59, "287082"],
      [1111111109, "081804"],
      [1111111111, "050471"],
      [1234567890, "005924"],
      [2000000000, "279037"],
      [20000000000, "353130"],
    ];
    for (const [seconds, code] of totp) assert.equal(totpCode(secret, totpStep(seconds)), code);
  });

  test("a code fits its step and those beside it, once; nothing else fits", () => {
    const nowSeconds = 1_111_111_111;
    const step = totpStep(nowSeconds);
    const match = (code: string, lastStep = 0): number | undefined =>
      matchTotp(secret, code, { nowSeconds, lastStep });
    for (const near of [step - 1, step, step + 1])
      assert.equal(match(totpCode(secret, near)), near);
    const refused: readonly (readonly [code: string, lastStep: number])[] = [
      [totpCode(secret, step - 2), 0],
      [totpCode(secret, step + 2), 0],
      [totpCode(secret, step), step],
      [totpCode(secret, step - 1), step],
      [totpCode(utf8("another secret"), step), 0],
      ["", 0],
      ["50471", 0],
      [" 050471", 0],
      ["050471\0", 0],
      ["٠٥٠٤٧١", 0],
    ];
    for (const [code, lastStep] of refused) assert.equal(match(code, lastStep), undefined, code);
  });

  test("RFC 4648 §10, without padding; the URI of a QR code", () => {
    const cases = { "": "", f: "MY", fo: "MZXQ", foo: "MZXW6", foob: "MZXW6YQ", fooba: "MZXW6YTB" };
    for (const [text, coded] of Object.entries(cases)) assert.equal(toBase32(utf8(text)), coded);
    assert.equal(toBase32(utf8("foobar")), "MZXW6YTBOI");
    assert.equal(
      otpauthUri("A & B", "ann.1", utf8("foobar")),
      "otpauth://totp/A%20%26%20B:ann.1?secret=MZXW6YTBOI&issuer=A%20%26%20B&algorithm=SHA1&digits=6&period=30",
    );
  });
});

interface Problem {
  readonly code: string;
}
interface PageSession {
  readonly login: string;
  readonly role: Role;
  readonly permissions: readonly string[];
  readonly csrfToken: string;
  readonly mustEnrol: boolean;
}
interface AccountAnswer {
  readonly totp: { on: boolean; required: boolean; recoveryCodesLeft: number };
  readonly sessions: { id: string; kind: string; current: boolean }[];
}

describe("access", () => {
  let fixture: Fixture;
  let spring: Uint8Array;
  const tokens = new Map<Role, string>();

  before(async () => {
    fixture = await startFixture({ startDate: "2025-02-01" });
    spring = await loadRelease(fixture.world, 57, { request: "spring", sequence: 3 });
    for (const role of ROLES) {
      await fixture.mdms.createOperator({ login: role, password: PASSWORD, role });
      tokens.set(role, await bearer(role));
    }
  });
  after(() => fixture.close());

  type Headers = Readonly<Record<string, string>>;
  const send = (
    method: string,
    path: string,
    headers: Headers = {},
    body?: unknown,
    http = fixture.http,
  ): Promise<Response> =>
    Promise.resolve(
      http.request(path, {
        method,
        headers: { ...headers, ...(body !== undefined && { "content-type": "application/json" }) },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      }),
    );
  const logIn = (login: string, code?: string, password = PASSWORD, headers: Headers = {}) =>
    send("POST", "/v1/sessions", headers, { login, password, code });
  const bearer = async (login: string, code?: string): Promise<string> => {
    const response = await logIn(login, code);
    assert.equal(response.status, 201, login);
    return ((await response.json()) as { token: string }).token;
  };
  const withToken = (token = ""): Headers => ({ authorization: `Bearer ${token}` });
  const codeOf = async (response: Response): Promise<string> =>
    ((await response.json()) as Problem).code;
  const cookieOf = (response: Response): string =>
    /mdms-session=[^;]+/.exec(response.headers.get("set-cookie") ?? "")?.[0] ?? "";
  const create = (login: string, role: Role): Promise<void> =>
    fixture.mdms.createOperator({ login, password: PASSWORD, role });
  const pass = (seconds: number): Promise<void> =>
    fixture.clock.advanceTo(fixture.clock.nowMs() + 1000 * seconds);
  /** What an authenticator app shows now. */
  const shown = (secret: Uint8Array): string =>
    totpCode(secret, totpStep(fixture.clock.nowMs() / 1000));
  const fromBase32 = (text: string): Uint8Array => {
    const bits = Array.from(text, (char) =>
      "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(char).toString(2).padStart(5, "0"),
    );
    return Uint8Array.from(bits.join("").match(/.{8}/g) ?? [], (byte) => Number.parseInt(byte, 2));
  };
  const enrol = async (token: string): Promise<{ secret: Uint8Array; codes: string[] }> => {
    const begun = await send("POST", "/v1/account/totp", withToken(token), { password: PASSWORD });
    assert.equal(begun.status, 200);
    const secret = fromBase32(((await begun.json()) as { secret: string }).secret);
    const path = "/v1/account/totp/confirmation";
    const confirmed = await send("POST", path, withToken(token), { code: shown(secret) });
    assert.equal(confirmed.status, 200);
    const { recoveryCodes } = (await confirmed.json()) as { recoveryCodes: string[] };
    return { secret, codes: recoveryCodes };
  };

  /**
   * Every route, and who gets past the guard: v(iewer), b(illing), o(perator), p(rivacy officer); `machine`: the operator token and no
   * session; `open`: anybody. Strangers get 401.
   */
  const ROUTES: Readonly<Record<string, string>> = {
    "POST /v1/sessions": "open",
    "DELETE /v1/sessions": "vbop",
    "GET /v1/session": "vbop",
    "GET /v1/account": "vbop",
    "DELETE /v1/account/sessions/{id}": "vbop",
    "DELETE /v1/account/sessions": "vbop",
    "POST /v1/account/password": "vbop",
    "POST /v1/account/totp": "vbop",
    "POST /v1/account/totp/confirmation": "vbop",
    "POST /v1/account/totp/removal": "vbop",
    "POST /v1/account/recovery-codes": "vbop",
    "GET /v1/operators": "p",
    "GET /v1/machine/operators": "machine",
    "POST /v1/machine/operators": "machine",
    "POST /v1/machine/operators/{login}/reset": "machine",
    "POST /v1/machine/operators/{login}/removal": "machine",
    "GET /v1/events": "vbop",
    "GET /v1/overview": "vbop",
    "GET /v1/alarms": "vbop",
    "POST /v1/alarms/acknowledge": "op",
    "GET /v1/load": "vbop",
    "GET /v1/cohorts": "vbop",
    "GET /v1/feeders": "vbop",
    "GET /v1/feeders/{cohort}": "vbop",
    "POST /v1/feeders/{cohort}": "o",
    "GET /v1/releases/{digest}": "vbop",
    "GET /v1/tariffs": "vbop",
    "GET /v1/policy": "vbop",
    "GET /v1/prices": "vbop",
    "GET /v1/statements": "bo",
    "GET /v1/statements/last-window": "bo",
    "GET /v1/statements/{servicePoint}/{from}/signed": "bo",
    "GET /v1/statements/{servicePoint}/{from}/notes": "bo",
    "GET /v1/service-points": "bo",
    "GET /v1/service-points/{id}": "bo",
    "POST /v1/corrections": "b",
    "GET /v1/audit": "p",
    "GET /v1/ledger": "vbop",
    "GET /v1/ledger/summary": "vbop",
    "GET /v1/completeness": "vbop",
    "GET /v1/privacy/policy": "vbop",
    "GET /v1/privacy/residual": "p",
    "GET /v1/privacy/attack-report": "p",
    "GET /v1/registry": "op",
    "GET /v1/registry/cohort-plan": "op",
    "GET /v1/registry/contracts": "o",
    "GET /v1/registry/proposals": "o",
    "POST /v1/registry/proposals": "o",
    "GET /v1/registry/proposals/{id}/cohort-plan": "o",
    "POST /v1/registry/proposals/{id}/withdraw": "o",
    "POST /v1/tariffs": "b",
    "POST /v1/tariffs/preview": "b",
    "POST /v1/prices": "b",
    "GET /metrics": "open",
    "GET /healthz": "open",
    "GET /readyz": "open",
    "GET /openapi.json": "open",
  };
  const addressOf = (route: string): readonly [method: string, path: string] => {
    const [method = "", pattern = ""] = route.split(" ");
    const path = pattern
      .replace("/account/sessions/{id}", `/account/sessions/${"0".repeat(32)}`)
      .replace(/\{(id|servicePoint)\}/, "0".repeat(32))
      .replace("{from}", "2025-01-31T23:00:00Z")
      .replace("{cohort}", "north")
      .replace("{login}", "nobody")
      .replace("{digest}", "00".repeat(32))
      .replace(/prices$/, "prices?series=day-ahead");
    return [method, path];
  };
  const isWrite = (route: string): boolean => !route.startsWith("GET ");

  test("every route is in the table, and every API route in the OpenAPI document", async () => {
    const served = fixture.http.routes
      .filter(({ method, path }) => method !== "ALL" && !path.endsWith("*"))
      .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, "{$1}")}`);
    assert.deepEqual([...new Set(served)].toSorted(), Object.keys(ROUTES).toSorted());
    const document = (await (await send("GET", "/openapi.json")).json()) as {
      paths: Record<string, Record<string, unknown>>;
    };
    const documented = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const api = Object.keys(ROUTES).filter((route) => route.includes(" /v1/"));
    assert.deepEqual(documented.toSorted(), api.toSorted());
  });

  test("route × role: the server enforces every cell", async () => {
    for (const [route, allowed] of Object.entries(ROUTES)) {
      if (allowed === "open") continue;
      const [method, path] = addressOf(route);
      const ask = async (headers: Headers): Promise<number> => {
        const response = await send(method, path, headers, isWrite(route) ? {} : undefined);
        await response.body?.cancel();
        return response.status;
      };
      assert.equal(await ask({}), 401, `nobody ${route}`);
      assert.equal(await ask(withToken("A".repeat(43))), 401, `forged ${route}`);
      const machine = await ask(withToken(OPERATOR_TOKEN));
      assert.equal(machine === 401, allowed !== "machine", `machine ${route}: ${machine}`);
      for (const role of ROLES) {
        const token = method === "DELETE" ? await bearer(role) : tokens.get(role);
        const status = await ask(withToken(token));
        const cell = `${role} ${route}: ${status}`;
        if (allowed === "machine") assert.equal(status, 401, cell);
        else if (allowed.includes(role.charAt(0))) assert(![401, 403, 500].includes(status), cell);
        else assert.equal(status, 403, cell);
      }
      if (method === "DELETE") for (const role of ROLES) tokens.set(role, await bearer(role));
    }
  });

  test("a write by cookie needs the session's own CSRF token, on every route", async () => {
    const answer = await logIn("billing", undefined, PASSWORD, { "x-mdms-page": "1" });
    const other = await logIn("billing", undefined, PASSWORD, { "x-mdms-page": "1" });
    const cookie = cookieOf(answer);
    const foreign = ((await other.json()) as PageSession).csrfToken;
    const writes = Object.keys(ROUTES).filter(
      (route) => isWrite(route) && !["open", "machine"].includes(ROUTES[route] ?? ""),
    );
    for (const route of writes) {
      const [method, path] = addressOf(route);
      for (const csrf of [undefined, "x", foreign]) {
        const headers = { cookie, ...(csrf !== undefined && { "x-csrf-token": csrf }) };
        const refused = await send(method, path, headers, {});
        assert.equal(await codeOf(refused), "MDMS_CSRF", route);
      }
    }
    const { csrfToken } = (await answer.json()) as PageSession;
    const own = { cookie, "x-csrf-token": csrfToken };
    assert.equal((await send("DELETE", "/v1/sessions", own)).status, 204);
    assert.equal((await send("GET", "/v1/session", { cookie })).status, 401);
  });

  test("a page's session: a cookie that no script reads, the same answer after a reload", async () => {
    const page = { "x-mdms-page": "1" };
    const answer = await logIn("operator", undefined, PASSWORD, page);
    assert.equal(answer.status, 200);
    assert.match(answer.headers.get("set-cookie") ?? "", /HttpOnly; SameSite=Strict$/);
    const session = (await answer.json()) as PageSession & { token?: string };
    assert.equal(session.token, undefined);
    assert.deepEqual(
      [session.login, session.role, session.mustEnrol, session.permissions],
      ["operator", "operator", false, permissionsOf("operator")],
    );
    const cookie = cookieOf(answer);
    const again = await send("GET", "/v1/session", { cookie });
    assert.deepEqual(await again.json(), session);

    for (const site of ["cross-site", "same-site"]) {
      const foreign = await logIn("operator", undefined, PASSWORD, {
        ...page,
        "sec-fetch-site": site,
      });
      assert.equal(foreign.status, 403, site);
      assert.equal(foreign.headers.get("set-cookie"), null);
    }
    assert.equal((await logIn("operator")).headers.get("set-cookie"), null, "a program");
    const body = { login: "billing", password: PASSWORD };
    const overHttps = await send("POST", "https://mdms.example.org/v1/sessions", page, body);
    assert.match(overHttps.headers.get("set-cookie") ?? "", /^__Host-mdms-session=.*; Secure;/);
  });

  test("a second factor: each code once; a refusal does not say what was wrong", async () => {
    await create("factor", "viewer");
    const token = await bearer("factor");
    const path = "/v1/account/totp";
    const wrong = await send("POST", path, withToken(token), { password: "wrong" });
    assert.deepEqual([wrong.status, await codeOf(wrong)], [403, "MDMS_PROOF_REFUSED"]);
    const early = await send("POST", `${path}/confirmation`, withToken(token), { code: "000000" });
    assert.equal(await codeOf(early), "MDMS_PROOF_REFUSED");
    const { secret, codes } = await enrol(token);
    const twice = await send("POST", path, withToken(token), { password: PASSWORD });
    assert.equal(await codeOf(twice), "MDMS_PROOF_REFUSED", "from now on with a code");

    const bodyOf = async (response: Response): Promise<unknown> => [
      response.status,
      await response.json(),
    ];
    const confirmedWith = shown(secret);
    const refusals = await Promise.all([
      logIn("factor").then(bodyOf),
      logIn("factor", confirmedWith).then(bodyOf),
      logIn("factor", "123456", "wrong").then(bodyOf),
      logIn("nobody", "123456").then(bodyOf),
    ]);
    for (const refusal of refusals) assert.deepEqual(refusal, refusals[3]);
    await pass(30);
    const code = shown(secret);
    assert.equal((await logIn("factor", code)).status, 201);
    assert.equal((await logIn("factor", code)).status, 401, "used");
    await pass(30);
    assert.equal((await logIn("factor", shown(secret), "wrong")).status, 401);
    assert.equal((await logIn("factor", shown(secret))).status, 201, "a refusal used nothing up");

    const [first = "", second = ""] = codes;
    assert.equal(codes.length, 10);
    assert.equal((await logIn("factor", first.toLowerCase().replaceAll("-", " "))).status, 201);
    assert.equal((await logIn("factor", first)).status, 401, "once");
    assert.equal((await logIn("factor", second)).status, 201);
    const account = (await (
      await send("GET", "/v1/account", withToken(token))
    ).json()) as AccountAnswer;
    assert.deepEqual(account.totp, { on: true, required: false, recoveryCodesLeft: 8 });

    await pass(30);
    const renewed = await send("POST", "/v1/account/recovery-codes", withToken(token), {
      password: PASSWORD,
      code: shown(secret),
    });
    assert.equal(renewed.status, 200);
    assert.equal((await logIn("factor", codes[2])).status, 401, "the old ones serve no more");
    await pass(30);
    const removal = `${path}/removal`;
    const alone = await send("POST", removal, withToken(token), { password: PASSWORD });
    assert.equal(await codeOf(alone), "MDMS_PROOF_REFUSED");
    const proof = { password: PASSWORD, code: shown(secret) };
    assert.equal((await send("POST", removal, withToken(token), proof)).status, 204);
    assert.equal((await logIn("factor")).status, 201);
  });

  test("the secret is sealed: not in the database, not in another account, not with another key", async () => {
    const { store, clock, ports } = fixture;
    await create("sealed", "viewer");
    await create("thief", "viewer");
    const { secret } = await enrol(await bearer("sealed"));
    await enrol(await bearer("thief"));
    const rowOf = async (login: string): Promise<FactorRow> => {
      const query = `select ${FACTOR_COLUMNS} from operator where login = $1`;
      const [row] = await store.query<FactorRow>(query, [login]);
      assert(row !== undefined);
      return row;
    };
    const row = await rowOf("sealed");
    assert(!toHex(row.totpSecret ?? new Uint8Array()).includes(toHex(secret)));
    await pass(30);
    const code = shown(secret);
    const right = new SecondFactors(store, clock, ports.totpKey);
    assert.equal((await right.match(row, code))?.kind, "totp");
    const stolen = { ...(await rowOf("thief")), totpSecret: row.totpSecret };
    assert.equal(await right.match(stolen, code), undefined);
    const other = new SecondFactors(store, clock, new Uint8Array(32));
    assert.equal(await other.match(row, code), undefined);
  });

  test("five wrong codes lock like five wrong passwords, and the audit trail says so", async () => {
    await create("guessed", "viewer");
    const { secret } = await enrol(await bearer("guessed"));
    await pass(30);
    for (let failure = 0; failure < 5; failure++) await logIn("guessed", "000000");
    assert.equal((await logIn("guessed", shown(secret))).status, 401, "locked");
    const query = { before: undefined, limit: 1, action: "lock-out", login: "guessed" };
    const [entry] = await readAudit(fixture.store, query);
    assert.deepEqual([entry?.login, entry?.outcome], ["guessed", "refused"]);
    const listed = await send("GET", "/v1/operators", withToken(tokens.get("privacy-officer")));
    const { operators } = (await listed.json()) as {
      operators: { login: string; lockedUntil: string | null; totpOn: boolean }[];
    };
    const guessed = operators.find(({ login }) => login === "guessed");
    assert.deepEqual([typeof guessed?.lockedUntil, guessed?.totpOn], ["string", true]);
    await pass(15 * 60);
    assert.equal((await logIn("guessed", shown(secret))).status, 201);
  });

  test("a role that has to have a second factor can only set one up", async () => {
    const { ports } = fixture;
    const config = { totpRequiredFor: ["billing"] as const };
    const strict = await startMdms(config, { ...ports, metrics: createMetrics() });
    await create("strict", "billing");
    const body = { login: "strict", password: PASSWORD };
    const ask = (method: string, path: string, headers: Headers, sent?: unknown) =>
      send(method, path, headers, sent, strict.http);
    const answer = await ask("POST", "/v1/sessions", {}, body);
    const { token, mustEnrol } = (await answer.json()) as { token: string; mustEnrol: boolean };
    assert.equal(mustEnrol, true);
    for (const route of Object.keys(ROUTES)) {
      if (!route.startsWith("GET /v1/") || !/[b]/.test(ROUTES[route] ?? "")) continue;
      const refused = await ask("GET", addressOf(route)[1], withToken(token));
      const isOwn = /\/v1\/(session|account)$/.test(route);
      assert.equal(refused.status, isOwn ? 200 : 403, route);
      if (!isOwn) assert.equal(await codeOf(refused), "MDMS_TOTP_REQUIRED");
    }
    const session = await ask("GET", "/v1/session", withToken(token));
    assert.deepEqual(((await session.json()) as PageSession).permissions, []);
    await enrol(token);
    assert.equal((await ask("GET", "/v1/statements", withToken(token))).status, 200);
    await strict.close();
  });

  test("a new password ends the other sessions; sessions are listed and ended", async () => {
    await create("mover", "viewer");
    const [token, other, third] = [
      await bearer("mover"),
      await bearer("mover"),
      await bearer("mover"),
    ];
    const list = async (): Promise<AccountAnswer["sessions"]> =>
      ((await (await send("GET", "/v1/account", withToken(token))).json()) as AccountAnswer)
        .sessions;
    const status = async (one: string): Promise<number> =>
      (await send("GET", "/v1/session", withToken(one))).status;
    const sessions = await list();
    assert.equal(sessions.length, 3);
    assert.equal(sessions.filter(({ current }) => current).length, 1);
    const mine = new Set(sessions.map(({ id }) => id));
    const stranger = tokens.get("viewer");
    for (const id of mine) {
      const path = `/v1/account/sessions/${id}`;
      assert.equal((await send("DELETE", path, withToken(stranger))).status, 404, "of another");
    }
    const [ended] = (await list()).filter(({ current }) => !current);
    const path = `/v1/account/sessions/${ended?.id}`;
    assert.equal((await send("DELETE", path, withToken(token))).status, 204);
    const statuses = new Set([await status(other), await status(third)]);
    assert.deepEqual(statuses, new Set([200, 401]));

    const change = (body: object) => send("POST", "/v1/account/password", withToken(token), body);
    const next = "a password that is new";
    assert.equal((await change({ password: "wrong", newPassword: next })).status, 403);
    const short = await change({ password: PASSWORD, newPassword: "short" });
    assert.equal(await codeOf(short), "MDMS_OPERATOR_INVALID");
    assert.equal((await change({ password: PASSWORD, newPassword: next })).status, 204);
    assert.deepEqual([await status(other), await status(third)], [401, 401]);
    assert.equal(await status(token), 200);
    assert.equal((await logIn("mover")).status, 401);
    assert.equal((await logIn("mover", undefined, next)).status, 201);
    for (let failure = 0; failure < 5; failure++) {
      await change({ password: "wrong", newPassword: next });
    }
    assert.equal((await logIn("mover", undefined, next)).status, 401, "wrong proofs lock as well");
  });

  test("the command line makes, resets and removes accounts; no account can", async () => {
    const machine = withToken(OPERATOR_TOKEN);
    const base = "/v1/machine/operators";
    const account = { login: "leaver", password: PASSWORD, role: "viewer" };
    assert.equal((await send("POST", base, machine, account)).status, 204);
    assert.equal((await send("POST", base, machine, account)).status, 409);
    const invalid = await send("POST", base, machine, { ...account, role: "root" });
    assert.equal(invalid.status, 400);
    const token = await bearer("leaver");
    await enrol(token);
    const reset = (password: string) => send("POST", `${base}/leaver/reset`, machine, { password });
    assert.equal(await codeOf(await reset("short")), "MDMS_OPERATOR_INVALID");
    assert.equal((await reset("a password that is new")).status, 204);
    assert.equal((await send("GET", "/v1/session", withToken(token))).status, 401);
    assert.equal((await logIn("leaver", undefined, "a password that is new")).status, 201);
    assert.equal((await send("POST", `${base}/leaver/removal`, machine)).status, 204);
    assert.equal((await send("POST", `${base}/leaver/removal`, machine)).status, 404);
    assert.equal((await logIn("leaver", undefined, "a password that is new")).status, 401);
    const entries = await readAudit(fixture.store, {
      before: undefined,
      limit: 9,
      login: "(command line)",
      subject: "leaver",
    });
    assert.deepEqual(
      entries.map(({ action }) => action),
      ["operator.remove", "operator.remove", "operator.reset", "operator.reset"],
    );
    const { operatorToken: _, ...without } = fixture.ports;
    const none = await startMdms({}, { ...without, metrics: createMetrics() });
    for (const guess of ["", "undefined", OPERATOR_TOKEN]) {
      const refused = await send("GET", base, withToken(guess), undefined, none.http);
      assert.equal(refused.status, 401, guess);
    }
    await none.close();
  });

  /** Reads a stream of events as far as it has come. */
  async function follow(token: string | undefined) {
    const response = await send("GET", "/v1/events", withToken(token));
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("content-type"), "text/event-stream");
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    return {
      /** The next message; undefined at the end. */
      async next(): Promise<string | undefined> {
        const { done, value } = await reader.read();
        return done ? undefined : new TextDecoder().decode(value);
      },
      cancel: () => reader.cancel(),
    };
  }

  test("live events: ids alone, by permission, after the commit", async () => {
    const { world } = fixture;
    const [viewer, billing] = [
      await follow(tokens.get("viewer")),
      await follow(tokens.get("billing")),
    ];
    for (const stream of [viewer, billing]) assert.equal(await stream.next(), ": following\n\n");
    await fixture.deliver(
      await billRelease(world, 0, [0, 28], { request: "bill 0", sequence: 0 }),
      spring,
      spring,
      Uint8Array.of(9),
    );
    const released =
      'event: release\ndata: {"cohort":"north","stream":"LOAD","start":"2025-03-29T23:00:00Z"}\n\n';
    const alarm = 'event: alarm\ndata: {"code":"MDMS_MALFORMED","subject":"test"}\n\n';
    const servicePoint = world.households[0]?.mdms;
    const billed = `event: statement\ndata: {"servicePoint":"${servicePoint}","from":"2025-01-31T23:00:00Z"}\n\n`;
    assert.deepEqual([await viewer.next(), await viewer.next()], [released, alarm]);
    const heard = [await billing.next(), await billing.next(), await billing.next()];
    assert.deepEqual(heard, [billed, released, alarm]);
    const { epoch, view } = world.mdmsFeed.current();
    world.mdmsFeed.set(epoch + 1, view);
    await pass(15);
    assert.equal(await viewer.next(), `event: registry\ndata: {"epoch":${epoch + 1}}\n\n`);
    await pass(15);
    assert.equal(await viewer.next(), ": still here\n\n");
    world.mdmsFeed.set(epoch, view);
    await viewer.cancel();
    await billing.cancel();
  });

  test("live events end with the session, which they do not keep alive, and are limited", async () => {
    await create("watcher", "viewer");
    const token = await bearer("watcher");
    const streams = [];
    for (let count = 0; count < 4; count++) streams.push(await follow(token));
    const fifth = await send("GET", "/v1/events", withToken(token));
    assert.deepEqual([fifth.status, await codeOf(fifth)], [429, "MDMS_STREAMS_FULL"]);
    await streams.pop()?.cancel();
    streams.push(await follow(token));
    assert.equal((await send("DELETE", "/v1/sessions", withToken(token))).status, 204);
    for (const stream of streams) {
      assert.equal(await stream.next(), ": following\n\n");
      assert.equal(await stream.next(), undefined, "over at once");
    }
    const idle = await follow(await bearer("watcher"));
    const seen = "select seen_at from session where login = 'watcher'";
    const before = await fixture.store.query(seen);
    await pass(120);
    assert.deepEqual(await fixture.store.query(seen), before, "a stream is no use of it");
    await fixture.store.query(
      "update session set seen_at = seen_at - 1800 where login = 'watcher'",
    );
    await pass(15);
    assert.equal(await idle.next(), ": following\n\n");
    assert.equal(await idle.next(), undefined, "30 idle minutes");
    for (const role of ROLES) tokens.set(role, await bearer(role));
  });

  test("a slow reader is told that he missed something", async () => {
    const slow = await follow(tokens.get("viewer"));
    const messages = Array.from({ length: 300 }, (_, index) => Uint8Array.of(9, index >> 8, index));
    await fixture.deliver(...messages);
    assert.equal(await slow.next(), ": following\n\n");
    assert.equal(await slow.next(), "event: missed\ndata: {}\n\n");
    assert.match((await slow.next()) ?? "", /^event: alarm/);
    await slow.cancel();
  });

  test("an idempotency key: the same answer, once; another body is refused", async () => {
    const blockStart = new Date(fixture.world.dayStart(57) * 1000).toISOString();
    const body = { days: [{ start: blockStart, energy_Wh: Array.from({ length: 92 }, () => 5) }] };
    const token = tokens.get("operator");
    const write = (key: string | undefined, sent: object, role = token) =>
      send(
        "POST",
        "/v1/feeders/north",
        { ...withToken(role), ...(key !== undefined && { "idempotency-key": key }) },
        sent,
      );
    const first = await write("key-00000001", body);
    assert.deepEqual([first.status, first.headers.get("idempotency-replayed")], [200, null]);
    const [answer, rows] = [await first.json(), "select imported_at as at from feeder_block"];
    const [before] = await fixture.store.query<{ at: bigint }>(rows);
    await pass(60);
    const again = await write("key-00000001", body);
    assert.deepEqual([again.status, again.headers.get("idempotency-replayed")], [200, "true"]);
    assert.deepEqual(await again.json(), answer);
    assert.deepEqual((await fixture.store.query(rows))[0], before, "nothing was written");
    const other = await write("key-00000001", { days: [...body.days, ...body.days] });
    assert.deepEqual([other.status, await codeOf(other)], [422, "MDMS_IDEMPOTENCY_MISMATCH"]);
    assert.equal(await codeOf(await write("short", body)), "MDMS_IDEMPOTENCY_KEY");
    const bad = await write("key-00000002", { days: [] });
    const badAgain = await write("key-00000002", { days: [] });
    assert.deepEqual([bad.status, badAgain.status], [400, 400], "a refusal is an answer");
    assert.deepEqual(await badAgain.json(), await bad.json());
    const forbidden = await write("key-00000001", body, tokens.get("billing"));
    assert.equal(forbidden.status, 403, "the key is of a login, and opens nothing");

    await fixture.store.query(
      "update idempotency set status = null, created_at = $1 where key = 'key-00000001'", // As if it were being carried out.
      [Math.floor(fixture.clock.nowMs() / 1000)],
    );
    assert.equal(await codeOf(await write("key-00000001", body)), "MDMS_IDEMPOTENCY_BUSY");
    await pass(61);
    assert.equal((await write("key-00000001", body)).status, 200, "died with the process");
    await create("keyed", "viewer");
    const path = "/v1/account/password";
    const headers = { ...withToken(await bearer("keyed")), "idempotency-key": "key-00000003" };
    await send("POST", path, headers, { password: PASSWORD, newPassword: `${PASSWORD}!` });
    const [kept] = await fixture.store.query<{ count: number }>(
      "select count(*)::int4 as count from idempotency where login = 'keyed'",
    );
    assert.equal(kept?.count, 0, "nothing that holds a password is kept");
    await fixture.store.query("update idempotency set created_at = created_at - 86400");
    await pass(3600);
    const left = await fixture.store.query("select 1 from idempotency");
    assert.deepEqual(left, []);
    for (const role of ROLES) tokens.set(role, await bearer(role));
  });
});

/** Accounts, logins, sessions of the portal (docs/protocol.md §10.2), and what they do not tell. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { createPortalClient, createVault } from "@smarter-metering/customer";
import { primitives, toBase64Url, utf8 } from "@smarter-metering/protocol";
import { MDMS_KEPT_DAYS } from "../../mdms/src/retention.ts";
import { remainingFacts } from "../src/deletion.ts";
import { UCS_KEPT_DAYS } from "../src/retention.ts";
import { named, type WorldHousehold } from "../../../test/support/world.ts";
import {
  authenticationKey,
  caller,
  customer,
  item,
  items,
  logIn,
  openPortal,
  recover,
  recoveryAuthenticationKey,
  registration,
  withToken,
  type Portal,
} from "./portal.ts";

let portal: Portal;
before(async () => {
  portal = await openPortal({ sessionSeconds: 3600, framesPerPageMax: 2, accountsMax: 40 });
});
after(() => portal.close());

function household(index: number): WorldHousehold {
  const found = portal.world.households[index];
  assert(found !== undefined);
  return found;
}

/** Of routes that want one. */
const QUERIES: Readonly<Record<string, string>> = {
  "/v1/frames": "?from=0&to=1",
  "/v1/evidence/contributions": "?from=0&to=1",
  "/v1/evidence/requests": "?from=0&to=1",
  "/v1/statements": `?mailbox=${"00".repeat(16)}`,
};

const random = (length: number): Uint8Array => primitives.randomBytes(length);
const proof = { authenticationKey: toBase64Url(named("invitation")) };
/** Bodies that the schemas let through. */
const POSTS: Readonly<Record<string, unknown>> = {
  "/v1/invitations": { ...proof, item: item("invitation") },
  "/v1/invitations/openings": proof,
  "/v1/household/persons": { ...proof, item: item("household") },
};

/** What a new password comes with: a registration without what stays as it is. */
async function passwordPart(of: string) {
  const {
    login: _,
    publicKey: __,
    recoveryAuthenticationKey: ___,
    ...part
  } = await registration(of);
  return part;
}

describe("accounts and sessions", () => {
  test("sign-up, log-in and log-out", async () => {
    const anna = await customer(portal, "anna");
    const opened = await logIn(portal, "anna");
    assert.equal(opened.status, 200);
    assert.deepEqual(opened.body["items"], items);
    assert.equal(opened.body["account"], "anna");
    assert.equal(opened.body["servicePoint"], null);
    assert.equal(opened.body["enrolmentEndedAt"], null);
    assert.equal(opened.headers.get("set-cookie"), null);
    assert.equal(
      (await anna.call("GET", "/v1/frames?from=0&to=1")).body["code"],
      "UCS_NOT_ENROLLED",
    );
    assert.equal((await anna.call("DELETE", "/v1/sessions")).status, 204);
    assert.equal((await anna.call("GET", "/v1/envelopes")).body["code"], "UCS_SESSION_REQUIRED");
  });

  test("a session ends with its time", async () => {
    const { call } = await customer(portal, "expiring");
    await portal.clock.advanceTo(portal.clock.nowMs() + 3599_000);
    assert.equal((await call("GET", "/v1/envelopes")).body["code"], "UCS_NOT_ENROLLED");
    await portal.clock.advanceTo(portal.clock.nowMs() + 1_000);
    assert.equal((await call("GET", "/v1/envelopes")).body["code"], "UCS_SESSION_REQUIRED");
  });

  test("every route but sign-up, log-in and recovery wants a session", async () => {
    const anyone = caller(portal);
    const document = (await anyone("GET", "/openapi.json")).body;
    const paths = document["paths"] as Record<string, Record<string, unknown>>;
    const open = [
      "post /v1/accounts",
      "get /v1/logins/{login}",
      "post /v1/sessions",
      "post /v1/recoveries",
      "get /v1/policy-notice",
    ];
    await customer(portal, "forgetful");
    const recovery = String((await recover(portal, "forgetful")).body["token"]);
    const password = await passwordPart("x");
    const tried: string[] = [];
    for (const [path, methods] of Object.entries(paths)) {
      for (const method of Object.keys(methods)) {
        if (open.includes(`${method} ${path}`)) continue;
        const address = path
          .replace("{networkPseudonym}", household(0).network)
          .replace("{login}", "anna")
          .replace("{id}", "00".repeat(32));
        const query = QUERIES[path] ?? "";
        const puts = path.endsWith("pinned-meters") ? item("pins") : password;
        const posts = POSTS[path] ?? { request: "A".repeat(100) };
        const deletes = path === "/v1/account" ? proof : undefined;
        const body = { put: puts, post: posts, delete: deletes }[method];
        const answer = (token: string) =>
          withToken(portal, token)(method.toUpperCase(), `${address}${query}`, body);
        const none = await answer("A".repeat(43));
        assert.equal(none.body["code"], "UCS_SESSION_REQUIRED", `${method} ${path}`);
        // A recovery's session is for a new password alone.
        if (`${method} ${path}` !== "put /v1/vault") {
          const code = (await answer(recovery)).body["code"];
          assert.equal(code, "UCS_SESSION_REQUIRED", `recovery: ${method} ${path}`);
        }
        tried.push(`${method} ${path}`);
      }
    }
    assert.equal(tried.length, 22);
  });

  test("sign-ups that are refused", async () => {
    const good = await registration("refused");
    const rows: [name: string, change: Record<string, unknown>, code: string][] = [
      ["a taken login", { login: "anna" }, "UCS_LOGIN_TAKEN"],
      ["upper case", { login: "Anna" }, "REQUEST_INVALID"],
      ["a login with a space", { login: "an na" }, "REQUEST_INVALID"],
      ["few iterations", { iterations: 999_999 }, "REQUEST_INVALID"],
      ["other iterations", { iterations: 1_000_001 }, "REQUEST_INVALID"],
      ["no recovery", { recoveryAuthenticationKey: undefined }, "REQUEST_INVALID"],
      ["a short salt", { salt: "AAAA" }, "REQUEST_INVALID"],
      ["stray bits", { salt: "AAAAAAAAAAAAAAAAAAAAAB" }, "REQUEST_INVALID"],
      ["no key", { publicKey: "A".repeat(560) }, "UCS_KEY_WEAK"],
      ["an unknown field", { password: "secret" }, "REQUEST_INVALID"],
      ["a missing item", { items: { "private-key": items["private-key"] } }, "REQUEST_INVALID"],
    ];
    for (const [name, change, code] of rows) {
      const answer = await caller(portal)("POST", "/v1/accounts", {
        registration: { ...good, ...change },
      });
      assert.equal(answer.body["code"], code, name);
      assert(!JSON.stringify(answer.body).includes(good.authenticationKey), name);
    }
  });

  test("a body beyond the limit is not read", async () => {
    const answer = await caller(portal)("POST", "/v1/accounts", {
      registration: "x".repeat(40_000),
    });
    assert.equal(answer.status, 413);
    assert.equal(answer.body["code"], "BODY_TOO_LARGE");
  });

  test("the number of accounts has a limit", async () => {
    await portal.store.query(`insert into ucs_account
      (login, salt, iterations, verifier, recovery_verifier, items, public_key, created_at)
      select 'filler' || n, '', 1, '', '', '{}', '', 0 from generate_series(1, 40) n`);
    const answer = await caller(portal)("POST", "/v1/accounts", {
      registration: await registration("one-more"),
    });
    assert.equal(answer.body["code"], "UCS_ACCOUNTS_FULL");
    await portal.store.query("delete from ucs_account where login like 'filler%'");
  });

  test("a new password replaces the password's part, and nothing else", async () => {
    const { call, token } = await customer(portal, "changing");
    const elsewhere = String((await logIn(portal, "changing")).body["token"]);
    const old = await passwordPart("changing");
    const rewrapped = { ...items["master-by-password"], version: 2 };
    const change = (parts: Record<string, unknown>) =>
      call("PUT", "/v1/vault", { ...old, items: { ...items, ...parts } });
    const foreign = { ...items["private-key"], ciphertext: toBase64Url(named("mine")) };
    const conflicts = [
      {},
      { "master-by-password": { ...rewrapped, version: 3 } },
      { "master-by-password": rewrapped, "private-key": foreign },
      { "master-by-password": rewrapped, "master-by-recovery": foreign },
    ];
    for (const parts of conflicts) {
      assert.equal((await change(parts)).body["code"], "UCS_VAULT_CONFLICT");
    }
    assert.equal((await change({ "master-by-password": rewrapped })).status, 204);
    assert.equal((await call("GET", "/v1/envelopes")).body["code"], "UCS_NOT_ENROLLED");
    const other = await withToken(portal, elsewhere)("GET", "/v1/envelopes");
    assert.equal(other.body["code"], "UCS_SESSION_REQUIRED");
    assert.notEqual(token, elsewhere);
  });

  test("the recovery key opens a short session for one new password", async () => {
    const { call } = await customer(portal, "recovering");
    const recovered = await recover(portal, "recovering");
    assert.deepEqual(Object.keys(recovered.body).toSorted(), ["account", "items", "token"]);
    assert.deepEqual(recovered.body["items"], items);
    const session = withToken(portal, String(recovered.body["token"]));
    const old = await passwordPart("recovering");
    const change = (version: number) => {
      const rewrapped = { ...items["master-by-password"], version };
      const changed = { ...items, "master-by-password": rewrapped };
      const key = authenticationKey(`new ${version}`);
      return session("PUT", "/v1/vault", { ...old, authenticationKey: key, items: changed });
    };
    assert.equal((await change(1)).body["code"], "UCS_VAULT_CONFLICT");
    assert.equal((await change(2)).status, 204);
    assert.equal((await change(3)).body["code"], "UCS_SESSION_REQUIRED", "used once");
    assert.equal((await call("GET", "/v1/envelopes")).status, 401, "other sessions have ended");
    assert.equal((await logIn(portal, "recovering")).status, 401);
    const again = withToken(portal, String((await recover(portal, "recovering")).body["token"]));
    await portal.clock.advanceTo(portal.clock.nowMs() + 600_000);
    const late = await again("PUT", "/v1/vault", { ...old, items });
    assert.equal(late.body["code"], "UCS_SESSION_REQUIRED", "ten minutes");
  });

  test("pinned meters are stored as they come, one version after the other", async () => {
    const { call } = await customer(portal, "pinning");
    const put = async (body: object) => {
      const answer = await call("PUT", "/v1/vault/pinned-meters", body);
      return answer.body["code"] ?? answer.status;
    };
    assert.equal((await logIn(portal, "pinning")).body["pinnedMeters"], null);
    assert.equal(await put(item("pins", 2)), "UCS_VAULT_CONFLICT");
    assert.equal(await put(item("pins", 1)), 204);
    assert.equal(await put(item("others", 1)), "UCS_VAULT_CONFLICT");
    assert.equal(
      await put({ ...item("pins", 2), ciphertext: "A".repeat(8193) }),
      "REQUEST_INVALID",
    );
    assert.deepEqual((await logIn(portal, "pinning")).body["pinnedMeters"], item("pins", 1));
    assert.equal(await put(item("more pins", 2)), 204);
    const opened = await logIn(portal, "pinning");
    assert.deepEqual(opened.body["pinnedMeters"], item("more pins", 2));
    assert.deepEqual(opened.body["items"], items);
  });
});

describe("an account that its owner deletes", () => {
  const remove = (of: string) => ({ authenticationKey: authenticationKey(of) });

  test("goes with everything that opens, leaves one entry without a name, and says what remains", async () => {
    const { call, login } = await customer(portal, "gone");
    const facts = await call("GET", "/v1/account/deletion");
    assert.deepEqual(facts.body["othersRead"], false);
    const answer = await call("DELETE", "/v1/account", remove(login));
    assert.equal(answer.status, 200);
    assert.deepEqual(answer.body["remains"], facts.body["remains"]);
    assert.deepEqual(answer.body["deleted"], {
      sessions: 1,
      enrolments: 0,
      keyEnvelopes: 0,
      auditEntries: 2,
      sealedStatements: 0,
    });
    for (const table of ["ucs_account", "ucs_session", "ucs_audit", "ucs_link"]) {
      const rows = await portal.store.query(`select 1 from ${table} where login = $1`, [login]);
      assert.equal(rows.length, 0, table);
    }
    const trail = await portal.store.query(
      "select 1 from ucs_audit where event = 'account-deleted'",
    );
    assert.equal(trail.length, 1);
    assert.equal((await call("GET", "/v1/account/deletion")).status, 401);
    assert.equal((await logIn(portal, login)).status, 401);
    // The login is anybody's again, and opens nothing of before.
    assert.equal((await customer(portal, login)).login, login);
  });

  test("needs the password anew: a session alone deletes nothing, and guesses lock the login", async () => {
    const { call, login } = await customer(portal, "stolen");
    const anyone = caller(portal);
    assert.equal((await anyone("DELETE", "/v1/account", remove(login))).status, 401);
    assert.equal((await anyone("GET", "/v1/account/deletion")).status, 401);
    assert.equal((await call("DELETE", "/v1/account", {})).status, 400);
    const recovery = await recover(portal, login);
    const short = withToken(portal, String(recovery.body["token"]));
    assert.equal(
      (await short("DELETE", "/v1/account", remove(login))).body["code"],
      "UCS_SESSION_REQUIRED",
    );
    for (let attempt = 0; attempt < 5; attempt++) {
      const refused = await call("DELETE", "/v1/account", remove("somebody else"));
      assert.equal(refused.body["code"], "UCS_LOGIN_REFUSED");
    }
    const locked = await call("DELETE", "/v1/account", remove(login));
    assert.equal(locked.body["code"], "UCS_LOGIN_LOCKED");
    assert.equal((await call("GET", "/v1/account/deletion")).status, 200, "it is still there");
  });

  test("by his own device: a wrong password leaves all as it is, the right one ends it", async () => {
    const [login, password] = ["leaving", "a password of hers"];
    const client = createPortalClient({
      fetch: (input, init) => Promise.resolve(portal.ucs.http.request(new Request(input, init))),
      origin: "https://portal.example.org",
      session: "bearer",
      random,
    });
    const { keys } = await client.signUp(await createVault({ login, password, random }));
    const { remains, othersRead } = await client.deletionFacts();
    assert.deepEqual(remains, remainingFacts({}));
    assert.equal(othersRead, false);
    const wrong = { ...keys, authenticationKey: keys.wrappingKey };
    await assert.rejects(client.deleteAccount(wrong), { code: "CUSTOMER_UNLOCK_FAILED" });
    assert.deepEqual((await client.deletionFacts()).remains, remains);
    const deletion = await client.deleteAccount(keys);
    assert.deepEqual([deletion.deleted["sessions"], deletion.remains], [1, remains]);
    await assert.rejects(client.deletionFacts(), { code: "CUSTOMER_PORTAL_REFUSED" });
    const again = client.loginWithKeys(login, keys);
    await assert.rejects(again, { code: "CUSTOMER_UNLOCK_FAILED" });
  });

  test("what is told of the MDMS is the MDMS's own time, unless the operator says another", () => {
    const told = (kept: Parameters<typeof remainingFacts>[0]) =>
      Object.fromEntries(remainingFacts(kept).map(({ what, keptDays }) => [what, keptDays]));
    assert.equal(told({})["statements"], MDMS_KEPT_DAYS.statements);
    assert.equal(told({})["sealed-frames"], UCS_KEPT_DAYS.sealedFrames);
    const other = told({ statements: 4000, sealedFrames: 500 });
    assert.deepEqual([other["statements"], other["sealed-frames"]], [4000, 500]);
    assert.equal(other["contributions"], null);
  });
});

describe("logins do not tell who is a customer", () => {
  const ENTRANCES = { sessions: "authenticationKey", recoveries: "recoveryAuthenticationKey" };
  const attempt = async (
    login: string,
    key: string,
    entrance: keyof typeof ENTRANCES = "sessions",
  ) => {
    const body = { login, [ENTRANCES[entrance]]: key };
    const { status, body: answer } = await caller(portal)("POST", `/v1/${entrance}`, body);
    return { status, answer };
  };

  test("parameters have one shape, and a fake salt stays the same over restarts", async () => {
    const anyone = caller(portal);
    const taken = await anyone("GET", "/v1/logins/anna");
    const unknown = await anyone("GET", "/v1/logins/unknown");
    assert.deepEqual(taken.body, {
      salt: toBase64Url(named("salt of anna", 16)),
      iterations: 1_000_000,
    });
    assert.deepEqual(Object.keys(unknown.body), Object.keys(taken.body));
    assert.equal(unknown.body["iterations"], taken.body["iterations"]);
    assert.equal(String(unknown.body["salt"]).length, 22);
    assert.notEqual(
      (await anyone("GET", "/v1/logins/unknown2")).body["salt"],
      unknown.body["salt"],
    );
    await portal.restart();
    assert.deepEqual((await anyone("GET", "/v1/logins/unknown")).body, unknown.body);
  });

  test("a wrong login, a wrong password and their lock-outs are the same answers", async () => {
    await customer(portal, "locked");
    const wrong = toBase64Url(named("wrong"));
    // In parallel: an attempt counts before it is judged.
    const storm = (login: string) =>
      Promise.all(Array.from({ length: 7 }, () => attempt(login, wrong)));
    const taken = await storm("locked");
    const codes = taken.map(({ answer }) => answer["code"]);
    assert.equal(codes.filter((code) => code === "UCS_LOGIN_REFUSED").length, 5);
    assert.equal(codes.filter((code) => code === "UCS_LOGIN_LOCKED").length, 2);
    const inOrder = (answers: unknown[]) => answers.map((each) => JSON.stringify(each)).toSorted();
    assert.deepEqual(inOrder(await storm("nobody")), inOrder(taken));
    const right = await attempt("locked", authenticationKey("locked"));
    assert.equal(right.answer["code"], "UCS_LOGIN_LOCKED");
    assert.equal((await recover(portal, "locked")).body["code"], "UCS_LOGIN_LOCKED", "one count");
    await portal.clock.advanceTo(portal.clock.nowMs() + 899_000);
    assert.equal((await logIn(portal, "locked")).body["code"], "UCS_LOGIN_LOCKED");
    await portal.clock.advanceTo(portal.clock.nowMs() + 1_000);
    assert.equal((await logIn(portal, "locked")).status, 200);
  });

  test("a recovery with a wrong login or a wrong key is the same answer, and counts", async () => {
    await customer(portal, "lost");
    const wrong = toBase64Url(named("wrong"));
    const storm = async (login: string) => {
      const answers = [];
      for (let times = 0; times < 6; times++) {
        answers.push(await attempt(login, wrong, "recoveries"));
      }
      return answers;
    };
    const taken = await storm("lost");
    assert.deepEqual(
      taken.map(({ answer }) => answer["code"]),
      [...Array.from({ length: 5 }, () => "UCS_LOGIN_REFUSED"), "UCS_LOGIN_LOCKED"],
    );
    assert.deepEqual(await storm("never-there"), taken);
    assert.equal((await recover(portal, "lost")).body["code"], "UCS_LOGIN_LOCKED");
    assert.equal((await logIn(portal, "lost")).body["code"], "UCS_LOGIN_LOCKED", "one count");
    await portal.clock.advanceTo(portal.clock.nowMs() + 900_000);
    const keys = [authenticationKey("lost"), recoveryAuthenticationKey("lost")] as const;
    assert.equal((await attempt("lost", keys[0], "recoveries")).status, 401, "not the password's");
    assert.equal((await attempt("lost", keys[1], "sessions")).status, 401, "nor the other way");
    assert.equal((await attempt("lost", keys[1], "recoveries")).status, 200);
  });

  test("neither passwords nor tokens nor names from the login field lie in the store", async () => {
    const { token } = await customer(portal, "stored");
    await attempt("my-password-by-mistake", authenticationKey("stored"));
    const secrets = [
      token,
      authenticationKey("stored"),
      recoveryAuthenticationKey("stored"),
      "my-password-by-mistake",
    ];
    for (const table of ["ucs_account", "ucs_session", "ucs_login_attempt", "ucs_audit"]) {
      const rows = await portal.store.query<{ row: string }>(
        `select t::text as row from ${table} t`,
      );
      assert(rows.length > 0, table);
      for (const { row } of rows) {
        for (const secret of secrets) {
          assert(!row.includes(secret) && !row.includes(Buffer.from(utf8(secret)).toString("hex")));
        }
      }
    }
  });
});

describe("sessions of the portal's page", () => {
  const pageLogin = async (login: string, origin: string, headers = {}) => {
    const answer = await caller(portal)(
      "POST",
      `${origin}/v1/sessions`,
      { login, authenticationKey: authenticationKey(login) },
      { "x-portal-page": "1", ...headers },
    );
    return { cookie: answer.headers.get("set-cookie") ?? "", body: answer.body };
  };

  test("the cookie is HttpOnly, SameSite=Strict, and Secure beyond this machine", async () => {
    await customer(portal, "page");
    const local = await pageLogin("page", "http://127.0.0.1:8080");
    assert.match(local.cookie, /^session=.*; Max-Age=3600; Path=\/; HttpOnly; SameSite=Strict$/);
    assert.equal(local.body["token"], undefined);
    const remote = await pageLogin("page", "http://portal.example.org");
    assert.match(remote.cookie, /^__Host-session=.*; HttpOnly; Secure; SameSite=Strict$/);
  });

  test("a change under a cookie needs the page's own token", async () => {
    const { cookie, body } = await pageLogin("page", "http://localhost");
    const csrf = String(body["csrf"]);
    const other = String((await pageLogin("page", "http://localhost")).body["csrf"]);
    const headers = { cookie: cookie.split(";")[0] ?? "" };
    const anyone = caller(portal);
    const read = await anyone("GET", "/v1/envelopes", undefined, headers);
    assert.equal(read.body["code"], "UCS_NOT_ENROLLED");
    for (const token of [undefined, "", other, csrf.slice(1)]) {
      const forged = token === undefined ? headers : { ...headers, "x-csrf-token": token };
      const answer = await anyone("DELETE", "/v1/sessions", undefined, forged);
      assert.equal(answer.body["code"], "UCS_CSRF");
    }
    const own = { ...headers, "x-csrf-token": csrf };
    assert.equal((await anyone("DELETE", "/v1/sessions", undefined, own)).status, 204);
    assert.equal((await anyone("GET", "/v1/envelopes", undefined, headers)).status, 401);
  });

  test("a login in the same page ends the session before it; one of a program, or elsewhere, does not", async () => {
    const seen = async (session: { cookie: string }): Promise<number> => {
      const headers = { cookie: session.cookie.split(";")[0] ?? "" };
      return (await caller(portal)("GET", "/v1/envelopes", undefined, headers)).status;
    };
    const [here, elsewhere] = [
      await pageLogin("page", "http://localhost"),
      await pageLogin("page", "http://localhost"),
    ];
    const alive = await seen(elsewhere);
    assert.notEqual(alive, 401);
    const cookie = here.cookie.split(";")[0] ?? "";
    const program = await caller(portal)(
      "POST",
      "http://localhost/v1/sessions",
      { login: "page", authenticationKey: authenticationKey("page") },
      { cookie },
    );
    assert.notEqual(program.body["token"], undefined);
    assert.equal(await seen(here), alive);
    const again = await pageLogin("page", "http://localhost", { cookie });
    assert.equal(await seen(here), 401);
    assert.equal(await seen(again), alive);
    assert.equal(await seen(elsewhere), alive);
  });
});

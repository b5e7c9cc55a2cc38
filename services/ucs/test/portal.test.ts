/** The portal's API (docs/protocol.md §10): what a customer gets, and what everyone else does not. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { fromHex, toBase64Url, utf8 } from "@smarter-metering/protocol";
import { named, type WorldHousehold } from "../../../test/support/world.ts";
import {
  answerNewest,
  authenticationKey,
  caller,
  customer,
  enrol,
  envelopeFor,
  items,
  logIn,
  offerOf,
  openPortal,
  publishSealed,
  registration,
  requestOf,
  withToken,
  type Customer,
  type Portal,
} from "./portal.ts";

let portal: Portal;
/** Customers that later tests go on with: a login costs an argon2id. */
const known = new Map<string, Customer>();
const again = (login: string): Customer => {
  const found = known.get(login);
  assert(found !== undefined, login);
  return found;
};
async function remember(login: string, key?: "customer" | "other"): Promise<Customer> {
  const made = await customer(portal, login, key);
  known.set(login, made);
  return made;
}
before(async () => {
  portal = await openPortal({ sessionSeconds: 3600, framesPerPageMax: 2, accountsMax: 40 });
});
after(() => portal.close());

function household(index: number): WorldHousehold {
  const found = portal.world.households[index];
  assert(found !== undefined);
  return found;
}
const day = (values: number): number[] => Array.from({ length: 96 }, () => values);

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
    const { call } = await remember("anna-2");
    await portal.clock.advanceTo(portal.clock.nowMs() + 3599_000);
    assert.equal((await call("GET", "/v1/envelopes")).body["code"], "UCS_NOT_ENROLLED");
    await portal.clock.advanceTo(portal.clock.nowMs() + 1_000);
    assert.equal((await call("GET", "/v1/envelopes")).body["code"], "UCS_SESSION_REQUIRED");
  });

  test("every route but sign-up and log-in wants a session", async () => {
    const anyone = caller(portal);
    const document = (await anyone("GET", "/openapi.json")).body;
    const paths = document["paths"] as Record<string, Record<string, unknown>>;
    const open = ["post /v1/accounts", "get /v1/logins/{login}", "post /v1/sessions"];
    const tried: string[] = [];
    for (const [path, methods] of Object.entries(paths)) {
      for (const method of Object.keys(methods)) {
        if (open.includes(`${method} ${path}`)) continue;
        const address = path.replace("{networkPseudonym}", household(0).network);
        const query = path === "/v1/frames" ? "?from=0&to=1" : "";
        const body =
          method === "put"
            ? { ...(await registration("x")), login: undefined, publicKey: undefined }
            : method === "post"
              ? { request: "A".repeat(100) }
              : undefined;
        const answer = await withToken(portal, "A".repeat(43))(
          method.toUpperCase(),
          `${address}${query}`,
          body,
        );
        assert.equal(answer.body["code"], "UCS_SESSION_REQUIRED", `${method} ${path}`);
        tried.push(`${method} ${path}`);
      }
    }
    assert.equal(tried.length, 8);
  });

  test("sign-ups that are refused", async () => {
    const good = await registration("refused");
    const rows: [name: string, change: Record<string, unknown>, code: string][] = [
      ["a taken login", { login: "anna" }, "UCS_LOGIN_TAKEN"],
      ["upper case", { login: "Anna" }, "REQUEST_INVALID"],
      ["a login with a space", { login: "an na" }, "REQUEST_INVALID"],
      ["few iterations", { iterations: 999_999 }, "REQUEST_INVALID"],
      ["other iterations", { iterations: 1_000_001 }, "REQUEST_INVALID"],
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
      select 'filler' || n, '', 1, '', '{}', '', 0, null from generate_series(1, 40) n`);
    const answer = await caller(portal)("POST", "/v1/accounts", {
      registration: await registration("one-more"),
    });
    assert.equal(answer.body["code"], "UCS_ACCOUNTS_FULL");
    await portal.store.query("delete from ucs_account where login like 'filler%'");
  });

  test("a new password replaces the password's part, and nothing else", async () => {
    const { call, token } = await customer(portal, "changing");
    const elsewhere = String((await logIn(portal, "changing")).body["token"]);
    const { login: _, publicKey: __, ...old } = await registration("changing");
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
});

describe("logins do not tell who is a customer", () => {
  const attempt = async (login: string, key: string) => {
    const body = { login, authenticationKey: key };
    const { status, body: answer } = await caller(portal)("POST", "/v1/sessions", body);
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
    await portal.clock.advanceTo(portal.clock.nowMs() + 899_000);
    assert.equal((await logIn(portal, "locked")).body["code"], "UCS_LOGIN_LOCKED");
    await portal.clock.advanceTo(portal.clock.nowMs() + 1_000);
    assert.equal((await logIn(portal, "locked")).status, 200);
  });

  test("neither passwords nor tokens nor names from the login field lie in the store", async () => {
    const { token } = await customer(portal, "stored");
    await attempt("my-password-by-mistake", authenticationKey("stored"));
    const secrets = [token, authenticationKey("stored"), "my-password-by-mistake"];
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
  const pageLogin = async (login: string, origin: string) => {
    const answer = await caller(portal)(
      "POST",
      `${origin}/v1/sessions`,
      { login, authenticationKey: authenticationKey(login) },
      { "x-portal-page": "1" },
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
});

describe("enrolment", () => {
  test("only the meter's acceptance links account and service point", async () => {
    const anna = await customer(portal, "enrolling");
    const house = household(0);
    const address = `/v1/enrolments/${house.network}`;
    assert.equal((await anna.call("GET", address)).body["code"], "UCS_ENROLMENT_UNKNOWN");
    const nonce = await offerOf(portal, house, "first");
    const offer = await anna.call("GET", `/v1/enrolment-offers/${house.network}`);
    assert.equal(offer.body["meterKey"], Buffer.from(house.meter.publicKey).toString("hex"));

    const request = await requestOf(anna, house, nonce);
    assert.equal((await anna.call("POST", "/v1/enrolments", { request })).status, 202);
    assert.deepEqual((await anna.call("GET", address)).body, { state: "pending" });
    const sent = await portal.bus.last("downlink", house.meterId);
    assert.equal(toBase64Url(sent?.body ?? new Uint8Array(0)), request);
    assert.equal((await logIn(portal, "enrolling")).body["servicePoint"], null);

    await answerNewest(portal, house, { meterKey: named("another key") });
    await answerNewest(portal, house, { nonce: named("another nonce", 16) });
    assert.deepEqual((await anna.call("GET", address)).body, { state: "pending" });

    await answerNewest(portal, house);
    const state = await anna.call("GET", address);
    assert.equal(state.body["state"], "accepted");
    assert.equal(typeof state.body["answer"], "string");
    assert.equal((await logIn(portal, "enrolling")).body["servicePoint"], house.network);
    const late = await anna.call("POST", "/v1/enrolments", { request });
    assert.equal(late.body["code"], "UCS_OFFER_STALE", "a request is used once");
  });

  test("requests that are refused", async () => {
    const eve = await customer(portal, "eve", "other");
    const victim = await remember("victim");
    const house = household(1);
    const nonce = await offerOf(portal, house, "hostile");
    const valid = await requestOf(victim, house, nonce);
    const rows: [name: string, request: string, code: string][] = [
      ["another account's request", valid, "UCS_ENROLMENT_INVALID"],
      [
        "another's key",
        await requestOf({ ...eve, recipient: victim.recipient }, house, nonce),
        "UCS_ENROLMENT_INVALID",
      ],
      ["an unknown nonce", await requestOf(eve, house, named("old", 16)), "UCS_OFFER_STALE"],
      [
        "an offer for another service point",
        await requestOf(eve, { ...house, network: household(0).network }, nonce),
        "UCS_OFFER_STALE",
      ],
      ["noise", "A".repeat(200), "UCS_ENROLMENT_INVALID"],
      ["a request cut short", valid.slice(0, 200), "UCS_ENROLMENT_INVALID"],
    ];
    for (const [name, request, code] of rows) {
      const answer = await eve.call("POST", "/v1/enrolments", { request });
      assert.equal(answer.body["code"], code, name);
    }
    assert.equal(await portal.bus.last("downlink", house.meterId), undefined);

    for (let times = 0; times < 2; times++) {
      const sent = await victim.call("POST", "/v1/enrolments", { request: valid });
      assert.equal(sent.status, 202, "the same bytes again have no further effect");
    }
    const rival = await requestOf(eve, house, nonce);
    const taken = await eve.call("POST", "/v1/enrolments", { request: rival });
    assert.equal(taken.body["code"], "UCS_OFFER_STALE", "a nonce is for one request");
    assert.equal((await eve.call("GET", `/v1/enrolments/${house.network}`)).status, 404);
    const second = await offerOf(portal, household(0), "second");
    const more = await victim.call("POST", "/v1/enrolments", {
      request: await requestOf(victim, household(0), second),
    });
    assert.equal(more.body["code"], "UCS_ENROLMENT_PENDING");
  });

  test("a refusal by the meter links nothing and leaves the way open", async () => {
    const house = household(1);
    const victim = again("victim").call;
    await answerNewest(portal, house, { accepted: false });
    const state = await victim("GET", `/v1/enrolments/${house.network}`);
    assert.equal(state.body["state"], "refused");
    assert.equal((await victim("GET", "/v1/envelopes")).body["code"], "UCS_NOT_ENROLLED");
    const offers = await victim("GET", `/v1/enrolment-offers/${house.network}`);
    assert.equal(offers.body["code"], "UCS_OFFER_UNKNOWN", "a used offer is not shown again");
  });
});

describe("frames and envelopes", () => {
  test("an account gets the frames of its own service point, in pages", async () => {
    const [own, others] = [household(0), household(1)];
    const carl = await remember("carl");
    await enrol(portal, carl, own);
    const made = [];
    for (let index = 0; index < 5; index++) {
      const blockStart = portal.world.dayStart(index);
      made.push(await own.frames.next({ blockStart }, { importMilliwattHours: day(index) }));
      const foreign = await others.frames.next({ blockStart }, { importMilliwattHours: day(9) });
      await publishSealed(portal, foreign);
    }
    await publishSealed(portal, ...made.toReversed());
    const encoded = made.map(({ bytes }) => toBase64Url(bytes));
    const range = `from=${portal.world.dayStart(0)}&to=${portal.world.dayStart(5)}`;
    const pages: unknown[][] = [];
    for (let path: string | undefined = `/v1/frames?${range}`; path !== undefined;) {
      const { body } = await carl.call("GET", path);
      pages.push(body["frames"] as unknown[]);
      const next = body["next"] as string | undefined;
      path = next === undefined ? undefined : `/v1/frames?${range}&cursor=${next}`;
    }
    assert.deepEqual(
      pages.map((page) => page.length),
      [2, 2, 1],
    );
    assert.deepEqual(pages.flat(), encoded);

    const second = `from=${portal.world.dayStart(1) + 900}&to=${portal.world.dayStart(2)}`;
    const { body } = await carl.call("GET", `/v1/frames?${second}`);
    assert.deepEqual(body["frames"], [encoded[1]], "a range cuts between frames, not through them");
    for (const bad of ["from=0", "from=-1&to=5", "from=0&to=x", `${range}&cursor=1.ab`]) {
      assert.equal((await carl.call("GET", `/v1/frames?${bad}`)).status, 400, bad);
    }
  });

  test("envelopes are for the account's key alone", async () => {
    const house = household(0);
    const carl = again("carl").call;
    const own = await envelopeFor(portal, house, portal.world.customer.recipient);
    await envelopeFor(portal, house, portal.world.opener.recipient);
    await envelopeFor(portal, household(1), portal.world.customer.recipient);
    const { body } = await carl("GET", "/v1/envelopes");
    assert.deepEqual(body["envelopes"], [toBase64Url(own)]);
  });

  test("another account enrolled later ends the earlier one and alarms it", async () => {
    const house = household(0);
    const carl = again("carl").call;
    const live = await portal.ucs.http.request("/v1/live", {
      headers: { authorization: `Bearer ${again("carl").token}` },
    });
    const dora = await remember("dora", "other");
    await enrol(portal, dora, house);
    assert.equal((await carl("GET", "/v1/frames?from=0&to=1")).body["code"], "UCS_NOT_ENROLLED");
    assert.match(await live.text(), /^: open\n\n$/, "the stream has ended");
    const alarmed = await logIn(portal, "carl");
    assert.equal(alarmed.body["servicePoint"], null);
    assert.equal(alarmed.body["enrolmentEndedAt"], Math.floor(portal.clock.nowMs() / 1000));
    const events = await portal.store.query<{ event: string }>(
      "select event from ucs_audit where login = 'carl' order by id desc limit 2",
    );
    assert(events.some(({ event }) => event === "enrolment-ended"));
    assert.equal((await dora.call("GET", "/v1/envelopes")).status, 200);
  });

  test("a new contract ends the access of the old one's account", async () => {
    const dora = again("dora").call;
    const { epoch, view } = portal.world.ucsFeed.current();
    const range = `/v1/frames?from=0&to=${portal.world.dayStart(9)}`;
    const change = (contract: { contractStart?: number; contractEnd?: number }) =>
      portal.world.ucsFeed.set(epoch + 1, {
        ...view,
        servicePoints: view.servicePoints.map((point) => ({ ...point, ...contract })),
      });
    change({ contractEnd: portal.world.dayStart(1) });
    assert.equal(((await dora("GET", range)).body["frames"] as unknown[]).length, 1);
    change({ contractStart: portal.world.dayStart(2) });
    assert.equal((await dora("GET", range)).body["code"], "UCS_NOT_ENROLLED");
    assert.equal((await dora("GET", "/v1/live")).body["code"], "UCS_NOT_ENROLLED");
    portal.world.ucsFeed.set(epoch, view);
    assert.equal((await dora("GET", range)).status, 200);
  });

  test("live frames arrive as they came, and the stream ends with the session", async () => {
    const house = household(0);
    const token = String((await logIn(portal, "dora")).body["token"]);
    const response = await portal.ucs.http.request("/v1/live", {
      headers: { authorization: `Bearer ${token}` },
    });
    assert.equal(response.headers.get("content-type"), "text/event-stream");
    const made = await house.frames.next(
      { kind: "LIVE", blockStart: portal.world.dayStart(7), firstSlot: 3 },
      { importMilliwattHours: [17] },
    );
    await publishSealed(portal, made);
    await portal.clock.advanceTo(portal.clock.nowMs() + 15_000);
    await withToken(portal, token)("DELETE", "/v1/sessions");
    await portal.clock.advanceTo(portal.clock.nowMs() + 15_000);
    const text = await response.text();
    assert.equal(text, `: open\n\ndata: ${toBase64Url(made.bytes)}\n\n: still here\n\n`);
  });

  test("an account has four live streams at most, and a closed one makes room", async () => {
    const { token } = again("dora");
    const open = () =>
      portal.ucs.http.request("/v1/live", { headers: { authorization: `Bearer ${token}` } });
    const streams = await Promise.all([open(), open(), open(), open()]);
    assert.equal((await open()).status, 503);
    await streams[0]?.body?.cancel();
    const fifth = await open();
    assert.equal(fifth.status, 200);
    for (const stream of [fifth, ...streams.slice(1)]) await stream.body?.cancel();
  });

  test("network pseudonyms in addresses are hex of 16 bytes", async () => {
    const { call } = again("dora");
    for (const name of [
      "x",
      "00",
      `${household(0).network}00`,
      household(0).network.toUpperCase(),
    ]) {
      assert.equal((await call("GET", `/v1/enrolment-offers/${name}`)).status, 400);
    }
    assert.equal(fromHex(household(0).network).length, 16);
  });
});

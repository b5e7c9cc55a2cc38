/** The customer's side of the portal (docs/protocol.md §10), against a portal in memory: crashes, lies, recovery, enrolment. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  createPortalClient,
  openPins,
  parseRecoveryKey,
  type PasswordRegistration,
  type WrappedItem,
} from "@smarter-metering/customer";
import {
  customerMac,
  decodeEnrolmentRequest,
  encodeEnrolmentAnswer,
  encodeEnrolmentCode,
  encodeOffer,
  equalBytes,
  fromBase64Url,
  meterMac,
  signEnrolmentAnswer,
  signOffer,
  toBase64Url,
  toHex,
  type EnrolmentRequest,
  type Signer,
} from "@smarter-metering/protocol";
import { eventData } from "../src/event-stream.ts";
import {
  filled,
  random,
  login,
  password,
  newVault,
  unlockFailed,
  wrongKeys,
  registration,
  recoveryKey,
  vault,
  meterId,
  networkPseudonym,
  meter,
  stranger,
  code,
  pinned,
  envelope,
} from "./customer.ts";

/** The portal's API in memory; `behave` changes single answers, as a hostile portal would. */
function fakePortal(code: Uint8Array, behave: Partial<Record<string, () => Response>> = {}) {
  const requests: EnrolmentRequest[] = [];
  const seen: Request[] = [];
  let known: PasswordRegistration = registration;
  let pinnedMeters: WrappedItem | null = null;
  const nonce = filled(16, 0x44);
  const answer = (body: unknown, status = 200): Response => Response.json(body, { status });
  const problem = (status: number, code: string): Response =>
    new Response(JSON.stringify({ code }), {
      status,
      headers: { "content-type": "application/problem+json" },
    });
  const pseudonym = toHex(networkPseudonym);

  async function meterAnswer(): Promise<Response> {
    const request = requests.at(-1);
    if (request === undefined) return answer({ state: "none" });
    const accepted = equalBytes(request.mac, await customerMac(code, request));
    if (!accepted) return answer({ state: "refused" });
    const mac = await meterMac(code, request, meter.publicKey);
    const terms = { networkPseudonym, meterId, nonce, accepted, mac };
    const encoded = encodeEnrolmentAnswer(await signEnrolmentAnswer(terms, meter));
    return answer({ state: "accepted", answer: toBase64Url(encoded) });
  }

  async function route(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const name = `${request.method} ${url.pathname}`;
    const special = behave[name];
    if (special !== undefined) return special();
    const isChange = request.method === "POST" || request.method === "PUT";
    const body = isChange ? ((await request.json()) as Record<string, string>) : {};
    if (name === `GET /v1/logins/${encodeURIComponent(login)}`) {
      return answer({ salt: known.salt, iterations: known.iterations });
    }
    if (name === "POST /v1/accounts") return answer({ account: "1" }, 201);
    if (name === "POST /v1/sessions") {
      if (body.authenticationKey !== known.authenticationKey) {
        return problem(401, "LOGIN_REFUSED");
      }
      const opened = { token: "t0ken", account: "1", items: known.items, pinnedMeters };
      return answer({ ...opened, publicKey: "AAAA", servicePoint: null });
    }
    if (name === "POST /v1/recoveries") {
      return body.recoveryAuthenticationKey === registration.recoveryAuthenticationKey
        ? answer({ token: "rec0very", account: "1", items: known.items })
        : problem(401, "LOGIN_REFUSED");
    }
    if (name === "PUT /v1/vault") {
      known = body as unknown as PasswordRegistration;
      return new Response(null, { status: 204 });
    }
    if (request.headers.get("authorization") !== "Bearer t0ken") return problem(401, "NO_SESSION");
    switch (name) {
      case `GET /v1/enrolment-offers/${pseudonym}`: {
        const offer = await signOffer({ networkPseudonym, meterId, nonce }, meter);
        const meterKey = toHex(meter.publicKey);
        return answer({ offer: toBase64Url(encodeOffer(offer)), meterKey });
      }
      case "POST /v1/enrolments":
        requests.push(decodeEnrolmentRequest(fromBase64Url(body.request ?? "")));
        return new Response(null, { status: 202 });
      case `GET /v1/enrolments/${pseudonym}`:
        return meterAnswer();
      case "GET /v1/envelopes":
        return answer({ envelopes: [toBase64Url(envelope)] });
      case "GET /v1/frames": {
        const cursor = Number(url.searchParams.get("cursor") ?? 0);
        const page = { frames: [toBase64Url(filled(3, cursor))] };
        return answer(cursor < 2 ? { ...page, next: String(cursor + 1) } : page);
      }
      case "GET /v1/live":
        return new Response(": hello\n\ndata: AQ\n\nevent: x\r\ndata:Ag\r\n\r\n");
      case "PUT /v1/vault/pinned-meters": {
        const item = body as unknown as WrappedItem;
        if (item.version !== (pinnedMeters?.version ?? 0) + 1) {
          return problem(409, "UCS_VAULT_CONFLICT");
        }
        pinnedMeters = item;
        return new Response(null, { status: 204 });
      }
      case "DELETE /v1/sessions":
        return new Response(null, { status: 204 });
      default:
        return problem(404, "NOT_FOUND");
    }
  }

  const fetch: typeof globalThis.fetch = async (input, init) => {
    const request = new Request(input, init);
    seen.push(request.clone());
    return route(request);
  };
  return { fetch, requests, seen, pins: () => pinnedMeters };
}

const origin = "https://portal.test";
const noWait = (): Promise<void> => Promise.resolve();
/** For portals that are tried without a login. */
const withToken = { authorization: "Bearer t0ken" };
const enrolment = { code, networkPseudonym, attempts: 2, wait: noWait };

async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const list: Item[] = [];
  for await (const item of items) list.push(item);
  return list;
}

test("portal: sign up, log in, enrol, read, follow, log out", async () => {
  const portal = fakePortal(code);
  const client = createPortalClient({ fetch: portal.fetch, origin, session: "bearer", random });
  const session = await client.signUp(newVault);
  // The keys that made the account log in to it: the portal is not asked how to derive them anew.
  const paths = portal.seen.map(({ method, url }) => `${method} ${new URL(url).pathname}`);
  assert.deepEqual(paths, ["POST /v1/accounts", "POST /v1/sessions"]);
  assert.deepEqual(await portal.seen[0]?.clone().json(), { registration });
  // The portal named another public key; the customer's is the one he unwrapped.
  assert.deepEqual(session.vault.spki, vault.spki);
  assert.equal(session.servicePoint, null);
  assert.deepEqual(session.pinnedMeters, []);
  assert.deepEqual(await client.enrol(session, enrolment), [pinned]);
  assert.deepEqual(portal.requests[0]?.customerSpki, vault.spki);
  assert.deepEqual(await client.envelopes(), [envelope]);
  const pages = await collect(client.frames(0, 10));
  assert.deepEqual(pages, [[filled(3, 0)], [filled(3, 1)], [filled(3, 2)]]);
  assert.deepEqual(await collect(client.live()), [Uint8Array.of(1), Uint8Array.of(2)]);
  // Another device: the meter came with the vault, the code stays in its drawer.
  const elsewhere = await client.login(login, password);
  assert.deepEqual(elsewhere.pinnedMeters, [pinned]);
  assert.equal(elsewhere.pinsVersion, 1);
  const { salt, iterations, authenticationKey, items } = registration;
  await client.changeVault({ salt, iterations, authenticationKey, items });
  await client.logout();
  await assert.rejects(client.envelopes(), {
    code: "CUSTOMER_PORTAL_REFUSED",
    problem: { status: 401, code: "NO_SESSION" },
  });
  // Neither password, wrapping key, recovery key nor code ever went out.
  const wrappingKey = toBase64Url(newVault.keys.wrappingKey);
  const codes = [encodeEnrolmentCode(code), toBase64Url(code)];
  for (const request of portal.seen) {
    const sent = request.url + (await request.text());
    for (const secret of [password, wrappingKey, recoveryKey, ...codes]) {
      assert.ok(!sent.includes(secret));
    }
  }
});

test("enrolment goes on from a crash at any request, and uses the code once", async () => {
  const start = createPortalClient({ ...fakePortal(code), origin, session: "bearer", random });
  const fresh = await start.login(login, password);
  const { keys, items } = fresh;
  // Question, offer, request, question, pin: what a whole enrolment sends.
  const REQUESTS = 5;
  for (let crash = 0; crash < REQUESTS; crash++) {
    for (const arrives of [false, true]) {
      const portal = fakePortal(code);
      let sent = 0;
      const fetch: typeof globalThis.fetch = async (input, init) => {
        const isLast = sent++ === crash;
        if (isLast && !arrives) throw new TypeError("crashed before it was sent");
        const headers = { ...Object.fromEntries(new Headers(init?.headers)), ...withToken };
        const response = await portal.fetch(input, { ...init, headers });
        if (isLast) throw new TypeError("crashed before the answer was read");
        return response;
      };
      const client = createPortalClient({ fetch, origin, session: "cookie", random });
      const first = client.enrol(fresh, enrolment);
      await assert.rejects(first, { code: "CUSTOMER_PORTAL_UNREACHABLE" });
      // What the next login brings.
      const item = portal.pins();
      assert.equal(item !== null, arrives && crash === REQUESTS - 1);
      const pinnedMeters =
        item === null ? [] : (await openPins({ login, keys, items }, item)).meters;
      const next = { ...fresh, pinnedMeters, pinsVersion: item?.version ?? 0 };
      assert.deepEqual(await client.enrol(next, enrolment), [pinned]);
      assert.equal(portal.requests.length, 1, `${crash} ${arrives}`);
    }
  }
});

test("enrolment waits for a request that is on its way, and finds an acceptance behind a refusal", async () => {
  const enrolments = `GET /v1/enrolments/${toHex(networkPseudonym)}`;
  const behave: Record<string, () => Response> = {};
  const portal = fakePortal(code, behave);
  const client = createPortalClient({ ...portal, origin, session: "bearer", random });
  const session = await client.login(login, password);
  behave[enrolments] = () => Response.json({ state: "pending" });
  await assert.rejects(client.enrol(session, enrolment), { code: "CUSTOMER_ENROLMENT_PENDING" });
  assert.equal(portal.requests.length, 0);
  // A later refusal does not hide the acceptance, which the portal goes on giving.
  const nonce = filled(16, 0x44);
  const context = { networkPseudonym, meterId, nonce, account: login, customerSpki: vault.spki };
  const mac = await meterMac(code, context, meter.publicKey);
  const terms = { networkPseudonym, meterId, nonce, accepted: true, mac };
  const kept = toBase64Url(encodeEnrolmentAnswer(await signEnrolmentAnswer(terms, meter)));
  behave[enrolments] = () => Response.json({ state: "refused", answer: kept });
  assert.deepEqual(await client.enrol(session, enrolment), [pinned]);
  assert.equal(portal.requests.length, 0);
  await assert.rejects(client.enrol(session, { ...enrolment, code: filled(16, 1) }), {
    code: "CUSTOMER_ENROLMENT_FAILED",
  });
});

test("a forgotten password: the recovery key sets a new one, and nothing else does", async () => {
  const portal = fakePortal(code);
  const client = createPortalClient({ fetch: portal.fetch, origin, session: "bearer", random });
  const wrong = parseRecoveryKey(`RK-${encodeEnrolmentCode(filled(16, 3))}`);
  await assert.rejects(client.recover(login, wrong, "a new password"), unlockFailed);
  await client.recover(login, recoveryKey, "a new password");
  assert.equal(portal.seen.at(-1)?.headers.get("authorization"), "Bearer rec0very");
  await assert.rejects(client.envelopes(), { problem: { status: 401, code: "NO_SESSION" } });
  await assert.rejects(client.login(login, password), unlockFailed);
  const { vault: opened } = await client.login(login, "a new password");
  assert.deepEqual(opened.spki, vault.spki);
  for (const request of portal.seen) {
    const sent = request.url + (await request.text());
    for (const secret of [recoveryKey, recoveryKey.slice(3), "a new password"]) {
      assert.ok(!sent.includes(secret));
    }
  }
});

test("pinned meters that are not the account's are none, and the code proves the meter anew", async () => {
  const foreign = { ...registration.items["private-key"], version: 7 };
  const portal = fakePortal(code, {
    "POST /v1/sessions": () =>
      Response.json({
        token: "t0ken",
        items: registration.items,
        pinnedMeters: foreign,
        servicePoint: toHex(networkPseudonym),
      }),
    "PUT /v1/vault/pinned-meters": () => new Response(null, { status: 204 }),
  });
  const client = createPortalClient({ fetch: portal.fetch, origin, session: "bearer", random });
  const session = await client.login(login, password);
  assert.deepEqual([session.pinnedMeters, session.pinsVersion], [[], 7]);
  assert.deepEqual(await client.enrol(session, enrolment), [pinned]);
  const stored = (await portal.seen.at(-1)?.json()) as WrappedItem;
  assert.equal(stored.version, 8);
});

test("portal: what it withholds, twists or invents is refused", async () => {
  const keysWrong = { code: "CUSTOMER_UNLOCK_FAILED" };
  const malformed = { code: "CUSTOMER_PORTAL_MALFORMED" };
  const failed = { code: "CUSTOMER_ENROLMENT_FAILED" };
  const client = (
    behave: Parameters<typeof fakePortal>[1],
    session: "bearer" | "cookie" = "bearer",
  ) => createPortalClient({ fetch: fakePortal(code, behave).fetch, origin, session, random });
  const parametersPath = `GET /v1/logins/${encodeURIComponent(login)}`;
  const weak = client({
    [parametersPath]: () => Response.json({ salt: registration.salt, iterations: 1000 }),
  });
  await assert.rejects(weak.login(login, password), { code: "CUSTOMER_WEAK_ITERATIONS" });
  for (const body of [{}, { salt: 1, iterations: 1e6 }, { salt: "=", iterations: 1e6 }, [], null]) {
    const bad = client({ [parametersPath]: () => Response.json(body) });
    await assert.rejects(bad.parameters(login), malformed);
  }
  const html = () => new Response("<html>", { headers: { "content-type": "application/json" } });
  await assert.rejects(client({ [parametersPath]: html }).parameters(login), malformed);
  const taken = client({
    "POST /v1/accounts": () => Response.json({ code: "UCS_LOGIN_TAKEN" }, { status: 409 }),
    "POST /v1/sessions": () => assert.fail("no account, no login"),
  });
  await assert.rejects(taken.signUp(newVault), {
    code: "CUSTOMER_PORTAL_REFUSED",
    problem: { status: 409, code: "UCS_LOGIN_TAKEN" },
  });
  await assert.rejects(client({}).signUp({ registration, keys: wrongKeys }), keysWrong);
  const refusal = client({
    "POST /v1/sessions": () => Response.json({ code: "X" }, { status: 401 }),
  });
  await assert.rejects(refusal.login(login, password), keysWrong);

  const path = `enrolment-offers/${toHex(networkPseudonym)}`;
  const offerOf = async (signer: Signer, network = networkPseudonym, key = signer) => {
    const terms = { networkPseudonym: network, meterId, nonce: filled(16, 1) };
    const offer = toBase64Url(encodeOffer(await signOffer(terms, signer)));
    return () => Response.json({ offer, meterKey: toHex(key.publicKey) });
  };
  const state = `GET /v1/enrolments/${toHex(networkPseudonym)}`;
  const answered = (accepted: boolean, meterKey: Uint8Array, mac: Uint8Array) => () => {
    const pair = { networkPseudonym, meterId, nonce: filled(16, 0x44) };
    // The portal could not sign for the meter either, but to the customer the MAC alone is proof.
    const signature = filled(64, 0);
    const encoded = encodeEnrolmentAnswer({ ...pair, accepted, meterKey, mac, signature });
    return Response.json({ state: "accepted", answer: toBase64Url(encoded) });
  };
  const session = await client({}).login(login, password);
  const context = {
    networkPseudonym,
    meterId,
    nonce: filled(16, 0x44),
    account: login,
    customerSpki: vault.spki,
  };
  const mac = await meterMac(code, context, meter.publicKey);
  const hostile: [string, Record<string, () => Response>, object][] = [
    ["offer of another home", { [`GET /v1/${path}`]: await offerOf(meter, filled(16, 0)) }, failed],
    [
      "offer by another key",
      { [`GET /v1/${path}`]: await offerOf(stranger, undefined, meter) },
      failed,
    ],
    // With its own key the portal gets its offer through, and then cannot answer.
    [
      "portal plays the meter",
      {
        [`GET /v1/${path}`]: await offerOf(stranger),
        [state]: answered(true, stranger.publicKey, filled(32, 0)),
      },
      failed,
    ],
    ["its key under the meter's MAC", { [state]: answered(true, stranger.publicKey, mac) }, failed],
    [
      "the customer's MAC, reflected",
      { [state]: answered(true, meter.publicKey, await customerMac(code, context)) },
      failed,
    ],
    ["refused, with a MAC", { [state]: answered(false, meter.publicKey, mac) }, failed],
    [
      "no answer in it",
      { [state]: () => Response.json({ state: "accepted", answer: "AAAA" }) },
      failed,
    ],
    ["refused", { [state]: () => Response.json({ state: "refused" }) }, failed],
    [
      "never answered",
      { [state]: () => Response.json({ state: "pending" }) },
      { code: "CUSTOMER_ENROLMENT_PENDING" },
    ],
    [
      "no key",
      { [`GET /v1/${path}`]: () => Response.json({ offer: "", meterKey: "00" }) },
      malformed,
    ],
  ];
  for (const [name, behave, expected] of hostile) {
    // The session is not what is tried here: this portal asks for none.
    const portal = fakePortal(code, behave);
    const inSession: typeof globalThis.fetch = (input, init) => {
      const headers = { ...Object.fromEntries(new Headers(init?.headers)), ...withToken };
      return portal.fetch(input, { ...init, headers });
    };
    const tried = createPortalClient({ fetch: inSession, origin, session: "cookie", random });
    await assert.rejects(tried.enrol(session, enrolment), expected, name);
  }
  const offline = createPortalClient({
    fetch: () => Promise.reject(new TypeError("no network")),
    origin,
    session: "bearer",
    random,
  });
  await assert.rejects(offline.parameters(login), { code: "CUSTOMER_PORTAL_UNREACHABLE" });
  const dead = client({ "GET /v1/live": () => Response.json({ code: "BUSY" }, { status: 503 }) });
  await assert.rejects(collect(dead.live()), { code: "CUSTOMER_PORTAL_REFUSED" });
});

test("law: events come out whole, wherever the network cuts the stream", async () => {
  const text =
    ": c\n\ndata: ä1\n\ndata:2\r\nid: 7\r\ndata: 5\r\n\r\ndata: 3\rdata: 4\r\r\ndata: lost";
  const bytes = new TextEncoder().encode(text);
  const streamOf = (parts: readonly Uint8Array[]): ReadableStream<Uint8Array> =>
    new ReadableStream({
      start(controller) {
        for (const part of parts) controller.enqueue(part);
        controller.close();
      },
    });
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(fc.nat(bytes.length)), async (cuts) => {
      const borders = [0, ...cuts.toSorted((a, b) => a - b), bytes.length];
      const parts = borders.slice(1).map((to, index) => bytes.slice(borders[index], to));
      assert.deepEqual(await collect(eventData(streamOf(parts))), ["ä1", "2\n5", "3\n4"]);
    }),
  );
  const flood = Array.from({ length: 5 }, () => filled(20_000, 0x61));
  await assert.rejects(collect(eventData(streamOf(flood))), { code: "CUSTOMER_PORTAL_MALFORMED" });
});

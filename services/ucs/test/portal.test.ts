/** Enrolment, frames, envelopes, live (docs/protocol.md §10.1): what a customer gets, and what everyone else does not. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { fromHex, signerFromSeed, toBase64Url } from "@smarter-metering/protocol";
import type { SqlValue, Store } from "@smarter-metering/runtime";
import { named, type WorldHousehold } from "../../../test/support/world.ts";
import { EnrolmentStore } from "../src/enrolment-store.ts";
import {
  answerNewest,
  customer,
  enrol,
  envelopeFor,
  logIn,
  offerOf,
  openPortal,
  publishSealed,
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

describe("enrolment", () => {
  test("only the meter's acceptance links account and service point", async () => {
    const anna = await customer(portal, "enrolling");
    const house = household(0);
    const address = `/v1/enrolments/${house.network}`;
    assert.deepEqual((await anna.call("GET", address)).body, { state: "none" });
    const nonce = await offerOf(portal, house, "first");
    const offer = await anna.call("GET", `/v1/enrolment-offers/${house.network}`);
    assert.equal(offer.body["meterKey"], Buffer.from(house.meter.publicKey).toString("hex"));

    const request = await requestOf(anna, house, nonce);
    assert.equal((await anna.call("POST", "/v1/enrolments", { request })).status, 202);
    assert.deepEqual((await anna.call("GET", address)).body, { state: "pending" });
    const sent = await portal.bus.last("downlink", house.meterId);
    assert.equal(toBase64Url(sent?.body ?? new Uint8Array(0)), request);
    assert.equal((await logIn(portal, "enrolling")).body["servicePoint"], null);

    // A concentrator may withhold the meter's word; it cannot put its own in its place.
    const signer = await signerFromSeed(named("concentrator"));
    for (const accepted of [true, false]) {
      await answerNewest(portal, house, { signer, accepted });
    }
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
    const foreign = await eve.call("GET", `/v1/enrolments/${house.network}`);
    assert.deepEqual(foreign.body, { state: "none" }, "others' requests are not told of");
    const second = await offerOf(portal, household(0), "second");
    const more = await victim.call("POST", "/v1/enrolments", {
      request: await requestOf(victim, household(0), second),
    });
    assert.equal(more.body["code"], "UCS_ENROLMENT_PENDING");
  });

  test("an account cannot use up meters' nonces without end", async () => {
    const { login, recipient, call } = again("victim");
    await portal.store.query(
      `insert into ucs_enrolment select 'filler', int4send(n), $1, '', 'lapsed', false, '', null, $2
      from generate_series(1, 8) n`,
      [login, Math.floor(portal.clock.nowMs() / 1000)],
    );
    await portal.store.query("update ucs_enrolment set state = 'lapsed' where state = 'pending'");
    const codes: unknown[] = [];
    for (const name of ["ninth", "tenth"]) {
      const nonce = await offerOf(portal, household(0), name);
      const request = await requestOf({ login, recipient }, household(0), nonce);
      codes.push((await call("POST", "/v1/enrolments", { request })).body["code"]);
    }
    assert.deepEqual(codes, [undefined, "UCS_ENROLMENT_LIMIT"]);
    await portal.store.query("delete from ucs_enrolment where meter = 'filler'");
  });

  test("a request that no meter will answer any more counts as refused", async () => {
    const house = household(1);
    const late = await remember("late", "other");
    const address = `/v1/enrolments/${house.network}`;
    const nonce = await offerOf(portal, house, "overtaken");
    const request = await requestOf(late, house, nonce);
    await late.call("POST", "/v1/enrolments", { request });
    assert.deepEqual((await late.call("GET", address)).body, { state: "pending" });
    await offerOf(portal, house, "overtaking");
    assert.deepEqual((await late.call("GET", address)).body, { state: "refused" });
    const again = await requestOf(late, house, named("nonce overtaking", 16));
    assert.equal((await late.call("POST", "/v1/enrolments", { request: again })).status, 202);
    await answerNewest(portal, house);
    const accepted = await late.call("GET", address);
    assert.equal(accepted.body["state"], "accepted");

    const third = await offerOf(portal, house, "used code");
    const useless = { request: await requestOf(late, house, third) };
    assert.equal((await late.call("POST", "/v1/enrolments", useless)).status, 202);
    await answerNewest(portal, house, { accepted: false });
    const kept = { state: "refused", answer: accepted.body["answer"] };
    assert.deepEqual((await late.call("GET", address)).body, kept, "the acceptance stays in sight");
  });

  test("an answer that comes while the state is read is never taken for none", async () => {
    const house = household(1);
    const reader = await customer(portal, "reading");
    const request = await requestOf(reader, house, await offerOf(portal, house, "meanwhile"));
    assert.equal((await reader.call("POST", "/v1/enrolments", { request })).status, 202);
    const { store } = portal;
    const overtaken = Object.assign(Object.create(store) as Store, {
      async query(sql: string, params: readonly SqlValue[]) {
        const rows = await store.query(sql, params);
        await answerNewest(portal, house);
        return rows;
      },
    });
    const nowSeconds = portal.clock.nowMs() / 1000;
    const read = await new EnrolmentStore(overtaken).progress("reading", house.network, nowSeconds);
    assert.equal(read?.state, "pending");
    const settled = await new EnrolmentStore(store).progress("reading", house.network, nowSeconds);
    assert.equal(settled?.state, "accepted");
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

/** Sealed bills, and the evidence that the portal passes on (docs/protocol.md §10.3, §11.5): to whom, how much, and what becomes of it. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  decodeSealedStatement,
  encodeSealedStatement,
  fromBase64Url,
  sealStatement,
  statementKeys,
  statementSecret,
  toHex,
  utf8,
} from "@smarter-metering/protocol";
import { named } from "../../../test/support/world.ts";
import {
  customer,
  enrol,
  openPortal,
  recover,
  withToken,
  type Customer,
  type Portal,
} from "./portal.ts";

const DAY_SECONDS = 86_400;
const HOUR_MS = 3_600_000;
const keysOf = async (name: string) => statementKeys(await statementSecret(named(name, 16)));
const keys = await keysOf("code");
const mailbox = toHex(keys.mailbox);

describe("sealed statements", () => {
  let portal: Portal;
  let anna: Customer;
  let berta: Customer;
  before(async () => {
    portal = await openPortal({ operatorToken: "operator-token-of-this-run" });
    anna = await customer(portal, "anna");
    berta = await customer(portal, "berta", "other");
    const [house] = portal.world.households;
    assert(house !== undefined);
    await enrol(portal, anna, house);
  });
  after(() => portal.close());

  let published = 0;
  async function send(from: number, sequence: number, to = keys): Promise<Uint8Array> {
    const body = encodeSealedStatement(await sealStatement(to, { from, sequence }, utf8("a bill")));
    await portal.bus.publish("statements", [{ id: `${published++}`, subject: "", body }]);
    await portal.bus.idle();
    return body;
  }

  async function read(who: Customer, box = mailbox) {
    const all: [number, number][] = [];
    let path = `/v1/statements?mailbox=${box}`;
    for (;;) {
      const { status, body } = await who.call("GET", path);
      assert.equal(status, 200);
      for (const text of body["statements"] as string[]) {
        const { from, sequence } = decodeSealedStatement(fromBase64Url(text));
        all.push([from, sequence]);
      }
      const next = body["next"];
      if (typeof next !== "string") return all;
      path = `/v1/statements?mailbox=${box}&cursor=${next}`;
    }
  }

  test("the newest of each window is kept, and no older one takes its place", async () => {
    for (const [from, sequence] of [
      [200, 2],
      [100, 1],
      [100, 4],
      [100, 3],
      [100, 4],
    ] as const) {
      await send(from, sequence);
    }
    assert.deepEqual(await read(anna), [
      [100, 4],
      [200, 2],
    ]);
    for (let month = 0; month < 30; month++) await send(1000 + month, 10 + month);
    assert.equal((await read(anna)).length, 32, "in pages");
  });

  test("a mailbox that nobody sent to is empty, one that is none is refused, and nothing is without a session", async () => {
    assert.deepEqual(await read(anna, toHex(named("nobody", 16))), []);
    for (const wrong of ["", "00", `${mailbox}00`, mailbox.toUpperCase()]) {
      assert.equal((await anna.call("GET", `/v1/statements?mailbox=${wrong}`)).status, 400);
    }
    const anyone = withToken(portal, "A".repeat(43));
    assert.equal((await anyone("GET", `/v1/statements?mailbox=${mailbox}`)).status, 401);
    const recovery = String((await recover(portal, "anna")).body["token"]);
    const locked = withToken(portal, recovery);
    assert.equal((await locked("GET", `/v1/statements?mailbox=${mailbox}`)).status, 401);
  });

  test("what is no sealed statement is set aside", async () => {
    await portal.bus.publish("statements", [{ id: "bad", subject: "", body: utf8("no bill") }]);
    await portal.bus.idle();
    const [letter] = await portal.bus.deadLetters("statements");
    assert.equal(letter?.reason, "MALFORMED");
  });

  test("bills go with the last account that reads them, and at their time", async () => {
    const erase = (): Promise<{ body: Record<string, unknown> }> =>
      withToken(portal, "operator-token-of-this-run")("POST", "/v1/operator/erasures", {
        servicePoint: portal.world.households[0]?.network,
        accountOnly: true,
      });
    assert.equal((await read(berta)).length, 32, "another person of the household");
    assert.equal((await erase()).body["sealedStatements"], 0);
    assert.equal((await read(berta)).length, 32);
    const [house] = portal.world.households;
    assert(house !== undefined);
    await enrol(portal, berta, house);
    assert.equal((await erase()).body["sealedStatements"], 32);
    const lone = await keysOf("without an account");
    await send(100, 1, lone);
    const rows = () => portal.store.query("select 1 from ucs_statement");
    assert.equal((await rows()).length, 1);
    for (const [days, left] of [
      [3_719, 1],
      [3_721, 0],
    ] as const) {
      const receivedAt = Math.floor(portal.clock.nowMs() / 1000) - days * DAY_SECONDS;
      await portal.store.query("update ucs_statement set received_at = $1", [receivedAt]);
      await portal.clock.advanceTo(portal.clock.nowMs() + HOUR_MS);
      assert.equal((await rows()).length, left, `${days} days`);
    }
  });
});

describe("evidence passed on", () => {
  const asked: string[] = [];
  let answer: () => Promise<Response>;
  let portal: Portal;
  let anna: Customer;
  before(async () => {
    portal = await openPortal({}, null, {
      aggregatorUrl: "http://aggregator.invalid",
      fetch(input) {
        if (input instanceof URL) asked.push(input.href);
        return answer();
      },
    });
    anna = await customer(portal, "anna");
  });
  after(() => portal.close());

  const KINDS = ["contributions", "requests"] as const;

  test("of nobody's service point but the session's own, and only with one", async () => {
    answer = () => Promise.resolve(new Response(`{"contributions": [ ]}`));
    for (const kind of KINDS) {
      const path = `/v1/evidence/${kind}?from=1&to=2`;
      assert.equal((await anna.call("GET", path)).body["code"], "UCS_NOT_ENROLLED");
    }
    assert.deepEqual(asked, []);
    const [house] = portal.world.households;
    assert(house !== undefined);
    await enrol(portal, anna, house);
    const { network } = house;
    const foreign = "ab".repeat(16);
    for (const kind of KINDS) {
      const query = `from=1&to=2&offset=7&servicePoint=${foreign}&limit=100000`;
      const { status, body } = await anna.call("GET", `/v1/evidence/${kind}?${query}`);
      assert.deepEqual([status, body], [200, { contributions: [] }]);
    }
    assert.deepEqual(asked.splice(0), [
      `http://aggregator.invalid/v1/contributions?servicePoint=${network}&from=1&to=2&offset=7`,
      `http://aggregator.invalid/v1/service-points/${network}/requests?from=1&to=2&offset=7`,
    ]);
  });

  test("an aggregator that is away, refuses or says too much is one answer", async () => {
    const large = new Uint8Array(2 ** 20);
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(large),
    });
    const cases: [string, () => Promise<Response>][] = [
      ["away", () => Promise.reject(new TypeError("fetch failed"))],
      ["refuses", () => Promise.resolve(new Response("{}", { status: 500 }))],
      ["too much", () => Promise.resolve(new Response(endless))],
    ];
    for (const [name, respond] of cases) {
      answer = respond;
      const refused = await anna.call("GET", "/v1/evidence/requests?from=1&to=2");
      assert.deepEqual(
        [refused.status, refused.body["code"]],
        [503, "UCS_EVIDENCE_UNAVAILABLE"],
        name,
      );
    }
  });

  test("eight questions at a time", async () => {
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    answer = () => gate.then(() => new Response("{}"));
    const path = "/v1/evidence/contributions?from=1&to=2";
    const waiting = Array.from({ length: 9 }, () => anna.call("GET", path));
    const first = await Promise.race(waiting);
    assert.equal(first.body["code"], "UCS_BUSY");
    release();
    const statuses = (await Promise.all(waiting)).map(({ status }) => status);
    assert.equal(statuses.filter((status) => status === 200).length, 8);
  });

  test("the registry: root key, epochs and public view as they are, once for each epoch", async () => {
    const { status, headers, body } = await anna.call("GET", "/v1/registry");
    assert.equal(status, 200);
    const rootKey = toHex(portal.world.root.publicKey);
    assert.deepEqual(body, { rootKey, epochs: ["epoch 0"], view: '{"view":"public"}' });
    const tag = headers.get("etag") ?? "";
    const known = await anna.call("GET", "/v1/registry", undefined, { "if-none-match": tag });
    assert.equal(known.status, 304);
    const { view } = portal.world.ucsFeed.current();
    portal.world.ucsFeed.set(1, view);
    const newer = await anna.call("GET", "/v1/registry", undefined, { "if-none-match": tag });
    assert.equal(newer.status, 200);
    assert.notEqual(newer.headers.get("etag"), tag);
  });
});

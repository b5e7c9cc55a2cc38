/** How many requests one address may make: by whose address, for how long, and that no header makes a caller into another. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createApp, createMetrics, manualClock, silentLogger } from "../src/index.ts";

const clock = manualClock(0);
const appOf = (perMinute: number, trustedProxies: readonly string[] = []) =>
  createApp({
    title: "Test",
    version: "1",
    log: silentLogger,
    clock,
    metrics: createMetrics(),
    requestLimit: { perMinute, trustedProxies },
  });

type App = ReturnType<typeof appOf>;

async function ask(app: App, remoteAddress: string, forwarded?: string): Promise<Response> {
  const headers = new Headers(forwarded === undefined ? [] : [["x-forwarded-for", forwarded]]);
  return app.request("/healthz", { headers }, { incoming: { socket: { remoteAddress } } });
}
const statusOf = async (...asked: Parameters<typeof ask>): Promise<number> =>
  (await ask(...asked)).status;

test("a caller has as many at once as in a minute, and gets them back over time", async () => {
  const app = appOf(3);
  for (let i = 0; i < 3; i += 1) assert.equal(await statusOf(app, "192.0.2.1"), 200);
  const refused = await ask(app, "192.0.2.1");
  assert.equal(refused.status, 429);
  assert.equal(refused.headers.get("retry-after"), "20");
  assert.equal(((await refused.json()) as { code: string }).code, "RATE_LIMITED");
  assert.equal(await statusOf(app, "192.0.2.2"), 200, "another caller");
  await clock.advanceTo(clock.nowMs() + 20_000);
  assert.equal(await statusOf(app, "192.0.2.1"), 200);
  assert.equal(await statusOf(app, "192.0.2.1"), 429);
  await clock.advanceTo(clock.nowMs() + 3_600_000);
  for (let i = 0; i < 3; i += 1) assert.equal(await statusOf(app, "192.0.2.1"), 200);
  assert.equal(await statusOf(app, "192.0.2.1"), 429, "silence saves up a minute's and no more");
});

describe("who is one caller", () => {
  const same: readonly (readonly [what: string, a: string, b: string])[] = [
    ["addresses of one IPv6 network", "2001:db8:0:1::1", "2001:0db8::1:ffff:0:0:2"],
    ["an IPv4 address, and the same in an IPv6 one", "192.0.2.1", "::ffff:192.0.2.1"],
    ["an IPv6 address with a zone", "fe80::1%eth0", "fe80::2"],
  ];
  for (const [what, a, b] of same) {
    test(what, async () => {
      const app = appOf(1);
      assert.equal(await statusOf(app, a), 200);
      assert.equal(await statusOf(app, b), 429);
    });
  }
  const others: readonly (readonly [what: string, a: string, b: string])[] = [
    ["not two IPv6 networks", "2001:db8:0:1::1", "2001:db8:0:2::1"],
    ["not two IPv4 addresses", "192.0.2.1", "192.0.2.2"],
  ];
  for (const [what, a, b] of others) {
    test(what, async () => {
      const app = appOf(1);
      assert.equal(await statusOf(app, a), 200);
      assert.equal(await statusOf(app, b), 200);
    });
  }
  for (const address of ["127.0.0.1", "::1", "::ffff:127.0.0.1"]) {
    test(`not the machine itself: ${address}`, async () => {
      const app = appOf(1);
      for (let i = 0; i < 5; i += 1) assert.equal(await statusOf(app, address), 200);
    });
  }
});

describe("behind a proxy", () => {
  test("nobody is another by a header, unless the proxy that wrote it is named", async () => {
    const app = appOf(1);
    assert.equal(await statusOf(app, "192.0.2.1", "198.51.100.1"), 200);
    assert.equal(await statusOf(app, "192.0.2.1", "198.51.100.2"), 429);
  });
  test("the last entry is the caller: those before it are his own words", async () => {
    const app = appOf(1, ["127.0.0.1"]);
    assert.equal(await statusOf(app, "127.0.0.1", "203.0.113.9, 198.51.100.1"), 200);
    assert.equal(await statusOf(app, "127.0.0.1", "203.0.113.8, 198.51.100.1"), 429);
    assert.equal(await statusOf(app, "127.0.0.1", "203.0.113.9, 198.51.100.2"), 200);
    assert.equal(await statusOf(app, "192.0.2.7", "198.51.100.3"), 200, "not through the proxy");
    assert.equal(await statusOf(app, "192.0.2.7", "198.51.100.4"), 429);
  });
  for (const forwarded of [undefined, "", "unknown", "198.51.100.1:4711", "1.2.3.4, "]) {
    test(`a proxy that says ${JSON.stringify(forwarded)} is one caller`, async () => {
      const app = appOf(1, ["10.0.0.1"]);
      assert.equal(await statusOf(app, "10.0.0.1", forwarded), 200);
      assert.equal(await statusOf(app, "10.0.0.1", forwarded), 429);
    });
  }
});

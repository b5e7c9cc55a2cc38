/** Journal, files, configuration, clock, log, metrics, HTTP and shutdown. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { gunzipSync } from "node:zlib";
import * as fc from "fast-check";
import {
  addWebFiles,
  RuntimeError,
  WEB_POLICY,
  createApp,
  createLogger,
  createMetrics,
  createRecorder,
  createRoute,
  createShutdown,
  errorFields,
  hasCode,
  listen,
  loadConfig,
  manualClock,
  openJournal,
  processLimits,
  readSecretFile,
  runtimeLogFields,
  silentLogger,
  systemClock,
  writeFileAtomic,
  writeSecretFile,
  z,
} from "@smarter-metering/runtime";
import type { AppOptions } from "@smarter-metering/runtime";

const folder = mkdtempSync(join(tmpdir(), "runtime-process-"));
after(() => rmSync(folder, { recursive: true }));
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const texts = (records: readonly Uint8Array[]): string[] =>
  records.map((record) => new TextDecoder().decode(record));

describe("journal", () => {
  const path = join(folder, "journal");

  test("returns what was acknowledged; concurrent appends keep their order", async () => {
    const journal = await openJournal(path, { onTorn: "refuse" });
    await journal.append(bytes("one"));
    await Promise.all(["two", "", "four"].map((text) => journal.append(bytes(text))));
    await journal.close();
    await assert.rejects(journal.append(bytes("late")), { code: "JOURNAL_CLOSED" });
    const again = await openJournal(path, { onTorn: "refuse" });
    assert.deepEqual(texts(again.records), ["one", "two", "", "four"]);
    await again.append(bytes("five"));
    await again.close();
    assert.equal(statSync(path).mode & 0o777, 0o600);
  });

  test("cut at every byte of the last write: torn, and only that write is lost", async () => {
    const whole = readFileSync(path);
    const cut = join(folder, "cut");
    const start = whole.length - (12 + 4 + "five".length);
    for (let length = start + 1; length < whole.length; length++) {
      writeFileSync(cut, whole.subarray(0, length));
      await assert.rejects(openJournal(cut, { onTorn: "refuse" }), { code: "JOURNAL_TORN" });
      const journal = await openJournal(cut, { onTorn: "truncate" });
      assert.deepEqual(texts(journal.records), ["one", "two", "", "four"]);
      assert.equal(journal.tornBytes, length - start);
      await journal.append(bytes("new"));
      await journal.close();
      const healed = await openJournal(cut, { onTorn: "refuse" });
      assert.deepEqual(texts(healed.records).slice(-2), ["four", "new"]);
      await healed.close();
    }
    for (let length = 0; length <= 8; length++) {
      writeFileSync(cut, whole.subarray(0, length));
      const journal = await openJournal(cut, { onTorn: "truncate" });
      await journal.append(bytes("x"));
      await journal.close();
      assert.deepEqual(readFileSync(cut).subarray(0, 8), whole.subarray(0, 8));
    }
  });

  test("a flipped byte before the last write is corruption, never a shorter journal", async () => {
    const whole = readFileSync(path);
    const lastFrame = whole.length - (12 + 4 + "five".length);
    const damaged = join(folder, "damaged");
    for (let offset = 0; offset < lastFrame; offset++) {
      const copy = Buffer.from(whole);
      copy.writeUInt8(copy.readUInt8(offset) ^ 0x41, offset);
      writeFileSync(damaged, copy);
      const opening = openJournal(damaged, { onTorn: "truncate" });
      await assert.rejects(opening, { code: "JOURNAL_CORRUPT" }, `byte ${offset}`);
      assert.deepEqual(readFileSync(damaged), copy);
    }
  });

  test("is full at its limit and takes what fits", async () => {
    const small = await openJournal(join(folder, "small"), { onTorn: "refuse", bytesMax: 64 });
    await small.append(bytes("0123456789"));
    await assert.rejects(small.append(new Uint8Array(40)), { code: "JOURNAL_FULL" });
    await small.append(bytes("0"));
    await small.close();
  });
});

test("files are replaced whole; a secret file belongs to its owner alone", async () => {
  const path = join(folder, "state.json");
  await writeFileAtomic(path, "old");
  await writeFileAtomic(path, "new", { mode: 0o644 });
  assert.equal(readFileSync(path, "utf8"), "new");
  await assert.rejects(writeFileAtomic(join(folder, "none", "x"), "x"), { code: "ENOENT" });
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.includes("state.json")),
    ["state.json"],
  );
  await assert.rejects(readSecretFile(path), { code: "SECRET_FILE", message: /chmod 600/ });
  await writeSecretFile(path, "key");
  assert.deepEqual(await readSecretFile(path), bytes("key"));
  await assert.rejects(readSecretFile(join(folder, "none")), { code: "SECRET_FILE" });
});

describe("configuration", () => {
  const path = join(folder, "config.json");
  const load = (config: unknown) => {
    writeFileSync(path, typeof config === "string" ? config : JSON.stringify(config));
    return loadConfig(path, (paths) =>
      z.strictObject({
        port: z.int().max(65_535),
        data: paths.path().optional(),
        key: paths.secretFile().optional(),
        peers: z.array(z.object({ url: z.url() })).default([]),
      }),
    );
  };

  test("paths are absolute; a secret that others may read is a warning", () => {
    writeFileSync(join(folder, "key.pem"), "secret");
    chmodSync(join(folder, "key.pem"), 0o644);
    const { value, warnings } = load({ port: 1, data: "data", key: "key.pem" });
    assert.deepEqual(value, {
      port: 1,
      data: join(folder, "data"),
      key: join(folder, "key.pem"),
      peers: [],
    });
    assert.match(warnings.join(), /key\.pem: run chmod 600/);
  });

  const cases: [name: string, config: unknown, code: string, problem: RegExp][] = [
    ["not JSON", '{"key": "hunter2"', "CONFIG_UNREADABLE", /is not JSON/],
    ["wrong type", { port: "hunter2" }, "CONFIG_INVALID", /port: .*number/],
    ["missing key", {}, "CONFIG_INVALID", /port: /],
    ["unknown key", { port: 1, prot: 2 }, "CONFIG_INVALID", /prot: not a known key; remove it/],
    [
      "unknown key where the schema is lax",
      { port: 1, peers: [{ url: "http://a", tokn: "hunter2" }] },
      "CONFIG_INVALID",
      /peers\.0\.tokn: not a known key/,
    ],
    [
      "missing file",
      { port: 1, key: "no.pem" },
      "CONFIG_FILE_MISSING",
      /key: no file at .*no\.pem/,
    ],
    ["both", { port: "x", key: "no.pem" }, "CONFIG_INVALID", /port: .*key: no file/],
  ];
  for (const [name, config, code, problem] of cases) {
    test(`refuses: ${name}`, () => {
      assert.throws(
        () => load(config),
        (error: Error) => {
          assert.match(error.message, problem);
          assert.doesNotMatch(error.message, /hunter2/);
          return "code" in error && error.code === code;
        },
      );
    });
  }
  test("refuses: no file", () => {
    assert.throws(() => loadConfig(join(folder, "none"), () => z.object({})), {
      code: "CONFIG_UNREADABLE",
    });
  });
});

test("a manual clock fires timers in order of time, awaits them and never goes back", async () => {
  const clock = manualClock(1_000);
  const fired: string[] = [];
  const cancelEvery = clock.every(100, async () => {
    await Promise.resolve();
    fired.push(`every@${clock.nowMs()}`);
  });
  clock.at(1_150, () => {
    fired.push("at 1150");
    clock.at(1_160, () => void fired.push(`nested@${clock.nowMs()}`));
  });
  const cancel = clock.at(1_120, () => void fired.push("never"));
  cancel();
  await clock.advanceTo(1_210);
  assert.deepEqual(fired, ["every@1100", "at 1150", "nested@1160", "every@1200"]);
  cancelEvery();
  await clock.advanceTo(9_000);
  assert.equal(fired.length, 4);
  await assert.rejects(clock.advanceTo(8_999), { code: "ERR_ASSERTION" });
  clock.at(9_001, () => Promise.reject(new Error("from a timer")));
  await assert.rejects(clock.advanceTo(9_001), /from a timer/);
});

describe("log", () => {
  const logged = (values: Record<string, unknown>, mode: "json" | "text" = "json"): string => {
    const lines: string[] = [];
    const fields = { ...runtimeLogFields, fingerprint: "bytes", ready: "flag" } as const;
    const sink = (line: string): void => void lines.push(line);
    const log = createLogger({ fields, clock: manualClock(0), sink, mode });
    log.debug("below the level");
    log.child({ role: "opener" }).info("event", values);
    return lines.join("\n");
  };

  test("writes listed fields of the listed kind and only names the others", () => {
    const values = {
      count: 3,
      sequence: 2n ** 60n,
      ready: true,
      fingerprint: new Uint8Array([1, 255]),
      energyMilliwattHours: 1234567n,
      status: "1234567",
      stream: 1234567,
      consumer: { reading: 1234567 },
      errorAt: "x".repeat(1_000),
      attempt: Number.NaN,
      key: new Uint8Array(32).fill(7),
    };
    const line = logged(values);
    assert.doesNotMatch(line, /1234567|0707|\n/);
    assert.deepEqual(JSON.parse(line), {
      time: "1970-01-01T00:00:00.000Z",
      level: "info",
      message: "event",
      role: "opener",
      count: 3,
      sequence: String(2n ** 60n),
      ready: true,
      fingerprint: "01ff",
      errorAt: "x".repeat(256),
      droppedFields: ["energyMilliwattHours", "status", "stream", "consumer", "attempt", "key"],
    });
    assert.match(logged({ fingerprint: new Uint8Array(33) }), /droppedFields/);
    assert.match(logged({ count: 1 }, "text"), /^00:00:00 info {2}event role="opener" count=1$/);
  });

  test("property: a value under a name that is not listed never reaches the sink", () => {
    const names = fc.string({ minLength: 1 }).filter((name) => !(name in runtimeLogFields));
    fc.assert(
      fc.property(names, (name) => {
        fc.pre(name !== "fingerprint" && name !== "ready");
        assert.doesNotMatch(logged({ [name]: "SECRET-READING" }), /SECRET-READING/);
      }),
    );
  });

  test("keeps the message of a RuntimeError and of no other error", () => {
    const own = errorFields(new RuntimeError("STORE_BUSY", "slow down"));
    assert.deepEqual(own, { errorCode: "STORE_BUSY", errorMessage: "slow down" });
    const other = errorFields(new SyntaxError("Unexpected token in SECRET"));
    assert.equal(other["errorName"], "SyntaxError");
    assert.doesNotMatch(JSON.stringify(other), /SECRET/);
  });
});

test("metrics are Prometheus text, with a bound on series", () => {
  const metrics = createMetrics();
  const frames = metrics.counter("frames_total", "Frames", ["verdict"]);
  frames.add(2, { verdict: 'a"b\\\n' });
  metrics.gauge("open_frames", "Open").set(1.5);
  const seconds = metrics.histogram("open_seconds", "Time", [0.1, 1]);
  for (const value of [0.05, 0.1, 0.5, 9]) seconds.observe(value);
  assert.equal(
    metrics.render(),
    `# HELP frames_total Frames
# TYPE frames_total counter
frames_total{verdict="a\\"b\\\\\\n"} 2
# HELP open_frames Open
# TYPE open_frames gauge
open_frames 1.5
# HELP open_seconds Time
# TYPE open_seconds histogram
open_seconds_bucket{le="0.1"} 2
open_seconds_bucket{le="1"} 3
open_seconds_bucket{le="+Inf"} 4
open_seconds_sum 9.65
open_seconds_count 4
`,
  );
  for (let i = 0; i < 500; i++) frames.add(1, { verdict: `v${i}` });
  assert.equal(metrics.render().match(/^frames_total/gm)?.length, 201);
  assert.match(metrics.render(), /frames_total\{verdict="other"\} 301/);
  assert.throws(() => frames.add(1, { meter: "m" }), { code: "ERR_ASSERTION" });
  assert.throws(() => metrics.gauge("open_frames", "Again"), { code: "ERR_ASSERTION" });
});

test("a recorder's quantile is never low and at most one percent high", () => {
  const value = fc.double({ min: 1e-3, max: 1e9, noNaN: true });
  const fraction = fc.double({ min: 0.01, max: 1, noNaN: true });
  fc.assert(
    fc.property(fc.array(value, { minLength: 1, maxLength: 200 }), fraction, (values, p) => {
      const recorder = createRecorder();
      for (const v of values) recorder.record(v);
      const sorted = values.toSorted((a, b) => a - b);
      const exact = sorted[Math.ceil(values.length * p) - 1] ?? 0;
      const got = recorder.quantile(p);
      assert(got >= exact * (1 - 1e-9) && got <= exact * 1.011, `${got} for ${exact}`);
      assert.equal(recorder.max, sorted.at(-1));
    }),
  );
});

describe("HTTP", () => {
  const options = (): AppOptions => ({
    title: "Test",
    version: "1",
    log: silentLogger,
    clock: systemClock,
    metrics: createMetrics(),
    bodyBytesMax: 100,
    timeoutMs: 50,
    notReady: () => ["no database"],
    problemOf: (error) =>
      hasCode(error, "STORE_BUSY")
        ? { status: 503, code: "BUSY", title: "try again later" }
        : undefined,
  });
  const route = createRoute({
    method: "post",
    path: "/echo",
    request: {
      body: {
        required: true,
        content: { "application/json": { schema: z.strictObject({ count: z.int() }) } },
      },
    },
    responses: { 200: { description: "The same" } },
  });
  const testApp = (changes: Partial<AppOptions> = {}) => {
    const app = createApp({ ...options(), ...changes });
    app.openapi(route, (context) => context.json(context.req.valid("json"), 200));
    app.get("/busy", () => Promise.reject(new RuntimeError("STORE_BUSY", "secret-value")));
    app.get("/bug/:id", () => Promise.reject(new Error("secret-value")));
    app.get("/hang", () => new Promise<Response>(() => undefined));
    return app;
  };
  const post = (body: string): RequestInit => {
    return { method: "POST", body, headers: { "content-type": "application/json" } };
  };

  const cases: [path: string, init: RequestInit, status: number, code: string][] = [
    ["/none", {}, 404, "NOT_FOUND"],
    ["/busy", {}, 503, "BUSY"],
    ["/bug/7", {}, 500, "INTERNAL"],
    ["/hang", {}, 504, "TIMED_OUT"],
    ["/readyz", {}, 503, "NOT_READY"],
    ["/echo", post('{"count":"secret-value"}'), 400, "REQUEST_INVALID"],
    ["/echo", post("{secret-value"), 400, "REQUEST_INVALID"],
    ["/echo", post(JSON.stringify("x".repeat(200))), 413, "BODY_TOO_LARGE"],
  ];
  for (const [path, init, status, code] of cases) {
    test(`${path} answers ${status} ${code} as problem+json`, async () => {
      const response = await testApp().request(path, init);
      assert.equal(response.status, status);
      assert.equal(response.headers.get("content-type"), "application/problem+json");
      const body = await response.text();
      assert.equal((JSON.parse(body) as { code: string }).code, code);
      assert.doesNotMatch(body, /secret-value/);
    });
  }

  test("typed routes work, are documented, and every answer is hardened", async () => {
    const app = testApp({ contentSecurityPolicy: "default-src 'self'" });
    const response = await app.request("/echo", post('{"count":3}'));
    assert.deepEqual(await response.json(), { count: 3 });
    for (const [name, value] of [
      ["content-security-policy", "default-src 'self'"],
      ["x-content-type-options", "nosniff"],
      ["x-frame-options", "DENY"],
      ["referrer-policy", "no-referrer"],
    ] as const) {
      assert.equal(response.headers.get(name), value);
    }
    assert.match(response.headers.get("x-request-id") ?? "", /^[0-9a-f-]{36}$/);
    const document = (await (await app.request("/openapi.json")).json()) as { paths: object };
    assert.deepEqual(Object.keys(document.paths), ["/echo"]);
    assert.equal((await app.request("/healthz")).status, 200);
    assert.match(await (await app.request("/metrics")).text(), /http_request_seconds_count/);
  });

  test("the access log has the route, not the address", async () => {
    const lines: string[] = [];
    const sink = (line: string): void => void lines.push(line);
    const log = createLogger({ fields: runtimeLogFields, clock: systemClock, sink });
    await testApp({ log }).request("/bug/secret-id?q=secret-query");
    assert.doesNotMatch(lines.join(), /secret/);
    assert.match(lines.join(), /"route":"\/bug\/:id","status":500/);
  });

  test("a port in use is named; close lets a running answer finish", async () => {
    const blocker = createServer().listen(0, "127.0.0.1");
    await once(blocker, "listening");
    const { port } = blocker.address() as AddressInfo;
    const busy = listen({ app: testApp(), port });
    await assert.rejects(busy, { code: "HTTP_PORT_IN_USE", message: new RegExp(`port ${port} `) });
    blocker.close();

    const app = testApp({ timeoutMs: 5_000 });
    let finish = (): void => undefined;
    const arrived = new Promise<void>((resolve) => {
      app.get("/slow", async (context) => {
        await new Promise<void>((done) => {
          finish = done;
          resolve();
        });
        return context.text("done");
      });
    });
    const server = await listen({ app, port: 0 });
    const answer = fetch(`${server.url}/slow`);
    await arrived;
    const closed = server.close();
    finish();
    assert.equal(await (await answer).text(), "done");
    await closed;
    await assert.rejects(fetch(`${server.url}/healthz`));
  });
});

describe("a web application's files", () => {
  const pages = mkdtempSync(join(folder, "pages-"));
  const script = "console.log(1);".repeat(200);
  mkdirSync(join(pages, "assets"));
  writeFileSync(join(pages, "index.html"), "<!doctype html><title>page</title>");
  writeFileSync(join(pages, "assets/index-abc.js"), script);
  writeFileSync(join(pages, "notes.txt"), "of the build");
  const served = async () => {
    const log = silentLogger;
    const metrics = createMetrics();
    const app = createApp({
      title: "pages",
      version: "1",
      log,
      metrics,
      clock: manualClock(0),
      contentSecurityPolicy: WEB_POLICY,
    });
    app.get("/v1/known", (context) => context.json({}));
    await addWebFiles(app, pages);
    return app;
  };
  const html = { accept: "text/html,*/*" };

  test("a deep link gives the page; an unknown address of the API, a file or another folder does not", async () => {
    const app = await served();
    for (const path of ["/", "/bills/2026-01-01", "/index.html"]) {
      const response = await app.request(path, { headers: html });
      assert.match(await response.text(), /<title>page/, path);
      assert.equal(response.headers.get("cache-control"), "no-cache");
    }
    assert.equal(
      (await app.request("/bills", { headers: { accept: "application/json" } })).status,
      404,
    );
    const missing = ["/v1/unknown", "/v1", "/assets/other.js", "/notes.txt", "/..%2fsecret.html"];
    for (const path of missing) {
      assert.equal((await app.request(path, { headers: html })).status, 404, path);
    }
    assert.equal((await app.request("/v1/known", { headers: html })).status, 200);
  });

  test("hashed names are kept for ever, compressed where that is understood, checked by their tag", async () => {
    const app = await served();
    const path = "/assets/index-abc.js";
    const plain = await app.request(path);
    assert.equal(await plain.text(), script);
    assert.match(plain.headers.get("cache-control") ?? "", /immutable/);
    assert.equal(plain.headers.get("vary"), "accept-encoding");
    const zipped = await app.request(path, { headers: { "accept-encoding": "br, gzip" } });
    assert.equal(zipped.headers.get("content-encoding"), "gzip");
    assert.equal(gunzipSync(await zipped.arrayBuffer()).toString(), script);
    const etag = plain.headers.get("etag") ?? "";
    const again = await app.request(path, { headers: { "if-none-match": etag } });
    assert.deepEqual([again.status, await again.text()], [304, ""]);
  });

  test("every answer carries the policy: nothing inline, nothing foreign, no markup from strings", async () => {
    const response = await (await served()).request("/", { headers: html });
    const policy = response.headers.get("content-security-policy") ?? "";
    assert.match(policy, /default-src 'none'; script-src 'self';/);
    assert.match(policy, /require-trusted-types-for 'script'/);
    assert.doesNotMatch(policy, /unsafe|https?:|data:|blob:|\*/);
    const expected = {
      "x-frame-options": "DENY",
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
    };
    for (const [name, value] of Object.entries(expected))
      assert.equal(response.headers.get(name), value);
    assert.match(response.headers.get("permissions-policy") ?? "", /camera=\(\)/);
  });

  test("a folder without a page is a fault of the build", async () => {
    const app = createApp({
      title: "none",
      version: "1",
      log: silentLogger,
      metrics: createMetrics(),
      clock: manualClock(0),
    });
    await assert.rejects(addWebFiles(app, join(pages, "assets")), /has no index\.html/);
  });
});

describe("shutdown", () => {
  const start = () => {
    const clock = manualClock(0);
    const handlers = new Map<string, (signal: string) => void>();
    const codes: number[] = [];
    const process = {
      on: (name: string, handler: (signal: string) => void) => handlers.set(name, handler),
      exit: (code: number) => codes.push(code),
    } as unknown as Pick<NodeJS.Process, "on" | "exit">;
    const shutdown = createShutdown({ log: silentLogger, clock, limitMs: 100, process });
    shutdown.listen();
    return { clock, shutdown, codes, signal: (name: string) => handlers.get(name)?.(name) };
  };

  test("closes in reverse order, also past a failure, and reports it", async () => {
    const { shutdown } = start();
    const closed: string[] = [];
    shutdown.add("store", () => void closed.push("store"));
    shutdown.add("bus", () => Promise.reject(new Error("broken")));
    shutdown.add("http", async () => void closed.push("http"));
    assert.equal(await shutdown.run(), false);
    assert.equal(await shutdown.run(), false);
    assert.deepEqual(closed, ["http", "store"]);
  });

  test("gives up at the limit; a second signal ends at once", async () => {
    const { shutdown, clock, codes, signal } = start();
    shutdown.add("stuck", () => new Promise(() => undefined));
    signal("SIGTERM");
    assert.deepEqual(codes, []);
    signal("SIGINT");
    assert.deepEqual(codes, [1]);
    await clock.advanceTo(100);
    assert.equal(await shutdown.run(), false);
  });
});

test("the limits of the process are numbers where the system tells them", () => {
  const { heapBytesMax, openFilesMax = 1, coreDumpBytesMax = 0 } = processLimits();
  assert(heapBytesMax > 0 && openFilesMax > 0 && coreDumpBytesMax >= 0);
});

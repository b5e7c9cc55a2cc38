/**
 * Readings on their way in, by the real commands: a dirty file is inspected, and one household's readings, from a file and from a P1
 * port, go through its meter to its customer, who opens what was measured.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { join } from "node:path";
import { after, test } from "node:test";
import { customersOf, joinPortal } from "../../cli/src/demo/customers.ts";
import { plainDoor } from "../../cli/src/serve/door.ts";
import { run, runAll, start, temporaryFolder } from "./command-line.ts";
import { exportWords, households, iso } from "./deployment-output.ts";

const folder = temporaryFolder();
const QUARTER_SECONDS = 900;
const DAY_QUARTERS = 96;
/** The first day of a made-up deployment, midnight in Amsterdam. */
const START_SECONDS = Date.parse("2026-09-30T22:00:00Z") / 1000;

test("inspect lists what would be sent and every defect; --strict makes it the exit code", async () => {
  const dirty = join(folder, "dirty.csv");
  const clean = join(folder, "clean.csv");
  const rows = ["time,kWh", "2026-10-01T00:00Z,0.25", "2026-10-01T00:15Z,0.25"];
  writeFileSync(clean, `${rows.join("\n")}\n`);
  writeFileSync(dirty, `${rows.join("\n")}\n2026-10-01T00:15Z,0.5\r\n2026-10-01T00:30Z,oops`);
  const [good, bad, strict, json, send] = await runAll([
    ["readings", "inspect", clean, "--strict"],
    ["readings", "inspect", dirty],
    ["readings", "inspect", dirty, "--strict", "--quiet"],
    ["readings", "inspect", dirty, "--json", "--quiet"],
    ["meter", "send", "--dir", folder, "--household", "h"],
  ]);
  assert.equal(good?.code, 0);
  assert.match(good.stdout, /1 blocks \(a household's local day in UTC\), 1 frames, 1 blocks inc/);
  assert.match(good.stdout, /Findings {4}none/);
  assert.equal(bad?.code, 0);
  for (const place of ["4:2", "4:22", "5:2", "5:23"]) {
    assert(bad.stdout.includes(`  dirty.csv:${place}`), place);
  }
  assert.deepEqual([strict?.code, strict?.stdout], [4, bad.stdout]);
  const report = JSON.parse(json?.stdout ?? "") as Record<string, unknown>;
  assert.deepEqual(report["counts"], {
    conflict: 1,
    "cut-off": 1,
    malformed: 1,
    "mixed-line-ends": 1,
  });
  assert.equal(report["energy_mWh"], "500000");
  assert.equal(send?.code, 1);
});

/** Whole watt-hours of each quarter from the start on: each its own. */
const wattHoursOf = (quarter: number): number => 100 + ((quarter * 37) % 211);
const exportOf = (quarter: number): number => (quarter * 13) % 17;

function crcOf(text: string): string {
  let remainder = 0;
  for (const byte of Buffer.from(text, "latin1")) {
    remainder ^= byte;
    for (let bit = 0; bit < 8; bit++) {
      remainder = (remainder >> 1) ^ ((remainder & 1) === 1 ? 0xa001 : 0);
    }
  }
  return remainder.toString(16).toUpperCase().padStart(4, "0");
}

/** What the port says when `quarter` begins: 2 hours ahead of UTC in October's first weeks. */
function telegramAt(quarter: number): string {
  const total = (of: (quarter: number) => number): string => {
    const sum = Array.from({ length: quarter }, (_, index) => of(index)).reduce((a, b) => a + b, 0);
    return `${(sum / 1000).toFixed(3).padStart(10, "0")}*kWh`;
  };
  const local = new Date(1000 * (START_SECONDS + quarter * QUARTER_SECONDS + 7200)).toISOString();
  const stamp = local.replaceAll(/\D/g, "").slice(2, 14);
  const text =
    `/ISk5\\2MT382-1000\r\n\r\n1-3:0.2.8(50)\r\n0-0:1.0.0(${stamp}S)\r\n` +
    `1-0:1.8.1(${total(wattHoursOf)})\r\n1-0:1.8.2(000000.000*kWh)\r\n` +
    `1-0:2.8.1(${total(exportOf)})\r\n!`;
  return `${text}${crcOf(text)}\r\n`;
}

/**
 * A port that sends telegrams as fast as they are read. It hangs up in the middle of one, once; whoever comes back gets the telegrams from
 * there up to `held`, and the rest when `release` is called.
 */
async function startPort(first: number, breaksAt: number, held: number, last: number) {
  const sockets: Socket[] = [];
  const send = (socket: Socket | undefined, from: number, to: number): void => {
    for (let quarter = from; quarter < to; quarter++) socket?.write(telegramAt(quarter));
  };
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    sockets.push(socket);
    if (sockets.length > 1) return send(socket, breaksAt, held);
    send(socket, first, breaksAt);
    socket.end(telegramAt(breaksAt).slice(0, 100));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `tcp://127.0.0.1:${port}`,
    connections: () => sockets.length,
    release: () => send(sockets.at(-1), held, last + 1),
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

test("a household's file, then its P1 port, reach its customer exactly", async () => {
  const dir = join(folder, "deployment");
  const csv = join(folder, "home.csv");
  const terms = ["--unsafe-policy", "--min-contributors", "5", "--customers", "1"];
  const made = ["--households", "5", "--days", "5", "--zone", "Europe/Amsterdam"];
  assert.equal((await run("init", "--dir", dir, ...made, ...terms)).code, 0);
  const lines = Array.from({ length: 4 * DAY_QUARTERS }, (_, quarter) => {
    const stamp = iso(START_SECONDS + quarter * QUARTER_SECONDS);
    return `${stamp},${wattHoursOf(quarter)}`;
  });
  writeFileSync(csv, `time,Wh\n${lines.join("\n")}\n`);

  const serve = start("serve", "--role", "all", "--demo", "--dir", dir);
  after(() => serve.end("SIGTERM"));
  await serve.printed("ucs ", "stderr");
  const words = ["meter", "send", "--dir", dir, "--household", "s001", "--quiet"];

  // The first day is left out, the second is sent; the rest of the file is not asked for.
  const range = ["--from", "2026-10-02", "--to", "2026-10-10", "--limit", "2", "--json"];
  const sent = await run(...words, "--data", csv, ...range);
  assert.deepEqual([sent.code, sent.stderr], [0, ""]);
  const expected = { household: "s001", days: 2, next: "2026-10-03" };
  assert.deepEqual(JSON.parse(sent.stdout), expected);

  const day = DAY_QUARTERS;
  const port = await startPort(2 * day, 2 * day + 50, 3 * day + 40, 4 * day);
  after(() => port.close());
  const sending = start(...words, "--p1", port.url, "--limit", "2");
  const [customer] = customersOf(new Map(Object.entries(households(dir))));
  assert.equal(customer?.label, "s001");
  const { urls } = JSON.parse(readFileSync(join(dir, "run.json"), "utf8")) as RunFile;
  await joinPortal(plainDoor(urls["ucs"]), customer, new AbortController().signal);
  const meanwhile = await run(...words, "--data", csv);
  assert.match(meanwhile.stderr, /STORE_LOCKED/, "one process runs a deployment's meters");
  port.release();
  const ended = await sending.outcome;
  assert.deepEqual([ended.code, ended.stderr], [0, ""]);
  assert.equal(ended.stdout, "s001: 2 days sent; the next is 2026-10-05\n");
  assert.equal(port.connections(), 2);

  const rows = await exported(dir, customer.password, 4 * day);
  for (const [quarter, row] of rows.entries()) {
    const start = iso(START_SECONDS + quarter * QUARTER_SECONDS);
    const local = start.replace("Z", "+00:00");
    const isFile = quarter < 2 * day;
    const energies = [wattHoursOf(quarter), isFile ? 0 : exportOf(quarter)];
    const reading = `${energies.map((energy) => (energy / 1000).toFixed(6)).join(",")},valid`;
    const isLeftOut = quarter < day;
    const expected = `${local},${start},${QUARTER_SECONDS},${isLeftOut ? ",,missing" : reading}`;
    assert.equal(row, expected);
  }
});

interface RunFile {
  readonly urls: Readonly<Record<string, string>>;
}

const EXPORTS_MAX = 20;

/** The customer's own readings, as soon as there are `count`: frames are still on their way when the meter has sent them. */
async function exported(dir: string, password: string, count: number): Promise<string[]> {
  for (let attempt = 1; ; attempt++) {
    const [own] = await runAll([exportWords(dir, "s001", password)]);
    assert.equal(own?.code, 0, own?.stderr);
    const rows = own.stdout.trimEnd().split("\n").slice(1);
    if (rows.length >= count || attempt === EXPORTS_MAX) {
      assert.equal(rows.length, count);
      return rows;
    }
  }
}

/**
 * Roles in processes of their own that meet over TLS with certificates of the deployment's authority: what passes, what does not, and
 * certificates of a new authority that are taken up while the processes run.
 */
import assert from "node:assert/strict";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import {
  connectBus,
  openTlsIdentity,
  peerFetch,
  silentLogger,
  systemClock,
  type Fetch,
} from "@smarter-metering/runtime";
import { layoutOf, type PartyFolder } from "../../cli/src/deployment/layout.ts";
import { run, runAll, start, temporaryFolder, type Running } from "./command-line.ts";

const layout = layoutOf(join(temporaryFolder(), "deployment"));
const dir = ["--dir", layout.root];
/** Below those that the system gives away by itself. */
const PORTS = 20_000 + 100 * (process.pid % 120);
const registryUrl = `https://localhost:${PORTS}`;
const busUrl = `https://localhost:${PORTS + 1}`;
/** Callers try again after up to half a minute, and the machine may be busy. */
const PATIENCE_MS = 120_000;
const LOOK_MS = 200;

const running: Running[] = [];
const open: { close(): void | Promise<void> }[] = [];

async function serve(role: PartyFolder): Promise<void> {
  const party = start("serve", "--role", role, ...dir);
  running.push(party);
  await party.printed(`${role} serves`, "stderr");
}

/** With the certificate of one holder, to one party. */
async function fetchAs(holder: string, peer: PartyFolder): Promise<Fetch> {
  const { identity, trusted } = layout.tls(holder);
  const files = { certFile: identity, keyFile: identity, caFile: trusted };
  const own = await openTlsIdentity(files, { clock: systemClock, log: silentLogger });
  const call = peerFetch({ identity: own, peer: `party/${peer}` });
  open.push(own, call);
  return call.fetch;
}

const tokenOf = (party: PartyFolder): string => readFileSync(layout.token(party), "utf8");

async function busAs(holder: PartyFolder, token: PartyFolder = holder) {
  const fetch = await fetchAs(holder, "bus");
  const bus = connectBus({ url: busUrl, token: tokenOf(token), fetch });
  open.push(bus);
  return bus;
}

async function viewStatus(holder: string, token: PartyFolder): Promise<number> {
  const headers = { authorization: `Bearer ${tokenOf(token)}` };
  const fetch = await fetchAs(holder, "registry");
  return (await fetch(`${registryUrl}/v1/proposals`, { headers })).status;
}

async function isHealthy(peer: PartyFolder, url: string): Promise<boolean> {
  return (await (await fetchAs("mdms", peer))(`${url}/healthz`)).ok;
}

async function until(what: string, isTrue: () => Promise<boolean>): Promise<void> {
  const endMs = Date.now() + PATIENCE_MS;
  while (!(await isTrue())) {
    assert(Date.now() < endMs, `not in two minutes: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/** The opener refuses what is no frame, and that shows at the bus. */
async function isConsumedAs(id: string): Promise<void> {
  const message = { id, subject: "p00", body: Uint8Array.of(1, 2, 3) };
  const published = await (await busAs("concentrator")).publish("frames", [message]);
  assert.deepEqual(published, { accepted: 1, duplicates: 0 });
  const opener = await busAs("opener");
  await until("the opener takes a message", async () =>
    (await opener.deadLetters("frames")).some((letter) => letter.id === id),
  );
}

before(async () => {
  const small = ["--households", "2", "--customers", "0"];
  const policy = ["--unsafe-policy", "--min-contributors", "1"];
  const made = await run("init", ...dir, "--system-clock", ...small, ...policy);
  assert.equal(made.code, 0, made.stderr);
  for (const party of ["registry", "bus", "opener", "concentrator"] as const) {
    const text = readFileSync(layout.config(party), "utf8");
    const moved = text.replaceAll(
      /\b74(\d\d)\b/g,
      (_, place: string) => `${PORTS + Number(place)}`,
    );
    writeFileSync(layout.config(party), moved);
  }
  await Promise.all([serve("registry"), serve("bus")]);
  await serve("opener");
});

after(async () => {
  for (const each of open.toReversed()) await each.close();
  await Promise.all(running.map((party) => party.end("SIGTERM")));
});

test("a message goes from one party's process over the bus's to another's", async () => {
  await isConsumedAs("first");
});

test("a token opens nothing with another's certificate, nor a certificate without its token", async () => {
  assert.equal(await viewStatus("mdms", "mdms"), 200);
  assert.equal(await viewStatus("ucs", "mdms"), 401);
  assert.equal(await viewStatus("mdms", "ucs"), 401);
  assert.equal(await viewStatus("monitoring", "mdms"), 403);
  const thief = await busAs("ucs", "opener");
  await assert.rejects(thief.deadLetters("frames"), { code: "BUS_FORBIDDEN" });
  await assert.rejects(fetch(`${registryUrl}/healthz`), TypeError);
});

test("the command line finds a role's process; one that would speak in clear does not start", async () => {
  const config = join(layout.folder("opener"), "open.json");
  const { tls: _, ...rest } = JSON.parse(readFileSync(layout.config("opener"), "utf8")) as {
    tls: unknown;
    listen: object;
  };
  writeFileSync(config, JSON.stringify({ ...rest, listen: { host: "0.0.0.0", port: 0 } }));
  const [proposals, shown, clear] = await runAll([
    ["registry", "proposals", ...dir],
    ["certificates", "show", ...dir],
    ["serve", "--role", "opener", "--config", config],
  ]);
  assert.equal(proposals?.code, 0, proposals?.stderr);
  assert.equal(shown?.code, 0, shown?.stdout);
  assert.equal(clear?.code, 3);
  assert.match(clear?.stderr ?? "", /^smarter-metering: CLEAR_TEXT: /);
});

test("certificates of a new authority are taken up by the processes as they run", async () => {
  const old = join(layout.root, "old");
  cpSync(layout.folder("mdms"), old, { recursive: true });
  const outcomes = await runAll([
    ["certificates", "drop-ca", ...dir],
    ["certificates", "new-ca", ...dir],
    ["certificates", "drop-ca", ...dir],
    ["certificates", "renew", ...dir],
  ]);
  assert.deepEqual(
    outcomes.map(({ code }) => code),
    [0, 0, 3, 0],
  );
  // Whoever believes the new one alone is answered by who has a certificate of it.
  const both = readFileSync(layout.tls("mdms").trusted, "utf8");
  const [, newest = ""] = both.split(/(?<=END.*\n)/);
  writeFileSync(layout.tls("old").trusted, both);
  writeFileSync(layout.tls("mdms").trusted, newest);
  await until("registry and bus show their new certificates", () =>
    Promise.all([isHealthy("registry", registryUrl), isHealthy("bus", busUrl)]).then(
      (healthy) => healthy.every(Boolean),
      () => false,
    ),
  );
  assert.equal(await viewStatus("old", "mdms"), 200, "the old certificate is valid still");
  await isConsumedAs("second");
});

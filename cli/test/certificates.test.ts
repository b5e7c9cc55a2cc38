/**
 * The deployment's own authority and what it is for: chains that hold and chains that must not, identities that are renewed under open
 * connections, and an authority that is replaced with a crash between any two steps.
 */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
} from "node:fs";
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { connect, type TLSSocket } from "node:tls";
import {
  createApp,
  createMetrics,
  listen,
  manualClock,
  openTlsIdentity,
  peerFetch,
  peerOf,
  silentLogger,
  type Listening,
  type ListenTls,
  type TlsIdentity,
} from "@smarter-metering/runtime";
import {
  addHosts,
  certificatesIn,
  createAuthorityFolder,
  dropOldAuthority,
  loadHolders,
  renewCertificates,
  replaceAuthority,
  withHosts,
} from "../src/deployment/authority.ts";
import { reportCertificates } from "../src/deployment/certificate-report.ts";
import {
  createAuthority,
  issueCertificate,
  type Authority,
  type CertificateRequest,
} from "../src/deployment/certificates.ts";
import { refuseClearText } from "../src/deployment/clear-text.ts";
import { layoutOf, type Layout } from "../src/deployment/layout.ts";

const DAY_MS = 86_400_000;
const nowMs = Date.now();
const root = mkdtempSync(join(tmpdir(), "certificates-"));
after(() => rmSync(root, { recursive: true, force: true }));

const METER = "3f".repeat(16);
const LOCAL = ["localhost", "127.0.0.1"];
const authority = createAuthority(nowMs);
const stranger = createAuthority(nowMs);

/** What a test's world holds: closed in reverse order. */
const open: { close(): void | Promise<void> }[] = [];
after(async () => {
  for (const each of open.toReversed()) await each.close();
});

interface Shown extends Partial<CertificateRequest> {
  readonly by?: Authority;
  readonly believes?: string;
}

let folders = 0;

/** Files of a holder: a party that is believed, unless the case says otherwise. */
function filesOf({ by = authority, believes = authority.certificate, ...request }: Shown) {
  const folder = join(root, String(folders++));
  const caFile = `${folder}-trusted.pem`;
  const identityFile = `${folder}-identity.pem`;
  const issued = issueCertificate(by, {
    kind: "party",
    name: "opener",
    hosts: (request.kind ?? "party") === "party" ? LOCAL : [],
    nowMs,
    ...request,
  });
  writeFileSync(caFile, believes);
  writeFileSync(identityFile, issued.certificate + issued.key, { mode: 0o600 });
  return { certFile: identityFile, keyFile: identityFile, caFile };
}

async function identityOf(shown: Shown): Promise<TlsIdentity> {
  const identity = await openTlsIdentity(filesOf(shown), {
    clock: manualClock(nowMs),
    log: silentLogger,
  });
  open.push(identity);
  return identity;
}

/** An application that says who asks. */
async function serve(tls: ListenTls): Promise<Listening> {
  const app = createApp({
    title: "who",
    version: "1",
    log: silentLogger,
    clock: manualClock(nowMs),
    metrics: createMetrics(),
  });
  app.get("/who", (c) => c.text(peerOf(c) ?? "nobody"));
  const listening = await listen({ app, port: 0, tls, closeLimitMs: 50 });
  open.push(listening);
  return listening;
}

/** As `shown` to a server that believes it is `peer`; the path's answer. */
async function ask(url: string, shown: Shown, peer = "party/registry", path = "/who") {
  const call = peerFetch({ identity: await identityOf(shown), peer });
  open.push(call);
  const response = await call.fetch(`${url}${path}`);
  return { status: response.status, text: await response.text() };
}

/** What is at the bottom of a failed fetch. */
async function reasonOf(asking: Promise<unknown>): Promise<string> {
  const error = await asking.then(
    () => assert.fail("the connection was not refused"),
    (caught: unknown) => caught,
  );
  assert(error instanceof TypeError, String(error));
  const cause = error.cause as Error & { code?: string };
  return `${cause.code ?? ""} ${cause.message}`;
}

describe("certificates of the deployment's authority", () => {
  const issued = issueCertificate(authority, {
    kind: "party",
    name: "trustee-2",
    hosts: [...LOCAL, "node1.example", "::1"],
    nowMs,
  });
  const certificate = new X509Certificate(issued.certificate);

  test("name their holder, his hosts and ninety days", () => {
    assert.equal(certificate.subject, "O=Smarter Metering\nOU=party\nCN=trustee-2");
    assert.equal(certificate.checkHost("node1.example"), "node1.example");
    assert.equal(certificate.checkIP("127.0.0.1"), "127.0.0.1");
    assert.equal(certificate.checkIP("::1"), "::1");
    assert.equal(certificate.ca, false);
    const days = (Date.parse(certificate.validTo) - nowMs) / DAY_MS;
    assert(days > 89.9 && days <= 90, `${days} days`);
    assert(Date.parse(certificate.validFrom) < nowMs - 290_000);
  });

  test("verify under their own authority and no other", () => {
    const [own, other] = [authority, stranger].map((each) => new X509Certificate(each.certificate));
    assert(own !== undefined && other !== undefined && own.ca);
    assert(certificate.checkIssued(own) && certificate.verify(own.publicKey));
    assert(!certificate.checkIssued(other) && !certificate.verify(other.publicKey));
    assert.notEqual(own.subject, other.subject);
  });

  const malformed: readonly Partial<CertificateRequest>[] = [
    { name: "" },
    { name: "a/b" },
    { name: "x".repeat(65) },
    { name: "opener\nOU=party" },
    { hosts: ["not a host"] },
    { hosts: [] },
    { kind: "meter", hosts: [], name: "opener" },
    { kind: "meter", hosts: LOCAL, name: METER },
  ];
  for (const wrong of malformed) {
    test(`are not made for ${JSON.stringify(wrong)}`, () => {
      const request = { kind: "party" as const, name: "opener", hosts: LOCAL, nowMs, ...wrong };
      assert.throws(() => issueCertificate(authority, request), { code: "ERR_ASSERTION" });
    });
  }
});

describe("a listener between parties", () => {
  const serving = (async () => {
    const identity = await identityOf({ name: "registry" });
    return serve({ identity, peers: ["party/opener"] });
  })();
  const notAdmitted: readonly [string, Shown][] = [
    ["another party", { name: "aggregator" }],
    ["a party whose name begins alike", { name: "opener-2" }],
    ["another kind that has the party's name", { kind: "fleet", name: "opener" }],
    ["a monitor", { kind: "monitor", name: "monitoring" }],
  ];
  const refused: readonly [string, Shown][] = [
    ["a certificate of another authority", { by: stranger }],
    ["an expired certificate", { nowMs: nowMs - 91 * DAY_MS }],
    ["a certificate that is not valid yet", { nowMs: nowMs + DAY_MS }],
  ];

  test("serves those that it names, and says who they are", async () => {
    const { url } = await serving;
    assert.match(url, /^https:/);
    assert.deepEqual(await ask(url, {}), { status: 200, text: "party/opener" });
  });

  for (const [what, shown] of notAdmitted) {
    test(`does not serve ${what}`, async () => {
      assert.equal((await ask((await serving).url, shown)).status, 403);
    });
  }

  test("shows health and metrics to parties and monitors, and to no meter", async () => {
    const { url } = await serving;
    const statusOf = async (shown: Shown, path: string): Promise<number> =>
      (await ask(url, shown, "party/registry", path)).status;
    assert.equal(await statusOf({ kind: "monitor", name: "monitoring" }, "/metrics"), 200);
    assert.equal(await statusOf({ name: "aggregator" }, "/healthz"), 200);
    assert.equal(await statusOf({ kind: "meter", name: METER }, "/metrics"), 403);
    assert.equal(await statusOf({ name: "aggregator" }, "/metrics/../who"), 403);
  });

  for (const [what, shown] of refused) {
    test(`ends the connection of ${what}`, async () => {
      assert.match(await reasonOf(ask((await serving).url, shown)), /ALERT|ECONNRESET|socket/i);
    });
  }

  test("ends the connection of who shows none, and of TLS 1.2", async () => {
    const { port } = await serving;
    const { cert, key, ca } = (await identityOf({})).current();
    for (const client of [{ ca }, { ca, cert, key, maxVersion: "TLSv1.2" as const }]) {
      const socket = connect({ port, host: "127.0.0.1", ...client });
      socket.on("secureConnect", () => socket.write("GET /who HTTP/1.1\r\nHost: x\r\n\r\n"));
      const [error] = (await once(socket, "error")) as [Error];
      assert.match(error.message, /alert (certificate required|protocol version)|ECONNRESET/i);
    }
  });
});

describe("a call to another party", () => {
  const cases: readonly [string, Shown, RegExp][] = [
    ["another party's certificate", { name: "opener" }, /certificate of party\/opener, not of/],
    ["a server's", { kind: "server", name: "registry", hosts: LOCAL }, /of server\/registry/],
    ["one for another host", { name: "registry", hosts: ["elsewhere.example"] }, /ALTNAME/],
    [
      "one of another authority",
      { name: "registry", by: stranger },
      /UNABLE_TO_VERIFY|SELF_SIGNED/,
    ],
    ["an expired one", { name: "registry", nowMs: nowMs - 91 * DAY_MS }, /CERT_HAS_EXPIRED/],
  ];
  for (const [what, shown, reason] of cases) {
    test(`fails where the server shows ${what}`, async () => {
      const { url } = await serve({ identity: await identityOf(shown), peers: ["party/opener"] });
      assert.match(await reasonOf(ask(url, {})), reason);
    });
  }
});

describe("an identity whose files are replaced", () => {
  /** What `port` shows to a new connection, and the connection. */
  async function meet(port: number, identity: TlsIdentity, servername?: string) {
    const socket: TLSSocket = connect({
      port,
      host: "127.0.0.1",
      ...identity.current(),
      ...(servername !== undefined && { servername }),
    });
    await once(socket, "secureConnect");
    const { serialNumber } = socket.getPeerCertificate();
    const says = async (): Promise<string> => {
      socket.write("GET /who HTTP/1.1\r\nHost: localhost\r\n\r\n");
      const [answer] = (await once(socket, "data")) as [Buffer];
      return answer.toString();
    };
    return { serialNumber, says, close: () => void socket.destroy() };
  }

  test("is shown to new connections, while open ones go on", async () => {
    const clock = manualClock(nowMs);
    const files = filesOf({ name: "registry" });
    const identity = await openTlsIdentity(files, { clock, log: silentLogger });
    open.push(identity);
    const { port, url } = await serve({ identity, peers: ["party/opener"] });
    const visitor = await identityOf({});
    const call = peerFetch({ identity: visitor, peer: "party/registry" });
    open.push(call);
    const before = await meet(port, visitor);
    open.push(before);
    assert.match(await before.says(), /party\/opener/);
    assert.equal((await call.fetch(`${url}/who`)).status, 200);

    renameSync(filesOf({ name: "registry" }).certFile, files.certFile);
    await clock.advanceTo(nowMs + 10_000);

    const afterwards = await meet(port, visitor);
    open.push(afterwards);
    assert.notEqual(afterwards.serialNumber, before.serialNumber);
    assert.match(await before.says(), /party\/opener/);
    assert.match(await afterwards.says(), /party\/opener/);
    assert.equal((await call.fetch(`${url}/who`)).status, 200);
  });

  test("lets a caller's new certificate take the place of his old one", async () => {
    const { url } = await serve({
      identity: await identityOf({ name: "registry" }),
      peers: ["party/opener", "party/ucs"],
    });
    const files = filesOf({ name: "opener" });
    const identity = await openTlsIdentity(files, { clock: manualClock(nowMs), log: silentLogger });
    const call = peerFetch({ identity, peer: "party/registry" });
    open.push(identity, call);
    const saysWho = async (): Promise<string> => (await call.fetch(`${url}/who`)).text();
    assert.equal(await saysWho(), "party/opener");
    renameSync(filesOf({ name: "ucs" }).certFile, files.certFile);
    await identity.reload();
    assert.equal(await saysWho(), "party/ucs");
  });

  test("stays as it was while the new files do not belong together", async () => {
    const files = filesOf({});
    const warnings: string[] = [];
    const log = { ...silentLogger, warn: (text: string) => void warnings.push(text) };
    const identity = await openTlsIdentity(files, { clock: manualClock(nowMs), log });
    open.push(identity);
    const first = identity.current();
    const next = filesOf({});
    const half = [
      readFileSync(files.certFile, "utf8").replace(/-----BEGIN PRIVATE[\s\S]*/, ""),
      readFileSync(next.certFile, "utf8").replace(/-----BEGIN PRIVATE[\s\S]*/, first.key),
      "",
    ];
    for (const text of half) {
      writeFileSync(files.certFile, text);
      await identity.reload();
      assert.equal(identity.current(), first);
    }
    assert.equal(warnings.length, half.length);
    renameSync(next.certFile, files.certFile);
    await identity.reload();
    assert.notEqual(identity.current().key, first.key);
  });

  test("is refused from the start when others may read its key, or a file is missing", async () => {
    const ports = { clock: manualClock(nowMs), log: silentLogger };
    const readable = filesOf({});
    chmodSync(readable.keyFile, 0o640);
    await assert.rejects(openTlsIdentity(readable, ports), { code: "SECRET_FILE" });
    const files = filesOf({});
    const absent = join(root, "absent.pem");
    const lacking = { ...files, caFile: absent };
    await assert.rejects(openTlsIdentity(lacking, ports), { code: "TLS_FILES" });
    await assert.rejects(openTlsIdentity({ ...files, keyFile: absent }, ports), {
      code: "SECRET_FILE",
    });
    const nobody = { ...files, caFile: join(root, "empty.pem") };
    writeFileSync(nobody.caFile, "");
    await assert.rejects(openTlsIdentity(nobody, ports), { code: "TLS_FILES" });
    const others = { ...files, keyFile: filesOf({}).keyFile };
    await assert.rejects(openTlsIdentity(others, ports), { code: "TLS_FILES" });
  });

  test("of the public is shown to who asks for its name, the deployment's to others", async () => {
    const publicIdentity = await identityOf({
      kind: "server",
      name: "portal",
      hosts: ["portal.example"],
      by: stranger,
    });
    const { port } = await serve({ identity: await identityOf({ name: "ucs" }), publicIdentity });
    const browser = await identityOf({ believes: stranger.certificate });
    const named = await meet(port, browser, "portal.example");
    const local = await meet(port, await identityOf({}));
    open.push(named, local);
    assert.notEqual(named.serialNumber, local.serialNumber);
    assert.match(await local.says(), /nobody/);
  });
});

describe("an authority that is replaced", () => {
  const holders = withHosts(
    {
      registry: { kind: "party", hosts: [] },
      opener: { kind: "party", hosts: [] },
      nats: { kind: "server", hosts: [] },
      monitoring: { kind: "monitor", hosts: [] },
    },
    { opener: ["node2.example"] },
  );
  const names = Object.keys(holders);

  async function deploy(): Promise<Layout> {
    const layout = layoutOf(join(root, `deployment-${folders++}`));
    await createAuthorityFolder(layout, holders, nowMs);
    return layout;
  }

  const read = (path: string): string => readFileSync(path, "utf8");

  /** Every holder believes every other. */
  function assertTogether(layout: Layout, when: string): void {
    for (const one of names) {
      const certificate = new X509Certificate(read(layout.tls(one).identity));
      for (const other of names) {
        const trusted = certificatesIn(read(layout.tls(other).trusted));
        const believes = trusted.some((pem) =>
          certificate.verify(new X509Certificate(pem).publicKey),
        );
        assert(believes, `${when}: ${other} does not believe ${one}`);
      }
    }
  }

  /** Runs `step` until it would replace the file at `path`, as if the process ended there; then again, to its end. */
  async function crashAt<T>(layout: Layout, path: string, step: () => Promise<T>): Promise<T> {
    const kept = join(layout.root, "kept");
    renameSync(path, kept);
    cpSync(layout.authority, path, { recursive: true }); // A folder: no file takes its place.
    await assert.rejects(step(), { code: "EISDIR" });
    rmSync(path, { recursive: true });
    renameSync(kept, path);
    assertTogether(layout, `stopped at ${path}`);
    return step();
  }

  const replace = (layout: Layout) => () => replaceAuthority(layout, nowMs);
  const renew = (layout: Layout) => () => renewCertificates(layout, names, nowMs);
  const drop = (layout: Layout) => () => dropOldAuthority(layout);
  const signer = (layout: Layout): string => join(layout.authority, "authority.pem");

  test("is believed beside the old one, then alone", async () => {
    const layout = await deploy();
    const old = read(layout.tls("opener").identity);
    assert.equal(await replaceAuthority(layout, nowMs), true);
    assert.equal(await replaceAuthority(layout, nowMs), false, "one replacement at a time");
    assertTogether(layout, "both are believed");
    await assert.rejects(dropOldAuthority(layout), { code: "AUTHORITY_IN_USE" });
    await renewCertificates(layout, ["opener"], nowMs);
    assertTogether(layout, "one has renewed");
    await assert.rejects(dropOldAuthority(layout), { code: "AUTHORITY_IN_USE" });
    await renewCertificates(layout, names, nowMs);
    assert.equal(await dropOldAuthority(layout), true);
    assert.equal(await dropOldAuthority(layout), false);
    assertTogether(layout, "the new one alone");
    const [trusted = "", ...more] = certificatesIn(read(layout.tls("registry").trusted));
    assert.equal(more.length, 0);
    const isBelieved = new X509Certificate(old).verify(new X509Certificate(trusted).publicKey);
    assert(!isBelieved, "a certificate of the old authority is worth nothing now");
  });

  test("may be interrupted at every file, and everybody understands each other in between", async () => {
    for (const name of names) {
      const layout = await deploy();
      assert.equal(await crashAt(layout, layout.tls(name).trusted, replace(layout)), true);
      await crashAt(layout, layout.tls(name).trusted, renew(layout));
      await crashAt(layout, layout.tls(name).identity, renew(layout));
      assert.equal(await crashAt(layout, layout.tls(name).trusted, drop(layout)), true);
      assert.equal(await dropOldAuthority(layout), false);
      assertTogether(layout, "at the end");
    }
    const layout = await deploy();
    const made = pemOf(createAuthority(nowMs));
    writeFileSync(join(layout.authority, "next-authority.pem"), made, { mode: 0o600 });
    await assert.rejects(dropOldAuthority(layout), { code: "AUTHORITY_IN_USE" });
    assert.equal(await replaceAuthority(layout, nowMs), true, "goes on with the one that was made");
    assert.equal(read(signer(layout)), made);
  });

  const pemOf = ({ certificate, key }: Authority): string => `${certificate}${key}`;

  test("is looked for where it is kept, and holders among those there are", async () => {
    const layout = await deploy();
    await assert.rejects(renewCertificates(layout, ["nobody"], nowMs), { code: "HOLDER_UNKNOWN" });
    await assert.rejects(addHosts(layout, { nobody: ["a"] }), { code: "HOLDER_UNKNOWN" });
    await assert.rejects(addHosts(layout, { monitoring: ["a"] }), { code: "HOLDER_UNKNOWN" });
    await assert.rejects(addHosts(layout, { opener: ["a b"] }), { code: "HOST_INVALID" });
    await addHosts(layout, { opener: ["node3.example"] });
    assert.deepEqual(loadHolders(layout)["opener"]?.hosts, [
      "node2.example",
      ...LOCAL,
      "node3.example",
    ]);
    rmSync(layout.authority, { recursive: true });
    for (const step of [replace(layout), renew(layout), drop(layout)]) {
      await assert.rejects(step(), { code: "AUTHORITY_MISSING" });
    }
  });

  test("a report tells what is sound, what is due and what is wrong", async () => {
    const layout = await deploy();
    const stateOf = async (name: string, atMs = nowMs): Promise<string> => {
      const found = (await reportCertificates(layout, atMs)).find(({ holder }) => holder === name);
      return `${found?.state ?? ""}: ${found?.finding ?? ""}`;
    };
    for (const name of names) assert.match(await stateOf(name), /^sound: until /);
    assert.match(await stateOf("opener", nowMs + 70 * DAY_MS), /^renew: until /);
    assert.match(await stateOf("opener", nowMs + 91 * DAY_MS), /^wrong: expired/);
    assert.match(await stateOf("opener", nowMs - DAY_MS), /^wrong: not valid yet/);
    await addHosts(layout, { opener: ["node3.example"] });
    assert.match(await stateOf("opener"), /^wrong: not for node3.example/);
    cpSync(layout.tls("opener").identity, layout.tls("registry").identity);
    assert.match(await stateOf("registry"), /^wrong: somebody else's/);
    chmodSync(layout.tls("nats").identity, 0o644);
    assert.match(await stateOf("nats"), /^wrong: SECRET_FILE/);
    writeFileSync(layout.tls("monitoring").trusted, stranger.certificate);
    assert.match(await stateOf("monitoring"), /^wrong: of an authority that its own holder/);
    rmSync(layout.authority, { recursive: true });
    assert.match(await stateOf("opener"), /^sound/, "without the authority, no hosts to compare");
    assert(!existsSync(layout.authority));
  });
});

describe("a role's configuration", () => {
  const tls = {};
  const local = { host: "127.0.0.1" };
  const open = { host: "0.0.0.0" };
  const sound = [
    { listen: local, registryUrl: "http://127.0.0.1:7400", busUrl: "http://[::1]:7401" },
    { listen: open, tls, registryUrl: "https://node1.example:7400" },
    { listen: open, tls, mqttListen: local, ledger: { listen: open } },
    { listen: local, mqttListen: null, nats: { servers: ["nats://127.0.0.1:4222"] } },
  ];
  const clear = [
    { listen: open },
    { listen: { host: "10.0.0.7" } },
    { listen: { host: "127.example" } },
    { listen: local, ledger: { listen: open } },
    { listen: open, tls, mqttListen: open },
    { listen: local, tls, registryUrl: "http://node1.example:7400" },
    { listen: local, tls, busUrl: "http://10.0.0.7:7401" },
    { listen: local, aggregatorUrl: "http://node1.example" },
    { listen: local, ledger: { url: "http://node1.example" } },
    { listen: local, registryUrl: "https://127.0.0.1:7400" },
    { listen: local, nats: { servers: ["nats://127.0.0.1:4222", "nats://10.0.0.7:4222"] } },
  ];
  test("is refused where it puts tokens on a network in clear", () => {
    for (const config of sound) refuseClearText("config.json", config);
    for (const config of clear) {
      assert.throws(() => refuseClearText("config.json", config), { code: "CLEAR_TEXT" });
    }
  });
});

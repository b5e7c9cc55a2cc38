/** The bus over NATS JetStream: conformance, permissions, provisioning, and servers that are killed. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { busLimits, connectJetStream, createBusKey, hasCode } from "@smarter-metering/runtime";
import { provisionStreams } from "@smarter-metering/runtime";
import type {
  Bus,
  BusMessage,
  JetStreamConnection,
  StreamOptions,
  Verdict,
} from "@smarter-metering/runtime";
import type { ProvisionOptions } from "@smarter-metering/runtime";
import { createAuthority, issueCertificate } from "../../cli/src/deployment/certificates.ts";
import type { Authority } from "../../cli/src/deployment/certificates.ts";
import { busConformance, conformanceStreams } from "../../packages/runtime/test/bus-conformance.ts";
import type { BusUnderTest } from "../../packages/runtime/test/bus-conformance.ts";
import { rawConnection, removeStreams, startNats, streamLeader, type Nats } from "./nats-server.ts";

const ids = (batch: readonly BusMessage[]): string[] => batch.map(({ id }) => id);
const ack: Verdict = { ack: true };
const frames = { name: "frames", consumers: ["opener"], messagesMax: 100_000 };
const message = (id: string, subject = ""): BusMessage => ({
  id,
  subject,
  body: new Uint8Array(1_500).fill(7),
});

describe("one server", () => {
  let nats: Nats;
  before(async () => {
    nats = await startNats({ streams: conformanceStreams, grants: {} });
  });
  after(() => nats.close());

  /** As the operator, who may all: of permissions there are tests of their own. */
  async function open(): Promise<BusUnderTest> {
    const connection = nats.connectionOf("operator");
    await provisionStreams(connection, conformanceStreams, { ackWaitMs: 1_000 });
    const bus = await connectJetStream({ ...connection, streams: conformanceStreams });
    return {
      bus,
      async crash() {
        await bus.engine.close();
        return open();
      },
      close: () => bus.close(),
    };
  }
  busConformance("JetStream", async () => {
    await removeStreams(nats);
    return open();
  });

  test("streams are provisioned again and changed, but not so that messages are lost", async () => {
    await removeStreams(nats);
    const connection = nats.connectionOf("operator");
    const stream = { name: "frames", consumers: ["opener"], messagesMax: 10 };
    const provision = (changed: Partial<StreamOptions>): Promise<void> =>
      provisionStreams(connection, [{ ...stream, ...changed }]);
    await provision({});
    const bus = await connectJetStream({ ...connection, streams: [stream] });
    const sent = Array.from({ length: 12 }, (_, index) => message(`${index}`));
    assert.deepEqual(await bus.publish("frames", sent), { full: true });
    await provision({});
    await provision({ messagesMax: 20 });
    const published = await bus.publish("frames", sent);
    assert.deepEqual(published, { accepted: 2, duplicates: 10 });
    const refused: Partial<StreamOptions>[] = [
      { messagesMax: 5 },
      { consumers: [], retainAcked: true },
      { consumers: ["ucs"] },
      { consumers: ["opener", "ucs"] },
      { partitions: { opener: 2 } },
    ];
    for (const changed of refused) {
      await assert.rejects(provision(changed), { code: "BUS_CHANGE_REFUSED" });
    }
    assert.equal(await bus.pending("frames", "opener"), 12);
    await bus.close();
  });

  test("a slow consumer fills the stream; the publisher waits and goes on", async () => {
    await removeStreams(nats);
    const connection = nats.connectionOf("operator");
    const streams = [{ name: "frames", consumers: ["opener"], messagesMax: 100 }];
    await provisionStreams(connection, streams);
    const bus = await connectJetStream({ ...connection, streams });
    const handled: string[] = [];
    bus.consume("frames", "opener", { batchMax: 16 }, async (batch) => {
      await wait(5);
      handled.push(...batch.map(({ id }) => id));
      return batch.map(() => ack);
    });
    const sent = Array.from({ length: 500 }, (_, index) => message(`${index}`));
    let full = 0;
    for (let start = 0; start < sent.length; start += 50) {
      while ("full" in (await bus.publish("frames", sent.slice(start, start + 50)))) {
        full += 1;
        await wait(10);
      }
    }
    await bus.idle();
    assert(full > 0, "the stream was never full");
    assert.deepEqual(
      handled,
      sent.map(({ id }) => id),
    );
    await bus.close();
  });

  test("killed and started again: what was confirmed arrives, each message once counted", async () => {
    await removeStreams(nats);
    const connection = nats.connectionOf("operator");
    const [server] = nats.servers;
    assert(server !== undefined);
    await underLoad(connection, frames, { ackWaitMs: 1_000 }, async (confirmed) => {
      for (const count of [300, 900, 1_500]) {
        await confirmed(count);
        await server.end("SIGKILL");
        await server.start();
      }
      await confirmed(2_100);
    });
  });

  test("what a process had in hand when it died goes to another", async () => {
    await removeStreams(nats);
    const connection = nats.connectionOf("operator");
    await provisionStreams(connection, [frames], { ackWaitMs: 1_000 });
    const options = { ...connection, streams: [frames] };
    const [first, second] = [await connectJetStream(options), await connectJetStream(options)];
    await first.publish(
      "frames",
      ["a", "b", "c", "d"].map((id) => message(id)),
    );
    const taken = await first.engine.fetch({ stream: "frames", consumer: "opener", max: 2 });
    const handled: string[] = [];
    second.consume("frames", "opener", { batchMax: 4 }, async (batch) => {
      handled.push(batch.map(({ id, attempt }) => `${id}${attempt}`).join("+"));
      return batch.map(() => ack);
    });
    // In hand for longer than the server waits: it is kept.
    await wait(1_500);
    assert.deepEqual(handled, ["c1+d1"]);
    await first.engine.close();
    await second.idle();
    // It may have died of one of them: they come one by one.
    assert.deepEqual(handled.slice(1).toSorted(), taken.map(({ id }) => `${id}2`).toSorted());
    await second.close();
  });

  test("while the server is away a call fails in time, and works when it is back", async () => {
    await removeStreams(nats);
    const connection = nats.connectionOf("operator");
    const streams = [{ name: "frames", consumers: ["opener"], messagesMax: 100 }];
    await provisionStreams(connection, streams);
    const bus = await connectJetStream({ ...connection, streams });
    const [server] = nats.servers;
    assert(server !== undefined);
    await server.end("SIGKILL");
    const calls = [
      bus.publish("frames", [message("a")]),
      bus.pending("frames", "opener"),
      connectJetStream({ ...connection, streams }),
    ];
    await Promise.all(calls.map((call) => assert.rejects(call, { code: "BUS_UNREACHABLE" })));
    await server.start();
    assert.deepEqual(await bus.publish("frames", [message("a")]), { accepted: 1, duplicates: 0 });
    await bus.close();
  });
});

/**
 * Publishes batches as fast as they are taken, repeating what was not confirmed, while all consumers
 * of the stream take them, until `faults` has resolved and all is settled. Each consumer must have had
 * every message that was confirmed, and the stream be empty.
 */
async function underLoad(
  to: JetStreamConnection,
  stream: StreamOptions,
  provisioned: ProvisionOptions,
  faults: (confirmed: (count: number) => Promise<void>) => Promise<void>,
): Promise<void> {
  await provisionStreams(to, [stream], provisioned);
  const publisher = await connectJetStream({ ...to, streams: [stream] });
  const taker = await connectJetStream({ ...to, streams: [stream] });
  const confirmed = new Set<string>();
  const over = new AbortController();
  try {
    const handled = stream.consumers.map((consumer) => {
      const its = new Set<string>();
      taker.consume(stream.name, consumer, { batchMax: 64 }, async (batch) => {
        for (const { id } of batch) its.add(id);
        return batch.map(() => ack);
      });
      return its;
    });
    const publishing = (async () => {
      for (let next = 0; !over.signal.aborted; next += 50) {
        const batch = Array.from({ length: 50 }, (_, index) => message(`${next + index}`));
        while (!(await isPublished(publisher, batch)));
        for (const { id } of batch) confirmed.add(id);
        await wait(2);
      }
    })();
    await faults(async (count) => {
      while (confirmed.size < count) await wait(5);
    });
    over.abort();
    await publishing;
    // Not `idle`: a follower may not have heard yet of what its leader has confirmed.
    const endMs = Date.now() + 15_000;
    const areBehind = (): boolean => handled.some((its) => its.size < confirmed.size);
    while (areBehind() && Date.now() < endMs) await wait(20);
    await taker.idle();
    const all = [...confirmed].toSorted();
    for (const its of handled) assert.deepEqual([...its].toSorted(), all);
    // A server that is killed may keep what was settled until it is provisioned again.
    await provisionStreams(to, [stream], provisioned);
    const left = await publisher.read(stream.name, { from: 0n, limit: 10 });
    assert.deepEqual(ids(left), []);
  } finally {
    over.abort();
    await Promise.all([publisher.engine.close(), taker.engine.close()]);
  }
}

async function isPublished(bus: Bus, batch: readonly BusMessage[]): Promise<boolean> {
  try {
    return !("full" in (await bus.publish("frames", batch)));
  } catch (error) {
    if (hasCode(error, "BUS_UNREACHABLE")) return false;
    throw error;
  }
}

describe("a cluster of three, with certificates", () => {
  const forTwo = { ...frames, consumers: ["opener", "ucs"] };
  const streams = [forTwo];
  const authority = createAuthority(Date.now());
  let folder: string;
  let nats: Nats;
  let connection: JetStreamConnection;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "nats-tls-"));
    const tls = await issueFiles(folder, authority, "server");
    nats = await startNats({ streams, grants: {}, size: 3, tls });
    const own = await issueFiles(folder, authority, "operator");
    connection = { ...nats.connectionOf("operator"), tls: own };
    await provisionStreams(connection, streams, { replicas: 3, ackWaitMs: 2_000 });
  });
  after(async () => {
    await nats.close();
    await rm(folder, { recursive: true, force: true });
  });

  test("who does not show a certificate of the same authority does not get in", async () => {
    const stranger = await issueFiles(folder, createAuthority(Date.now()), "stranger");
    const { tls: own, ...all } = connection;
    assert(own !== undefined);
    const without = { ...all, servers: all.servers.slice(0, 1) };
    const one = { ...without, tls: own };
    await (await connectJetStream({ ...one, streams })).close();
    const refused = [
      without,
      { ...one, tls: stranger },
      { ...one, tls: { ...stranger, caFile: own.caFile } }, // The server does not believe it.
      { ...one, tls: { ...own, caFile: stranger.caFile } }, // It does not believe the server.
      { ...one, servers: one.servers.map((url) => url.replace("127.0.0.1", "localhost")) },
    ];
    const calls = refused.map((to) => connectJetStream({ ...to, streams }));
    await Promise.all(calls.map((call) => assert.rejects(call, { code: "BUS_UNREACHABLE" })));
  });

  test("its stream's leader is killed: publishing goes on and nothing confirmed is lost", async () => {
    await underLoad(connection, forTwo, { replicas: 3, ackWaitMs: 2_000 }, async (confirmed) => {
      await confirmed(500);
      const leader = await streamLeader(nats, connection, "frames");
      await leader.end("SIGKILL");
      await confirmed(1_500); // By the two that are left.
      await leader.start();
      await confirmed(2_000);
    });
  });
});

async function issueFiles(folder: string, authority: Authority, name: string) {
  const request = { kind: "party", name, hosts: ["127.0.0.1"], nowMs: Date.now() } as const;
  const { key, certificate } = issueCertificate(authority, request);
  const file = (what: string) => join(folder, `${name}-${what}.pem`);
  const [caFile, certFile, keyFile] = [file("authority"), file("certificate"), file("key")];
  await writeFile(keyFile, key, { mode: 0o600 });
  await writeFile(certFile, certificate);
  await writeFile(caFile, authority.certificate);
  return { caFile, certFile, keyFile };
}

describe("users", () => {
  const streams: readonly StreamOptions[] = [
    { name: "frames", consumers: ["opener"], messagesMax: 100 },
    {
      name: "contributions",
      consumers: ["aggregator"],
      messagesMax: 100,
      partitions: { aggregator: 2 },
    },
    { name: "log", consumers: ["trustee"], messagesMax: 100, retainAcked: true },
    { name: "release-requests", consumers: ["trustee"], messagesMax: 100 },
    { name: "releases", consumers: ["mdms"], messagesMax: 100, retainAcked: { seconds: 3_600 } },
  ];
  const grants = {
    concentrator: { publish: ["frames"], consume: [] },
    opener: {
      publish: ["contributions"],
      consume: [{ stream: "frames", consumer: "opener" }],
    },
    trustee: {
      publish: ["releases"],
      consume: [
        { stream: "log", consumer: "trustee" },
        { stream: "release-requests", consumer: "trustee" },
        // Only to read: it is none of the stream's consumers.
        { stream: "releases", consumer: "trustee" },
      ],
    },
  };
  const forbidden = { code: "BUS_FORBIDDEN" };
  let nats: Nats;
  const connect = (user: string) => connectJetStream({ ...nats.connectionOf(user), streams });
  before(async () => {
    nats = await startNats({ streams, grants });
    await provisionStreams(nats.connectionOf("operator"), streams);
  });
  after(() => nats.close());

  test("each does what its grant says", async () => {
    const [concentrator, opener, trustee, operator] = await Promise.all(
      ["concentrator", "opener", "trustee", "operator"].map(connect),
    );
    assert(concentrator !== undefined && opener !== undefined);
    assert(trustee !== undefined && operator !== undefined);
    await concentrator.publish("frames", [message("a"), message("b")]);
    opener.consume("frames", "opener", { batchMax: 2 }, async (batch) =>
      batch.map(({ id }) => (id === "a" ? { dead: "FRAME_MALFORMED" } : ack)),
    );
    await opener.idle();
    const [letter, ...others] = await opener.deadLetters();
    assert(letter !== undefined && others.length === 0);
    assert.deepEqual([letter.id, letter.reason], ["a", "FRAME_MALFORMED"]);
    await assert.rejects(opener.requeue(letter), forbidden);
    await assert.rejects(opener.discard(letter), forbidden);
    assert(await operator.discard(letter));
    await opener.publish("contributions", [message("c", "p01")]);
    await trustee.publish("releases", [message("d")]);
    assert.equal((await trustee.last("releases"))?.id, "d");
    const other = opener.consume("release-requests", "trustee", { batchMax: 1 }, async () => []);
    assert(hasCode(await other.ended, "BUS_FORBIDDEN"));
    await Promise.all([concentrator, opener, trustee, operator].map((bus) => bus.close()));
  });

  test("an opener can neither publish, read nor take anything else", async () => {
    const opener = await connect("opener");
    const refused: (() => Promise<unknown>)[] = [
      () => opener.publish("frames", [message("x")]),
      () => opener.publish("releases", [message("x")]),
      () => opener.publish("log", [message("x")]),
      () => opener.pending("release-requests", "trustee"),
      () => opener.pending("contributions", "aggregator"),
      () => opener.last("log"),
      () => opener.read("release-requests", { from: 0n, limit: 1 }),
      () => opener.read("contributions", { from: 0n, limit: 1 }),
      () => opener.deadLetters("releases"),
      () => provisionStreams(nats.connectionOf("opener"), streams),
    ];
    for (const call of refused) await assert.rejects(call, forbidden, String(call));
    for (const [stream, consumer] of [
      ["release-requests", "trustee"],
      ["contributions", "aggregator"],
    ] as const) {
      const { ended } = opener.consume(stream, consumer, { batchMax: 1 }, async () => []);
      assert(hasCode(await ended, "BUS_FORBIDDEN"), stream);
    }
    await opener.close();
  });

  test("nor can it past our own code", async () => {
    const connection = await rawConnection(nats.connectionOf("opener"));
    const subjects = [
      "sm.release-requests.>",
      "sm.>",
      ">",
      "$JS.ACK.>",
      "_INBOX.trustee.>",
      "_INBOX.>",
    ];
    for (const subject of subjects) {
      const { closed } = connection.subscribe(subject, { callback: () => undefined });
      await assert.rejects(async () => {
        const error = await closed;
        if (error instanceof Error) throw error;
      }, /Permissions Violation for Subscription/);
    }
    const calls = [
      "$JS.API.STREAM.CREATE.SM_frames",
      "$JS.API.STREAM.DELETE.SM_frames",
      "$JS.API.STREAM.PURGE.SM_frames",
      "$JS.API.STREAM.MSG.DELETE.SM_DEAD_frames",
      "$JS.API.STREAM.MSG.GET.SM_log",
      "$JS.API.DIRECT.GET.SM_log",
      "$JS.API.CONSUMER.CREATE.SM_frames",
      "$JS.API.CONSUMER.DURABLE.CREATE.SM_frames.mine",
      "$JS.API.CONSUMER.DELETE.SM_frames.opener",
      "$JS.API.CONSUMER.MSG.NEXT.SM_contributions.aggregator-p00",
      "$JS.ACK.SM_contributions.aggregator-p00.1.1.1.1.0",
      "sm.frames.all.x",
      "sm.frames.only-opener.x",
      "sm.contributions.only-aggregator.p00",
      "sm-dead.frames.ucs.1",
      "sm-dead.releases.mdms.1",
    ];
    for (const subject of calls) {
      await assert.rejects(connection.request(subject, "{}", { timeout: 5_000 }), (error) => {
        assert.match(String(error), /Permissions Violation for Publish/, subject);
        return true;
      });
    }
    await connection.close();
  });

  test("a key that the servers do not know opens nothing", async () => {
    const { seed } = createBusKey();
    const stranger = { ...nats.connectionOf("opener"), seed, streams };
    await assert.rejects(connectJetStream(stranger), forbidden);
  });

  test("a message and a batch of the largest size pass, and one byte more does not", async () => {
    const concentrator = await connect("concentrator");
    const largest = { ...message("l".repeat(busLimits.idChars)), subject: "x" };
    const publish = (bodyBytes: number) =>
      concentrator.publish("frames", [{ ...largest, body: new Uint8Array(bodyBytes) }]);
    assert.deepEqual(await publish(busLimits.bodyBytes), { accepted: 1, duplicates: 0 });
    await assert.rejects(publish(busLimits.bodyBytes + 1), { code: "BUS_TOO_LARGE" });
    await concentrator.close();
  });
});

// Meters that all stay connected: how long 10,000 TLS connections with client certificates take, what they cost in memory, and how
// long until a frame of each, sent at the same moment, has its verdict. Mosquitto, one concentrator over the embedded store and bus,
// and the meters' own uplink in four processes. With --http the same frames again over HTTP, on as many kept connections.
// Run: node --import tsx benchmarks/uplink.ts [--json] [--http] [--meters 10000]      (ulimit -n 20000)
import assert from "node:assert/strict";
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { inspect, parseArgs } from "node:util";
import { startConcentrator } from "@smarter-metering/concentrator";
import { httpUplink, mqttUplink, type Uplink } from "@smarter-metering/meter";
import { indexNetworkView, type NetworkViewDocument } from "@smarter-metering/protocol";
import {
  createMetrics,
  openBus,
  openStore,
  silentLogger,
  systemClock,
  type Clock,
  type TlsMaterial,
} from "@smarter-metering/runtime";
import { Agent, fetch as undiciFetch, type RequestInit as UndiciInit } from "undici";
import { issueCertificate, type Authority } from "../cli/src/deployment/certificates.ts";
import { CONCENTRATOR, startMosquitto } from "../test/services/mosquitto.ts";
import { makeWorld, mutableFeed } from "../test/support/world.ts";

const CLIENT_PROCESSES = 4;
const SETTLE_MS = 5_000;

interface MeterFrame {
  readonly meterId: string;
  readonly item: Uint8Array;
}
/** What the parent tells its children, and they answer each with one message. */
type Order =
  | {
      readonly kind: "concentrate";
      readonly document: NetworkViewDocument;
      readonly url: string;
      readonly tls: TlsMaterial;
      readonly nowSeconds: number;
    }
  | {
      readonly kind: "prepare";
      readonly url: string;
      readonly httpUrl: string;
      readonly authority: Authority;
      readonly frames: readonly MeterFrame[];
    }
  | { readonly kind: "connect" | "send" | "send-http" | "usage" | "end" };
type Answer = Readonly<Record<string, number | string>>;

const isChild = process.send !== undefined;
if (isChild) serveOrders();
else await main();

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      json: { type: "boolean", default: false },
      meters: { type: "string", default: "10000" },
      http: { type: "boolean", default: false },
    },
  });
  const meters = Number(values.meters);
  const world = await makeWorld({ households: meters, startDate: "2025-02-01" });
  const frames: MeterFrame[] = [];
  const day = { importMilliwattHours: Array.from({ length: 96 }, () => 1000) };
  for (const { meterId, frames: maker } of world.households) {
    const { item } = await maker.next({ blockStart: world.dayStart(0) }, day);
    frames.push({ meterId, item });
  }
  const broker = await startMosquitto();
  const children: ChildProcess[] = [];
  const start = (): ChildProcess => {
    const execArgv = ["--import", "tsx"];
    const child = fork(fileURLToPath(import.meta.url), [], { execArgv, serialization: "advanced" });
    children.push(child);
    return child;
  };
  try {
    const concentrator = start();
    const { httpUrl } = await ask(concentrator, {
      kind: "concentrate",
      document: world.networkDocument,
      url: broker.url,
      tls: broker.concentrator,
      nowSeconds: world.dayStart(1) + 60,
    });
    const clients = Array.from({ length: CLIENT_PROCESSES }, start);
    const share = Math.ceil(meters / CLIENT_PROCESSES);
    const all = (order: Order): Promise<Answer[]> =>
      Promise.all(clients.map((client) => ask(client, order)));
    await Promise.all(
      clients.map((client, index) =>
        ask(client, {
          kind: "prepare",
          url: broker.url,
          httpUrl: String(httpUrl),
          authority: broker.authority,
          frames: frames.slice(index * share, (index + 1) * share),
        }),
      ),
    );
    const usage = async (): Promise<Record<string, number>> => ({
      brokerBytes: broker.memoryBytes(),
      brokerCpuSeconds: broker.cpuSeconds(),
      ...((await ask(concentrator, { kind: "usage" })) as Record<string, number>),
    });
    const idle = await usage();
    let repeats = 0;
    const connectSeconds = await seconds(async () => {
      for (const answer of await all({ kind: "connect" })) repeats += Number(answer["repeats"]);
    });
    await wait(SETTLE_MS);
    const connected = await usage();
    const sendSeconds = await seconds(() => all({ kind: "send" }));
    await wait(SETTLE_MS);
    const sent = await usage();
    const httpSeconds = values.http ? await seconds(() => all({ kind: "send-http" })) : NaN;
    const after = await usage();
    await all({ kind: "end" });
    const of = (used: Record<string, number>, name: string): number => used[name] ?? NaN;
    const per = (from: number, to: number): number => Math.round((to - from) / meters);
    const result = {
      meters,
      connectSeconds,
      connectRepeats: repeats,
      brokerBytesPerConnection: per(of(idle, "brokerBytes"), of(connected, "brokerBytes")),
      brokerCpuMsPerConnection:
        (1000 * (of(connected, "brokerCpuSeconds") - of(idle, "brokerCpuSeconds"))) / meters,
      sendSeconds,
      framesPerSecond: Math.round(meters / sendSeconds),
      brokerCpuMsPerFrame:
        (1000 * (of(sent, "brokerCpuSeconds") - of(connected, "brokerCpuSeconds"))) / meters,
      concentratorCpuMsPerFrame: (of(sent, "cpuMs") - of(connected, "cpuMs")) / meters,
      brokerBytes: of(sent, "brokerBytes"),
      concentratorBytesIdle: of(idle, "bytes"),
      concentratorBytes: of(sent, "bytes"),
      ...(values.http && {
        httpSeconds,
        httpRepeatsPerSecond: Math.round(meters / httpSeconds),
        concentratorBytesHttp: of(after, "bytes"),
      }),
    };
    console.log(values.json ? JSON.stringify(result) : result);
  } finally {
    for (const child of children) child.kill();
    await broker.remove();
    await world.close();
  }
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

async function ask(child: ChildProcess, order: Order): Promise<Answer> {
  child.send(order);
  const [answer] = (await once(child, "message")) as [Answer];
  assert(answer["error"] === undefined, String(answer["error"]));
  return answer;
}

/** In a child: one order after the other. */
function serveOrders(): void {
  const state: { frames: readonly MeterFrame[]; mqtt?: Uplink; http?: Uplink } = { frames: [] };
  process.on("message", (order: Order) => {
    obey(order).then(
      (answer) => process.send?.(answer),
      (error: unknown) => process.send?.({ error: inspect(error) }),
    );
  });

  async function obey(order: Order): Promise<Answer> {
    if (order.kind === "concentrate") return { httpUrl: await concentrate(order) };
    if (order.kind === "prepare") {
      state.frames = order.frames;
      state.mqtt = metersOf(order);
      state.http = httpUplink({ url: order.httpUrl, fetch: keptConnections(order.frames.length) });
      return {};
    }
    if (order.kind === "usage") {
      const { user, system } = process.cpuUsage();
      return { bytes: process.memoryUsage.rss(), cpuMs: (user + system) / 1000 };
    }
    const { frames, mqtt, http } = state;
    if (order.kind === "connect") {
      let repeats = 0;
      const connect = async (meterId: string): Promise<unknown> => {
        try {
          return await mqtt?.openerKeys?.(meterId);
        } catch (error) {
          if (++repeats > frames.length) throw error;
          return connect(meterId);
        }
      };
      await Promise.all(frames.map(({ meterId }) => connect(meterId)));
      return { repeats };
    } else if (order.kind === "send") {
      const answer = await mqtt?.send(frames);
      assert(
        answer?.verdicts.every(({ status }) => status === "accepted"),
        "not all accepted",
      );
    } else if (order.kind === "send-http") {
      const answers = await Promise.all(frames.map(async (frame) => http?.send([frame])));
      const isKnown = (status: string | undefined): boolean => status === "duplicate";
      assert(
        answers.every((each) => isKnown(each?.verdicts[0]?.status)),
        "not all known",
      );
    } else await mqtt?.close();
    return {};
  }
}

function metersOf({ url, authority, frames }: Extract<Order, { kind: "prepare" }>): Uplink {
  const nowMs = Date.now();
  const known = new Map(
    frames.map(({ meterId }) => {
      const request = { kind: "meter", name: meterId, hosts: [], nowMs } as const;
      const { key, certificate: cert } = issueCertificate(authority, request);
      return [meterId, { ca: authority.certificate, key, cert }] as const;
    }),
  );
  const tlsOf = (meterId: string): TlsMaterial => {
    const tls = known.get(meterId);
    assert(tls !== undefined);
    return tls;
  };
  return mqttUplink({ url, protocolVersion: 5, tlsOf, verdictTimeoutMs: 900_000 });
}

/** A connection for each meter, kept alive. */
function keptConnections(connections: number): typeof fetch {
  const dispatcher = new Agent({ connections, pipelining: 1, connectTimeout: 60_000 });
  return async (url, init) => {
    const options = { ...init, dispatcher } as UndiciInit; // of the DOM's type, which it implements
    return (await undiciFetch(
      url instanceof Request ? url.url : url,
      options,
    )) as unknown as Response; // the same
  };
}

/** Over a store and a bus in memory; the time is the frames'. */
async function concentrate(order: Extract<Order, { kind: "concentrate" }>): Promise<string> {
  const aheadMs = Date.now() - 1000 * order.nowSeconds;
  const clock: Clock = {
    ...systemClock,
    nowMs: () => Date.now() - aheadMs,
    at: (timeMs, fn) => systemClock.at(timeMs + aheadMs, fn),
  };
  const store = await openStore({ place: { kind: "pglite" }, schema: "uplink", migrations: [] });
  const names = { frames: "opener", sealed: "ucs", "customer-keys": "ucs" };
  const consumers = { ...names, contributions: "aggregator", downlink: "concentrator" };
  const streams = Object.entries(consumers).map(([name, consumer]) => {
    return { name, consumers: [consumer], messagesMax: 100_000 };
  });
  const bus = await openBus({ store, streams, clock });
  const { url } = await startConcentrator(
    {
      uplinkItemsMax: 256,
      futureToleranceSeconds: 300,
      http: { host: "127.0.0.1", port: 0 },
      mqtt: { broker: { url: order.url, clientId: CONCENTRATOR, tls: () => order.tls } },
    },
    {
      clock,
      log: silentLogger,
      metrics: createMetrics(),
      bus,
      store,
      registry: mutableFeed(1, indexNetworkView(order.document)),
    },
  );
  return url;
}

/**
 * The uplink over MQTT 3.1.1, with a broker of our own (docs/protocol.md §4). A meter connects
 * under its id, publishes one item per message with QoS 1 on `smarter-metering/v1/up/<id>` and may
 * listen on `smarter-metering/v1/down/<id>`: nobody publishes or listens for another.
 *
 * Down come JSON messages: `{"item": <SHA-256 of the item, hex>, "verdict": …}` for each item,
 * before its PUBACK, and `{"message": <base64url>}` for what waits for the meter. When the store
 * fails, there is no PUBACK and the connection ends. Everybody may listen to what stands for all
 * (`retained.ts`).
 */
import { createServer } from "node:net";
import { primitives, toBase64Url, toHex, type NetworkView } from "@smarter-metering/protocol";
import {
  errorFields,
  RuntimeError,
  type Cancel,
  type Clock,
  type Logger,
} from "@smarter-metering/runtime";
import { Aedes, type AedesOptions, type Client } from "aedes";
import type { Concentrate } from "./concentrate.ts";
import { isForAll, retainedOf, TOPICS } from "./retained.ts";

/** How late opener keys and prices go out: they are for hours and days ahead. */
const ANNOUNCE_MS = 60_000;
const METER_ID = /^[0-9a-f]{32}$/;
const CONNECTIONS_MAX = 20_000;
/** Messages of one client in work at a time. */
const CLIENT_CONCURRENCY_MAX = 64;

export interface MqttBroker {
  readonly port: number;
  close(): Promise<void>;
}

export interface MqttOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly concentrate: Concentrate;
  readonly log: Logger;
  readonly clock: Clock;
  /** The newest. */
  readonly view: () => NetworkView;
}

/** Throws HTTP_LISTEN when the port cannot be had. */
export async function startMqttBroker(options: MqttOptions): Promise<MqttBroker> {
  const { concentrate, log } = options;
  const broker = await Aedes.createBroker({
    concurrency: CLIENT_CONCURRENCY_MAX,
    ...authorization(concentrate, log, (topic, payload) =>
      publish(broker, topic, JSON.stringify(payload)),
    ),
  });
  const cancelAnnounce = await announceRetained(broker, options);
  const server = createServer(broker.handle);
  server.maxConnections = CONNECTIONS_MAX;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) => {
      const message = `cannot listen for MQTT on ${options.host} port ${options.port}`;
      reject(new RuntimeError("HTTP_LISTEN", message, { cause }));
    });
    server.listen(options.port, options.host, resolve);
  });
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : options.port,
    async close() {
      cancelAnnounce();
      const closed = new Promise((resolve) => server.close(resolve));
      await new Promise<void>((resolve) => broker.close(resolve));
      await closed;
    },
  };
}

type Publish = (topic: string, payload: unknown) => Promise<void>;

/** Publishes what is new, and empties what stands no more. */
async function announceRetained(broker: Aedes, { clock, log, view }: MqttOptions): Promise<Cancel> {
  const standing = new Map<string, string>();
  const announce = async (): Promise<void> => {
    try {
      const wanted = retainedOf(view(), Math.floor(clock.nowMs() / 1000));
      for (const [topic, payload] of wanted) {
        if (standing.get(topic) === payload) continue;
        await publish(broker, topic, payload, true);
        standing.set(topic, payload);
      }
      for (const topic of [...standing.keys()].filter((each) => !wanted.has(each))) {
        await publish(broker, topic, "", true);
        standing.delete(topic);
      }
    } catch (error) {
      log.error("not all opener keys and prices were announced", errorFields(error));
    }
  };
  await announce();
  return clock.every(ANNOUNCE_MS, announce);
}

function publish(broker: Aedes, topic: string, payload: string, retain = false): Promise<void> {
  return new Promise((resolve, reject) => {
    broker.publish(
      {
        cmd: "publish",
        topic,
        payload: Buffer.from(payload),
        qos: 0,
        dup: false,
        retain,
      },
      (error) => (error ? reject(error) : resolve()),
    );
  });
}

/**
 * The rules of the broker, and the work of the concentrator in `authorizePublish`: aedes answers
 * PUBACK after it.
 */
function authorization(concentrate: Concentrate, log: Logger, publishDown: Publish): AedesOptions {
  const take = async (client: Client, item: Uint8Array): Promise<void> => {
    const down = `${TOPICS}/down/${client.id}`;
    const { verdicts, downlink } = await concentrate([item]);
    const [verdict] = verdicts;
    await publishDown(down, { item: toHex(await primitives.sha256(item)), verdict });
    for (const { meterId, message } of downlink) {
      // A meter's own connection may carry an item of another meter; its messages stay where they
      // are.
      if (meterId === client.id) await publishDown(down, { message: toBase64Url(message) });
    }
  };
  return {
    authenticate: (client, _username, _password, done) => done(null, METER_ID.test(client.id)),
    authorizeSubscribe(client, subscription, done) {
      const { topic } = subscription;
      const isAllowed = topic === `${TOPICS}/down/${client.id}` || isForAll(topic);
      done(null, isAllowed ? subscription : null);
    },
    authorizePublish(client, packet, done) {
      if (client === null || packet.topic !== `${TOPICS}/up/${client.id}` || packet.qos > 1) {
        return done(new Error("a meter publishes items on its own topic, with QoS 1"));
      }
      packet.retain = false;
      take(client, Buffer.from(packet.payload)).then(
        () => done(null),
        (error: unknown) => {
          log.error("an uplink was not taken", errorFields(error));
          done(error instanceof Error ? error : new Error("not taken"));
        },
      );
    },
  };
}

/**
 * The uplink over MQTT 3.1.1, with a broker of our own (docs/protocol.md §4). A meter connects
 * under its id, publishes one item per message with QoS 1 on `smarter-metering/v1/up/<id>` and may
 * listen on `smarter-metering/v1/down/<id>`: nobody publishes or listens for another.
 *
 * Down come JSON messages: `{"item": <SHA-256 of the item, hex>, "verdict": …}` for each item,
 * before its PUBACK, and `{"message": <base64url>}` for what waits for the meter. When the store
 * fails, there is no PUBACK and the connection ends. Everybody may listen on
 * `smarter-metering/v1/opener-keys`, where the registry's list stands as a retained message.
 */
import { createServer } from "node:net";
import { primitives, toBase64Url, toHex } from "@smarter-metering/protocol";
import {
  errorFields,
  RuntimeError,
  type Cancel,
  type Clock,
  type Logger,
} from "@smarter-metering/runtime";
import { Aedes, type AedesOptions, type Client } from "aedes";
import type { Concentrate } from "./concentrate.ts";

const TOPICS = "smarter-metering/v1";
const OPENER_KEYS_TOPIC = `${TOPICS}/opener-keys`;
/** How late a new list of opener keys goes out: its first period is days ahead. */
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
  /** As the newest registry epoch has it (docs/protocol.md §3.3). */
  readonly openerKeys: () => string | undefined;
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
  const cancelAnnounce = await announceOpenerKeys(broker, options);
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

/** A retained message: who comes later gets the newest, who is there gets each. */
async function announceOpenerKeys(
  broker: Aedes,
  { clock, log, openerKeys }: MqttOptions,
): Promise<Cancel> {
  let announced: string | undefined;
  const announce = async (): Promise<void> => {
    const jws = openerKeys();
    if (jws === undefined || jws === announced) return;
    try {
      await publish(broker, OPENER_KEYS_TOPIC, jws, true);
      announced = jws;
    } catch (error) {
      log.error("the list of opener keys was not announced", errorFields(error));
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
      const own = [`${TOPICS}/down/${client.id}`, OPENER_KEYS_TOPIC];
      done(null, own.includes(subscription.topic) ? subscription : null);
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

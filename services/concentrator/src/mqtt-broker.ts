/**
 * The uplink over MQTT 3.1.1, with a broker of our own (docs/protocol.md §4.3): for one machine. A
 * meter connects under its id, publishes one item per message with QoS 1 on
 * `smarter-metering/v1/up/<id>` and may listen on `smarter-metering/v1/down/<id>`: nobody publishes or
 * listens for another. The verdict comes before the PUBACK. When the store fails, there is no
 * PUBACK and the connection ends. Everybody may listen to what stands for all (`retained.ts`).
 */
import { createServer } from "node:net";
import type { NetworkView } from "@smarter-metering/protocol";
import { errorFields, RuntimeError, type Clock, type Logger } from "@smarter-metering/runtime";
import { Aedes, type AedesOptions, type Client } from "aedes";
import { createAnnouncer } from "./announcer.ts";
import type { Concentrate } from "./concentrate.ts";
import { answersTo, downTopic, METER_ID, upTopic } from "./mqtt-answers.ts";
import { isForAll } from "./retained.ts";

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
    ...authorization(concentrate, log, (topic, payload) => publish(broker, topic, payload)),
  });
  const announcer = createAnnouncer({
    ...options,
    publish: (topic, { payload }) => publish(broker, topic, payload, true),
  });
  await announcer.startAnew();
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
      announcer.stop();
      const closed = new Promise((resolve) => server.close(resolve));
      await new Promise<void>((resolve) => broker.close(resolve));
      await closed;
    },
  };
}

type Publish = (topic: string, payload: string) => Promise<void>;

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
    for (const message of await answersTo(concentrate, client.id, item)) {
      await publishDown(downTopic(client.id), message);
    }
  };
  return {
    authenticate: (client, _username, _password, done) => done(null, METER_ID.test(client.id)),
    authorizeSubscribe(client, subscription, done) {
      const { topic } = subscription;
      const isAllowed = topic === downTopic(client.id) || isForAll(topic);
      done(null, isAllowed ? subscription : null);
    },
    authorizePublish(client, packet, done) {
      if (client === null || packet.topic !== upTopic(client.id) || packet.qos > 1) {
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

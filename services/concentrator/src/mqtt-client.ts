/**
 * The uplink over an MQTT 5 broker outside (docs/protocol.md §4.3; decision 0030): the concentrator
 * is one of its clients, and the only one that may listen to what meters say and speak to them. The
 * broker's PUBACK tells a meter nothing: the verdict on its topic does.
 */
import type { ConnectionOptions } from "node:tls";
import mqtt, { type IPublishPacket, type MqttClient } from "mqtt";
import type { NetworkView } from "@smarter-metering/protocol";
import {
  errorFields,
  type Clock,
  type Logger,
  type Metrics,
  type TlsMaterial,
} from "@smarter-metering/runtime";
import { createAnnouncer } from "./announcer.ts";
import type { Concentrate } from "./concentrate.ts";
import { answersTo, downTopic, METER_ID, TOPICS, upTopic, verdictMessage } from "./mqtt-answers.ts";
import { QUEUE_FULL } from "./verdict.ts";

/** Items in work: two rounds. While there are as many, no more is read, nor acknowledged … */
const IN_HAND_MAX = 1024;
/** … and the broker sends only so many on; the rest waits there, within its own limits. */
const RECEIVE_MAX = 256;
/** So long the broker keeps what came for a concentrator that is away. */
const SESSION_SECONDS = 3600;
const RECONNECT_MS = 1000;
const CONNECT_TIMEOUT_MS = 10_000;
const TLS: Pick<ConnectionOptions, "minVersion"> = { minVersion: "TLSv1.3" };
/** A retained message stands for a year at most: the protocol counts its seconds in 32 bits. */
const EXPIRY_SECONDS_MAX = 365 * 86_400;

export interface OutsideBroker {
  /** Such as mqtts://broker.example:8883. */
  readonly url: string;
  /** The name in the certificate: the broker's list of who may do what goes by it. */
  readonly clientId: string;
  /** Asked at each connection, for certificates are renewed. Absent: none, for a broker on this machine. */
  readonly tls?: () => TlsMaterial;
}

export interface MqttClientPorts {
  readonly concentrate: Concentrate;
  readonly log: Logger;
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** The newest. */
  readonly view: () => NetworkView;
}

export interface BrokerLink {
  readonly isConnected: boolean;
  /** Resolves when what is in hand is answered and the connection ended; the session stays. */
  close(): Promise<void>;
}

/** Does not wait for the broker: while it is away, the link tries again and says so. */
export function linkToBroker(broker: OutsideBroker, ports: MqttClientPorts): BrokerLink {
  const { log, clock, metrics } = ports;
  const connected = metrics.gauge(
    "concentrator_broker_connected",
    "1 while the concentrator is connected to its MQTT broker",
  );
  const client = mqtt.connect(broker.url, {
    ...broker.tls?.(),
    ...TLS,
    protocolVersion: 5,
    clientId: broker.clientId,
    clean: false,
    properties: { sessionExpiryInterval: SESSION_SECONDS, receiveMaximum: RECEIVE_MAX },
    reconnectPeriod: RECONNECT_MS,
    connectTimeout: CONNECT_TIMEOUT_MS,
  });
  const intake = receive(client, ports);
  const announcer = createAnnouncer({
    ...ports,
    publish: async (topic, { payload, standsUntil }) => {
      const seconds = (standsUntil ?? Infinity) - Math.floor(clock.nowMs() / 1000);
      const messageExpiryInterval = Math.max(1, Math.min(seconds, EXPIRY_SECONDS_MAX));
      const properties = standsUntil === undefined ? {} : { messageExpiryInterval };
      await client.publishAsync(topic, payload, { qos: 1, retain: true, properties });
    },
  });
  connected.set(0);
  client.on("connect", () => {
    connected.set(1);
    log.info("connected to the MQTT broker", { url: broker.url });
    client.subscribe(upTopic("+"), { qos: 1 }, (error) => {
      if (error) log.error("the broker lets nobody listen to meters", errorFields(error));
    });
    void announcer.startAnew();
  });
  client.on("close", () => {
    connected.set(0);
    Object.assign(client.options, broker.tls?.());
  });
  client.on("offline", () => log.warn("the MQTT broker is away", { url: broker.url }));
  client.on("error", (error) => log.warn("the MQTT broker refuses", errorFields(error)));
  return {
    get isConnected() {
      return client.connected;
    },
    async close() {
      announcer.stop();
      await intake.drain();
      if (!client.connected) return client.endAsync(true);
      // It waits until the answers have arrived, in vain if the broker dies now: meters send again.
      const closed = new Promise<void>((resolve) => client.once("close", () => resolve()));
      await Promise.race([client.endAsync(), closed]);
    },
  };
}

interface Receiving {
  /** Takes nothing more and resolves when all in hand is answered. */
  drain(): Promise<void>;
}

/** Hands items on as they come, as many at a time as may be in hand. */
function receive(client: MqttClient, { concentrate, log }: MqttClientPorts): Receiving {
  let inHand = 0;
  let isDraining = false;
  let readOn: (() => void) | undefined;
  let onEmpty: (() => void) | undefined;

  const answer = async (meterId: string, item: Uint8Array): Promise<void> => {
    const messages = await answersTo(concentrate, meterId, item).catch(async (error: unknown) => {
      log.error("an uplink was not taken", errorFields(error));
      return [await verdictMessage(item, QUEUE_FULL)];
    });
    // Not awaited: the PUBACK may lie behind a message that is read when there is room again. The
    // answers on their way are as many as the items that came.
    for (const message of messages) client.publish(downTopic(meterId), message, { qos: 1 });
  };
  const done = (): void => {
    inHand -= 1;
    if (inHand === 0) onEmpty?.();
    readFurther();
  };
  const readFurther = (): void => {
    const go = readOn;
    readOn = undefined;
    go?.();
  };
  // The client acknowledges, and reads the next message, when this calls back.
  client.handleMessage = (packet: IPublishPacket, callback: (error?: Error) => void): void => {
    const meterId = packet.topic.slice(`${TOPICS}/up/`.length);
    // Unacknowledged, it comes again.
    if (isDraining) return callback(new Error("the concentrator is closing"));
    if (!METER_ID.test(meterId) || packet.retain) return callback();
    inHand += 1;
    void answer(meterId, Uint8Array.from(Buffer.from(packet.payload))).finally(done);
    if (inHand < IN_HAND_MAX) callback();
    else readOn = callback;
  };
  return {
    drain() {
      isDraining = true;
      readFurther();
      if (inHand === 0) return Promise.resolve();
      return new Promise((resolve) => (onEmpty = resolve));
    },
  };
}

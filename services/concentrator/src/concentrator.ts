/**
 * The concentrator (docs/protocol.md §2.7, §2.8, §4): takes frames from many meters, verifies
 * signature and sequence, stores, forwards. It knows who sent how many bytes when, holds no key
 * that opens anything, and never sees a reading.
 */
import assert from "node:assert/strict";
import {
  decodeEnrolmentRequest,
  ProtocolError,
  UPLINK_ITEMS_MAX,
  type NetworkView,
  type RegistryFeed,
} from "@smarter-metering/protocol";
import {
  errorFields,
  listen,
  migrate,
  type Bus,
  type Clock,
  type Delivery,
  type Logger,
  type Metrics,
  type Store,
} from "@smarter-metering/runtime";
import { chainMigration, ChainStore } from "./chain-store.ts";
import { makeConcentrate } from "./concentrate.ts";
import { forwardTo } from "./forward.ts";
import { Intake } from "./intake.ts";
import { Mailbox, mailboxMigration } from "./mailbox.ts";
import { startMqttBroker } from "./mqtt-broker.ts";
import { createUplinkApp } from "./uplink-app.ts";

const FORGET_EVERY_MS = 3_600_000;
const DOWNLINK_BATCH_MAX = 100;

export interface Address {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
}

export interface ConcentratorConfig {
  /** Items of one request, at most 256. */
  readonly uplinkItemsMax: number;
  /** How far a frame may end ahead of the concentrator's clock; the protocol says 300. */
  readonly futureToleranceSeconds: number;
  readonly http: Address;
  /** Null: no broker. */
  readonly mqtt: Address | null;
}

export interface ConcentratorPorts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly bus: Bus;
  /** The concentrator adds its own tables. */
  readonly store: Store;
  readonly registry: RegistryFeed<NetworkView>;
}

export interface ConcentratorService {
  /** Such as http://127.0.0.1:8080. */
  readonly url: string;
  /** Such as mqtt://127.0.0.1:1883, where there is a broker. */
  readonly mqttUrl: string | undefined;
  /** Takes no new requests, finishes those in hand. The ports stay open. */
  close(): Promise<void>;
}

/** Throws HTTP_PORT_IN_USE, HTTP_LISTEN, STORE_MIGRATION. */
export async function startConcentrator(
  config: ConcentratorConfig,
  ports: ConcentratorPorts,
): Promise<ConcentratorService> {
  const { clock, log, metrics, bus, store, registry } = ports;
  assert(config.uplinkItemsMax >= 1 && config.uplinkItemsMax <= UPLINK_ITEMS_MAX, "1 to 256 items");
  await migrate(store, "concentrator", [chainMigration, mailboxMigration]);
  const chain = new ChainStore(store);
  const mailbox = new Mailbox(store);
  const intake = new Intake(
    { clock, log, store, registry, chain, mailbox, forward: forwardTo(bus) },
    config.futureToleranceSeconds,
  );
  const concentrate = makeConcentrate({ intake, mailbox, chain, clock, metrics });

  const downlink = bus.consume(
    "downlink",
    "concentrator",
    { batchMax: DOWNLINK_BATCH_MAX },
    (batch) => Promise.all(batch.map((delivery) => keep(mailbox, clock, delivery))),
  );
  void downlink.ended.then((reason) => {
    if (reason !== undefined) log.error("no more messages for meters", errorFields(reason));
  });
  const cancelForget = clock.every(FORGET_EVERY_MS, async () => {
    const nowSeconds = Math.floor(clock.nowMs() / 1000);
    try {
      await chain.forget(nowSeconds);
      await mailbox.forget(nowSeconds);
    } catch (error) {
      log.error("old frames were not forgotten; the next hour tries again", errorFields(error));
    }
  });

  const { uplinkItemsMax } = config;
  const view = (): NetworkView => registry.current().view;
  const app = createUplinkApp({ log, clock, metrics, uplinkItemsMax, concentrate, view });
  const open: { close(): Promise<void> }[] = [];
  const close = async (): Promise<void> => {
    cancelForget();
    await Promise.all([...open.map((entry) => entry.close()), downlink.stop()]);
    await intake.idle();
  };
  try {
    const http = await listen({ app, ...config.http });
    open.push(http);
    if (config.mqtt === null) return { url: http.url, mqttUrl: undefined, close };
    const mqtt = await startMqttBroker({ ...config.mqtt, concentrate, log, clock, view });
    open.push(mqtt);
    return { url: http.url, mqttUrl: `mqtt://${config.mqtt.host}:${mqtt.port}`, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** One message from the UCS into the mailbox. */
async function keep(mailbox: Mailbox, clock: Clock, { id, body }: Delivery) {
  try {
    const request = decodeEnrolmentRequest(body);
    const kept = await mailbox.put(id, request, body, Math.floor(clock.nowMs() / 1000));
    return kept ? ({ ack: true } as const) : { dead: "DOWNLINK_FULL" };
  } catch (error) {
    if (error instanceof ProtocolError) return { dead: "DOWNLINK_MALFORMED" };
    throw error;
  }
}

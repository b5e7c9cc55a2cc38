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
  type Migration,
  type Bus,
  type Clock,
  type Delivery,
  type ListenOptions,
  type Logger,
  type Metrics,
  type Store,
} from "@smarter-metering/runtime";
import { Arrivals, type ClockSkew } from "./arrivals.ts";
import { chainMigration, ChainStore } from "./chain-store.ts";
import { makeConcentrate, type Concentrate } from "./concentrate.ts";
import { forwardTo } from "./forward.ts";
import { Intake } from "./intake.ts";
import { Mailbox, mailboxMigration } from "./mailbox.ts";
import { startMqttBroker } from "./mqtt-broker.ts";
import { linkToBroker, type BrokerLink, type OutsideBroker } from "./mqtt-client.ts";
import { Quota, QUOTA_DEFAULT, type QuotaTerms } from "./quota.ts";
import { createUplinkApp } from "./uplink-app.ts";

const HOUR_MS = 3_600_000;
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
  readonly http: Address & Pick<ListenOptions, "tls">;
  /** A broker of its own, for one machine, or one outside; null: HTTP alone. */
  readonly mqtt: { readonly listen: Address } | { readonly broker: OutsideBroker } | null;
  /** What one meter may send; by default enough for one that was away for a year. */
  readonly quota?: QuotaTerms;
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
  /** What both uplinks call, for who is in the same process. */
  readonly concentrate: Concentrate;
  /** Meters whose clocks are far off, by what came since the last full hour; for operators alone. */
  clockSkew(): readonly ClockSkew[];
  /** Takes no new requests, finishes those in hand. The ports stay open. */
  close(): Promise<void>;
}

export const concentratorMigrations: readonly Migration[] = [chainMigration, mailboxMigration];

/** Throws HTTP_PORT_IN_USE, HTTP_LISTEN, STORE_MIGRATION. */
export async function startConcentrator(
  config: ConcentratorConfig,
  ports: ConcentratorPorts,
): Promise<ConcentratorService> {
  const { clock, log, metrics, bus, store, registry } = ports;
  assert(config.uplinkItemsMax >= 1 && config.uplinkItemsMax <= UPLINK_ITEMS_MAX, "1 to 256 items");
  await migrate(store, "concentrator", concentratorMigrations);
  const chain = new ChainStore(store);
  const mailbox = new Mailbox(store);
  const arrivals = new Arrivals(metrics);
  const quota = new Quota(config.quota ?? QUOTA_DEFAULT);
  const forward = forwardTo(bus, registry);
  const intake = new Intake(
    { clock, log, store, registry, chain, mailbox, quota, arrivals, forward },
    config.futureToleranceSeconds,
  );
  const concentrate = makeConcentrate({ intake, chain, metrics });

  const downlink = bus.consume(
    "downlink",
    "concentrator",
    { batchMax: DOWNLINK_BATCH_MAX },
    (batch) => Promise.all(batch.map((delivery) => keep(mailbox, clock, delivery))),
  );
  void downlink.ended.then((reason) => {
    if (reason !== undefined) log.error("no more messages for meters", errorFields(reason));
  });
  const cancelHourly = clock.every(HOUR_MS, async () => {
    reportClocks(arrivals, log);
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
  const notReady = (): string[] =>
    link?.isConnected === false ? ["the MQTT broker is away; meters keep their frames"] : [];
  const app = createUplinkApp({ log, clock, metrics, uplinkItemsMax, concentrate, view, notReady });
  const open: { close(): Promise<void> }[] = [];
  let link: BrokerLink | undefined;
  const close = async (): Promise<void> => {
    cancelHourly();
    await Promise.all([...open.map((entry) => entry.close()), downlink.stop()]);
    await intake.idle();
  };
  try {
    const http = await listen({ app, ...config.http });
    open.push(http);
    const service = { url: http.url, concentrate, clockSkew: () => arrivals.worst(), close };
    if (config.mqtt === null) return { ...service, mqttUrl: undefined };
    if ("broker" in config.mqtt) {
      link = linkToBroker(config.mqtt.broker, { concentrate, log, clock, metrics, view });
      open.push(link);
      return { ...service, mqttUrl: config.mqtt.broker.url };
    }
    const { host } = config.mqtt.listen;
    const mqtt = await startMqttBroker({ ...config.mqtt.listen, concentrate, log, clock, view });
    open.push(mqtt);
    return { ...service, mqttUrl: `mqtt://${host}:${mqtt.port}` };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Names the meters whose clocks were furthest off in the last hour, and begins the next one. */
function reportClocks(arrivals: Arrivals, log: Logger): void {
  for (const { meterId, aheadSeconds } of arrivals.worst()) {
    log.warn("a meter's clock is off, or its way is slow", { meterId, count: aheadSeconds });
  }
  arrivals.startAnew();
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

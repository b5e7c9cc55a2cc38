/** A concentrator over a store and a bus in memory, both of which can be made to fail, and the meters that send to it. */
import assert from "node:assert/strict";
import { encodeUplink } from "@smarter-metering/protocol";
import {
  createMetrics,
  manualClock,
  openBus,
  openStore,
  silentLogger,
  type Bus,
  type ManualClock,
  type Metrics,
  type Store,
} from "@smarter-metering/runtime";
import { testPlace } from "../../../packages/runtime/test/test-place.ts";
import {
  makeWorld,
  type World,
  type WorldHousehold,
  type WorldOptions,
} from "../../../test/support/world.ts";
import {
  startConcentrator,
  type ConcentratorConfig,
  type ConcentratorService,
  type OutsideBroker,
  type QuotaTerms,
  type Verdict,
} from "../src/index.ts";

export const SLOTS = 96;
/** A day of equal readings, mWh. */
export const day = (value = 1000): { importMilliwattHours: number[] } => ({
  importMilliwattHours: Array.from({ length: SLOTS }, () => value),
});

export interface Lab {
  readonly world: World;
  readonly clock: ManualClock;
  readonly store: Store;
  readonly bus: Bus;
  readonly metrics: Metrics;
  readonly service: ConcentratorService;
  readonly faults: Faults;
  readonly home: (index: number) => WorldHousehold;
  readonly send: (...items: Uint8Array[]) => Promise<Answer>;
  readonly verdicts: (...items: Uint8Array[]) => Promise<string[]>;
  readonly published: (stream: string) => Promise<string[]>;
  /** Ends the concentrator and starts it again, over the same store and bus. */
  readonly restart: (whileAway?: () => Promise<void>) => Promise<void>;
  readonly close: () => Promise<void>;
}

interface Answer {
  readonly verdicts: readonly Verdict[];
  readonly downlink: readonly { readonly meterId: string; readonly message: string }[];
}

/** What a test can break. */
interface Faults {
  /** The next transactions of the store fail. */
  transactions: number;
  /** Streams that are full. */
  full: Set<string>;
}

export const short = (verdict: Verdict): string =>
  "code" in verdict ? `${verdict.status} ${verdict.code}` : verdict.status;

export interface LabOptions {
  /** Its own broker; by default there is none. */
  readonly mqtt?: boolean;
  /** Or one outside. */
  readonly broker?: OutsideBroker;
  readonly quota?: QuotaTerms;
  readonly world?: WorldOptions;
}

function mqttOf({ mqtt, broker }: LabOptions): ConcentratorConfig["mqtt"] {
  if (broker !== undefined) return { broker };
  return mqtt === true ? { listen: { host: "127.0.0.1", port: 0 } } : null;
}

export async function openLab(options: LabOptions = {}): Promise<Lab> {
  const world = await makeWorld({ households: 3, ...options.world });
  const clock = manualClock(world.dayStart(20) * 1000);
  const store = await openStore({ place: await testPlace(), schema: "test", migrations: [] });
  const streams = [
    { name: "frames", consumers: ["opener"], messagesMax: 10_000 },
    { name: "sealed", consumers: ["ucs"], messagesMax: 10_000 },
    { name: "customer-keys", consumers: ["ucs"], messagesMax: 10_000 },
    { name: "contributions", consumers: ["aggregator"], messagesMax: 10_000 },
    { name: "downlink", consumers: ["concentrator"], messagesMax: 1_000 },
  ];
  // A clock of its own: a day of the concentrator's would be thousands of the bus's timers.
  const bus = await openBus({ store, streams, clock: manualClock(clock.nowMs()) });
  const faults: Faults = { transactions: 0, full: new Set() };
  const faultyStore: Store = {
    kind: store.kind,
    query: (sql, params) => store.query(sql, params),
    close: () => store.close(),
    transaction(work) {
      if (faults.transactions === 0) return store.transaction(work);
      faults.transactions -= 1;
      return Promise.reject(new Error("the disk is gone"));
    },
  };
  const faultyBus: Bus = {
    ...bus,
    publish: (stream, messages) =>
      faults.full.has(stream) ? Promise.resolve({ full: true }) : bus.publish(stream, messages),
  };
  let metrics = createMetrics();
  const start = (): Promise<ConcentratorService> =>
    startConcentrator(
      {
        uplinkItemsMax: 256,
        futureToleranceSeconds: 300,
        http: { host: "127.0.0.1", port: 0 },
        mqtt: mqttOf(options),
        ...(options.quota && { quota: options.quota }),
      },
      {
        clock,
        log: silentLogger,
        metrics,
        bus: faultyBus,
        store: faultyStore,
        registry: world.network,
      },
    );
  let service = await start();
  const send = async (...items: Uint8Array[]): Promise<Answer> => {
    const response = await post(service.url, encodeUplink(items));
    assert.equal(response.status, 200, await response.clone().text());
    return (await response.json()) as Answer;
  };
  return {
    world,
    clock,
    store,
    bus,
    get metrics() {
      return metrics;
    },
    get service() {
      return service;
    },
    faults,
    send,
    home(index) {
      const household = world.households[index];
      assert(household !== undefined);
      return household;
    },
    verdicts: async (...items) => (await send(...items)).verdicts.map(short),
    async published(stream) {
      return (await bus.read(stream, { from: 0n, limit: 1000 })).map(({ id }) => id);
    },
    async restart(whileAway) {
      await service.close();
      await whileAway?.();
      metrics = createMetrics();
      service = await start();
    },
    async close() {
      await service.close();
      await bus.close();
      await store.close();
      await world.close();
    },
  };
}

export const post = (
  url: string,
  body: Uint8Array,
  headers: Record<string, string> = { "content-type": "application/octet-stream" },
): Promise<Response> =>
  fetch(`${url}/v1/uplink`, { method: "POST", headers, body: Uint8Array.from(body) });

/**
 * The embedded bus, which can crash and start again over its store, and each party's faulty way to it: publishing fails before or after
 * its effect, batches come in another order, what was handled comes again, verdicts get lost, and leases of the dead run out.
 */
import {
  openBus,
  silentLogger,
  type Bus,
  type Clock,
  type Delivery,
  type EmbeddedBus,
  type Store,
} from "@smarter-metering/runtime";
import { busOver } from "../../packages/runtime/src/bus/engine-bus.ts";
import type { BusEngine } from "../../packages/runtime/src/bus/engine.ts";
import type { Chance } from "./chance.ts";
import { mortalStore } from "./faulty-store.ts";
import { Life, type Activity } from "./life.ts";

const LEASE_MS = 60_000;
const LOSS = 0.05;
const DISORDER = 0.3;
const REPEAT = 0.15;
/** Handled messages that may come again. */
const REMEMBERED_MAX = 32;

const messagesMax = 10_000;
export const STREAMS = [
  { name: "frames", consumers: ["opener"], messagesMax },
  { name: "sealed", consumers: [], messagesMax, retainAcked: true },
  { name: "customer-keys", consumers: [], messagesMax, retainAcked: true },
  { name: "downlink", consumers: ["concentrator"], messagesMax },
  { name: "contributions", consumers: ["aggregator"], messagesMax },
  { name: "log", consumers: ["trustee"], messagesMax, retainAcked: true },
  { name: "cosignatures", consumers: ["aggregator"], messagesMax },
  { name: "release-requests", consumers: ["trustee"], messagesMax, retainAcked: true },
  { name: "releases", consumers: ["mdms", "aggregator"], messagesMax, retainAcked: true },
  { name: "partial-releases", consumers: ["mdms", "aggregator"], messagesMax },
  { name: "refusals", consumers: ["aggregator"], messagesMax },
] as const;

const CONSUMERS = STREAMS.flatMap(({ name, consumers }) =>
  consumers.map((consumer) => ({ stream: name, consumer })),
);

/** The process that holds the bus. */
export class BusHost {
  readonly name = "bus";
  /** How often it was started. */
  lives = 0;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #activity: Activity;
  #running: { readonly bus: EmbeddedBus; readonly life: Life } | undefined;

  constructor(store: Store, clock: Clock, activity: Activity) {
    this.#store = store;
    this.#clock = clock;
    this.#activity = activity;
  }

  async start(): Promise<void> {
    const life = new Life(this.#activity);
    const bus = await openBus({
      store: mortalStore(this.#store, life),
      streams: STREAMS,
      clock: life.clock(this.#clock),
    });
    this.#running = { bus, life };
    this.lives += 1;
  }

  /** Everything in its memory is gone: leases, cursors, who waits for what. */
  async crash(): Promise<void> {
    const { bus, life } = this.running;
    this.#running = undefined;
    life.end();
    await bus.close();
    await this.start();
  }

  get running(): { readonly bus: EmbeddedBus; readonly life: Life } {
    if (this.#running === undefined) throw new Error("the bus is away");
    return this.#running;
  }

  pending(): Promise<number> {
    return this.running.bus.engine.pending(CONSUMERS);
  }
}

/** The bus as one life of a party sees it. */
export function partyBus(
  host: BusHost,
  party: string,
  life: Life,
  chance: Chance,
  clock: Clock,
  activity: Activity,
): Bus {
  const engine = faultyEngine(host, party, life, chance, activity);
  return busOver(engine, { clock: life.clock(clock), log: silentLogger });
}

function faultyEngine(
  host: BusHost,
  party: string,
  life: Life,
  chance: Chance,
  activity: Activity,
): BusEngine {
  const loseAt = (place: string): void => {
    if (chance.strikes(`${party} ${place}`, LOSS)) throw new Error("the way to the bus is broken");
  };
  /** A bus that crashes under a party is away, not closed: the party tries again. */
  const reach = async <T>(work: (engine: BusEngine) => Promise<T>): Promise<T> => {
    const { bus, life: hosts } = host.running;
    try {
      return await work(bus.engine);
    } catch (error) {
      throw hosts.isOver ? new Error("the bus is away", { cause: error }) : error;
    }
  };
  const call = <T>(work: (engine: BusEngine) => Promise<T>): Promise<T> =>
    life.run(() => reach(work));
  const lossy = <T>(place: string, work: (engine: BusEngine) => Promise<T>): Promise<T> =>
    life.run(async () => {
      loseAt(`${place} before`);
      const result = await reach(work);
      loseAt(`${place} after`);
      return result;
    });
  const handled = new Map<string, Delivery[]>();
  return {
    publish: (stream, messages) =>
      lossy(`publish ${stream}`, (engine) => engine.publish(stream, messages)),
    async fetch(request) {
      life.assertAlive();
      const place = `fetch ${request.stream}`;
      loseAt(place);
      const signal = AbortSignal.any([
        life.signal,
        host.running.life.signal,
        ...(request.signal === undefined ? [] : [request.signal]),
      ]);
      const fetched = await reach((engine) =>
        engine.fetch({ ...request, leaseMs: LEASE_MS, signal }),
      );
      life.assertAlive();
      if (fetched.length === 0) return fetched;
      // Until its verdicts come, the batch is in hand.
      activity.busy += 1;
      const batch = withRepeat(fetched, request.stream);
      return chance.isTrue(`${party} ${place} order`, DISORDER)
        ? chance.shuffled(`${party} ${place} order`, batch)
        : batch;
    },
    async settle(name, settlements) {
      try {
        const place = `settle ${name.stream}`;
        await lossy(place, (engine) => engine.settle(name, settlements));
      } finally {
        activity.busy -= 1;
      }
    },
    pending: (names) => call((engine) => engine.pending(names)),
    last: (stream, prefix) => call((engine) => engine.last(stream, prefix)),
    read: (stream, range) => call((engine) => engine.read(stream, range)),
    deadLetters: (stream) => call((engine) => engine.deadLetters(stream)),
    requeue: (name, sequence) => call((engine) => engine.requeue(name, sequence)),
    discard: (name, sequence) => call((engine) => engine.discard(name, sequence)),
    close: () => Promise.resolve(),
  };

  /** What a consumer has long handled comes once more, as after a lease that ran out unnoticed. */
  function withRepeat(fetched: readonly Delivery[], stream: string): Delivery[] {
    const place = `${party} repeat ${stream}`;
    const known = handled.get(stream) ?? [];
    const old = known.filter((one) => fetched.every(({ id }) => id !== one.id));
    const repeat = old.length > 0 && chance.strikes(place, REPEAT) ? [chance.pick(place, old)] : [];
    handled.set(stream, [...known, ...fetched].slice(-REMEMBERED_MAX));
    return [...fetched, ...repeat];
  }
}

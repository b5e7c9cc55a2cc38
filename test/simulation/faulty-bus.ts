/**
 * The bus of a history, which can crash and start again, and each party's faulty way to it: publishing fails before or after its effect,
 * batches come in another order, what was handled comes again, verdicts get lost, hands are slow, and leases run out.
 */
import {
  openBus,
  silentLogger,
  sleepUntil,
  type Bus,
  type Delivery,
  type PublishResult,
} from "@smarter-metering/runtime";
import { busOver } from "../../packages/runtime/src/bus/engine-bus.ts";
import type { BusEngine } from "../../packages/runtime/src/bus/engine.ts";
import type { Chance } from "./chance.ts";
import type { Faults, Traveller } from "./faults.ts";
import { Life } from "./life.ts";
import type { Schedule } from "./schedule.ts";
import { partyClock, type SimulatedTime } from "./simulated-clock.ts";
import type { SimulatedDatabase } from "./simulated-database.ts";
import { SimulatedStreams } from "./simulated-streams.ts";
import type { StreamPlan } from "./streams.ts";

const LEASE_MS = 60_000;
/** Longer than a lease, now and then. */
const SLOW_SECONDS_MAX = 900;
/** Handled messages that may come again. */
const REMEMBERED_MAX = 32;

export interface BusHostOptions {
  readonly kind: "embedded" | "streams";
  readonly streams: readonly StreamPlan[];
  readonly database: SimulatedDatabase;
  readonly schedule: Schedule;
  readonly time: SimulatedTime;
}

/** The process that holds the bus. */
export class BusHost {
  readonly name = "bus";
  /** How often it was started. */
  lives = 0;
  readonly streams: SimulatedStreams;
  readonly #options: BusHostOptions;
  #running: { readonly engine: BusEngine; readonly life: Life } | undefined;

  constructor(options: BusHostOptions) {
    this.#options = options;
    this.streams = new SimulatedStreams(options.streams, options.time);
  }

  async start(): Promise<void> {
    const { kind, database, schedule, time, streams } = this.#options;
    const life = new Life(this.name, schedule);
    if (kind === "streams") {
      this.#running = { engine: this.streams.engine(life.signal), life };
    } else {
      const store = database.store(() => false);
      const over = (sql: Pick<typeof store, "query">): Pick<typeof store, "query"> => ({
        query: (text, params) => life.run("store", () => sql.query(text, params)),
      });
      const { engine } = await openBus({
        store: {
          ...over(store),
          kind: store.kind,
          transaction: (work) =>
            life.run("store", () => store.transaction((sql) => work(over(sql)))),
          close: () => Promise.resolve(),
        },
        streams,
        clock: partyClock(
          time,
          () => 0,
          () => !life.isOver,
        ),
      });
      this.#running = { engine, life };
    }
    this.lives += 1;
  }

  /** Everything in its memory is gone: leases, cursors, who waits for what. */
  async crash(whileDead: () => Promise<void> = async () => undefined): Promise<void> {
    const { engine, life } = this.running;
    this.#running = undefined;
    life.end();
    await engine.close();
    await this.#options.schedule.quiet();
    await whileDead();
    this.streams.crash();
    await this.#options.schedule.drive(this.start());
  }

  get running(): { readonly engine: BusEngine; readonly life: Life } {
    if (this.#running === undefined) throw new Error("the bus is away");
    return this.#running;
  }

  pending(): Promise<number> {
    const names = this.#options.streams.flatMap(({ name, consumers }) =>
      consumers.map((consumer) => ({ stream: name, consumer })),
    );
    return this.running.engine.pending(names);
  }

  async close(): Promise<void> {
    this.#running?.life.end();
    await this.#running?.engine.close();
  }
}

/** The bus as one life of a party sees it. */
export function partyBus(host: BusHost, who: Traveller, chance: Chance, faults: Faults): Bus {
  const engine = faultyEngine(host, who, chance, faults);
  return busOver(engine, { clock: who.clock, log: silentLogger });
}

function faultyEngine(host: BusHost, who: Traveller, chance: Chance, faults: Faults): BusEngine {
  const { life, name } = who;
  /** A bus that crashes under a party is away, not closed: the party tries again. */
  const reach = async <T>(work: (engine: BusEngine) => Promise<T>): Promise<T> => {
    const { engine, life: hosts } = host.running;
    try {
      return await work(engine);
    } catch (error) {
      throw hosts.isOver ? new Error("the bus is away", { cause: error }) : error;
    }
  };
  const call = <T>(what: string, work: (engine: BusEngine) => Promise<T>): Promise<T> =>
    life.run(`bus ${what}`, () => faults.way(who, "bus", what, () => reach(work)));
  const handled = new Map<string, Delivery[]>();
  return {
    async publish(stream, messages) {
      const result: PublishResult = await call(`publish ${stream}`, (engine) =>
        engine.publish(stream, messages),
      );
      if ("full" in result) faults.count("back-pressure");
      return result;
    },
    async fetch(request) {
      const place = `${name} fetch ${request.stream}`;
      life.assertAlive();
      if (faults.isCut(name, "bus")) throw new Error(`the way from ${name} to the bus is broken`);
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
      if (faults.isSlow(name)) {
        const seconds = chance.integer(`${place} slow`, 1, SLOW_SECONDS_MAX);
        await sleepUntil(who.clock, who.clock.nowMs() + seconds * 1000, signal);
      }
      const batch = withRepeat(fetched, request.stream);
      const isMixed = batch.length > 1 && faults.strikes("reorder", place);
      return isMixed ? chance.shuffled(`${place} order`, batch) : batch;
    },
    settle: (consumer, settlements) =>
      call(`settle ${consumer.stream}`, (engine) => engine.settle(consumer, settlements)),
    pending: (names) => call("pending", (engine) => engine.pending(names)),
    last: (stream, prefix) => call("last", (engine) => engine.last(stream, prefix)),
    read: (stream, range) => call("read", (engine) => engine.read(stream, range)),
    deadLetters: (stream) => call("dead letters", (engine) => engine.deadLetters(stream)),
    requeue: (consumer, sequence) =>
      call("requeue", (engine) => engine.requeue(consumer, sequence)),
    discard: (consumer, sequence) =>
      call("discard", (engine) => engine.discard(consumer, sequence)),
    close: () => Promise.resolve(),
  };

  /** What a consumer has long handled comes once more, as after a lease that ran out unnoticed. */
  function withRepeat(fetched: readonly Delivery[], stream: string): Delivery[] {
    const place = `${name} repeat ${stream}`;
    const known = handled.get(stream) ?? [];
    const old = known.filter((one) => fetched.every(({ id }) => id !== one.id));
    const isRepeated = old.length > 0 && faults.strikes("duplicate", place);
    handled.set(stream, [...known, ...fetched].slice(-REMEMBERED_MAX));
    return isRepeated ? [...fetched, chance.pick(place, old)] : [...fetched];
  }
}

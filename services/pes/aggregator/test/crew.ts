/**
 * Several aggregators over one database for the tests of sharing: each with a store, a file and a
 * clock of its own, any of which can die or stand still at any step; one bus in the hand of the test;
 * and what must be true of ledger, log and requests whatever happened.
 */
import assert from "node:assert/strict";
import { startAggregator, type AggregatorService } from "@smarter-metering/aggregator";
import { decodeEntry, decodeLogMessage, type Entry } from "@smarter-metering/log";
import {
  encodeSignedTerms,
  indexNetworkView,
  loadPacking,
  primitives,
  signedTermsOf,
  toHex,
} from "@smarter-metering/protocol";
import {
  createMetrics,
  manualClock,
  silentLogger,
  type BusMessage,
  type Handler,
  type ManualClock,
  type Store,
  type Verdict,
} from "@smarter-metering/runtime";
import { MemoryFile } from "../../../../packages/log/test/operator.ts";
import type { World } from "../../../../test/support/world.ts";
import {
  crashingStore,
  HOUR,
  LOAD_SLOTS,
  LOAD_VALUE_BITS,
  stepsUntil,
  sumsOf,
  TestBus,
  type Steps,
} from "./bench.ts";
import { trusteesOf } from "./cosigners.ts";

const NEVER = { step: Number.POSITIVE_INFINITY, afterEffect: false } as const;

/** Stands still before one step of many, until it is told to go on. */
export interface PausedSteps extends Steps {
  /** Resolves when the step is reached. */
  readonly reached: Promise<void>;
  resume(): void;
}

export function pausedAt(step: number): PausedSteps {
  let taken = 0;
  let [resume, reach] = [(): void => undefined, (): void => undefined];
  const resumed = new Promise<void>((resolve) => (resume = resolve));
  const reached = new Promise<void>((resolve) => (reach = resolve));
  return {
    async run(effect) {
      if (taken++ === step) {
        reach();
        await resumed;
      }
      return effect();
    },
    get taken() {
      return taken;
    },
    reached,
    resume,
  };
}

export interface Member {
  readonly name: string;
  readonly aggregator: AggregatorService;
  readonly file: MemoryFile;
  /** Says when it beats: every 2.5 s. */
  readonly beats: ManualClock;
  /** Hands it contributions, whoever's they are. */
  record(messages: readonly BusMessage[]): Promise<readonly Verdict[]>;
}

/** Cohorts of three households each, in order, instead of one of all. */
export function splitCohorts(world: World, ids: readonly string[]): void {
  const { networkDocument: document } = world;
  const [cohort] = document.cohorts;
  assert(cohort !== undefined && world.households.length === 3 * ids.length);
  const cohorts = ids.map((id, at) => {
    const own = world.households.slice(3 * at, 3 * at + 3);
    return { ...cohort, id, members: own.map(({ network }) => network).toSorted() };
  });
  world.network.set(0, indexNetworkView({ ...document, cohorts }));
}

export class Crew {
  readonly bus = new TestBus();
  /** Of cutoffs. */
  readonly clock: ManualClock;
  readonly #world: World;
  readonly #openStore: () => Promise<Store>;
  readonly #members: { readonly member: Member; readonly store: Store }[] = [];
  #sequence = 0n;

  constructor(world: World, nowSeconds: number, openStore: () => Promise<Store>) {
    this.#world = world;
    this.#openStore = openStore;
    this.clock = manualClock(1000 * nowSeconds);
  }

  /**
   * Joins, or starts again under a name, with `file`. Its store, bus and file go through `steps`, its
   * store through `over`.
   */
  async join(
    name: string,
    steps: Steps = stepsUntil(NEVER),
    file = new MemoryFile(),
    over = (store: Store): Store => store,
  ): Promise<Member> {
    const world = this.#world;
    const store = over(await this.#openStore());
    const beats = manualClock(0);
    const bus = this.bus.over(steps);
    let handler: Handler | undefined;
    const aggregator = await startAggregator(
      { tickMs: 365 * 24 * HOUR * 1000 },
      {
        clock: this.clock,
        log: silentLogger,
        metrics: createMetrics(),
        bus: {
          ...bus,
          consume: (stream, consumer, options, handle) => {
            if (stream === "contributions") handler = handle;
            return bus.consume(stream, consumer, options, handle);
          },
        },
        store: crashingStore(store, steps, { ...NEVER, effectsOnly: true }),
        registry: world.network,
        engine: world.engine,
        signer: world.parties.aggregator.signer,
        published: {
          load: () => file.load(),
          save: (bytes) => steps.run(() => file.save(bytes)),
        },
        sharing: { member: name, clock: beats },
      },
    );
    const member: Member = {
      name,
      aggregator,
      file,
      beats,
      record: (messages) => {
        assert(handler !== undefined);
        return handler(messages.map((one) => ({ ...one, sequence: this.#sequence++, attempt: 1 })));
      },
    };
    this.#members.push({ member, store });
    return member;
  }

  /** Lets these live on for so long, beating in turn; the others stand still. */
  async pass(seconds: number, ...members: readonly Member[]): Promise<void> {
    for (let passed = 0; passed < seconds; passed += 2.5) {
      for (const { beats } of members) await beats.advanceTo(beats.nowMs() + 2500);
    }
  }

  /** The leader ticks, all trustees cosign, and it ticks again. */
  async tick({ aggregator }: Member): Promise<void> {
    await aggregator.tick();
    const everybody = trusteesOf(this.#world).map((_, index) => index + 1);
    await this.bus.cosign(this.#world, everybody, 1);
    await aggregator.tick();
  }

  /** A registry epoch with nothing new: what is made under it is not, to the byte, what was made before. */
  nextEpoch(): void {
    const { epoch, view } = this.#world.network.current();
    this.#world.network.set(epoch + 1, { ...view });
  }

  /** Stops all; those that died say nothing any more. */
  async close(): Promise<void> {
    for (const { member, store } of this.#members) {
      await member.aggregator.close();
      await store.close();
    }
  }

  entries(): Entry[] {
    return this.bus.log.flatMap(({ body }) => decodeLogMessage(body).entries).map(decodeEntry);
  }

  /**
   * Each accepted contribution stands in the log once, each request behind its own; each set was asked
   * for once, with the sums of `expected` by cohort and block.
   */
  async check(store: Store, expected: ReadonlyMap<string, readonly bigint[]>): Promise<void> {
    const world = this.#world;
    const places = new Map<string, number>();
    for (const [at, { kind, body }] of this.entries().entries()) {
      const name = `${kind} ${toHex(body)}`;
      assert(!places.has(name), "an entry is in the log once");
      places.set(name, at);
    }
    const placeOf = async (kind: string, encoded: Uint8Array): Promise<number> =>
      places.get(`${kind} ${toHex(await primitives.sha256(encoded))}`) ?? -1;
    const rows = await store.query<{ encoded: Uint8Array }>("select encoded from contribution");
    for (const { encoded } of rows) assert((await placeOf("contribution", encoded)) >= 0);
    const logged = [...places.keys()].filter((name) => name.startsWith("contribution "));
    assert.equal(logged.length, rows.length);
    assert.deepEqual(await store.query("select 1 as one from entry"), []);
    const packing = loadPacking(LOAD_VALUE_BITS, world.paillier.publicKey.bits);
    const asked = new Map<string, readonly bigint[]>();
    for (const { request } of this.bus.requests()) {
      const { terms } = request;
      const place = places.get(
        `release-request ${toHex(encodeSignedTerms(await signedTermsOf(request)))}`,
      );
      assert(place !== undefined, "a request is in the log");
      for (const encoded of request.contributions) {
        const before = await placeOf("contribution", encoded);
        assert(before >= 0 && before < place, "a request stands behind its contributions");
      }
      if (terms.kind !== "LOAD") continue;
      const name = `${terms.cohort} ${terms.blockStart}`;
      assert(!asked.has(name), `${name} is asked for once`);
      asked.set(name, sumsOf(world, request, packing, LOAD_SLOTS));
    }
    assert.deepEqual(sorted(asked), sorted(expected));
  }
}

const sorted = <T>(map: ReadonlyMap<string, T>): (readonly [string, T])[] =>
  [...map].toSorted(([a], [b]) => (a < b ? -1 : 1));

/** How many steps there are in what `leaderStandsStill` interrupts; leaves the crew closed. */
export async function stepsOfALead(crew: Crew, messages: readonly BusMessage[]): Promise<number> {
  const steps = stepsUntil(NEVER);
  const a = await crew.join("a", steps);
  await a.record(messages);
  await crew.tick(a);
  const { taken } = steps;
  await crew.close();
  return taken;
}

/**
 * One leads, records, seals, asks, and stands still before one step of that; another is taken for the
 * leader and does it all, under another registry epoch; then the first goes on where it stood. `check` is called after each. The
 * crew is closed at the end.
 */
export async function leaderStandsStill(
  crew: Crew,
  step: number,
  messages: readonly BusMessage[],
  check: (crew: Crew) => Promise<void>,
): Promise<void> {
  const gate = pausedAt(step);
  const before = await crew.join("b");
  await before.aggregator.close();
  const joined = crew.join("a", gate);
  const work = joined.then(async (a) => {
    await a.record(messages);
    await crew.tick(a);
  });
  const ended = work.catch((error: unknown) => assert.match(String(error), /does not lead/));
  try {
    await Promise.race([gate.reached, ended]);
    crew.nextEpoch();
    const b = await crew.join("b", undefined, before.file);
    await crew.pass(12.5, b);
    assert(b.aggregator.sharing().leads, `step ${step}`);
    await b.record(messages);
    await crew.tick(b);
    await check(crew);
    const log = crew.entries();
    gate.resume();
    await ended;
    const a = await joined;
    await crew.pass(2.5, a, b);
    assert(!a.aggregator.sharing().leads);
    await crew.tick(b);
    await check(crew);
    assert.deepEqual(crew.entries(), log, `step ${step}`);
  } finally {
    gate.resume();
    await crew.close();
  }
}

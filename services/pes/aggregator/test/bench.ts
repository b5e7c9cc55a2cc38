/**
 * A bench for the aggregator's tests: contributions as an opener makes them, a bus in the hand of
 * the test, a store that crashes.
 */
import assert from "node:assert/strict";
import {
  aggregatorMigrations,
  startAggregator,
  type AggregatorService,
} from "@smarter-metering/aggregator";
import { encryptBatch, unpack, type Packing } from "@smarter-metering/paillier";
import {
  concatBytes,
  decodeAskedRequest,
  encodeContribution,
  encodeContributionHeader,
  fromHex,
  openFrame,
  planContributions,
  signContribution,
  toHex,
  type ContributionHeader,
  type FrameHeader,
  type Signer,
  type SignedRequest,
} from "@smarter-metering/protocol";
import {
  busLimits,
  createMetrics,
  manualClock,
  openStore,
  partitionOf,
  silentLogger,
  type Bus,
  type BusMessage,
  type Handler,
  type ManualClock,
  type PublishResult,
  type Sql,
  type Store,
  type Verdict,
} from "@smarter-metering/runtime";
import { addLocalDays, isCountedInMeter, stepSecondsOf } from "@smarter-metering/tariff";
import { MemoryFile } from "../../../../packages/log/test/operator.ts";
import { textbookDecrypt } from "../../../../packages/paillier/test/textbook.ts";
import { testPlace } from "../../../../packages/runtime/test/test-place.ts";
import type { FrameValues, World, WorldHousehold } from "../../../../test/support/world.ts";
import { Cosigner, trusteesOf } from "./cosigners.ts";

export const DAY_SLOTS = 96;
/** Hours: 96 quarters do not fit in one ciphertext of the 2048-bit test key. */
export const LOAD_SLOTS = 24;
export const HOUR = 3600;
/** ⌈log2(63 A · 3 · 230 V · 1.25 · 1 h in Wh + 1)⌉ */
export const LOAD_VALUE_BITS = 16;

export function householdOf(world: World, index: number): WorldHousehold {
  const found = world.households[index];
  assert(found !== undefined);
  return found;
}

/** Whole Wh per quarter, so that sums are easy to say. */
export function dayOf(index: number, first = 0, count = DAY_SLOTS): FrameValues {
  const slots = Array.from({ length: count }, (_, slot) => first + slot);
  return { importMilliwattHours: slots.map((slot) => 1000 * (index + 1 + (slot % 5))) };
}

/** Wh of each hour of `dayOf(index)`. */
export const hoursOf = (index: number): bigint[] =>
  Array.from({ length: LOAD_SLOTS }, (_, hour) =>
    [0, 1, 2, 3].reduce((sum, i) => sum + BigInt(index + 1 + ((4 * hour + i) % 5)), 0n),
  );

export interface ContributeOptions {
  readonly change?: (header: ContributionHeader) => Partial<ContributionHeader>;
  readonly signer?: Signer;
  readonly ciphertext?: (bytes: Uint8Array) => Uint8Array;
}

/** What the opener would publish for the next frame of a household: one message for each stream. */
export async function contribute(
  world: World,
  index: number,
  header: Partial<FrameHeader> & { readonly blockStart: number },
  values: FrameValues = dayOf(index),
  options: ContributeOptions = {},
): Promise<BusMessage[]> {
  const { frames } = householdOf(world, index);
  const made = await frames.next(header, values);
  const { publicKey } = world.paillier;
  const body = await openFrame(made.frame, frames.dataKey);
  const stepSeconds = stepSecondsOf(world.tariff.calendar);
  const planned = planContributions(made.frame.header, made.hash, body, {
    paillierKeyId: fromHex(publicKey.id),
    modulusBits: publicKey.bits,
    blockSeconds: addLocalDays(header.blockStart, 1, world.zone) - header.blockStart,
    bandCount: world.tariff.calendar.bands.length,
    hasCost: isCountedInMeter(world.tariff.calendar),
    ...(stepSeconds !== undefined && { stepSeconds }),
    load: { intervalSeconds: HOUR, valueBits: LOAD_VALUE_BITS, exportToo: false },
  });
  const encrypted = planned.map(async ({ messages }) => {
    const numbers = messages.map((message) => BigInt(`0x${toHex(message)}`));
    const ciphertexts = await encryptBatch(world.engine, publicKey, numbers);
    return concatBytes(...ciphertexts.map(({ bytes: own }) => own));
  });
  const ciphertexts = await Promise.all(encrypted);
  return Promise.all(
    planned.map(async (plan, position): Promise<BusMessage> => {
      const bytes = ciphertexts[position] ?? new Uint8Array(0);
      const changed = { ...plan.header, ...options.change?.(plan.header) };
      const contribution = await signContribution(
        encodeContributionHeader(changed),
        changed,
        options.ciphertext?.(bytes) ?? bytes,
        options.signer ?? world.parties.opener.signer,
      );
      const id = `${toHex(made.hash)}/${changed.stream}`;
      return { id, subject: partitionOf("north"), body: encodeContribution(contribution) };
    }),
  );
}

export const onlyStream = (messages: readonly BusMessage[], stream: string): BusMessage[] =>
  messages.filter(({ id }) => id.endsWith(`/${stream}`));

/** The sums in a request's product, by the key that no aggregator has. */
export function sumsOf(
  world: World,
  request: SignedRequest,
  packing: Packing,
  slots: number,
): bigint[] {
  const product = BigInt(`0x${toHex(request.terms.product)}`);
  const plain = textbookDecrypt(world.paillier.secretKey, product);
  const unpacked = unpack(packing, plain, { slots, count: request.contributions.length });
  assert(unpacked.ok);
  return unpacked.values;
}

/**
 * Throws at one step of many, before or after its effect, and at every step from then on: the
 * process is gone.
 */
export interface CrashPlan {
  readonly step: number;
  readonly afterEffect: boolean;
  /** Counts no reads, and a transaction as one step: what crashes inside it leaves nothing. */
  readonly effectsOnly?: boolean;
}

export interface Steps {
  run<T>(effect: () => Promise<T>): Promise<T>;
  readonly taken: number;
}

export function stepsUntil({ step, afterEffect }: CrashPlan): Steps {
  let taken = 0;
  let dead = false;
  const crash = (): never => {
    dead = true;
    throw new Error("crashed");
  };
  return {
    async run(effect) {
      if (dead) crash();
      const hit = taken++ === step;
      if (hit && !afterEffect) crash();
      const result = await effect();
      return hit ? crash() : result;
    },
    get taken() {
      return taken;
    },
  };
}

const never: CrashPlan = { step: Number.POSITIVE_INFINITY, afterEffect: false };

export function crashingStore(
  store: Store,
  steps: Steps,
  { effectsOnly = false }: CrashPlan,
): Store {
  const over = (sql: Sql): Sql => ({
    query: (text, params) =>
      effectsOnly && text.startsWith("select")
        ? sql.query(text, params)
        : steps.run(() => sql.query(text, params)),
  });
  return {
    ...over(store),
    kind: store.kind,
    transaction: (work) =>
      steps.run(() => store.transaction((sql) => work(effectsOnly ? sql : over(sql)))),
    close: () => Promise.resolve(),
  };
}

/** A request as trustees get it. */
export interface PublishedRequest {
  readonly id: string;
  readonly subject: string;
  /** A note. */
  readonly head: string;
  readonly request: SignedRequest;
}

/** What the bus holds, over all starts of the aggregator, and the trustees at its other end. */
export class TestBus {
  /** By stream, the newest last. */
  readonly #handlers = new Map<string, readonly Handler[]>();
  readonly #requests = new Map<string, BusMessage>();
  readonly log: BusMessage[] = [];
  readonly cosigners = new Map<number, Cosigner>();
  /** Cosignatures that the aggregator has not acknowledged. */
  #cosigned: BusMessage[] = [];
  #sequence = 0n;
  /** Messages said to wait in `contributions`. */
  waiting = 0;
  full = false;

  /** The bus as one process sees it. A request under a known id must be the same, to the byte. */
  over(steps: Steps): Pick<Bus, "publish" | "consume" | "pending" | "last"> {
    return {
      publish: (stream, messages) =>
        steps.run((): Promise<PublishResult> => {
          if (this.full) return Promise.resolve({ full: true });
          const fresh = messages.filter((message) => this.#isFresh(stream, message));
          const accepted = fresh.length;
          return Promise.resolve({ accepted, duplicates: messages.length - accepted });
        }),
      consume: (stream, _consumer, _options, handle) => {
        const others = (): Handler[] =>
          (this.#handlers.get(stream) ?? []).filter((other) => other !== handle);
        this.#handlers.set(stream, [...others(), handle]);
        const stop = (): Promise<void> => {
          this.#handlers.set(stream, others());
          return Promise.resolve();
        };
        return { stop, ended: Promise.resolve(undefined) };
      },
      pending: () => Promise.resolve(this.waiting),
      last: (stream) => {
        assert.equal(stream, "log");
        const message = this.log.at(-1);
        return Promise.resolve(message && { ...message, sequence: 0n, attempt: 1 });
      },
    };
  }

  #isFresh(stream: string, message: BusMessage): boolean {
    assert(message.body.length <= busLimits.bodyBytes);
    if (stream === "log") {
      const isFresh = !this.log.some(({ id }) => id === message.id);
      if (isFresh) this.log.push(message);
      return isFresh;
    }
    assert.equal(stream, "release-requests");
    const known = this.#requests.get(message.id);
    if (known !== undefined) {
      const [one, other] = [known, message].map(({ body }) => decodeAskedRequest(body).request);
      assert.deepEqual(one, other);
      return false;
    }
    this.#requests.set(message.id, message);
    return true;
  }

  async deliver(
    stream: string,
    messages: readonly BusMessage[],
    attempt = 1,
  ): Promise<readonly Verdict[]> {
    const handle = this.#handlers.get(stream)?.at(-1);
    assert(handle !== undefined);
    return handle(messages.map((one) => ({ ...one, sequence: this.#sequence++, attempt })));
  }

  /** These trustees, by number, cosign what they have not yet; the aggregator gets it. */
  async cosign(world: World, numbers: readonly number[], threshold: number): Promise<void> {
    for (const number of numbers) {
      const cosigner =
        this.cosigners.get(number) ?? (await Cosigner.open(world, number, threshold));
      this.cosigners.set(number, cosigner);
      this.#cosigned.push(...(await cosigner.take(this.log)));
    }
    if (this.#cosigned.length === 0) return;
    const verdicts = await this.deliver("cosignatures", this.#cosigned);
    assert(verdicts.every((verdict) => "ack" in verdict));
    this.#cosigned = [];
  }

  /** Requests in the order of their first publication, with their message ids. */
  requests(): PublishedRequest[] {
    return [...this.#requests.values()].map(({ id, subject, body }) => ({
      id,
      subject,
      ...decodeAskedRequest(body),
    }));
  }
}

export interface Bench {
  readonly aggregator: AggregatorService;
  readonly clock: ManualClock;
  readonly bus: TestBus;
  readonly steps: Steps;
  /** Ticks, lets all trustees (or those with these numbers) cosign the log, and ticks again. */
  tick(trustees?: readonly number[]): Promise<void>;
}

/** The file beside each store. */
const publishedFiles = new WeakMap<Store, MemoryFile>();

export function publishedFileOf(store: Store): MemoryFile {
  const file = publishedFiles.get(store) ?? new MemoryFile();
  publishedFiles.set(store, file);
  return file;
}

/** An aggregator's store with nothing in it. */
export async function openLedger(): Promise<Store> {
  const place = await testPlace();
  return openStore({ place, schema: "aggregator", migrations: aggregatorMigrations });
}

export async function emptyStore(store: Store): Promise<void> {
  const tables = await store.query<{ name: string }>(
    `select tablename::text as name from pg_tables
      where schemaname = 'public' and tablename <> 'runtime_migration'`,
  );
  // Not truncate: with tables this small it takes a hundred times as long.
  const deletes = tables.map(({ name }, index) => `d${index} as (delete from ${name})`);
  await store.query(`with ${deletes.join(", ")} select 1 as one`);
  publishedFiles.delete(store);
}

/** That many releases decide a request in these tests' quorums. */
const SHARES_MIN = 2;

/**
 * Starts an aggregator over `store`, which keeps what it held. It ticks when told: the clock's
 * ticks are a year apart.
 */
export async function startBench(
  world: World,
  store: Store,
  nowSeconds: number,
  bus = new TestBus(),
  crash: CrashPlan = never,
): Promise<Bench> {
  const clock = manualClock(nowSeconds * 1000);
  const steps = stepsUntil(crash);
  const file = publishedFileOf(store);
  const aggregator = await startAggregator(
    { tickMs: 365 * 24 * HOUR * 1000 },
    {
      clock,
      log: silentLogger,
      metrics: createMetrics(),
      bus: bus.over(steps),
      store: crashingStore(store, steps, crash),
      registry: world.network,
      engine: world.engine,
      signer: world.parties.aggregator.signer,
      published: {
        load: () => file.load(),
        save: (bytes) => steps.run(() => file.save(bytes)),
      },
    },
  );
  const everybody = trusteesOf(world).map((_, index) => index + 1);
  const threshold = world.shareHolders.length === 0 ? 1 : SHARES_MIN;
  return {
    aggregator,
    clock,
    bus,
    steps,
    async tick(trustees = everybody) {
      await aggregator.tick();
      await bus.cosign(world, trustees, threshold);
      await aggregator.tick();
    },
  };
}

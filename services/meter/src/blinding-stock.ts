/**
 * Blindings for the contributions that meters make themselves (docs/protocol.md §6.4), prepared in
 * idle time: with h_s^ρ at hand an encryption is two multiplications. Shared by the meters of a
 * process under one Paillier key; public keys only.
 *
 * A blinding is used once. It lives in memory alone and leaves the stock before anything is done
 * with it; its seed reaches a disk only inside a sealed frame. Whatever crashes, none comes back.
 */
import { itemBytes, type Engine, type EngineKey } from "@smarter-metering/paillier";
import {
  BLINDING_SEED_BYTES,
  concatBytes,
  metersBlinding,
  type Stream,
} from "@smarter-metering/protocol";
import { coalesce } from "./coalesce.ts";
import type { Random } from "./enrolment.ts";
import { MeterError } from "./error.ts";
import type { Provisioning } from "./provisioning.ts";

/** Blindings that wait, at most: 1.6 MB at 3072 bits and two streams, twice that with four. */
const READY_MAX = 1024;
/** Made by one call in idle time: some milliseconds, so that other calls get their turn. */
const IDLE_ITEMS = 32;
/** Items of any other call. */
const CALL_ITEMS_MAX = 256;

/** For one frame. As secret as its readings until it is used; its user wipes it. */
export interface Blinding {
  readonly seed: Uint8Array;
  /** h_s^ρ mod n² of each stream. */
  readonly powers: ReadonlyMap<Stream, Uint8Array>;
}

interface Pair {
  readonly message: Uint8Array;
  readonly power: Uint8Array;
}

export interface BlindingStockOptions {
  readonly engine: Engine;
  readonly key: EngineKey;
  readonly random: Random;
  /** Streams that some meter contributes to. */
  readonly streams: readonly Stream[];
  /** How many to hold ready: one for each meter. */
  readonly target: number;
}

export class BlindingStock {
  /** The ciphertext of `message` under a power that was prepared; the caller wipes both. */
  readonly encrypt: (pair: Pair) => Promise<Uint8Array>;
  readonly #options: BlindingStockOptions;
  readonly #target: number;
  readonly #ready: Blinding[] = [];
  readonly #makeOne: (item: undefined) => Promise<Blinding>;
  readonly #raise: (exponent: Uint8Array) => Promise<Uint8Array>;
  #refilling: Promise<void> | undefined;
  #closed = false;

  constructor(options: BlindingStockOptions) {
    this.#options = options;
    this.#target = Math.min(options.target, READY_MAX);
    this.encrypt = coalesce((pairs) => this.#encryptBatch(pairs), CALL_ITEMS_MAX);
    this.#makeOne = coalesce((items) => this.#make(items.length), CALL_ITEMS_MAX);
    this.#raise = coalesce((exponents) => this.#raiseBatch(exponents), CALL_ITEMS_MAX);
  }

  get ready(): number {
    return this.#ready.length;
  }

  /** One that nobody else has or had; made now when none waits. */
  async take(): Promise<Blinding> {
    return this.#ready.pop() ?? this.#makeOne(undefined);
  }

  /**
   * h_s^ρ of a step of the frame that `blinding` was taken for; the caller wipes it. Made when it is
   * needed: two dozen a day of every meter would be too much to hold ready.
   */
  async stepPower({ seed }: Blinding, index: number): Promise<Uint8Array> {
    const exponent = await metersBlinding(seed, "STEPS", this.#options.key.bits, index);
    try {
      return await this.#raise(exponent);
    } finally {
      exponent.fill(0);
    }
  }

  /** Prepares what is missing; for when there is nothing else to do. Rejects as the engine does. */
  refill(): Promise<void> {
    this.#refilling ??= this.#fill().finally(() => (this.#refilling = undefined));
    return this.#refilling;
  }

  /** Ends preparing and wipes what waits. The engine stays open. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#refilling?.catch(() => undefined); // Whoever asked for it has the error.
    for (const blinding of this.#ready.splice(0)) wipeBlinding(blinding);
  }

  async #fill(): Promise<void> {
    while (!this.#closed && this.#ready.length < this.#target) {
      const count = Math.min(IDLE_ITEMS, this.#target - this.#ready.length);
      this.#ready.push(...(await this.#make(count)));
    }
  }

  async #make(count: number): Promise<Blinding[]> {
    const { key, random, streams } = this.#options;
    const seeds = Array.from({ length: count }, () => Uint8Array.from(random(BLINDING_SEED_BYTES)));
    const exponents = await Promise.all(
      seeds.flatMap((seed) => streams.map((stream) => metersBlinding(seed, stream, key.bits))),
    );
    const powers = await this.#raiseBatch(exponents).finally(() => {
      for (const exponent of exponents) exponent.fill(0);
    });
    return seeds.map((seed, index) => {
      const own = streams.flatMap((stream, at) => {
        const power = powers[index * streams.length + at];
        return power === undefined ? [] : [[stream, power] as const];
      });
      return { seed, powers: new Map(own) };
    });
  }

  async #raiseBatch(exponents: readonly Uint8Array[]): Promise<Uint8Array[]> {
    const { engine, key } = this.#options;
    const flat = concatBytes(...exponents);
    try {
      const powers = await engine.blind(key, flat);
      const width = itemBytes(key.bits).ciphertext;
      const each = exponents.map((_, at) => powers.slice(at * width, (at + 1) * width));
      powers.fill(0);
      return each;
    } finally {
      flat.fill(0);
    }
  }

  async #encryptBatch(pairs: readonly Pair[]): Promise<Uint8Array[]> {
    const { engine, key } = this.#options;
    const messages = concatBytes(...pairs.map(({ message }) => message));
    const powers = concatBytes(...pairs.map(({ power }) => power));
    try {
      const ciphertexts = await engine.encryptBlinded(key, messages, powers);
      const width = itemBytes(key.bits).ciphertext;
      return pairs.map((_, index) => ciphertexts.slice(index * width, (index + 1) * width));
    } finally {
      messages.fill(0);
      powers.fill(0);
    }
  }
}

/**
 * A stock for each Paillier key that some of these meters contribute under, by the key's id. Throws
 * METER_PROVISIONING when there is one and no engine.
 */
export function openStocks(
  meters: readonly Provisioning[],
  engine: Engine | undefined,
  random: Random,
): Map<string, BlindingStock> {
  const stocks = new Map<string, BlindingStock>();
  const terms = meters.flatMap(({ contribution, prices }) =>
    contribution === undefined ? [] : { ...contribution, hasCost: prices !== undefined },
  );
  for (const { key } of terms) {
    if (stocks.has(key.id)) continue;
    if (engine === undefined) {
      throw new MeterError("METER_PROVISIONING", "meters that encrypt need a Paillier engine");
    }
    const alike = terms.filter((other) => other.key.id === key.id);
    const streams: Stream[] = ["LOAD", "BILL"];
    if (alike.some(({ exportToo }) => exportToo)) streams.push("LOAD_EXPORT");
    if (alike.some(({ hasCost }) => hasCost)) streams.push("COST");
    const target = alike.length;
    stocks.set(key.id, new BlindingStock({ engine, key, random, streams, target }));
  }
  return stocks;
}

export function wipeBlinding({ seed, powers }: Blinding): void {
  seed.fill(0);
  for (const power of powers.values()) power.fill(0);
}

/**
 * Blinding made ahead of the messages, in idle time: with a power of hs at hand, an encryption is two
 * multiplications (docs/protocol.md §6). A power is as secret as a reading until it is used, and is
 * handed out once: two messages under one power reveal their difference.
 */
import { concatBytes } from "./big-endian.ts";
import { batchItemsMax, itemBytes, type Engine } from "./engine/engine.ts";
import { assert } from "./errors.ts";
import { engineKeyOf, type PublicKey } from "./keys.ts";
import { systemRandom } from "./modular.ts";

/** Powers made by one engine call: some milliseconds, so that other calls get their turn. */
const batchItems = 32;

export class BlindingPool {
  readonly key: PublicKey;
  readonly #engine: Engine;
  readonly #target: number;
  readonly #ready: Uint8Array[] = [];
  #refilling: Promise<void> | undefined;

  /** Holds up to `target` powers, bits/4 bytes each. */
  constructor(engine: Engine, key: PublicKey, { target = 256 }: { readonly target?: number } = {}) {
    assert(Number.isInteger(target) && target >= 1 && target <= batchItemsMax, "a target in range");
    this.#engine = engine;
    this.key = key;
    this.#target = target;
  }

  /** Powers that wait for a message. */
  get ready(): number {
    return this.#ready.length;
  }

  /** Fills the pool; call it when there is nothing else to do. Calls at the same time share the work. */
  refill(): Promise<void> {
    this.#refilling ??= this.#fill().finally(() => (this.#refilling = undefined));
    return this.#refilling;
  }

  /** `count` powers behind one another, never handed out before; what is missing is made now. */
  async take(count: number): Promise<Uint8Array> {
    const taken = this.#ready.splice(0, count);
    const missing = count - taken.length;
    if (missing > 0) taken.push(await this.#make(missing));
    const powers = concatBytes(taken);
    for (const power of taken) power.fill(0);
    return powers;
  }

  /** Wipes what waits. */
  clear(): void {
    for (const power of this.#ready.splice(0)) power.fill(0);
  }

  async #fill(): Promise<void> {
    const { ciphertext } = itemBytes(this.key.bits);
    while (this.#ready.length < this.#target) {
      const count = Math.min(batchItems, this.#target - this.#ready.length);
      const powers = await this.#make(count);
      for (let i = 0; i < count; i++) {
        this.#ready.push(powers.slice(i * ciphertext, (i + 1) * ciphertext));
      }
      powers.fill(0);
    }
  }

  async #make(count: number): Promise<Uint8Array> {
    const blindings = systemRandom(count * itemBytes(this.key.bits).blinding);
    try {
      return await this.#engine.blind(engineKeyOf(this.key), blindings);
    } finally {
      blindings.fill(0);
    }
  }
}

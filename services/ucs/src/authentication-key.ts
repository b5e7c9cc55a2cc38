/**
 * Argon2id (RFC 9106) of customers' authentication keys (docs/protocol.md §10.2). The key is already the output of a slow derivation on
 * the customer's device, or of a random recovery key; this keeps a stolen database from logging in.
 */
import { primitives } from "@smarter-metering/protocol";
import { argon2id, argon2Verify } from "hash-wasm";

/** 19 MiB, two passes, one lane. */
const COST = { memorySize: 19_456, iterations: 2, parallelism: 1, hashLength: 32 } as const;
const SALT_BYTES = 16;
/** About 50 ms each, one after the other: who comes later is told to try again. */
const WAITING_MAX = 64;

export class AuthenticationKeys {
  readonly #decoy: string;
  #tail: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  private constructor(decoy: string) {
    this.#decoy = decoy;
  }

  static async create(): Promise<AuthenticationKeys> {
    return new AuthenticationKeys(await hash(primitives.randomBytes(32)));
  }

  get isBusy(): boolean {
    return this.#waiting >= WAITING_MAX;
  }

  /** The encoded hash to store. */
  hash(key: Uint8Array): Promise<string> {
    return this.#queue(() => hash(key));
  }

  /** Without a verifier (no such login) it works as long and says no. */
  async verify(key: Uint8Array, verifier: string | undefined): Promise<boolean> {
    const fits = await this.#queue(() =>
      argon2Verify({ password: key, hash: verifier ?? this.#decoy }),
    );
    return fits && verifier !== undefined;
  }

  async #queue<T>(work: () => Promise<T>): Promise<T> {
    this.#waiting += 1;
    const result = this.#tail.then(work);
    this.#tail = result.catch(() => undefined);
    try {
      return await result;
    } finally {
      this.#waiting -= 1;
    }
  }
}

function hash(key: Uint8Array): Promise<string> {
  const salt = primitives.randomBytes(SALT_BYTES);
  return argon2id({ ...COST, password: key, salt, outputType: "encoded" });
}

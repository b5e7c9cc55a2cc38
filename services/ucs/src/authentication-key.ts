/**
 * Argon2id (RFC 9106) of customers' authentication keys (docs/protocol.md §10.2). The key is already the output of a slow derivation on
 * the customer's device, or of a random recovery key; this keeps a stolen database from logging in.
 */
import { primitives, toBase64Url } from "@smarter-metering/protocol";
import { hash as argon2id, verify as argon2Verify } from "@node-rs/argon2";

/** 19 MiB, two passes, one lane. */
const COST = { memoryCost: 19_456, timeCost: 2, parallelism: 1, outputLen: 32 };
const SALT_BYTES = 16;
/** About 20 ms each, one after the other on the thread pool: who comes later is told to try again. */
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
    const fits = await this.#queue(() => argon2Verify(verifier ?? this.#decoy, toBase64Url(key)));
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

/** Of the key as base64url text: `verify` of the library takes text alone. */
function hash(key: Uint8Array): Promise<string> {
  const salt = primitives.randomBytes(SALT_BYTES);
  return argon2id(toBase64Url(key), { ...COST, salt });
}

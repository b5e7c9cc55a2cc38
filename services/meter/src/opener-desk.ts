/**
 * What a meter knows of the opener's keys (docs/protocol.md §3.3): the newest list that the registry
 * has signed, on disk before it is used. Only in `pes-encrypts`; elsewhere nothing is sealed to
 * anybody but the customer.
 */
import {
  fromBase64Url,
  ProtocolError,
  recipientFromSpki,
  verifyOpenerKeys,
  type Recipient,
} from "@smarter-metering/protocol";
import type { MeterMemory } from "./memory.ts";
import type { MeterPorts } from "./meter.ts";
import type { OpenerTerms, Provisioning } from "./provisioning.ts";

/** A list that was signed by the registry's root. */
export interface KnownOpenerKeys {
  readonly jws: string;
  readonly version: number;
  readonly keys: readonly {
    readonly recipient: Recipient;
    readonly from: number;
    readonly to: number;
  }[];
}

/** Throws OPENER_KEYS_INVALID, PROTOCOL_WEAK_KEY. */
export async function readOpenerKeys(jws: string, rootKey: Uint8Array): Promise<KnownOpenerKeys> {
  const { version, keys } = await verifyOpenerKeys(jws, rootKey);
  const known = keys.map(async ({ spki, from, to }) => {
    return { recipient: await recipientFromSpki(fromBase64Url(spki)), from, to };
  });
  return { jws, version, keys: await Promise.all(known) };
}

export type OpenerKeysOutcome =
  | "taken"
  | "known"
  /** Not what the registry's root, as it is pinned here, has signed. */
  | "OPENER_KEYS_INVALID"
  /** Older than what this meter holds, or another list under the same version. */
  | "OPENER_KEYS_ROLLBACK";

type Ports = Pick<MeterPorts, "journal">;

export class OpenerDesk {
  readonly #provisioning: Provisioning;
  readonly #terms: OpenerTerms;
  readonly #memory: MeterMemory;
  readonly #ports: Ports;
  #known: KnownOpenerKeys;

  private constructor(
    provisioning: Provisioning,
    terms: OpenerTerms,
    memory: MeterMemory,
    ports: Ports,
    known: KnownOpenerKeys,
  ) {
    this.#provisioning = provisioning;
    this.#terms = terms;
    this.#memory = memory;
    this.#ports = ports;
    this.#known = known;
  }

  /** Goes on with the newer of what was put in at installation and what came since. */
  static async open(
    provisioning: Provisioning,
    memory: MeterMemory,
    ports: Ports,
  ): Promise<OpenerDesk | undefined> {
    const { opener } = provisioning;
    if (opener === undefined) return undefined;
    const heard = await heardBefore(memory, opener);
    const { installed } = opener;
    const known = heard !== undefined && heard.version > installed.version ? heard : installed;
    return new OpenerDesk(provisioning, opener, memory, ports, known);
  }

  /** Rises with every list that is taken. */
  get version(): number {
    return this.#known.version;
  }

  /** Whom to wrap to now; undefined when no period that this meter knows of holds. */
  keyAt(nowSeconds: number): Recipient | undefined {
    return this.#known.keys.find(({ from, to }) => from <= nowSeconds && nowSeconds < to)
      ?.recipient;
  }

  /** A list from above, by whatever way it came. It is on disk when it counts. */
  async take(jws: string): Promise<OpenerKeysOutcome> {
    if (jws === this.#known.jws) return "known";
    const fresh = await readable(jws, this.#terms);
    if (fresh === undefined) return "OPENER_KEYS_INVALID";
    if (fresh.version <= this.#known.version) return "OPENER_KEYS_ROLLBACK";
    const record = { kind: "OPENER_KEYS", jws } as const;
    await this.#ports.journal.append(this.#provisioning, [record]);
    await this.#memory.apply(record);
    this.#known = fresh;
    return "taken";
  }
}

/** A list of another root is of no use here: the meter was provisioned for another registry since. */
async function heardBefore(
  { openerKeys }: MeterMemory,
  terms: OpenerTerms,
): Promise<KnownOpenerKeys | undefined> {
  return openerKeys === undefined ? undefined : readable(openerKeys, terms);
}

async function readable(
  jws: string,
  { rootKey }: OpenerTerms,
): Promise<KnownOpenerKeys | undefined> {
  try {
    return await readOpenerKeys(jws, rootKey);
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

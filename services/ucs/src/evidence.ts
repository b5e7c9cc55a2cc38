/**
 * What the UCS passes on and does not have (docs/protocol.md §7.4, §9.1): the registry's public view, and the aggregator's answers about one
 * service point. A browser may speak with its own origin alone. Bytes go through as they are; whoever gets them checks them.
 */
import {
  wholeView,
  type RegistryFeed,
  type RegistryTransport,
  type UcsView,
} from "@smarter-metering/protocol";
import type { Fetch } from "@smarter-metering/runtime";
import { UcsError } from "./error.ts";

/** An answer of the aggregator: 1000 contributions with their receipts are about 4 MB. */
const ANSWER_BYTES_MAX = 16 * 1024 * 1024;
const ANSWER_MS_MAX = 20_000;
/** Questions to the aggregator at a time; one more is UCS_BUSY. */
const QUESTIONS_MAX = 8;

export interface EvidencePorts {
  readonly registry: RegistryFeed<UcsView>;
  /** The registry's own, for what is public. */
  readonly transport: RegistryTransport;
  /** Hex, as pinned at installation. */
  readonly rootKey: string;
  /** Null: there is no evidence of releases. */
  readonly aggregatorUrl: string | null;
  readonly fetch: Fetch;
}

/** JSON text. */
export interface PublicRegistry {
  /** SHA-256 of the newest epoch's JWS, hex: what the text is called by. */
  readonly hash: string;
  readonly text: string;
}

export class Evidence {
  readonly #ports: EvidencePorts;
  #registry: Promise<PublicRegistry> | undefined;
  #hash = "";
  #questions = 0;

  constructor(ports: EvidencePorts) {
    this.#ports = ports;
  }

  /** Of the newest epoch that this portal has verified, made once each. Throws UCS_EVIDENCE_UNAVAILABLE. */
  async publicRegistry(): Promise<PublicRegistry> {
    const { epoch, hash } = this.#ports.registry.current();
    if (this.#registry === undefined || this.#hash !== hash) {
      this.#hash = hash;
      this.#registry = this.#readRegistry(epoch, hash);
    }
    const reading = this.#registry;
    try {
      return await reading;
    } catch (cause) {
      if (this.#registry === reading) this.#registry = undefined; // The next request tries again.
      throw new UcsError("UCS_EVIDENCE_UNAVAILABLE", cause);
    }
  }

  async #readRegistry(epoch: number, hash: string): Promise<PublicRegistry> {
    const { transport, rootKey } = this.#ports;
    const epochs = (await transport.epochs()).slice(0, epoch + 1);
    const view = await wholeView(transport, "public", epoch);
    return { hash, text: JSON.stringify({ rootKey, epochs, view }) };
  }

  /** The aggregator's answer to a path of its own, JSON text. Throws UCS_EVIDENCE_UNAVAILABLE, UCS_BUSY. */
  async ask(path: string): Promise<string> {
    const { aggregatorUrl, fetch } = this.#ports;
    if (aggregatorUrl === null) throw new UcsError("UCS_EVIDENCE_UNAVAILABLE");
    if (this.#questions >= QUESTIONS_MAX) throw new UcsError("UCS_BUSY");
    this.#questions += 1;
    try {
      const signal = AbortSignal.timeout(ANSWER_MS_MAX);
      const response = await fetch(new URL(path, aggregatorUrl), { signal, redirect: "error" });
      if (!response.ok) throw new Error(`the aggregator answers ${response.status}`);
      return await limited(response);
    } catch (cause) {
      throw new UcsError("UCS_EVIDENCE_UNAVAILABLE", cause);
    } finally {
      this.#questions -= 1;
    }
  }
}

async function limited(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  // Node's type of a body does not say what its chunks are; fetch gives bytes.
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length > ANSWER_BYTES_MAX) throw new Error(`an answer over ${ANSWER_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

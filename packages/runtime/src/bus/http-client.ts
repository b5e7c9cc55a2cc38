/** A bus in another process: the same interface as the embedded one, over loopback HTTP. */
import { z } from "zod";
import { systemClock } from "../clock.ts";
import type { Clock } from "../clock.ts";
import { RuntimeError } from "../error.ts";
import type { Fetch } from "../http/peer-fetch.ts";
import { silentLogger } from "../log.ts";
import type { Logger } from "../log.ts";
import type { Bus, BusMessage, ConsumerName, DeadLetter, Delivery } from "./bus.ts";
import type { PublishResult, ReadRange } from "./bus.ts";
import { busOver } from "./engine-bus.ts";
import type { BusEngine, FetchRequest, Settlement } from "./engine.ts";
import { deadLetterSchema, deliverySchema, pollMsMax } from "./http-wire.ts";

export interface ConnectBusOptions {
  /** Where `serveBus` listens, without a slash at the end. */
  readonly url: string;
  readonly token: string;
  /** Default the global one; over TLS that of `peerFetch`. */
  readonly fetch?: Fetch | undefined;
  readonly clock?: Clock;
  readonly log?: Logger;
}

/**
 * Connects lazily. While the server is away consumers try again with growing pauses; `publish` and
 * the other calls fail with BUS_UNREACHABLE and may be repeated: ids make that safe.
 */
export function connectBus(options: ConnectBusOptions): Bus {
  const { clock = systemClock, log = silentLogger } = options;
  return busOver(new HttpEngine(options), { clock, log });
}

const requestMsMax = pollMsMax + 10_000;
const publishedSchema = z.union([
  z.object({ accepted: z.int(), duplicates: z.int() }),
  z.object({ full: z.literal(true) }),
]);
const deliveriesSchema = z.object({ deliveries: z.array(deliverySchema) });
const lettersSchema = z.object({ letters: z.array(deadLetterSchema) });
const foundSchema = z.object({ found: z.boolean() });
const codes = ["BUS_UNKNOWN_STREAM", "BUS_UNKNOWN_CONSUMER", "BUS_TOO_LARGE"] as const;

class HttpEngine implements BusEngine {
  readonly #url: string;
  readonly #token: string;
  readonly #fetch: Fetch;
  readonly #closed = new AbortController();

  constructor({ url, token, fetch = globalThis.fetch }: ConnectBusOptions) {
    this.#url = url;
    this.#token = token;
    this.#fetch = fetch;
  }

  async publish(stream: string, messages: readonly BusMessage[]): Promise<PublishResult> {
    const wire = messages.map(({ id, subject, body }) => ({
      id,
      subject,
      body: Buffer.from(body).toString("base64"),
    }));
    return this.#call(publishedSchema, `${streamPath(stream)}/messages`, { messages: wire });
  }

  async fetch({ signal, max, subject, ...request }: FetchRequest): Promise<Delivery[]> {
    const path = `${consumerPath(request)}/fetch`;
    const waitMs = Math.min(request.waitMs ?? pollMsMax, pollMsMax);
    try {
      return (await this.#call(deliveriesSchema, path, { max, subject, waitMs }, signal))
        .deliveries;
    } catch (error) {
      if (signal?.aborted === true) return [];
      throw error;
    }
  }

  async settle(name: ConsumerName, settlements: readonly Settlement[]): Promise<void> {
    const wire = settlements.map(({ sequence, verdict }) => ({ sequence: `${sequence}`, verdict }));
    await this.#call(z.object({}), `${consumerPath(name)}/settle`, { settlements: wire });
  }

  async pending(names: readonly ConsumerName[]): Promise<number> {
    const schema = z.object({ pending: z.int() });
    return (await this.#call(schema, "/v1/pending", { consumers: names })).pending;
  }

  async last(stream: string, subjectPrefix: string): Promise<Delivery | undefined> {
    const query = new URLSearchParams({ subject: subjectPrefix });
    const path = `${streamPath(stream)}/last?${query}`;
    return (await this.#call(deliveriesSchema, path)).deliveries[0];
  }

  async read(stream: string, { from, limit }: ReadRange): Promise<Delivery[]> {
    const query = new URLSearchParams({ from: String(from), limit: String(limit) });
    const path = `${streamPath(stream)}/messages?${query}`;
    return (await this.#call(deliveriesSchema, path)).deliveries;
  }

  async deadLetters(stream?: string): Promise<DeadLetter[]> {
    const query = stream === undefined ? "" : `?${new URLSearchParams({ stream })}`;
    return (await this.#call(lettersSchema, `/v1/dead${query}`)).letters;
  }

  async requeue(name: ConsumerName, sequence: bigint): Promise<boolean> {
    const path = `${consumerPath(name)}/requeue`;
    return (await this.#call(foundSchema, path, { sequence: String(sequence) })).found;
  }

  async discard(name: ConsumerName, sequence: bigint): Promise<boolean> {
    const path = `${consumerPath(name)}/discard`;
    return (await this.#call(foundSchema, path, { sequence: String(sequence) })).found;
  }

  async close(): Promise<void> {
    this.#closed.abort();
  }

  /** POST with a body, GET without. */
  async #call<T>(
    schema: z.ZodType<T>,
    path: string,
    body?: unknown,
    signal?: AbortSignal,
  ): Promise<T> {
    if (this.#closed.signal.aborted) throw new RuntimeError("BUS_CLOSED", "the bus is closed");
    const ends = [this.#closed.signal, AbortSignal.timeout(requestMsMax)];
    let status: number;
    let answer: unknown;
    try {
      const response = await this.#fetch(`${this.#url}${path}`, {
        method: body === undefined ? "GET" : "POST",
        headers: { authorization: `Bearer ${this.#token}`, "content-type": "application/json" },
        signal: AbortSignal.any(signal === undefined ? ends : [...ends, signal]),
        redirect: "error",
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      status = response.status;
      answer = await response.json();
    } catch (cause) {
      throw unreachable(this.#url, "no answer", cause);
    }
    if (status === 200) {
      const result = schema.safeParse(answer);
      if (result.success) return result.data;
      throw unreachable(this.#url, "an answer that is not a bus's");
    }
    throw refusal(this.#url, status, answer);
  }
}

function refusal(url: string, status: number, answer: unknown): RuntimeError {
  if (status === 401 || status === 403) {
    return new RuntimeError("BUS_FORBIDDEN", `${url} refuses the token: check its permissions`);
  }
  const problem = z.object({ code: z.enum(codes), title: z.string() }).safeParse(answer);
  if (problem.success) return new RuntimeError(problem.data.code, problem.data.title);
  return unreachable(url, `status ${status}`);
}

function unreachable(url: string, what: string, cause?: unknown): RuntimeError {
  const message = `the bus at ${url} cannot be used (${what}): check that it runs`;
  return new RuntimeError("BUS_UNREACHABLE", message, { cause });
}

function streamPath(stream: string): string {
  return `/v1/streams/${encodeURIComponent(stream)}`;
}

function consumerPath({ stream, consumer }: ConsumerName): string {
  return `${streamPath(stream)}/consumers/${encodeURIComponent(consumer)}`;
}

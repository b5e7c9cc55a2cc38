/**
 * The uplink over MQTT (docs/protocol.md §4.3): one connection per meter under its id, one item per
 * message with QoS 1. What an item came to is the verdict on the meter's own topic down, never the
 * PUBACK, which says no more than that a broker has it; the list of the opener's keys and documents
 * of prices are retained messages on topics for all.
 */
import type { ConnectionOptions } from "node:tls";
import { fromBase64Url, primitives, toHex } from "@smarter-metering/protocol";
import type { TlsMaterial } from "@smarter-metering/runtime";
import mqtt, { type MqttClient } from "mqtt";
import { z } from "zod";
import { MeterError } from "./error.ts";
import { OPENER_KEYS_CHARACTERS_MAX } from "./provisioning.ts";
import { RetainedPrices } from "./retained-prices.ts";
import {
  isTaken,
  uplinkVerdict,
  type Uplink,
  type UplinkAnswer,
  type UplinkEntry,
  type UplinkVerdict,
} from "./uplink.ts";

const TLS: Pick<ConnectionOptions, "minVersion"> = { minVersion: "TLSv1.3" };
const TOPICS = "smarter-metering/v1";
const OPENER_KEYS_TOPIC = `${TOPICS}/opener-keys`;
/** A retained message follows a subscription at once, if there is one … */
const RETAINED_TIMEOUT_MS = 2_000;
/** … and the next one that. */
const NEXT_RETAINED_TIMEOUT_MS = 200;
/** When a broker comes back, thousands of handshakes wait before this one: it does not begin anew. */
const CONNECT_TIMEOUT_MS = 60_000;
/** A round of the concentrator is a tenth of a second; behind a full waiting room it is two. */
const VERDICT_TIMEOUT_MS = 30_000;
/** Connections that a process of many meters opens at a time: each has its handshake to do. */
const CONNECTING_MAX = 64;
/** Messages from above that one request may bring to one meter. */
const DOWN_MAX = 512;
/** So long a broker keeps verdicts for a meter that is away. */
const SESSION_SECONDS = 86_400;
/** Messages that a broker may have on their way to one meter. */
const RECEIVE_MAX = 64;

const down = z.union([
  z.object({ item: z.string(), verdict: uplinkVerdict }),
  z.object({ message: z.string() }),
]);

export interface MqttUplinkOptions {
  /** Such as mqtt://127.0.0.1:1883 or mqtts://broker.example:8883. */
  readonly url: string;
  /**
   * 4 (3.1.1, the default) for a concentrator's own broker, which knows no other; 5 for one outside,
   * which keeps a meter's session while it is away.
   */
  readonly protocolVersion?: 4 | 5;
  /** What a meter shows, and whom it believes, for a broker that asks for certificates. */
  readonly tlsOf?: (meterId: string) => TlsMaterial;
  /** How long an item may be without a verdict before its request fails. Default 30,000. */
  readonly verdictTimeoutMs?: number;
}

export function mqttUplink(options: MqttUplinkOptions): Uplink {
  const connections = new Map<string, Promise<Connection>>();
  const inTurn = limitTo(CONNECTING_MAX);
  const connectionOf = (meterId: string): Promise<Connection> => {
    const known = connections.get(meterId);
    if (known !== undefined) return known;
    const fresh = inTurn(() => connect(options, meterId, () => connections.delete(meterId)));
    fresh.catch(() => {
      // Whoever waits for it has the error.
      if (connections.get(meterId) === fresh) connections.delete(meterId);
    });
    connections.set(meterId, fresh);
    return fresh;
  };
  return {
    async send(entries) {
      try {
        const sent = await Promise.all(
          entries.map(async (entry) => (await connectionOf(entry.meterId)).publish(entry)),
        );
        const downlink: UplinkAnswer["downlink"][number][] = [];
        for (const meterId of new Set(entries.map((entry) => entry.meterId))) {
          for (const message of (await connectionOf(meterId)).takeMessages()) {
            downlink.push({ meterId, message });
          }
        }
        return { verdicts: sent, downlink };
      } catch (cause) {
        throw new MeterError("UPLINK_UNREACHABLE", "not every item has a verdict", cause);
      }
    },
    async openerKeys(meterId) {
      try {
        return await (await connectionOf(meterId)).openerKeys();
      } catch (cause) {
        throw new MeterError("UPLINK_UNREACHABLE", "the MQTT broker cannot be reached", cause);
      }
    },
    async prices(meterId, series) {
      try {
        return await (await connectionOf(meterId)).prices(series);
      } catch (cause) {
        throw new MeterError("UPLINK_UNREACHABLE", "the MQTT broker cannot be reached", cause);
      }
    },
    async close() {
      for (const connection of connections.values()) {
        await connection.then(
          (open) => open.end(),
          () => undefined, // never came to be
        );
      }
    },
  };
}

/** Runs so many at a time; the others wait, first come first served. */
function limitTo(count: number): <T>(work: () => Promise<T>) => Promise<T> {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (running >= count) await new Promise<void>((resolve) => waiting.push(resolve));
    else running += 1;
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next(); // It runs in this one's place.
    }
  };
}

interface Connection {
  /** Resolves with the item's verdict; rejects when the connection or the time ends first. */
  publish(entry: UplinkEntry): Promise<UplinkVerdict>;
  takeMessages(): Uint8Array[];
  /** The newest list that came; waits a moment for the first. */
  openerKeys(): Promise<string | undefined>;
  /** Those that stand now; waits a moment for them the first time. */
  prices(series: string): Promise<readonly string[] | undefined>;
  end(): Promise<void>;
}

function openClient(options: MqttUplinkOptions, meterId: string): MqttClient {
  const { url, protocolVersion = 4, tlsOf } = options;
  return mqtt.connect(url, {
    protocolVersion,
    clientId: meterId,
    ...tlsOf?.(meterId),
    ...TLS,
    ...(protocolVersion === 5 && {
      clean: false,
      properties: { sessionExpiryInterval: SESSION_SECONDS, receiveMaximum: RECEIVE_MAX },
    }),
    // The fleet decides when to try again, with what it has on disk.
    reconnectPeriod: 0,
    connectTimeout: CONNECT_TIMEOUT_MS,
    resubscribe: false,
  });
}

async function connect(
  options: MqttUplinkOptions,
  meterId: string,
  onEnd: () => void,
): Promise<Connection> {
  const { verdictTimeoutMs = VERDICT_TIMEOUT_MS } = options;
  const client = openClient(options, meterId);
  const ended = new Promise<never>((_, reject) => {
    client.once("close", () => {
      onEnd();
      reject(new Error("the connection ended"));
    });
  });
  ended.catch(() => undefined); // awaited by whoever publishes
  client.on("error", () => client.end(true));
  const verdicts = new Verdicts();
  let messages: Uint8Array[] = [];
  let openerKeys: string | undefined;
  let onOpenerKeys = (): void => undefined;
  const prices = new RetainedPrices();
  let onPrices = (): void => undefined;
  const subscribed = new Set<string>();
  client.on("message", (topic, payload) => {
    if (topic === OPENER_KEYS_TOPIC) {
      openerKeys = payload.subarray(0, OPENER_KEYS_CHARACTERS_MAX).toString("utf8");
      return onOpenerKeys();
    }
    if (prices.hear(topic, payload)) return onPrices();
    const parsed = parseDown(payload);
    if (parsed === undefined) return;
    if ("item" in parsed) verdicts.hear(parsed.item, parsed.verdict);
    else if (messages.length < DOWN_MAX) messages.push(fromBase64Url(parsed.message));
  });
  const connected = new Promise<void>((resolve) => client.once("connect", () => resolve()));
  await Promise.race([connected, ended]);
  const topics = [`${TOPICS}/down/${meterId}`, OPENER_KEYS_TOPIC];
  const listening = client.subscribeAsync(topics, { qos: 1 }).catch((error: unknown) => {
    client.end(true);
    throw error;
  });
  await Promise.race([listening, ended]);
  return {
    async publish({ item }) {
      const name = toHex(await primitives.sha256(item));
      const known = verdicts.take(name);
      // It came while the meter was away: the session has kept it.
      if (known !== undefined && isTaken(known)) return known;
      const verdict = verdicts.expect(name);
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<never>((_, reject) => {
        const fail = (): void => reject(new Error("no verdict came in time"));
        timer = setTimeout(fail, verdictTimeoutMs);
      });
      try {
        const payload = Buffer.from(item);
        const published = client.publishAsync(`${TOPICS}/up/${meterId}`, payload, { qos: 1 });
        return await Promise.race([published.then(() => verdict), ended, late]);
      } finally {
        clearTimeout(timer);
        verdicts.forget(name);
      }
    },
    takeMessages() {
      const taken = messages;
      messages = [];
      return taken;
    },
    async openerKeys() {
      if (openerKeys !== undefined) return openerKeys;
      let timer: NodeJS.Timeout | undefined;
      const came = new Promise<void>((resolve) => {
        onOpenerKeys = resolve;
        timer = setTimeout(resolve, RETAINED_TIMEOUT_MS);
      });
      await Promise.race([came, ended]).finally(() => clearTimeout(timer));
      return openerKeys;
    },
    async prices(series) {
      if (subscribed.has(series)) return prices.of(series);
      let timer: NodeJS.Timeout | undefined;
      const settled = new Promise<void>((resolve) => {
        const within = (milliseconds: number): void => {
          clearTimeout(timer);
          timer = setTimeout(resolve, milliseconds);
        };
        within(RETAINED_TIMEOUT_MS);
        onPrices = () => within(NEXT_RETAINED_TIMEOUT_MS);
      });
      const asking = client.subscribeAsync(RetainedPrices.filterOf(series));
      await Promise.race([asking.then(() => settled), ended]).finally(() => {
        onPrices = () => undefined;
        clearTimeout(timer);
      });
      subscribed.add(series);
      return prices.of(series);
    },
    // A broker that owes a PUBACK is not waited for when the connection has ended.
    end: () => Promise.race([client.endAsync(), ended.catch(() => undefined)]),
  };
}

/** What came on a meter's topic, by item, and who waits for it. */
class Verdicts {
  readonly #kept = new Map<string, UplinkVerdict>();
  readonly #expected = new Map<string, (verdict: UplinkVerdict) => void>();

  hear(item: string, verdict: UplinkVerdict): void {
    const settle = this.#expected.get(item);
    if (settle !== undefined) return settle(verdict);
    // Of an earlier connection or request: the item may be sent again.
    if (this.#kept.size < DOWN_MAX) this.#kept.set(item, verdict);
  }

  take(item: string): UplinkVerdict | undefined {
    const verdict = this.#kept.get(item);
    this.#kept.delete(item);
    return verdict;
  }

  expect(item: string): Promise<UplinkVerdict> {
    return new Promise((resolve) => this.#expected.set(item, resolve));
  }

  forget(item: string): void {
    this.#expected.delete(item);
  }
}

function parseDown(payload: Uint8Array): z.infer<typeof down> | undefined {
  try {
    return down.parse(JSON.parse(Buffer.from(payload).toString("utf8")));
  } catch {
    return undefined; // Damaged: the item is then without a verdict, and is sent again.
  }
}

/**
 * The uplink over MQTT 3.1.1 (docs/protocol.md §4): one connection per meter under its id, one item
 * per message with QoS 1. The verdict comes on the meter's own topic down, before the PUBACK; the
 * list of the opener's keys and documents of prices are retained messages on topics for all.
 */
import { fromBase64Url, primitives, toHex } from "@smarter-metering/protocol";
import mqtt from "mqtt";
import { z } from "zod";
import { MeterError } from "./error.ts";
import { OPENER_KEYS_CHARACTERS_MAX } from "./provisioning.ts";
import { RetainedPrices } from "./retained-prices.ts";
import {
  uplinkVerdict,
  type Uplink,
  type UplinkAnswer,
  type UplinkEntry,
  type UplinkVerdict,
} from "./uplink.ts";

const TOPICS = "smarter-metering/v1";
const OPENER_KEYS_TOPIC = `${TOPICS}/opener-keys`;
/** A retained message follows a subscription at once, if there is one … */
const RETAINED_TIMEOUT_MS = 2_000;
/** … and the next one that. */
const NEXT_RETAINED_TIMEOUT_MS = 200;
const CONNECT_TIMEOUT_MS = 10_000;
const ACK_TIMEOUT_MS = 30_000;
/** Messages from above that one request may bring to one meter. */
const DOWN_MAX = 512;

const down = z.union([
  z.object({ item: z.string(), verdict: uplinkVerdict }),
  z.object({ message: z.string() }),
]);

export interface MqttUplinkOptions {
  /** Such as mqtt://127.0.0.1:1883. */
  readonly url: string;
}

export function mqttUplink(options: MqttUplinkOptions): Uplink {
  const connections = new Map<string, Promise<Connection>>();
  const connectionOf = (meterId: string): Promise<Connection> => {
    const known = connections.get(meterId);
    if (known !== undefined) return known;
    const fresh = connect(options.url, meterId, () => connections.delete(meterId));
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
        throw new MeterError("UPLINK_UNREACHABLE", "the MQTT broker did not take it all", cause);
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

interface Connection {
  /**
   * Resolves with the item's verdict when its PUBACK is here; rejects when the connection ends
   * first.
   */
  publish(entry: UplinkEntry): Promise<UplinkVerdict>;
  takeMessages(): Uint8Array[];
  /** The newest list that came; waits a moment for the first. */
  openerKeys(): Promise<string | undefined>;
  /** Those that stand now; waits a moment for them the first time. */
  prices(series: string): Promise<readonly string[] | undefined>;
  end(): Promise<void>;
}

async function connect(url: string, meterId: string, onEnd: () => void): Promise<Connection> {
  const client = mqtt.connect(url, {
    protocolVersion: 4,
    clientId: meterId,
    // The fleet decides when to try again, with what it has on disk.
    reconnectPeriod: 0,
    connectTimeout: CONNECT_TIMEOUT_MS,
    resubscribe: false,
  });
  const ended = new Promise<never>((_, reject) => {
    client.once("close", () => {
      onEnd();
      reject(new Error("the connection ended"));
    });
  });
  ended.catch(() => undefined); // awaited by whoever publishes
  client.on("error", () => client.end(true));
  const verdicts = new Map<string, UplinkVerdict>();
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
    if ("item" in parsed) {
      if (verdicts.size < DOWN_MAX) verdicts.set(parsed.item, parsed.verdict);
    } else if (messages.length < DOWN_MAX) messages.push(fromBase64Url(parsed.message));
  });
  const connected = new Promise<void>((resolve) => client.once("connect", () => resolve()));
  await Promise.race([connected, ended]);
  await Promise.race([
    client.subscribeAsync([`${TOPICS}/down/${meterId}`, OPENER_KEYS_TOPIC]),
    ended,
  ]);
  return {
    async publish({ item }) {
      const name = toHex(await primitives.sha256(item));
      const timer = setTimeout(() => client.end(true), ACK_TIMEOUT_MS);
      try {
        const payload = Buffer.from(item);
        const published = client.publishAsync(`${TOPICS}/up/${meterId}`, payload, { qos: 1 });
        await Promise.race([published, ended]);
      } finally {
        clearTimeout(timer);
      }
      const verdict = verdicts.get(name);
      // Without it nobody knows what the PUBACK meant: a repeat will tell.
      if (verdict === undefined) throw new Error("no verdict came before the PUBACK");
      verdicts.delete(name);
      return verdict;
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
    end: () => client.endAsync(),
  };
}

function parseDown(payload: Uint8Array): z.infer<typeof down> | undefined {
  try {
    return down.parse(JSON.parse(Buffer.from(payload).toString("utf8")));
  } catch {
    return undefined; // Damaged: the item is then without a verdict, and is sent again.
  }
}

/**
 * A P1 port as the source of a meter's readings: telegrams from a TCP address, and the newest intervals that their registers give.
 * Plaintext of the one household whose port it is; nothing of it is kept beyond a week, or written.
 */
import { createConnection } from "node:net";
import type { Readings } from "@smarter-metering/meter";
import {
  MeterClock,
  qualityCode,
  readTelegrams,
  RegisterIntervals,
  type RegisterInterval,
  type Telegram,
  type TelegramFault,
} from "@smarter-metering/readings";
import { CliError, usageError } from "../cli-error.ts";

/** A port sends every second or every ten. */
const SILENT_MS_MAX = 60_000;
const RETRY_MS_MIN = 1000;
const RETRY_MS_MAX = 30_000;
/** Days that are not sealed when their data is gone are lost to the meter. */
const KEPT_SECONDS = 8 * 86_400;
const MISSING = qualityCode("missing");

export interface PortAddress {
  readonly host: string;
  readonly port: number;
}

/** `tcp://host:port`. Throws CLI_USAGE. */
export function parsePortAddress(text: string): PortAddress {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isPlain = url?.protocol === "tcp:" && url.pathname === "" && url.search === "";
  const port = Number(url?.port);
  if (!isPlain || url.hostname === "" || !(port > 0)) {
    throw usageError(`--p1 takes an address such as tcp://192.168.1.20:8088, not "${text}"`);
  }
  return { host: url.hostname.replace(/^\[(.*)\]$/, "$1"), port };
}

/**
 * Telegrams of the port until `signal` aborts; connects again, with growing pauses, when the connection ends, fails or is silent.
 * Throws P1_UNREACHABLE when the first connection fails.
 */
export async function* portTelegrams(
  { host, port }: PortAddress,
  signal: AbortSignal,
  lost: (reason: string) => void,
): AsyncGenerator<Telegram | TelegramFault> {
  let [retryMs, isFirst] = [RETRY_MS_MIN, true];
  while (!signal.aborted) {
    const socket = createConnection({ host, port, signal });
    socket.setTimeout(SILENT_MS_MAX, () => socket.destroy(new Error("the port is silent")));
    let reason = "the port closed the connection";
    try {
      // Reading waits for whoever takes the telegrams, and the network then waits for us.
      for await (const found of readTelegrams(socket)) {
        [retryMs, isFirst] = [RETRY_MS_MIN, false];
        yield found;
      }
    } catch (cause) {
      reason = cause instanceof Error ? cause.message : "the connection failed";
      if (isFirst && !signal.aborted) {
        const message = `no P1 port at ${host}:${port}: ${reason}`;
        throw new CliError("P1_UNREACHABLE", message, undefined, cause);
      }
    } finally {
      socket.destroy();
    }
    if (signal.aborted) return;
    lost(reason);
    await pause(retryMs, signal);
    retryMs = Math.min(2 * retryMs, RETRY_MS_MAX);
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done, { once: true });
  });
}

export interface PortMeter {
  readonly label: string;
  readonly zone: string;
  readonly intervalSeconds: number;
  /** Of a telegram without a time of its own (before version 4). */
  readonly nowSeconds: () => number;
}

/** The newest intervals of one port; has the shape of a household's data. */
export class PortReadings {
  readonly label: string;
  readonly intervalSeconds: number;
  /** End of the newest interval that is known, missing or not. */
  endSeconds: number | undefined;
  /** Telegrams that were damaged, came twice or out of order. */
  notUsed = 0;
  readonly #clock: MeterClock;
  readonly #nowSeconds: () => number;
  readonly #registers: RegisterIntervals;
  /** By start, in order. */
  readonly #intervals = new Map<number, RegisterInterval>();

  constructor({ label, zone, intervalSeconds, nowSeconds }: PortMeter) {
    this.label = label;
    this.intervalSeconds = intervalSeconds;
    this.#clock = new MeterClock(zone);
    this.#nowSeconds = nowSeconds;
    this.#registers = new RegisterIntervals(intervalSeconds);
  }

  /** True when an interval has ended with it. */
  take(found: Telegram | TelegramFault): boolean {
    const instantSeconds = found.kind === "fault" ? undefined : this.#instantOf(found);
    if (found.kind === "fault" || instantSeconds === undefined) {
      this.notUsed += 1;
      return false;
    }
    const { verdict, intervals } = this.#registers.push({ instantSeconds, ...found });
    if (verdict !== "taken" && verdict !== "backwards") {
      this.notUsed += 1;
      return false;
    }
    for (const interval of intervals) this.#intervals.set(interval.startSeconds, interval);
    const end = Math.floor(instantSeconds / this.intervalSeconds) * this.intervalSeconds;
    this.#forget(end - KEPT_SECONDS);
    const isNew = end !== this.endSeconds;
    this.endSeconds = end;
    return isNew;
  }

  /** Readings of [from, to); undefined while the port has not told of all of it. */
  window(fromSeconds: number, toSeconds: number): Readings | undefined {
    if (toSeconds > (this.endSeconds ?? Number.NEGATIVE_INFINITY)) return undefined;
    const count = (toSeconds - fromSeconds) / this.intervalSeconds;
    if (!Number.isInteger(count) || fromSeconds % this.intervalSeconds !== 0) return undefined;
    const readings = {
      importMilliwattHours: new Float64Array(count),
      exportMilliwattHours: new Float64Array(count),
      quality: new Uint8Array(count).fill(MISSING),
    };
    for (let slot = 0; slot < count; slot += 1) {
      const interval = this.#intervals.get(fromSeconds + slot * this.intervalSeconds);
      if (interval === undefined) continue;
      readings.importMilliwattHours[slot] = interval.importMilliwattHours;
      readings.exportMilliwattHours[slot] = interval.exportMilliwattHours;
      readings.quality[slot] = 0;
    }
    return readings;
  }

  #instantOf({ time }: Telegram): number | undefined {
    return time === undefined ? this.#nowSeconds() : this.#clock.instantOf(time);
  }

  #forget(beforeSeconds: number): void {
    for (const start of this.#intervals.keys()) {
      if (start >= beforeSeconds) return;
      this.#intervals.delete(start);
    }
  }
}

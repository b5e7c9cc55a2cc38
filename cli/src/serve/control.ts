/**
 * The control of a demonstration that is served: its replay clock, and how much work is still on its way. Only with `--demo`, on the
 * loopback, with a token; the meters of another process drive the time through it.
 */
import { join } from "node:path";
import { primitives, toHex } from "@smarter-metering/protocol";
import {
  createApp,
  createMetrics,
  listen,
  problemResponse,
  readSecretFile,
  silentLogger,
  statusProblem,
  systemClock,
  writeSecretFile,
  type Bus,
  type Listening,
} from "@smarter-metering/runtime";
import { z } from "zod";
import type { Layout } from "../deployment/layout.ts";
import { plainDoor, type Door } from "./door.ts";
import { callApi, untilServed } from "./reach.ts";
import { writeClock } from "./clock-file.ts";
import type { ReplayClock } from "./replay-clock.ts";

/** What a load needs: time that it moves, and a way to know that the work is done. */
export interface LoadControl {
  nowMs(): number;
  /** Moves time forward and keeps its position. */
  advanceTo(timeMs: number): Promise<void>;
  /** Messages published to `stream` and not yet worked off by `consumer`. */
  pending(stream: string, consumer: string): Promise<number>;
  /** Whether anything that is sealed has no answer of the trustees yet. */
  hasUnanswered(): Promise<boolean>;
}

export function localControl(
  clock: ReplayClock,
  bus: Bus,
  urls: Readonly<Record<string, string>>,
  layout: Layout,
): LoadControl {
  return {
    nowMs: () => clock.nowMs(),
    async advanceTo(timeMs) {
      await clock.advanceTo(timeMs);
      await writeClock(layout, clock.nowMs());
    },
    pending: (stream, consumer) => bus.pending(stream, consumer),
    hasUnanswered: () => hasUnanswered(plainDoor(urls["aggregator"])),
  };
}

/** The aggregator is asked itself. */
export async function hasUnanswered(door: Door): Promise<boolean> {
  for (const list of ["sets", "bills"]) {
    for (const state of ["SEALED", "REQUESTED"]) {
      const query = new URLSearchParams({ state, limit: "1" }).toString();
      const answer = unanswered.parse(await callApi(door, `/v1/${list}?${query}`));
      if ((answer[list] ?? []).length > 0) return true;
    }
  }
  return false;
}

const tokenPath = (layout: Layout): string => join(layout.root, "control-token");
const advance = z.strictObject({ timeMs: z.number().int().nonnegative() });
const hop = z.object({ stream: z.string().max(64), consumer: z.string().max(64) });

export async function serveControl(control: LoadControl, layout: Layout): Promise<Listening> {
  const token = toHex(primitives.randomBytes(32));
  await writeSecretFile(tokenPath(layout), token);
  const app = createApp({
    title: "Smarter Metering demonstration control",
    version: "1",
    log: silentLogger,
    clock: systemClock,
    metrics: createMetrics(),
  });
  app.use("/v1/*", async (c, next) => {
    if (c.req.header("authorization") === `Bearer ${token}`) return next();
    return problemResponse(c, statusProblem(401));
  });
  app.get("/v1/clock", (c) => c.json({ nowMs: control.nowMs() }));
  app.post("/v1/clock", async (c) => {
    const parsed = advance.safeParse(await c.req.json().catch(() => undefined));
    if (!parsed.success) return problemResponse(c, statusProblem(400));
    await control.advanceTo(parsed.data.timeMs);
    return c.json({ nowMs: control.nowMs() });
  });
  app.get("/v1/pending", async (c) => {
    const parsed = hop.safeParse(c.req.query());
    if (!parsed.success) return problemResponse(c, statusProblem(400));
    const { stream, consumer } = parsed.data;
    return c.json({ pending: await control.pending(stream, consumer) });
  });
  return listen({ app, port: 0 });
}

const unanswered = z.record(z.string(), z.array(z.unknown()));
const clockAnswer = z.object({ nowMs: z.number() });
const pendingAnswer = z.object({ pending: z.number() });

/**
 * The control of a demonstration that another process serves. That process may be killed and started again, at other addresses and with
 * another token: both are looked up for each call, and a call waits until somebody answers.
 */
export async function remoteControl(layout: Layout, signal: AbortSignal): Promise<LoadControl> {
  const call = (path: string, body?: unknown): Promise<unknown> =>
    untilServed(layout, "control", signal, async (door) => {
      const token = new TextDecoder().decode(await readSecretFile(tokenPath(layout)));
      return callApi(door, path, body === undefined ? { token } : { token, body });
    });
  let { nowMs } = clockAnswer.parse(await call("/v1/clock"));
  return {
    nowMs: () => nowMs,
    async advanceTo(timeMs) {
      ({ nowMs } = clockAnswer.parse(await call("/v1/clock", { timeMs })));
    },
    async pending(stream, consumer) {
      const query = new URLSearchParams({ stream, consumer }).toString();
      return pendingAnswer.parse(await call(`/v1/pending?${query}`)).pending;
    },
    hasUnanswered: () => untilServed(layout, "aggregator", signal, hasUnanswered),
  };
}

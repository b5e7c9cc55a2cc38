/**
 * A customer who watches a running demonstration: logs in to its portal, follows the live stream, opens what arrives. How long each reading
 * took is measured from outside: between the demonstration's clock passing the end of its interval and the opened reading.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createPortalClient, openReadings } from "@smarter-metering/customer";
import { decodeFrame, primitives } from "@smarter-metering/protocol";
import { households } from "./deployment-output.ts";

const CLOCK_POLL_MS = 10;

const readJson = (path: string): unknown => JSON.parse(readFileSync(path, "utf8"));

/** Notes when the clock of a demonstration was first seen at or beyond an instant. */
function watchClock(dir: string) {
  const seen: { readonly nowMs: number; readonly atMs: number }[] = [];
  const look = (): void => {
    const { nowMs } = readJson(join(dir, "clock.json")) as { nowMs: number };
    if (seen.at(-1)?.nowMs !== nowMs) seen.push({ nowMs, atMs: performance.now() });
  };
  look();
  const timer = setInterval(look, CLOCK_POLL_MS);
  return {
    isBefore: (timeMs: number) => (seen[0]?.nowMs ?? 0) < timeMs,
    passedAtMs: (timeMs: number) => seen.find(({ nowMs }) => nowMs >= timeMs)?.atMs,
    stop: () => clearInterval(timer),
  };
}

/** Milliseconds from the end of its interval to the customer, for the first `count` LIVE frames of a household. */
export async function liveDelaysMs(dir: string, label: string, count: number): Promise<number[]> {
  const { login, password } = households(dir)[label] ?? {};
  assert(typeof login === "string" && typeof password === "string", `${label} has no account`);
  const { urls } = readJson(join(dir, "run.json")) as { urls: Record<string, string> };
  const random = (length: number): Uint8Array => primitives.randomBytes(length);
  const portal = createPortalClient({
    fetch,
    origin: urls["ucs"] ?? "",
    session: "bearer",
    random,
  });
  const { vault, pinnedMeters } = await portal.login(login, password);
  const envelopes = await portal.envelopes();
  const delays: number[] = [];
  const clock = watchClock(dir);
  try {
    for await (const frame of portal.live()) {
      const { readings } = await openReadings(pinnedMeters, vault.recipientSecret, {
        envelopes,
        frames: [frame],
      });
      const nowMs = performance.now();
      const last = readings.at(-1);
      assert(last !== undefined, "a frame that does not open");
      const endMs = 1000 * (last.startSeconds + last.intervalSeconds);
      if (decodeFrame(frame).header.kind !== "LIVE" || !clock.isBefore(endMs)) continue;
      const passedMs = clock.passedAtMs(endMs);
      assert(passedMs !== undefined, "a reading of an interval that has not ended");
      delays.push(nowMs - passedMs);
      if (delays.length === count) break;
    }
  } finally {
    clock.stop();
  }
  await portal.logout();
  return delays;
}

/**
 * Sends prepared frames to a concentrator over HTTP at a rate, as so many meters would: every request carries one meter's frame unless
 * `perRequest` says that a gateway gathers several. What the concentrator asks to be sent later is sent later.
 */
import assert from "node:assert/strict";
import { encodeUplink } from "@smarter-metering/protocol";
import type { Door } from "../../cli/src/serve/door.ts";
import { z } from "zod";
import type { PreparedFrame } from "./prepared-frames.ts";

const verdict = z.object({ status: z.enum(["accepted", "duplicate", "retry", "refused"]) }).loose();
const answer = z.object({ verdicts: z.array(verdict) });
/** After an answer that asks for it. */
const RETRY_MS = 500;

export interface SendOptions {
  /** The concentrator's. */
  readonly door: Door;
  readonly framesPerSecond: number;
  readonly perRequest: number;
  /** Requests under way at once; when all are, the rest waits, and is late. */
  readonly requestsMax: number;
  /** Told when a request leaves, with how many frames were sent before it. */
  readonly onSend: (first: number, count: number) => void;
}

export interface Sent {
  readonly accepted: number;
  readonly retried: number;
  readonly seconds: number;
}

export async function sendFrames(
  frames: readonly PreparedFrame[],
  { door, framesPerSecond, perRequest, requestsMax, onSend }: SendOptions,
): Promise<Sent> {
  const underWay = new Set<Promise<void>>();
  let [accepted, retried] = [0, 0];
  const send = async (items: readonly Uint8Array[]): Promise<void> => {
    for (let left = items; left.length > 0;) {
      const response = await door.fetch(`${door.url}/v1/uplink`, {
        method: "POST",
        headers: { "content-type": "application/octet-stream" },
        body: Uint8Array.from(encodeUplink(left)),
      });
      const text = await response.text();
      const later: Uint8Array[] = [];
      if (response.status === 503) later.push(...left);
      else {
        assert.equal(response.status, 200, text);
        for (const [index, { status }] of answer.parse(JSON.parse(text)).verdicts.entries()) {
          const item = left[index];
          assert(item !== undefined && status !== "refused", text);
          if (status === "retry") later.push(item);
          else accepted += 1;
        }
      }
      left = later;
      retried += later.length;
      if (later.length > 0) await pause(RETRY_MS);
    }
  };
  const startMs = performance.now();
  for (let first = 0; first < frames.length; first += perRequest) {
    const dueMs = startMs + (1000 * first) / framesPerSecond;
    const aheadMs = dueMs - performance.now();
    if (aheadMs > 1) await pause(aheadMs);
    if (underWay.size >= requestsMax) await Promise.race(underWay);
    const items = frames.slice(first, first + perRequest).map(({ item }) => item);
    onSend(first, items.length);
    const sending: Promise<void> = send(items).finally(() => underWay.delete(sending));
    underWay.add(sending);
  }
  await Promise.all(underWay);
  const seconds = (performance.now() - startMs) / 1000;
  return { accepted, retried, seconds };
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * What the concentrator says to a meter over MQTT (docs/protocol.md §4.3), whichever broker carries
 * it: JSON messages on the meter's own topic, `{"item": <SHA-256 of the item, hex>, "verdict": …}` for
 * each item and `{"message": <base64url>}` for what waits for the meter.
 */
import { primitives, toBase64Url, toHex } from "@smarter-metering/protocol";
import type { Concentrate } from "./concentrate.ts";
import { QUEUE_FULL, type Verdict } from "./verdict.ts";

export const TOPICS = "smarter-metering/v1";
export const upTopic = (meterId: string): string => `${TOPICS}/up/${meterId}`;
export const downTopic = (meterId: string): string => `${TOPICS}/down/${meterId}`;
export const METER_ID = /^[0-9a-f]{32}$/;

/** The messages for one item of this meter, verdict first. Rejects as `concentrate` does. */
export async function answersTo(
  concentrate: Concentrate,
  meterId: string,
  item: Uint8Array,
): Promise<string[]> {
  const taken = await concentrate([item]);
  if (taken === undefined) return [await verdictMessage(item, QUEUE_FULL)];
  const { verdicts, downlink } = taken;
  const messages: string[] = [];
  for (const verdict of verdicts) messages.push(await verdictMessage(item, verdict));
  for (const waiting of downlink) {
    // A meter's own connection may carry an item of another meter; its messages stay where they are.
    if (waiting.meterId !== meterId) continue;
    messages.push(JSON.stringify({ message: toBase64Url(waiting.message) }));
  }
  return messages;
}

export const verdictMessage = async (item: Uint8Array, verdict: Verdict): Promise<string> =>
  JSON.stringify({ item: toHex(await primitives.sha256(item)), verdict });

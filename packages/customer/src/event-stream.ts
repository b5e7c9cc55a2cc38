/** Server-sent events (WHATWG HTML §9.2) from a fetch body: the `data` of each event; everything else is passed over. */
import { malformed } from "./portal-answer.ts";

/** A frame of 16 KiB is 22 KiB in base64url. */
const EVENT_CHARACTERS_MAX = 65_536;

/** Throws CUSTOMER_PORTAL_MALFORMED for an event beyond the limit. Leaving the loop early closes the stream. */
export async function* eventData(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let pending = "";
  let data: string[] = [];
  try {
    for (let step = await reader.read(); !step.done; step = await reader.read()) {
      pending += decoder.decode(step.value, { stream: true });
      // A carriage return at the end may be half of a line end: it waits for the next chunk.
      const complete = pending.endsWith("\r") ? pending.slice(0, -1) : pending;
      const lines = complete.split(/\r\n|\n|\r/);
      pending = (lines.pop() ?? "") + pending.slice(complete.length);
      for (const line of lines) {
        if (line === "" && data.length > 0) {
          yield data.join("\n");
          data = [];
        } else if (line.startsWith("data:")) {
          data.push(line.slice(line.startsWith("data: ") ? 6 : 5));
        }
      }
      const length = data.reduce((sum, line) => sum + line.length, pending.length);
      if (length > EVENT_CHARACTERS_MAX) throw malformed("an event is too large");
    }
  } finally {
    await reader.cancel().catch(() => undefined); // Already closed or broken: nothing left to close.
  }
}

/** One customer's live frames as server-sent events (WHATWG HTML §9.2): closed frames in base64url, a comment as heartbeat between. */
import { toBase64Url, utf8 } from "@smarter-metering/protocol";
import type { Cancel, Clock } from "@smarter-metering/runtime";
import type { Listener, LiveHub } from "../live-hub.ts";

const HEARTBEAT_MS = 15_000;
/** Events that wait for a slow reader; beyond it the stream ends and the client loads what it missed. */
const WAITING_MAX = 64;

export interface LiveStreamOptions {
  readonly clock: Clock;
  readonly hub: LiveHub;
  readonly login: string;
  /** Hex. */
  readonly servicePoint: string;
  /** Asked at each heartbeat: a session may expire under an open stream. */
  readonly isAllowed: () => Promise<boolean>;
}

/** Undefined when there are too many streams. */
export function liveStream(options: LiveStreamOptions): ReadableStream<Uint8Array> | undefined {
  const { clock, hub, login, servicePoint, isAllowed } = options;
  let output: ReadableStreamDefaultController<Uint8Array> | undefined;
  let cancelHeartbeat: Cancel = () => undefined;

  const stop = (): void => {
    cancelHeartbeat();
    hub.remove(listener);
  };
  const send = (text: string): void => {
    if ((output?.desiredSize ?? 0) > 0) output?.enqueue(utf8(text));
    else listener.end();
  };
  const listener: Listener = {
    login,
    servicePoint,
    frame: (sealed) => send(`data: ${toBase64Url(sealed)}\n\n`),
    end() {
      stop();
      output?.close();
      output = undefined;
    },
  };
  if (!hub.add(listener)) return undefined;
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        output = controller;
        send(": open\n\n");
        cancelHeartbeat = clock.every(HEARTBEAT_MS, async () => {
          // A store that cannot say so has not said yes.
          if (await isAllowed().catch(() => false)) send(": still here\n\n");
          else listener.end();
        });
      },
      cancel() {
        output = undefined;
        stop();
      },
    },
    new CountQueuingStrategy({ highWaterMark: WAITING_MAX }),
  );
}

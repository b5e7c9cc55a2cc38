/** `/v1/events`: what has just happened, as server-sent events (WHATWG HTML §9.2) for an open page. */
import { utf8 } from "@smarter-metering/protocol";
import { createRoute, z, type App, type Clock } from "@smarter-metering/runtime";
import { may } from "../access/roles.ts";
import type { Sessions } from "../access/sessions.ts";
import { MdmsError } from "../error.ts";
import type { LiveEvent, LiveEvents, Stream } from "../live-events.ts";
import type { WebPorts } from "../web-ports.ts";
import { problemContent, refusalsOnly } from "./answers.ts";
import { toIso } from "./schemas.ts";

export interface EventApiPorts extends WebPorts {
  readonly clock: Clock;
  readonly sessions: Sessions;
  readonly events: LiveEvents;
}

/** A comment that keeps proxies from closing the line; the session is looked at each time. */
const HEARTBEAT_MS = 15_000;

export function addEventApi(app: App, { guard, clock, sessions, events }: EventApiPorts): void {
  const route = createRoute({
    method: "get",
    path: "/v1/events",
    summary: "Releases, statements, alarms and registry epochs as they come, by their ids",
    middleware: guard.api({ action: "events.follow" }),
    responses: {
      200: {
        description:
          "`release`, `statement` (with the permission customers), `alarm`, `registry`, `missed`; ends with the session",
        content: { "text/event-stream": { schema: z.string() } },
      },
      ...refusalsOnly,
      429: { description: "Too many streams", content: problemContent },
    },
  });
  app.openapi(route, (c) => {
    const [session, token] = [c.get("session"), c.get("token")];
    const stream = events.open({
      sessionId: session.id,
      may: (permission) => may(session.role, permission),
    });
    if (stream === undefined) {
      throw new MdmsError("MDMS_STREAMS_FULL", "too many open pages follow events; close one");
    }
    const stop = clock.every(HEARTBEAT_MS, async () => {
      if (await sessions.isAlive(token)) stream.beat();
      else stream.end();
    });
    const body = bodyOf(stream, stop);
    const headers = { "content-type": "text/event-stream", "cache-control": "no-store" };
    return c.body(body, 200, headers);
  });
}

/** Nothing is written before it is read: who reads slowly is told that he missed something, and holds up nobody. */
function bodyOf(stream: Stream, stop: () => void): ReadableStream<Uint8Array> {
  const end = (): void => {
    stop();
    stream.end();
  };
  return new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(utf8(": following\n\n")),
    async pull(controller) {
      const event = await stream.next();
      if (event !== undefined) return controller.enqueue(utf8(textOf(event)));
      end();
      controller.close();
    },
    cancel: end,
  });
}

const textOf = (event: LiveEvent | "beat"): string =>
  event === "beat"
    ? ": still here\n\n"
    : `event: ${event.kind}\ndata: ${JSON.stringify(answerOf(event))}\n\n`;

function answerOf(event: LiveEvent): Readonly<Record<string, unknown>> {
  if (event.kind === "release") {
    return { cohort: event.cohort, stream: event.stream, start: toIso(event.start) };
  }
  if (event.kind === "statement") {
    return { servicePoint: event.servicePoint, from: toIso(event.from) };
  }
  const { kind: _, ...rest } = event;
  return rest;
}

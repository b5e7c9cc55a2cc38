/**
 * The uplink over HTTP (docs/protocol.md §4): `POST /v1/uplink`, one body of items, one verdict per
 * item, and what waits for the meters that proved themselves in it; `GET /v1/opener-keys` and
 * `GET /v1/prices`, the registry's word on whom meters wrap to and what a kWh costs, which the
 * concentrator carries and cannot change.
 */
import {
  decodeUplink,
  ProtocolError,
  toBase64Url,
  UPLINK_BYTES_MAX,
  type NetworkView,
} from "@smarter-metering/protocol";
import {
  createApp,
  errorFields,
  problemResponse,
  statusProblem,
  type AppOptions,
} from "@smarter-metering/runtime";
import { Hono, type Context, type MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import type { Concentrate } from "./concentrate.ts";
import { pricesFrom } from "./served-prices.ts";
import { QUEUE_FULL } from "./verdict.ts";

/** Bodies that are read or judged at the same time: a frame waits in its meter, not here. */
const BODIES_BYTES_MAX = 256 * 1024 * 1024;
/** A meter adds its own jitter. */
const RETRY_AFTER_SECONDS = "5";

type AppParts = Pick<AppOptions, "log" | "clock" | "metrics" | "notReady">;

export interface UplinkAppOptions extends AppParts {
  readonly uplinkItemsMax: number;
  readonly concentrate: Concentrate;
  /** The newest. */
  readonly view: () => NetworkView;
}

export function createUplinkApp(options: UplinkAppOptions): Hono {
  const { log, concentrate, uplinkItemsMax, view } = options;
  const app = createApp({
    ...options,
    title: "Smarter Metering: concentrator",
    version: "1",
    bodyBytesMax: UPLINK_BYTES_MAX,
  });
  app.post("/v1/uplink", async (context) => {
    if (context.req.header("content-type") !== "application/octet-stream") {
      return problemResponse(context, {
        status: 415,
        code: "UPLINK_MEDIA_TYPE",
        title: "an uplink's body is application/octet-stream",
      });
    }
    const items = itemsOf(new Uint8Array(await context.req.arrayBuffer()), uplinkItemsMax);
    if (items === undefined) {
      return problemResponse(context, {
        status: 400,
        code: "FRAME_MALFORMED",
        title: `an uplink is up to ${uplinkItemsMax} items, each with a u32 length before it`,
      });
    }
    try {
      const taken = await concentrate(items);
      if (taken === undefined) return later(context);
      const { verdicts, downlink } = taken;
      return context.json({
        verdicts,
        downlink: downlink.map(({ meterId, message }) => ({
          meterId,
          message: toBase64Url(message),
        })),
      });
    } catch (error) {
      log.error("an uplink was not taken", errorFields(error));
      return later(context);
    }
  });
  app.get("/v1/opener-keys", (context) => {
    const jws = view().document.openerKeys;
    if (jws === undefined) return problemResponse(context, statusProblem(404));
    return context.body(jws, 200, {
      "content-type": "application/jose",
      "cache-control": "no-store",
    });
  });
  app.get("/v1/prices", (context) => {
    const { series = "", from = "" } = context.req.query();
    if (!/^\d{1,12}$/.test(from)) return problemResponse(context, statusProblem(400));
    const documents = pricesFrom(view(), series, Number(from));
    if (documents === undefined) return problemResponse(context, statusProblem(404));
    return context.json(documents, 200, { "cache-control": "no-store" });
  });
  // What a meter compares its own clock with, coarsely (docs/quality.md).
  app.get("/v1/time", (context) =>
    context.text(String(Math.floor(options.clock.nowMs() / 1000)), 200, {
      "cache-control": "no-store",
    }),
  );
  // In front of the application's own limit, so that meters get the code that the protocol names.
  const front = new Hono();
  front.use(bodiesInHand());
  front.use(
    bodyLimit({
      maxSize: UPLINK_BYTES_MAX,
      onError: (context) =>
        problemResponse(context, {
          status: 413,
          code: "FRAME_TOO_LARGE",
          title: `an uplink has at most ${UPLINK_BYTES_MAX} bytes; send fewer items`,
        }),
    }),
  );
  front.route("/", app);
  return front;
}

/** Nothing was taken. */
function later(context: Context): Response {
  context.header("retry-after", RETRY_AFTER_SECONDS);
  return problemResponse(context, {
    status: 503,
    code: QUEUE_FULL.code,
    title: "the concentrator cannot store frames now; keep them and send again",
  });
}

/** Turns requests away while the bodies of others fill what there is for them. */
function bodiesInHand(): MiddlewareHandler {
  let bytesInHand = 0;
  return async (context, next) => {
    if (context.req.method !== "POST") return next();
    const declared = Number(context.req.header("content-length") ?? UPLINK_BYTES_MAX);
    // What declares more is refused by the next in line; what does not declare counts in full.
    const bytes = Math.min(Number.isNaN(declared) ? UPLINK_BYTES_MAX : declared, UPLINK_BYTES_MAX);
    if (bytesInHand + bytes > BODIES_BYTES_MAX) return later(context);
    bytesInHand += bytes;
    try {
      return await next();
    } finally {
      bytesInHand -= bytes;
    }
  };
}

function itemsOf(body: Uint8Array, itemsMax: number): Uint8Array[] | undefined {
  try {
    const items = decodeUplink(body);
    return items.length > 0 && items.length <= itemsMax ? items : undefined;
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

/** The uplink over HTTP: `POST <url>/v1/uplink`, and what is asked for there (docs/protocol.md §4). */
import { encodeUplink, fromBase64Url } from "@smarter-metering/protocol";
import type { Fetch } from "@smarter-metering/runtime";
import { z } from "zod";
import { MeterError } from "./error.ts";
import { uplinkVerdict, type Uplink } from "./uplink.ts";

const answer = z.object({
  verdicts: z.array(uplinkVerdict),
  downlink: z.array(z.object({ meterId: z.string().regex(/^[0-9a-f]{32}$/), message: z.string() })),
});
const priceDocuments = z.array(z.string()).max(128);
/** 256 verdicts and as many enrolment requests, or a megabyte of prices. */
const ANSWER_BYTES_MAX = 2 * 1024 * 1024;
const REQUEST_TIMEOUT_MS = 30_000;
/** Nobody puts a meter off for longer. */
const RETRY_AFTER_MS_MAX = 600_000;

export interface HttpUplinkOptions {
  /** The concentrator's, without a slash at the end. */
  readonly url: string;
  /** One with a client certificate where the concentrator asks for it. */
  readonly fetch: Fetch;
}

export function httpUplink(options: HttpUplinkOptions): Uplink {
  const address = `${options.url}/v1/uplink`;
  return {
    async send(entries) {
      const text = await post(options.fetch, address, encodeUplink(entries.map((e) => e.item)));
      try {
        const { verdicts, downlink } = answer.parse(JSON.parse(text));
        if (verdicts.length !== entries.length) throw new RangeError("verdicts are missing");
        return {
          verdicts,
          downlink: downlink.map(({ meterId, message }) => ({
            meterId,
            message: fromBase64Url(message),
          })),
        };
      } catch (cause) {
        throw new MeterError("UPLINK_ANSWER", "the concentrator's answer is malformed", cause);
      }
    },
    async openerKeys() {
      const answered = await request(options.fetch, `${options.url}/v1/opener-keys`, {});
      return answered.status === 404 ? undefined : checked(answered);
    },
    async prices(_meterId, series, fromSeconds) {
      const query = new URLSearchParams({ series, from: String(fromSeconds) });
      const answered = await request(options.fetch, `${options.url}/v1/prices?${query}`, {});
      if (answered.status === 404) return undefined;
      try {
        return priceDocuments.parse(JSON.parse(checked(answered)));
      } catch (cause) {
        if (cause instanceof MeterError) throw cause;
        throw new MeterError("UPLINK_ANSWER", "the concentrator's prices are malformed", cause);
      }
    },
    async time() {
      const answered = await request(options.fetch, `${options.url}/v1/time`, {});
      if (answered.status === 404) return undefined;
      const seconds = Number(checked(answered));
      if (Number.isSafeInteger(seconds) && seconds > 0) return seconds;
      throw new MeterError("UPLINK_ANSWER", "the concentrator's time is no number of seconds");
    },
    close: () => Promise.resolve(),
  };
}

async function post(send: Fetch, address: string, body: Uint8Array): Promise<string> {
  const answered = await request(send, address, {
    method: "POST",
    headers: { "content-type": "application/octet-stream" },
    body: Uint8Array.from(body),
  });
  return checked(answered);
}

interface Answered {
  readonly status: number;
  readonly text: string;
  readonly retryAfterMs: number | undefined;
}

async function request(send: Fetch, address: string, init: RequestInit): Promise<Answered> {
  try {
    const response = await send(address, {
      ...init,
      redirect: "error",
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
    const retryAfterMs = retryAfterOf(response.headers.get("retry-after"));
    return { status: response.status, text: await limitedText(response), retryAfterMs };
  } catch (cause) {
    throw new MeterError("UPLINK_UNREACHABLE", "the concentrator cannot be reached", cause);
  }
}

function checked({ status, text, retryAfterMs }: Answered): string {
  if (status >= 200 && status < 300) return text;
  const code = status >= 500 ? "UPLINK_UNREACHABLE" : "UPLINK_ANSWER";
  const message = `the concentrator answered with HTTP status ${status}`;
  throw new MeterError(code, message, undefined, retryAfterMs);
}

/** Seconds (RFC 9110 §10.2.3), as far as a meter lets itself be put off; a date is not understood. */
function retryAfterOf(header: string | null): number | undefined {
  if (header === null || !/^\d{1,6}$/.test(header)) return undefined;
  return Math.min(1000 * Number(header), RETRY_AFTER_MS_MAX);
}

async function limitedText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES_MAX) throw new RangeError("the answer is too long");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

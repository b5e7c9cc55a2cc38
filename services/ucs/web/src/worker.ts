/**
 * The worker's end: answers the page's questions (src/device/messages.ts), one file a subject behind it. What fails is told as a code,
 * never with a message that could carry what somebody typed.
 */
import { CustomerError } from "@smarter-metering/customer";
import { ProtocolError } from "@smarter-metering/protocol";
import { TariffError } from "@smarter-metering/tariff";
import { createDevice, DeviceError } from "./device/device.ts";
import type { Cancellation, ProblemCode, Question, Spoken } from "./device/messages.ts";

/** Columns are handed over, not copied: nobody here looks at them again. */
const say = (spoken: Spoken): void =>
  self.postMessage(spoken, { transfer: "value" in spoken ? buffersIn(spoken.value) : [] });

function buffersIn(value: unknown): ArrayBuffer[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).flatMap((entry: unknown) =>
    entry instanceof Float64Array && entry.buffer instanceof ArrayBuffer ? [entry.buffer] : [],
  );
}

const device = createDevice({ origin: self.location.origin, say });
const running = new Map<number, AbortController>();

async function answer({ id, call, argument }: Question): Promise<void> {
  const controller = new AbortController();
  running.set(id, controller);
  const task = {
    signal: controller.signal,
    advance: (done: number, total: number) => say({ id, done, total }),
  };
  try {
    // The page asks by `Calls`, which `device` answers by the same table.
    const value = await device[call](argument as never, task);
    if (!controller.signal.aborted) say({ id, value });
  } catch (error) {
    if (!controller.signal.aborted) say({ id, problem: codeOf(error) });
  } finally {
    running.delete(id);
  }
}

function codeOf(error: unknown): ProblemCode {
  if (error instanceof CustomerError) {
    if (error.problem?.code === "UCS_SESSION_REQUIRED") say({ event: "ended" });
    const { code, problem } = error;
    return code === "CUSTOMER_PORTAL_REFUSED" ? (problem?.code ?? "REQUEST_REFUSED") : code;
  }
  const isKnown =
    error instanceof ProtocolError || error instanceof TariffError || error instanceof DeviceError;
  return isKnown ? error.code : "DEVICE_FAULT";
}

self.addEventListener("message", ({ data }: MessageEvent<Question | Cancellation>) => {
  if ("cancel" in data) running.get(data.cancel)?.abort();
  else void answer(data);
});

/**
 * The page's end of its worker: questions with answers, progress and cancelling, and events. Ending the worker is what forgets: keys and
 * readings were nowhere else.
 */
import type { Calls, CallName, DeviceEvent, ProblemCode, Spoken } from "./device/messages.ts";

declare const WORKER_PATH: string;
declare const WORKER_INTEGRITY: string;

/** What went wrong, as a code that has a text. */
export class DeviceProblem extends Error {
  override readonly name = "DeviceProblem";
  readonly code: ProblemCode;

  constructor(code: ProblemCode) {
    super(code);
    this.code = code;
  }
}

export interface AskOptions {
  readonly signal?: AbortSignal;
  /** How much of the work is done, from 0 to 1. */
  readonly onProgress?: (share: number) => void;
}

export interface DeviceLink {
  /** Throws DeviceProblem; after an abort, the signal's reason. */
  ask<Name extends CallName>(
    call: Name,
    argument: Calls[Name][0],
    options?: AskOptions,
  ): Promise<Calls[Name][1]>;
  listen(listener: (event: DeviceEvent) => void): () => void;
  /** Ends the worker and everything that it knew. */
  end(): void;
}

interface Waiting {
  readonly resolve: (value: never) => void;
  readonly reject: (error: unknown) => void;
  readonly onProgress: ((share: number) => void) | undefined;
}

export async function startDevice(): Promise<DeviceLink> {
  const worker = await startWorker();
  const waiting = new Map<number, Waiting>();
  const listeners = new Set<(event: DeviceEvent) => void>();
  let asked = 0;

  worker.addEventListener("message", ({ data }: MessageEvent<Spoken>) => {
    if ("event" in data) {
      for (const listener of listeners) listener(data);
      return;
    }
    const question = waiting.get(data.id);
    if (question === undefined) return;
    if ("done" in data) {
      question.onProgress?.(data.total === 0 ? 1 : data.done / data.total);
      return;
    }
    waiting.delete(data.id);
    if ("problem" in data) question.reject(new DeviceProblem(data.problem));
    else question.resolve(data.value as never); // The worker answers what `Calls` says.
  });

  function failAll(code: ProblemCode): void {
    for (const { reject } of waiting.values()) reject(new DeviceProblem(code));
    waiting.clear();
  }
  worker.addEventListener("error", () => failAll("DEVICE_FAULT"));

  return {
    ask(call, argument, { signal, onProgress } = {}) {
      return new Promise((resolve, reject) => {
        signal?.throwIfAborted();
        const id = asked++;
        waiting.set(id, { resolve, reject, onProgress });
        signal?.addEventListener("abort", () => {
          if (!waiting.delete(id)) return;
          worker.postMessage({ cancel: id }, []);
          reject(signal.reason as Error);
        });
        worker.postMessage({ id, call, argument }, []);
      });
    },
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    end() {
      worker.terminate();
      failAll("DEVICE_LOCKED");
      listeners.clear();
    },
  };
}

/** Trusted Types (W3C), as far as the one policy of this page needs them; not every browser has them. */
interface TypesFactory {
  createPolicy(
    name: string,
    rules: { createScriptURL: (url: string) => string },
  ): { createScriptURL(url: string): string };
}

let address: string | undefined;

/** A worker has no `integrity` of its own: its bytes are checked first, and then come out of the cache, as their name never changes. */
async function startWorker(): Promise<Worker> {
  if (address === undefined) {
    const answer = await fetch(WORKER_PATH, { integrity: WORKER_INTEGRITY }).catch(() => {
      throw new DeviceProblem("DEVICE_PART_REFUSED"); // Changed, or not there: a browser does not say which.
    });
    if (!answer.ok) throw new DeviceProblem("CUSTOMER_PORTAL_UNREACHABLE");
    await answer.arrayBuffer();
    const { trustedTypes } = globalThis as { trustedTypes?: TypesFactory };
    const createScriptURL = (url: string): string => {
      if (url !== WORKER_PATH) throw new Error("no other script");
      return url;
    };
    address =
      trustedTypes?.createPolicy("worker", { createScriptURL }).createScriptURL(WORKER_PATH) ??
      WORKER_PATH;
  }
  return new Worker(address, { type: "module" });
}

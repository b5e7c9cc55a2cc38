/**
 * An orderly end: on SIGINT or SIGTERM what was opened last is closed first, within a time limit; a
 * second signal ends the process at once. Every process uses it, once.
 */
import type { Clock } from "./clock.ts";
import { errorFields } from "./log.ts";
import type { Logger } from "./log.ts";

export interface Shutdown {
  /** Registers a step; steps run one after the other in reverse order of registration. */
  add(step: string, close: () => Promise<void> | void): void;
  /** Runs all steps once, later calls share the first; true if all succeeded in time. */
  run(): Promise<boolean>;
  /** Starts to listen for SIGINT and SIGTERM: run, then exit 0, or 1 if a step failed. */
  listen(): void;
}

export interface ShutdownOptions {
  readonly log: Logger;
  readonly clock: Clock;
  /** For all steps together. Default 10,000. */
  readonly limitMs?: number;
  /** Default the real process; tests hand in their own. */
  readonly process?: Pick<NodeJS.Process, "on" | "exit">;
}

export function createShutdown(options: ShutdownOptions): Shutdown {
  const { log, clock } = options;
  const target = options.process ?? process;
  const steps: { readonly step: string; readonly close: () => Promise<void> | void }[] = [];
  let running: Promise<boolean> | undefined;

  const closeAll = async (): Promise<boolean> => {
    let clean = true;
    for (const { step, close } of steps.reverse()) {
      try {
        await close();
      } catch (error) {
        clean = false;
        log.error("a step of the shutdown failed", { step, ...errorFields(error) });
      }
    }
    return clean;
  };
  const run = (): Promise<boolean> => {
    running ??= new Promise((resolve) => {
      const cancel = clock.at(clock.nowMs() + (options.limitMs ?? 10_000), () => {
        log.error("the shutdown took too long");
        resolve(false);
      });
      void closeAll().then((clean) => {
        cancel();
        resolve(clean);
      });
    });
    return running;
  };
  return {
    add: (step, close) => void steps.push({ step, close }),
    run,
    listen() {
      const onSignal = (signal: string): void => {
        if (running !== undefined) target.exit(1);
        log.info("shutting down", { signal });
        void run().then((clean) => target.exit(clean ? 0 : 1));
      };
      target.on("SIGINT", onSignal);
      target.on("SIGTERM", onSignal);
    },
  };
}

/** The page's worker, started when it is first asked something, and ended to forget. */
import { startDevice, type AskOptions, type DeviceLink } from "./device-link.ts";
import type { Calls, CallName, DeviceEvent } from "./device/messages.ts";

export class DeviceHolder {
  #device: Promise<DeviceLink> | undefined;
  readonly #listeners = new Set<(event: DeviceEvent) => void>();

  /** Throws DeviceProblem. */
  async ask<Name extends CallName>(
    call: Name,
    argument: Calls[Name][0],
    options?: AskOptions,
  ): Promise<Calls[Name][1]> {
    const device = await (this.#device ??= this.#start());
    return device.ask(call, argument, options);
  }

  /** Gives the function that stops listening. Goes on when the worker is another one. */
  listen(listener: (event: DeviceEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Keys and readings are gone then; the session has to be ended before. */
  end(): void {
    this.#device?.then(
      (device) => device.end(),
      () => undefined, // It never started.
    );
    this.#device = undefined;
  }

  async #start(): Promise<DeviceLink> {
    try {
      const device = await startDevice();
      device.listen((event) => {
        for (const listener of this.#listeners) listener(event);
      });
      return device;
    } catch (error) {
      this.#device = undefined; // The next question tries again.
      throw error;
    }
  }
}

/**
 * Keeps what stands on a broker for every meter (`retained.ts`) as the registry's newest view has it:
 * publishes what is new, empties what stands no more. Public data.
 */
import type { NetworkView } from "@smarter-metering/protocol";
import { errorFields, type Cancel, type Clock, type Logger } from "@smarter-metering/runtime";
import { retainedOf, type Retained } from "./retained.ts";

/** How late opener keys and prices go out: they are for hours and days ahead. */
const ANNOUNCE_MS = 60_000;
const NOTHING: Retained = { payload: "", standsUntil: undefined };

export interface AnnouncerPorts {
  readonly clock: Clock;
  readonly log: Logger;
  /** The newest. */
  readonly view: () => NetworkView;
  /** An empty payload takes the topic's message away. */
  readonly publish: (topic: string, message: Retained) => Promise<void>;
}

export interface Announcer {
  /** Publishes all again: the broker may have forgotten. Never rejects. */
  startAnew(): Promise<void>;
  stop: Cancel;
}

export function createAnnouncer({ clock, log, view, publish }: AnnouncerPorts): Announcer {
  let standing = new Map<string, string>();
  const announce = async (): Promise<void> => {
    try {
      const wanted = retainedOf(view(), Math.floor(clock.nowMs() / 1000));
      for (const [topic, message] of wanted) {
        if (standing.get(topic) === message.payload) continue;
        await publish(topic, message);
        standing.set(topic, message.payload);
      }
      for (const topic of [...standing.keys()].filter((each) => !wanted.has(each))) {
        await publish(topic, NOTHING);
        standing.delete(topic);
      }
    } catch (error) {
      log.error("not all opener keys and prices were announced", errorFields(error));
    }
  };
  return {
    startAnew() {
      standing = new Map();
      return announce();
    },
    stop: clock.every(ANNOUNCE_MS, announce),
  };
}

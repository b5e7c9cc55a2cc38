/**
 * Sends what the meters of a fleet have waiting, request by request, and tells each meter what became
 * of it (docs/protocol.md §4). Sealed items only.
 */
import { errorFields, type Logger } from "@smarter-metering/runtime";
import { MeterError } from "./error.ts";
import type { Meter } from "./meter.ts";
import { count, type Sending, type Settlement, type Tally } from "./sendings.ts";
import { isPutOff, type Uplink } from "./uplink.ts";

/** Items of one request. */
const REQUEST_ITEMS_MAX = 64;

export interface DeliveryPorts {
  readonly log: Logger;
  readonly uplink: Uplink;
  readonly signal: AbortSignal;
  /** Work for while a request is on its way. */
  readonly onRequest: () => void;
}

export interface Delivered {
  /** Items that need not be sent again. */
  readonly settled: number;
  /** The concentrator has no room, or this meter has had its share: what is left comes later. */
  readonly putOff: boolean;
  /** How long it asks to be left alone, where it says so. */
  readonly retryAfterMs: number | undefined;
}

export class Delivery {
  readonly #meters: ReadonlyMap<string, Meter>;
  readonly #ports: DeliveryPorts;

  constructor(meters: ReadonlyMap<string, Meter>, ports: DeliveryPorts) {
    this.#meters = meters;
    this.#ports = ports;
  }

  /**
   * Sends each item once, in order, as far as the concentrator takes them. Waits for `before` before
   * each request, in which others may send some of them.
   */
  async deliver(
    sendings: readonly Sending[],
    tally: Tally,
    before: () => Promise<void> = () => Promise.resolve(),
  ): Promise<Delivered> {
    const { log, signal } = this.#ports;
    let settled = 0;
    let putOff = false;
    for (let start = 0; start < sendings.length && !signal.aborted; start += REQUEST_ITEMS_MAX) {
      await before();
      const request = sendings
        .slice(start, start + REQUEST_ITEMS_MAX)
        .filter(({ meter, outgoing }) => meter.isOutgoing(outgoing));
      if (request.length === 0) continue;
      try {
        const exchanged = await this.#exchange(request, tally);
        settled += exchanged.settled;
        putOff = exchanged.putOff;
        if (putOff) break;
      } catch (error) {
        if (!(error instanceof MeterError)) throw error;
        tally.attemptsFailed += 1;
        log.warn("a request was not taken", { ...errorFields(error), errorCode: error.code });
        return { settled, putOff: true, retryAfterMs: error.retryAfterMs };
      }
    }
    return { settled, putOff, retryAfterMs: undefined };
  }

  async #exchange(
    request: readonly Sending[],
    tally: Tally,
  ): Promise<Pick<Delivered, "settled" | "putOff">> {
    const { log, uplink, onRequest } = this.#ports;
    onRequest();
    const answer = await uplink.send(
      request.map(({ meter, outgoing }) => ({ meterId: meter.name, item: outgoing.item })),
    );
    const settlements = new Map<Meter, Settlement[]>();
    for (const [index, { meter, outgoing }] of request.entries()) {
      const verdict = answer.verdicts[index];
      if (verdict === undefined) continue;
      count(tally, outgoing, verdict);
      const list = settlements.get(meter) ?? [];
      settlements.set(meter, [...list, [outgoing, verdict]]);
    }
    const settled = await Promise.all(
      Array.from(settlements, ([meter, list]) => this.#settle(meter, list, tally)),
    );
    for (const { meterId, message } of answer.downlink) {
      const outcome = (await this.#meters.get(meterId)?.customer.receive(message)) ?? "ignored";
      log.info("an enrolment request came", { meterId, outcome });
    }
    return {
      settled: settled.reduce((sum, done) => sum + done, 0),
      putOff: answer.verdicts.some(isPutOff),
    };
  }

  async #settle(meter: Meter, list: readonly Settlement[], tally: Tally): Promise<number> {
    const { log } = this.#ports;
    const before = meter.held;
    const forkedBefore = meter.forkedFrames;
    const done = await meter.settle(list);
    const ids = { meterId: meter.name };
    tally.forked += meter.forkedFrames - forkedBefore;
    if (meter.forkedFrames > forkedBefore) {
      log.warn("the concentrator has other frames of this meter: was its journal lost?", ids);
    }
    if (meter.held !== undefined && before === undefined) {
      log.warn("frames are refused; the meter keeps them", { ...ids, errorCode: meter.held });
    }
    return done;
  }
}

/**
 * Everything that can go wrong between a process and the world, in one place, counted by kind: a kind that never happened was not tested.
 * How often is a matter of the plan.
 */
import type { Clock } from "@smarter-metering/runtime";
import { sleepUntil } from "@smarter-metering/runtime";
import type { Chance } from "./chance.ts";
import type { Life } from "./life.ts";
import type { Knobs, PeerName, Plan, ProcessName, Window } from "./plan.ts";

export const FAULT_KINDS = [
  "drop",
  "delay",
  "duplicate",
  "reorder",
  "partition",
  "crash",
  "power loss",
  "disk full",
  "slow consumer",
  "back-pressure",
  "clock jump",
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

const DELAY_SECONDS_MAX = 90;

export class Faults {
  /** False in the calm at the end of a history. */
  #areOn = true;
  readonly counts = new Map<FaultKind, number>();
  /** How far each process's clock is ahead. */
  readonly offsetsMs = new Map<string, number>();
  readonly #plan: Plan;
  readonly #chance: Chance;
  readonly #nowSeconds: () => number;

  constructor(plan: Plan, chance: Chance, nowSeconds: () => number) {
    this.#plan = plan;
    this.#chance = chance;
    this.#nowSeconds = nowSeconds;
  }

  /** Clocks are right again, too. */
  end(): void {
    this.#areOn = false;
    this.#chance.faulty = false;
    this.offsetsMs.clear();
  }

  count(kind: FaultKind, times = 1): void {
    if (times > 0) this.counts.set(kind, (this.counts.get(kind) ?? 0) + times);
  }

  /** Whether what may happen at any call happens here and now. */
  strikes(kind: keyof Knobs, place: string): boolean {
    const isHit = this.#chance.strikes(`${kind} ${place}`, this.#plan.knobs[kind]);
    if (isHit) this.count(kind);
    return isHit;
  }

  isCut(a: ProcessName, b: PeerName): boolean {
    const isHit = this.#plan.partitions.some(
      (cut) => cut.between[0] === a && cut.between[1] === b && this.#isNow(cut),
    );
    if (isHit) this.count("partition");
    return isHit;
  }

  isDiskFull(process: ProcessName): boolean {
    const isHit = this.#plan.diskFull.some((one) => one.process === process && this.#isNow(one));
    if (isHit) this.count("disk full");
    return isHit;
  }

  isSlow(process: ProcessName): boolean {
    const isHit = this.#plan.slow.some((one) => one.process === process && this.#isNow(one));
    if (isHit) this.count("slow consumer");
    return isHit;
  }

  /** One call of a process to a peer: it may be cut off, late, or lost on the way there or back. */
  async way<T>(
    { life, clock, name }: Traveller,
    peer: PeerName,
    what: string,
    effect: () => Promise<T>,
  ): Promise<T> {
    const place = `${name} ${peer} ${what}`;
    const lose = (): never => {
      throw new Error(`the way from ${name} to ${peer} is broken`);
    };
    if (this.strikes("delay", place)) {
      const seconds = this.#chance.integer(`${place} seconds`, 1, DELAY_SECONDS_MAX);
      await sleepUntil(clock, clock.nowMs() + seconds * 1000, life.signal);
    }
    if (this.isCut(name, peer) || this.strikes("drop", `${place} there`)) lose();
    const result = await effect();
    if (this.isCut(name, peer) || this.strikes("drop", `${place} back`)) lose();
    return result;
  }

  #isNow({ fromSeconds, toSeconds }: Window): boolean {
    const now = this.#nowSeconds();
    return this.#areOn && now >= fromSeconds && now < toSeconds;
  }
}

/** Who makes a call. */
export interface Traveller {
  readonly name: ProcessName;
  readonly life: Life;
  readonly clock: Clock;
}

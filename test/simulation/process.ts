/** A process of the simulation: runs, crashes with everything in its memory, and is started again by somebody after a while. */
import { Life, type Fuse } from "./life.ts";
import type { Schedule } from "./schedule.ts";
import type { SimulatedTime } from "./simulated-clock.ts";

/** A start under faults may fail; whoever watches over the process tries again. */
const START_AGAIN_MS = 7_000;
/** After many it is tried less often, as systemd would. */
const STARTS_IN_HASTE = 20;
const START_LATE_MS = 600_000;
const STARTS_MAX = 400;
/** Long enough that a meter's next epoch, numbered by seconds, is another. */
const OUTAGE_MS = 5_000;

export interface Closable {
  close(): Promise<unknown>;
}

export interface ProcessOptions<Service> {
  readonly name: string;
  readonly schedule: Schedule;
  readonly time: SimulatedTime;
  readonly start: (life: Life) => Promise<Service>;
  /** What a crash does to what the process leaves behind; it is dead by then. */
  readonly onCrash?: () => Promise<void>;
  /** A failed start that only a defect can cause. */
  readonly isFinal: (error: unknown) => boolean;
}

export class Process<Service extends Closable> {
  readonly name: string;
  /** How often it was started. */
  lives = 0;
  readonly #options: ProcessOptions<Service>;
  readonly #corpses: Promise<unknown>[] = [];
  #life: Life;
  #service: Service | undefined;
  #starting: Promise<void> | undefined;
  #startAtMs = 0;
  #outageMs = OUTAGE_MS;
  #starts = 0;

  constructor(options: ProcessOptions<Service>) {
    this.name = options.name;
    this.#options = options;
    this.#life = new Life(this.name, options.schedule);
    this.#life.end();
  }

  /** The running service; undefined from a crash to the next start. */
  get service(): Service | undefined {
    return this.#life.isOver ? undefined : this.#service;
  }

  isOver(service: Service): boolean {
    return this.service !== service;
  }

  /** It crashes after some of its next operations, and is away for so long. */
  light(fuse: Fuse | undefined, outageMs = OUTAGE_MS): void {
    this.#life.light(fuse);
    this.#outageMs = outageMs;
  }

  crash(): void {
    this.#life.end();
  }

  /** Starts the process if it is dead and its time has come; says when to look again, or undefined when it runs. */
  async revive(): Promise<number | undefined> {
    const { time, schedule } = this.#options;
    if (!this.#life.isOver) return undefined;
    if (this.#service !== undefined) {
      await this.#bury();
      this.#startAtMs = time.nowMs() + this.#outageMs;
      await this.#options.onCrash?.();
    }
    if (time.nowMs() < this.#startAtMs) return this.#startAtMs;
    this.#starting ??= this.#tryStart().finally(() => (this.#starting = undefined));
    // A start that waits for a timer goes on when time does.
    await schedule.quiet();
    if (this.#starting !== undefined) return Infinity;
    return this.#life.isOver ? this.#startAtMs : undefined;
  }

  /** Ends the process and waits for what is left of it and of all its former lives. */
  async end(): Promise<void> {
    this.#life.end();
    await this.#bury();
    await this.#options.schedule.quiet();
    await Promise.all(this.#corpses);
  }

  async #tryStart(): Promise<void> {
    this.#starts += 1;
    if (this.#starts > STARTS_MAX) throw new Error(`${this.name} does not start any more`);
    const life = new Life(this.name, this.#options.schedule);
    try {
      this.#service = await this.#options.start(life);
      this.#life = life;
      this.lives += 1;
    } catch (error) {
      life.end();
      if (this.#options.isFinal(error)) throw error;
      const inHaste = this.#starts < STARTS_IN_HASTE;
      this.#startAtMs = this.#options.time.nowMs() + (inHaste ? START_AGAIN_MS : START_LATE_MS);
    }
  }

  /** It gives up its files and sockets, as the kernel would make it. Its ports are gone: closing changes nothing else. */
  async #bury(): Promise<void> {
    const service = this.#service;
    this.#service = undefined;
    if (service === undefined) return;
    this.#corpses.push(service.close().catch(() => undefined));
    await this.#options.schedule.quiet();
  }
}

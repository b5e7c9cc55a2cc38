/** A process of the simulation: runs, crashes with everything in its memory, and is started again by somebody after a while. */
import type { Clock } from "@smarter-metering/runtime";
import { Life, type Activity, type Fuse } from "./life.ts";

/** A start under faults may fail; whoever watches over the process tries again. */
const START_AGAIN_MS = 7_000;
const STARTS_MAX = 50;
/** Long enough that a meter's next epoch, numbered by seconds, is another. */
const OUTAGE_MS = 5_000;

export interface Closable {
  close(): Promise<unknown>;
}

export class Process<Service extends Closable> {
  readonly name: string;
  /** How often it was started. */
  lives = 0;
  readonly #start: (life: Life) => Promise<Service>;
  readonly #activity: Activity;
  readonly #clock: Clock;
  readonly #corpses: Promise<unknown>[] = [];
  #life: Life;
  #service: Service | undefined;
  #starting: Promise<void> | undefined;
  #startAtMs = 0;
  #outageMs = OUTAGE_MS;
  #starts = 0;

  constructor(
    name: string,
    activity: Activity,
    clock: Clock,
    start: (life: Life) => Promise<Service>,
  ) {
    this.name = name;
    this.#activity = activity;
    this.#clock = clock;
    this.#start = start;
    this.#life = new Life(activity);
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
    if (!this.#life.isOver) return undefined;
    if (this.#service !== undefined) {
      this.#bury();
      this.#startAtMs = this.#clock.nowMs() + this.#outageMs;
    }
    if (this.#clock.nowMs() < this.#startAtMs) return this.#startAtMs;
    this.#starting ??= this.#tryStart().finally(() => (this.#starting = undefined));
    await this.#starting;
    return this.#life.isOver ? this.#startAtMs : undefined;
  }

  /** Ends the process and waits for what is left of it and of all its former lives. */
  async bury(): Promise<void> {
    this.#life.end();
    this.#bury();
    await Promise.all(this.#corpses);
  }

  async #tryStart(): Promise<void> {
    this.#starts += 1;
    if (this.#starts > STARTS_MAX) throw new Error(`${this.name} does not start any more`);
    // A dead process gives up its files and sockets first, as the kernel would make it.
    await Promise.all(this.#corpses);
    const life = new Life(this.#activity);
    try {
      this.#service = await this.#activity.during(() => this.#start(life));
      this.#life = life;
      this.lives += 1;
    } catch (error) {
      life.end();
      if (isFinal(error)) throw error;
      this.#startAtMs = this.#clock.nowMs() + START_AGAIN_MS;
    }
  }

  /** Its ports are gone: closing frees sockets and files of this machine and changes nothing else. */
  #bury(): void {
    const service = this.#service;
    this.#service = undefined;
    if (service !== undefined) this.#corpses.push(service.close().catch(() => undefined));
  }
}

/** What only a defect can cause; never a fault of the simulation. */
function isFinal(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return /^(TRUSTEE|METER|JOURNAL|POLICY|ERR_ASSERTION)/.test(code);
}

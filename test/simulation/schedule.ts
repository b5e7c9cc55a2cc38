/**
 * Whose turn it is. Everything that a process does to the world outside of it (a statement, a message, a write) waits here; when nothing
 * can go on without it, the seed says who is next. So one seed is one order of events: threads finish their work in between, and how
 * long they take changes nothing.
 */
import { createHook } from "node:async_hooks";
import type { Chance } from "./chance.ts";

/** Turns in one history; beyond it something turns in circles. */
const TURNS_MAX = 300_000;
/** Real time after which work of a thread is taken for lost. */
const THREAD_MS_MAX = 60_000;
/** Turns of the event loop without work in a thread after which there will be none. */
const CALM = 2;

/** Kinds of work that Node gives to threads: files, cryptography. */
const IN_A_THREAD = /^(FS|FILEHANDLECLOSE)REQ|REQUEST$/;

/** Work that is in a thread of this process now. */
class Threads {
  readonly #jobs = new Map<number | symbol, object>();
  #calm: (() => void) | undefined;
  readonly #hook = createHook({
    init: (id, type, _trigger, resource) => {
      if (IN_A_THREAD.test(type)) this.#jobs.set(id, resource);
    },
    before: (id) => this.#ended(id),
  });

  constructor() {
    this.#hook.enable();
  }

  /** For work that the hook does not see. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    const job = Symbol("job");
    this.#jobs.set(job, {});
    try {
      return await work();
    } finally {
      this.#ended(job);
    }
  }

  /** Resolves when no thread works and nothing waits for the event loop. */
  async idle(): Promise<void> {
    for (let calm = 0; calm < CALM; calm = this.#jobs.size === 0 ? calm + 1 : 0) {
      this.#forgetDone();
      if (this.#jobs.size > 0) await this.#untilDone();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Cryptography that was done at once, of which nobody hears again: nothing is called when it is done. */
  #forgetDone(): void {
    for (const [id, resource] of this.#jobs) {
      if (resource.constructor.name.endsWith("Job") && !("ondone" in resource))
        this.#jobs.delete(id);
    }
  }

  #untilDone(): Promise<void> {
    return new Promise((resolve, reject) => {
      const lost = setTimeout(() => reject(new Error("a thread hangs")), THREAD_MS_MAX);
      this.#calm = () => {
        clearTimeout(lost);
        resolve();
      };
    });
  }

  #ended(job: number | symbol): void {
    if (!this.#jobs.delete(job)) return;
    this.#forgetDone();
    if (this.#jobs.size === 0) this.#calm?.();
  }
}

export const threads = new Threads();

interface Turn {
  readonly name: string;
  readonly begin: () => void;
}

export class Schedule {
  /** Told of every turn. */
  readonly #onTurn: (name: string) => void;
  readonly #chance: Chance;
  readonly #waiting: Turn[] = [];
  #turns = 0;

  constructor(chance: Chance, onTurn: (name: string) => void) {
    this.#chance = chance;
    this.#onTurn = onTurn;
  }

  /** Resolves when it is the turn of who asks. Turns of one name are given in the order of asking. */
  turn(name: string): Promise<void> {
    return new Promise((begin) => this.#waiting.push({ name, begin }));
  }

  /** Gives turns until nobody waits for one: only time can bring something new. */
  async quiet(): Promise<void> {
    for (;;) {
      await threads.idle();
      const next = this.#next();
      if (next === undefined) return;
      this.#turns += 1;
      if (this.#turns > TURNS_MAX) throw new Error(`it never ends: ${next.name}`);
      this.#onTurn(next.name);
      next.begin();
    }
  }

  /** Gives turns until `work` is done, which must not wait for time to pass. */
  async drive<T>(work: Promise<T>): Promise<T> {
    let isDone = false;
    const end = (): void => void (isDone = true);
    work.then(end, end);
    await this.quiet();
    if (!isDone) throw new Error("this waits for a timer, and nobody moves the clock");
    return work;
  }

  #next(): Turn | undefined {
    if (this.#waiting.length <= 1) return this.#waiting.pop();
    const names = [...new Set(this.#waiting.map(({ name }) => name))].toSorted();
    const name = this.#chance.pick("turn", names);
    const index = this.#waiting.findIndex((turn) => turn.name === name);
    return this.#waiting.splice(index, 1)[0];
  }
}

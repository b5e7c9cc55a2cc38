/**
 * Tasks that share a number of places, chunk by chunk in turns: a small task is not stuck behind a
 * large one. Knows nothing of what a chunk is.
 */
import { PaillierError } from "../../errors.ts";

type Task<Chunk, Result> = {
  readonly chunks: readonly Chunk[];
  readonly results: Result[];
  next: number;
  left: number;
  readonly resolve: (results: Result[]) => void;
  readonly reject: (error: unknown) => void;
};

export class Turns<Chunk, Result> {
  readonly #work: (chunk: Chunk) => Promise<Result>;
  readonly #tasksMax: number;
  readonly #tasks: Task<Chunk, Result>[] = [];
  #free: number;
  #closed = false;

  /** `work` runs for at most `places` chunks at once, of `tasksMax` tasks. */
  constructor(places: number, tasksMax: number, work: (chunk: Chunk) => Promise<Result>) {
    this.#free = places;
    this.#tasksMax = tasksMax;
    this.#work = work;
  }

  /** The results of all chunks, in order; the first failure fails the task. */
  run(chunks: readonly Chunk[]): Promise<Result[]> {
    if (this.#closed) return Promise.reject(closedError());
    if (chunks.length === 0) return Promise.resolve([]);
    if (this.#tasks.length >= this.#tasksMax) {
      const message = `${this.#tasksMax} engine calls are waiting: try again later`;
      return Promise.reject(new PaillierError("PAILLIER_ENGINE_BUSY", message));
    }
    return new Promise((resolve, reject) => {
      this.#tasks.push({ chunks, results: [], next: 0, left: chunks.length, resolve, reject });
      this.#dispatch();
    });
  }

  /** Tasks that have not ended fail with PAILLIER_ENGINE_CLOSED. */
  close(): void {
    this.#closed = true;
    for (const task of this.#tasks.splice(0)) task.reject(closedError());
  }

  #dispatch(): void {
    while (this.#free > 0) {
      const at = this.#tasks.findIndex(({ chunks, next }) => next < chunks.length);
      const [task] = at < 0 ? [] : this.#tasks.splice(at, 1);
      if (task === undefined) return;
      this.#tasks.push(task); // the others first, next time
      this.#free -= 1;
      void this.#runChunk(task, task.next++);
    }
  }

  async #runChunk(task: Task<Chunk, Result>, index: number): Promise<void> {
    try {
      task.results[index] = await this.#work(task.chunks[index] as Chunk); // index < length
      task.left -= 1;
      if (task.left === 0) task.resolve(task.results);
    } catch (error) {
      task.left = 0;
      task.next = task.chunks.length;
      task.reject(error);
    }
    if (task.left === 0 && this.#tasks.includes(task)) {
      this.#tasks.splice(this.#tasks.indexOf(task), 1);
    }
    this.#free += 1;
    this.#dispatch();
  }
}

export function closedError(): PaillierError {
  return new PaillierError("PAILLIER_ENGINE_CLOSED", "the Paillier engine is closed");
}

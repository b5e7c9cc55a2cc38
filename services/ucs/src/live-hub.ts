/** Hands fresh frames, closed as they came, to the customers who are watching (docs/protocol.md §2.5). In memory, in one process. */

/** Streams of one account, and of all. */
const PER_LOGIN_MAX = 4;
const STREAMS_MAX = 2_000;

export interface Listener {
  readonly login: string;
  readonly servicePoint: string;
  frame(sealed: Uint8Array): void;
  /** The stream is over: the account's link or the service ended. */
  end(): void;
}

export class LiveHub {
  readonly #listeners = new Map<string, Set<Listener>>();

  /** False when there are too many streams already. */
  add(listener: Listener): boolean {
    const all = this.#all();
    const own = all.filter(({ login }) => login === listener.login);
    if (all.length >= STREAMS_MAX || own.length >= PER_LOGIN_MAX) return false;
    const list = this.#listeners.get(listener.servicePoint) ?? new Set();
    this.#listeners.set(listener.servicePoint, list.add(listener));
    return true;
  }

  remove(listener: Listener): void {
    const list = this.#listeners.get(listener.servicePoint);
    list?.delete(listener);
    if (list?.size === 0) this.#listeners.delete(listener.servicePoint);
  }

  publish(servicePoint: string, sealed: Uint8Array): void {
    for (const listener of this.#listeners.get(servicePoint) ?? []) listener.frame(sealed);
  }

  /** Ends the streams of one service point, or all. */
  end(servicePoint?: string): void {
    for (const listener of this.#all()) {
      if (servicePoint === undefined || listener.servicePoint === servicePoint) listener.end();
    }
  }

  /** Ends the streams of one account. */
  endOf(login: string): void {
    for (const listener of this.#all()) if (listener.login === login) listener.end();
  }

  #all(): Listener[] {
    return [...this.#listeners.values()].flatMap((list) => [...list]);
  }
}

/**
 * When a stream that keeps its messages (names.ts) is full. The server's own limit counts all that are stored,
 * not those that a consumer has still to take, so the publisher looks how far consumers are behind.
 */
import type { Clock } from "../../clock.ts";
import type { StreamOptions } from "../stream-options.ts";
import { backlogOf } from "./backlog.ts";
import type { Link } from "./link.ts";

/** How long what was seen counts. Others publish too, so the limit is kept by about that much. */
const seenMsMax = 5_000;

export class Pressure {
  readonly #link: Link;
  readonly #clock: Clock;
  readonly #stream: StreamOptions;
  #behind = 0;
  #seenMs = -Infinity;

  constructor(link: Link, clock: Clock, stream: StreamOptions) {
    this.#link = link;
    this.#clock = clock;
    this.#stream = stream;
  }

  /** True when so many messages may be published; they are counted. */
  async admits(count: number): Promise<boolean> {
    const { messagesMax } = this.#stream;
    const isOld = this.#clock.nowMs() - this.#seenMs > seenMsMax;
    if (isOld || this.#behind + count > messagesMax) await this.#look();
    if (this.#behind + count > messagesMax) return false;
    this.#behind += count;
    return true;
  }

  async #look(): Promise<void> {
    const backlogs = this.#stream.consumers.map((consumer) =>
      backlogOf(this.#link, this.#stream, consumer),
    );
    this.#behind = Math.max(0, ...(await Promise.all(backlogs)));
    this.#seenMs = this.#clock.nowMs();
  }
}

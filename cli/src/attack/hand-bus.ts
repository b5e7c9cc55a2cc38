/** A bus in memory whose deliveries are made by hand: between an adversary, who publishes what he likes, and one party. */
import type {
  Bus,
  BusMessage,
  Delivery,
  Handler,
  PublishResult,
  Subscription,
  Verdict,
} from "@smarter-metering/runtime";

export class HandBus implements Bus {
  readonly #published = new Map<string, Delivery[]>();
  readonly #handlers = new Map<string, Handler>();
  #delivered = 0n;

  publish(stream: string, messages: readonly BusMessage[]): Promise<PublishResult> {
    const known = this.of(stream);
    const added = messages.map((message, index): Delivery => {
      return { ...message, sequence: BigInt(known.length + index), attempt: 1 };
    });
    this.#published.set(stream, [...known, ...added]);
    return Promise.resolve({ accepted: messages.length, duplicates: 0 });
  }

  consume(stream: string, _consumer: string, _options: unknown, handle: Handler): Subscription {
    this.#handlers.set(stream, handle);
    return { stop: () => Promise.resolve(), ended: Promise.resolve(undefined) };
  }

  /** What was published to the stream. */
  of(stream: string): readonly Delivery[] {
    return this.#published.get(stream) ?? [];
  }

  /** Hands one message to the stream's consumer. */
  async deliver(stream: string, body: Uint8Array): Promise<Verdict | undefined> {
    const sequence = this.#delivered++;
    const delivery = { id: `by hand ${sequence}`, subject: "", body, sequence, attempt: 1 };
    const verdicts = await this.#handlers.get(stream)?.([delivery]);
    return verdicts?.[0];
  }

  last(stream: string): Promise<Delivery | undefined> {
    return Promise.resolve(this.of(stream).at(-1));
  }

  read(stream: string, { from, limit }: { from: bigint; limit: number }): Promise<Delivery[]> {
    return Promise.resolve(this.of(stream).slice(Number(from), Number(from) + limit));
  }

  pending = (): Promise<number> => Promise.resolve(0);
  deadLetters = (): Promise<[]> => Promise.resolve([]);
  requeue = (): Promise<boolean> => Promise.resolve(false);
  discard = (): Promise<boolean> => Promise.resolve(false);
  idle = (): Promise<void> => Promise.resolve();
  close = (): Promise<void> => Promise.resolve();
}

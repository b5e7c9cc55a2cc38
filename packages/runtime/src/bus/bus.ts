/**
 * Durable streams between roles: what is published is stored before `publish` resolves, and every
 * declared consumer gets it at least once, in order. Carries sealed bytes; it must never see inside.
 *
 * At least once: after a crash, an expired lease or a failed handler a message comes again, so a
 * handler makes its effect and its memory of the message's id one transaction.
 */

export interface BusMessage {
  /** De-duplication id, 1 to 200 characters, unique in its stream. */
  readonly id: string;
  /**
   * 0 to 200 characters, dot-separated tokens; consumers and readers select by whole leading tokens:
   * `load` selects `load` and `load.north`, not `loads`.
   */
  readonly subject: string;
  /** At most 1 MiB. */
  readonly body: Uint8Array;
}

export interface Delivery extends BusMessage {
  /** Rises in a stream, with gaps, and is never used twice. */
  readonly sequence: bigint;
  /**
   * 1 at first. Counts failed and retried deliveries; those that a crash cut off only where the bus is
   * another process, which cannot tell a crash from a message that kills its handler.
   */
  readonly attempt: number;
}

export type Verdict =
  | { readonly ack: true }
  /** Come again later; no limit on how often. */
  | { readonly retryAfterMs: number }
  /** Set aside with a reason code of at most 100 characters; see `deadLetters`. */
  | { readonly dead: string };

export type Handler = (batch: readonly Delivery[]) => Promise<readonly Verdict[]>;

/**
 * `full`: not all were stored; the publisher keeps its messages and repeats all of them later, under
 * the same ids.
 */
export type PublishResult =
  { readonly accepted: number; readonly duplicates: number } | { readonly full: true };

export interface ConsumeOptions {
  /** Messages handed over together, 1 to 1,000. */
  readonly batchMax: number;
  /** Messages handed over and not yet settled. Default `batchMax`: one batch at a time, in order. */
  readonly inFlightMax?: number;
  /**
   * Only subjects under these leading tokens, or, where the consumer has partitions, one of them: the
   * JetStream bus takes nothing else. The rest stays pending for the consumer's other subscriptions.
   */
  readonly subject?: string;
  /** A message whose handler threw this often is dead: HANDLER_FAILED. Default 5. */
  readonly attemptsMax?: number;
}

export interface Subscription {
  /** Takes no more messages and waits until those in flight are settled. Idempotent. */
  stop(): Promise<void>;
  /** Resolves when the subscription has ended: undefined after `stop`, else why it cannot go on. */
  readonly ended: Promise<Error | undefined>;
}

export interface DeadLetter extends Delivery {
  readonly stream: string;
  readonly consumer: string;
  readonly reason: string;
}

export interface ConsumerName {
  readonly stream: string;
  readonly consumer: string;
}

/** Every method throws BUS_UNKNOWN_STREAM, BUS_UNKNOWN_CONSUMER, BUS_CLOSED where it applies. */
export interface Bus {
  /**
   * Resolves when all messages survive the death of the process, or the stream is full. When it throws
   * BUS_UNREACHABLE, some may be stored; the embedded bus stores all or none. A message whose id the
   * stream has seen lately is a duplicate and is not stored again. Throws BUS_TOO_LARGE.
   */
  publish(stream: string, messages: readonly BusMessage[]): Promise<PublishResult>;
  /**
   * Starts to hand messages to `handle`, which returns one verdict per message. Subscriptions under
   * one consumer name share its messages. A handler that throws gets each of its messages again,
   * one by one, after 0.1 s doubling to 30 s, up to `attemptsMax`; so does JetStream with all that
   * come again.
   */
  consume(stream: string, consumer: string, options: ConsumeOptions, handle: Handler): Subscription;
  /** The newest stored message, of those whose subject has the leading tokens. */
  last(stream: string, subjectPrefix?: string): Promise<Delivery | undefined>;
  /** Stored messages from a sequence on, acknowledged or not; at most 1,000. For audit. */
  read(stream: string, range: ReadRange): Promise<Delivery[]>;
  /**
   * Messages published and not yet acknowledged or dead for this consumer. Of a cluster it may be
   * behind by what was published in the last moment.
   */
  pending(stream: string, consumer: string): Promise<number>;
  /** The oldest 1,000 set aside, of one stream or of all that this process may see. */
  deadLetters(stream?: string): Promise<DeadLetter[]>;
  /**
   * Gives a dead letter to its consumer alone again, as attempt 1 and perhaps under a new sequence;
   * false if it is not there. Over JetStream the operator's user may, as with `discard`.
   */
  requeue(letter: ConsumerName & { readonly sequence: bigint }): Promise<boolean>;
  /** Forgets a dead letter for good; false if it is not there. */
  discard(letter: ConsumerName & { readonly sequence: bigint }): Promise<boolean>;
  /** Resolves when nothing is pending for any consumer subscribed through this object. */
  idle(): Promise<void>;
  /** Stops the subscriptions and frees the engine; a store handed in stays open. Idempotent. */
  close(): Promise<void>;
}

export interface ReadRange {
  readonly from: bigint;
  readonly limit: number;
}

export const busLimits = {
  idChars: 200,
  subjectChars: 200,
  reasonChars: 100,
  bodyBytes: 1024 * 1024,
  /** Messages in one publish or fetch. */
  batchMessages: 1_000,
  /** Bytes of all bodies in one publish. */
  batchBytes: 16 * 1024 * 1024,
  readMessages: 1_000,
} as const;

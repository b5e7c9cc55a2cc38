/**
 * What carries a bus: storage and leases. The embedded engine, the HTTP client and JetStream implement
 * it; the consume loop above it (engine-bus.ts) is the same for all.
 */
import type {
  BusMessage,
  ConsumerName,
  DeadLetter,
  Delivery,
  PublishResult,
  ReadRange,
} from "./bus.ts";

export interface FetchRequest extends ConsumerName {
  readonly max: number;
  /** Only messages under these leading tokens. */
  readonly subject?: string;
  /** How long to wait for a first message; absent: until there is one or `signal` aborts. */
  readonly waitMs?: number;
  /**
   * Unsettled messages come again after it; absent: only after a restart. JetStream has a time of its
   * own and prolongs it while the process lives.
   */
  readonly leaseMs?: number;
  readonly signal?: AbortSignal;
}

/** `alone`: to be handed over in a batch of its own, so that it cannot fail the others. */
export interface Leased extends Delivery {
  readonly alone?: boolean;
}

export type SettleVerdict =
  | { readonly ack: true }
  /** `alone`: in a batch of its own, so that it cannot fail the others again. */
  | { readonly retryAfterMs: number; readonly alone: boolean }
  | { readonly dead: string };

export interface Settlement {
  readonly sequence: bigint;
  readonly verdict: SettleVerdict;
}

export interface BusEngine {
  publish(stream: string, messages: readonly BusMessage[]): Promise<PublishResult>;
  /** Leases the next messages; empty when the wait is over or the signal aborted. */
  fetch(request: FetchRequest): Promise<Leased[]>;
  /** Settles leased messages; those without a lease (expired) are ignored and come again. */
  settle(name: ConsumerName, settlements: readonly Settlement[]): Promise<void>;
  /** Pending messages of all these consumers at one moment. */
  pending(names: readonly ConsumerName[]): Promise<number>;
  last(stream: string, subjectPrefix: string): Promise<Delivery | undefined>;
  read(stream: string, range: ReadRange): Promise<Delivery[]>;
  deadLetters(stream?: string): Promise<DeadLetter[]>;
  requeue(name: ConsumerName, sequence: bigint): Promise<boolean>;
  discard(name: ConsumerName, sequence: bigint): Promise<boolean>;
  close(): Promise<void>;
}

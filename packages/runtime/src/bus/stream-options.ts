/** What is declared of a stream, whatever carries it, and what follows for its subjects. */
import assert from "node:assert/strict";
import type { BusMessage } from "./bus.ts";
import { partitionNames } from "./partition.ts";

export interface StreamOptions {
  /** Letters, digits and hyphens, as names of consumers. */
  readonly name: string;
  /** Each gets every message. A consumer that is removed from the list is forgotten. */
  readonly consumers: readonly string[];
  /**
   * Messages that a consumer may be behind, beyond which the stream is full. The embedded bus counts
   * dead letters too; over JetStream they have a limit of their own.
   */
  readonly messagesMax: number;
  /** What happens to a message that all have settled: false deletes it, a number keeps it so long. */
  readonly retainAcked?: boolean | { readonly seconds: number };
  /**
   * Consumers whose messages several processes share, and in how many partitions: 1 to 100. Every
   * subject of such a stream is the name of a partition (partition.ts).
   */
  readonly partitions?: Readonly<Record<string, number>>;
  /**
   * Embedded bus: how many newest sequence numbers a deleted message's id is remembered for.
   * Default 200,000.
   */
  readonly dedupeWindow?: number;
}

/** The partitions of one consumer, or undefined where its messages are not shared. */
export function partitionsOf({ partitions }: StreamOptions, consumer: string) {
  const count = partitions?.[consumer];
  return count === undefined ? undefined : partitionNames(count);
}

/**
 * Asserts that each message is in a partition of each consumer that has any: what is in none would
 * reach nobody.
 */
export function assertPartitions(options: StreamOptions, messages: readonly BusMessage[]): void {
  for (const consumer of Object.keys(options.partitions ?? {})) {
    const names = new Set(partitionsOf(options, consumer));
    const astray = messages.some(({ subject }) => !names.has(subject));
    assert(!astray, `stream ${options.name}: a subject is a partition, p00 to p${names.size - 1}`);
  }
}

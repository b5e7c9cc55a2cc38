/**
 * What consumers set aside, one stream of dead letters beside each stream: the message as it was, its
 * reason in a header, consumer and sequence in its subject. A letter is one of the last of its
 * subject, so that writing it twice is writing it once.
 */
import type { StoredMsg } from "@nats-io/jetstream";
import { headers } from "@nats-io/nats-core";
import { busLimits } from "../bus.ts";
import type { ConsumerName, DeadLetter } from "../bus.ts";
import type { Link } from "./link.ts";
import { HEADERS, deadNameOf, deadOf, deadStreamName, deadSubjectOf } from "./names.ts";
import { escapeHeader, subjectOf, unescape } from "./names.ts";
import { deliveryOf } from "./delivery.ts";
import { storedFrom } from "./stored.ts";
import type { Taken } from "./taken.ts";

export class DeadLetters {
  readonly #link: Link;

  constructor(link: Link) {
    this.#link = link;
  }

  /** Resolves when the letter is stored. */
  async put(name: ConsumerName, message: Taken, reason: string): Promise<void> {
    const { id, subject, sequence, body, attempt } = deliveryOf(message);
    const fields = headers();
    fields.set(HEADERS.id, escapeHeader(id));
    fields.set(HEADERS.subject, escapeHeader(subject));
    fields.set(HEADERS.reason, escapeHeader(reason.slice(0, busLimits.reasonChars)));
    fields.set(HEADERS.attempt, String(attempt));
    const natsSubject = deadSubjectOf(name, sequence);
    await this.#link.call(`set a message of ${name.stream} aside`, () =>
      this.#link.client.publish(natsSubject, body, { headers: fields }),
    );
  }

  /** The oldest 1,000 of one stream. */
  async list(stream: string): Promise<DeadLetter[]> {
    const range = { from: 0n, limit: busLimits.readMessages };
    const stored = await storedFrom(this.#link, deadStreamName(stream), deadOf(stream), range);
    return stored.map(letterOf);
  }

  /**
   * Puts the letter into its stream again, for its consumer alone, then takes it away. A crash in
   * between leaves both: given again a second time it is the same message.
   */
  async requeue(name: ConsumerName, sequence: bigint): Promise<boolean> {
    const stored = await this.#find(name, sequence);
    if (stored === undefined) return false;
    const { id, subject, body } = letterOf(stored);
    const fields = headers();
    fields.set(HEADERS.id, escapeHeader(id));
    fields.set(HEADERS.messageId, `again/${name.consumer}/${sequence}`);
    await this.#link.call(`give a message to ${name.consumer} again`, () =>
      this.#link.client.publish(subjectOf(name.stream, subject, name.consumer), body, {
        headers: fields,
      }),
    );
    return this.#remove(name.stream, stored);
  }

  async discard(name: ConsumerName, sequence: bigint): Promise<boolean> {
    const stored = await this.#find(name, sequence);
    return stored !== undefined && this.#remove(name.stream, stored);
  }

  async #find(name: ConsumerName, sequence: bigint): Promise<StoredMsg | undefined> {
    const { streams } = this.#link.manager;
    const query = { last_by_subj: deadSubjectOf(name, sequence) };
    const find = () => streams.getMessage(deadStreamName(name.stream), query);
    return (await this.#link.call(`find a dead letter of ${name.stream}`, find)) ?? undefined;
  }

  #remove(stream: string, { seq }: StoredMsg): Promise<boolean> {
    const { streams } = this.#link.manager;
    const remove = () => streams.deleteMessage(deadStreamName(stream), seq, false);
    return this.#link.call(`remove a dead letter of ${stream}`, remove);
  }
}

function letterOf({ subject: natsSubject, header, data }: StoredMsg): DeadLetter {
  return {
    ...deadNameOf(natsSubject),
    id: unescape(header.get(HEADERS.id)),
    subject: unescape(header.get(HEADERS.subject)),
    body: new Uint8Array(data),
    attempt: Number(header.get(HEADERS.attempt)),
    reason: unescape(header.get(HEADERS.reason)),
  };
}

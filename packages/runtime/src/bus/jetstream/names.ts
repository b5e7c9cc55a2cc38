/**
 * What streams, consumers, subjects and texts are called in NATS (docs/decisions/0027-jetstream.md).
 *
 *     sm.<stream>.<address>.<subject>          messages; the address is `all`, or `only-<consumer>` of one given again
 *     sm-dead.<stream>.<consumer>.<sequence>   dead letters
 */
import assert from "node:assert/strict";
import type { ConsumerName } from "../bus.ts";
import { partitionsOf, type StreamOptions } from "../stream-options.ts";

/** The address of messages that every consumer is to have. */
const EVERYBODY = "all";
/** Headers of ours. `Nats-Msg-Id` is the id, where there is no other. */
export const HEADERS = {
  messageId: "Nats-Msg-Id",
  id: "Sm-Id",
  subject: "Sm-Subject",
  reason: "Sm-Reason",
  attempt: "Sm-Attempt",
} as const;

/** Asserts that a name of a stream, consumer or user can be part of a NATS subject. */
export function plainName(name: string): string {
  assert(/^[A-Za-z0-9-]{1,60}$/.test(name), `${name}: a name has letters, digits and hyphens`);
  return name;
}

export const streamName = (stream: string): string => `SM_${plainName(stream)}`;
export const deadStreamName = (stream: string): string => `SM_DEAD_${plainName(stream)}`;
export const inboxOf = (user: string): string => `_INBOX.${plainName(user)}`;

/** Durable consumers of one consumer: one, or one for each partition. */
export function durablesOf(stream: StreamOptions, consumer: string): readonly Durable[] {
  plainName(consumer);
  const partitions = partitionsOf(stream, consumer);
  if (partitions === undefined) return [{ name: consumer }];
  return partitions.map((partition) => ({
    name: `${consumer}-${partition}`,
    partition,
    filter: `sm.${stream.name}.*.${partition}`,
  }));
}

export interface Durable {
  readonly name: string;
  readonly partition?: string;
  /** NATS subjects that it takes; absent: all of the stream. */
  readonly filter?: string;
}

/**
 * True if the servers keep a message that all have settled: where that is declared, and where several
 * consumers take each message. "Interest" retention would delete it then, but nats-server 2.9 lost
 * messages of one of two consumers when a cluster's leader was killed.
 */
export const keepsSettled = ({ retainAcked = false, consumers }: StreamOptions): boolean =>
  retainAcked !== false || consumers.length !== 1;

/** All NATS subjects of a stream. */
export const allOf = (stream: string): string => `sm.${plainName(stream)}.>`;
/** Those that a publisher may use. */
export const publishedOf = (stream: string): string => `sm.${plainName(stream)}.${EVERYBODY}.>`;
export const deadOf = (stream: string): string => `sm-dead.${plainName(stream)}.>`;

/** NATS subject of a message: every consumer gets it, or `only` one. */
export function subjectOf(stream: string, subject: string, only?: string): string {
  const address = only === undefined ? EVERYBODY : `only-${plainName(only)}`;
  return `sm.${plainName(stream)}.${address}.${subject.split(".").map(escapeToken).join(".")}`;
}

/** NATS subjects of the messages under a prefix of whole tokens: two, or one for all. */
export function subjectsUnder(stream: string, prefix: string): string[] {
  if (prefix === "") return [publishedOf(stream)];
  const exact = subjectOf(stream, prefix);
  return [exact, `${exact}.>`];
}

/** Who a message is for, undefined for all, and its subject. */
export function addressOf(natsSubject: string): { only: string | undefined; subject: string } {
  const [, , address = "", ...tokens] = natsSubject.split(".");
  const only = address === EVERYBODY ? undefined : address.slice("only-".length);
  return { only, subject: tokens.map(unescape).join(".") };
}

export const deadSubjectOf = ({ stream, consumer }: ConsumerName, sequence: bigint): string =>
  `sm-dead.${plainName(stream)}.${plainName(consumer)}.${sequence}`;

export function deadNameOf(natsSubject: string): ConsumerName & { sequence: bigint } {
  const [, stream = "", consumer = "", sequence = ""] = natsSubject.split(".");
  return { stream, consumer, sequence: BigInt(sequence) };
}

/** A header's value: printable ASCII without spaces, others as the percent-encoded UTF-8. */
export const escapeHeader = (text: string): string => text.replace(/[^!-$&-~]/gu, percent);

/** A lone percent sign is the empty token, which NATS does not have. */
const escapeToken = (token: string): string =>
  token === "" ? "%" : token.replace(/[^A-Za-z0-9_/-]/gu, percent);

export const unescape = (text: string): string => (text === "%" ? "" : decodeURIComponent(text));

const percent = (character: string): string =>
  [...Buffer.from(character)].map((byte) => `%${hex(byte)}`).join("");
const hex = (byte: number): string => byte.toString(16).toUpperCase().padStart(2, "0");

/**
 * Creates and updates the streams and consumers on the servers, as the operator's user, before the
 * roles start. Repeating it changes nothing, and sweeps up after a crash (sweep.ts); what would lose
 * messages is refused.
 */
import { AckPolicy, DeliverPolicy, DiscardPolicy } from "@nats-io/jetstream";
import { RetentionPolicy, StorageType } from "@nats-io/jetstream";
import type { ConsumerConfig, ConsumerInfo, StreamConfig, StreamInfo } from "@nats-io/jetstream";
import { nanos } from "@nats-io/nats-core";
import { sleepUntil, systemClock, type Clock } from "../../clock.ts";
import { RuntimeError, hasCode } from "../../error.ts";
import { busLimits } from "../bus.ts";
import type { StreamOptions } from "../stream-options.ts";
import { DEAD_LETTERS_KEPT_DAYS as KEPT_DAYS } from "../stream-state.ts";
import { answerCode, openLink, type JetStreamConnection, type Link } from "./link.ts";
import { allOf, deadOf, deadStreamName, durablesOf, keepsSettled, streamName } from "./names.ts";
import { sweep } from "./sweep.ts";

export interface ProvisionOptions {
  /** Servers that keep each message: 1, or 3 of a cluster. Default 1. */
  readonly replicas?: 1 | 3;
  /** What was handed to a process that died comes again after it. Default 30,000. */
  readonly ackWaitMs?: number;
  readonly clock?: Clock;
}

type Wanted = Partial<StreamConfig> & Pick<StreamConfig, "name">;

const ackWaitMsDefault = 30_000;
/**
 * Ids are remembered so long: a publisher repeats what was not confirmed within seconds, or at its
 * next start. Each id costs the server about 200 bytes of memory, and consumers stand a repetition.
 */
const dedupeMs = 120_000;
/** Given to processes, or waiting to be tried again, and not settled: of one durable consumer. */
const unsettledMax = 10_000;
const deadLettersMax = 10_000;
/** Headers of one message. */
export const HEADER_BYTES_MAX = 16 * 1024;
const dayMs = 86_400_000;
/** A cluster that has just started has to choose its leaders. */
const waitMsMax = 30_000;
const pauseMs = 250;

/**
 * Resolves when all are there. Throws BUS_CHANGE_REFUSED, BUS_FORBIDDEN, or BUS_UNREACHABLE when the
 * servers were not ready within 30 s.
 */
export async function provisionStreams(
  connection: JetStreamConnection,
  streams: readonly StreamOptions[],
  options: ProvisionOptions = {},
): Promise<void> {
  const { clock = systemClock, replicas = 1, ackWaitMs = ackWaitMsDefault } = options;
  const link = await openLink(connection, clock);
  const endMs = clock.nowMs() + waitMsMax;
  try {
    for (const stream of streams) {
      for (;;) {
        try {
          await provision(link, stream, replicas, ackWaitMs);
          break;
        } catch (error) {
          if (!hasCode(error, "BUS_UNREACHABLE") || clock.nowMs() > endMs) throw error;
          await sleepUntil(clock, clock.nowMs() + pauseMs);
        }
      }
    }
  } finally {
    await link.close();
  }
}

async function provision(
  link: Link,
  stream: StreamOptions,
  replicas: number,
  ackWaitMs: number,
): Promise<void> {
  await provisionStream(link, deadStreamOf(stream, replicas));
  const config = streamConfigOf(stream, replicas);
  await provisionStream(link, config);
  const durables = stream.consumers.flatMap((consumer) => durablesOf(stream, consumer));
  const list = () => link.manager.consumers.list(config.name).next();
  const present = await link.call(`list the consumers of ${stream.name}`, list);
  const names = new Set(durables.map(({ name }) => name));
  const foreign = present.filter(({ name }) => !names.has(name));
  if (foreign.length > 0) throw refused(`${stream.name} has the consumer ${foreign[0]?.name}`);
  for (const { name, filter } of durables) {
    const wanted = consumerConfigOf(name, filter, ackWaitMs);
    await provisionConsumer(link, config.name, wanted, present);
  }
  await sweep(link, stream, present);
}

async function provisionStream(link: Link, config: Wanted): Promise<void> {
  const present = await link.call(`look at ${config.name}`, () => streamInfo(link, config.name));
  if (present === undefined) {
    await link.call(`create ${config.name}`, () => link.manager.streams.add(config));
    return;
  }
  const { max_msgs = -1 } = config;
  if (present.config.retention !== config.retention) {
    throw refused(`${config.name} keeps messages in another way`);
  }
  const isSmaller = max_msgs >= 0 && max_msgs < present.state.messages;
  if (isSmaller) throw refused(`${config.name} holds more than the new limit`);
  if (differs(present.config, config)) await updateStream(link, config);
}

async function updateStream(link: Link, config: Wanted): Promise<void> {
  const { name } = config;
  await link.call(`update ${name}`, () => link.manager.streams.update(name, config));
}

async function streamInfo(link: Link, name: string): Promise<StreamInfo | undefined> {
  try {
    return await link.manager.streams.info(name);
  } catch (error) {
    if (answerCode(error) === 10_059) return undefined;
    throw error;
  }
}

async function provisionConsumer(
  link: Link,
  stream: string,
  config: ConsumerConfig,
  present: readonly ConsumerInfo[],
): Promise<void> {
  const name = config.durable_name ?? "";
  const { consumers } = link.manager;
  const found = present.find((info) => info.name === name);
  if (found === undefined) {
    await link.call(`create ${name} of ${stream}`, () => consumers.add(stream, config));
  } else if (found.config.filter_subject !== config.filter_subject) {
    throw refused(`${name} of ${stream} takes other subjects`);
  } else if (differs(found.config, config)) {
    await link.call(`update ${name} of ${stream}`, () => consumers.update(stream, name, config));
  }
}

function streamConfigOf(stream: StreamOptions, replicas: number): Wanted {
  const { name, messagesMax, retainAcked = false } = stream;
  const isKept = keepsSettled(stream);
  // Of several consumers without more: as long as anything that is kept; a sweep removes it before.
  const { seconds } =
    typeof retainAcked === "object" ? retainAcked : { seconds: (KEPT_DAYS * dayMs) / 1000 };
  return {
    ...common(replicas),
    name: streamName(name),
    subjects: [allOf(name)],
    // A work queue keeps a message even while the consumer is missing.
    retention: isKept ? RetentionPolicy.Limits : RetentionPolicy.Workqueue,
    // What is kept cannot count against the limit: see pressure.ts.
    max_msgs: isKept ? -1 : messagesMax,
    max_age: isKept && retainAcked !== true ? nanos(seconds * 1000) : 0,
    deny_delete: retainAcked === true,
    deny_purge: retainAcked === true,
  };
}

const deadStreamOf = ({ name }: StreamOptions, replicas: number): Wanted => ({
  ...common(replicas),
  name: deadStreamName(name),
  subjects: [deadOf(name)],
  retention: RetentionPolicy.Limits,
  // Full: what should be set aside comes again and again, until somebody looks.
  max_msgs: deadLettersMax,
  max_msgs_per_subject: 1,
  max_age: nanos(KEPT_DAYS * dayMs),
});

const common = (replicas: number) =>
  ({
    storage: StorageType.File,
    num_replicas: replicas,
    discard: DiscardPolicy.New,
    max_msg_size: busLimits.bodyBytes + HEADER_BYTES_MAX,
    duplicate_window: nanos(dedupeMs),
    max_consumers: -1,
    max_bytes: -1,
    max_msgs_per_subject: -1,
    // A read from a replica may be old: the trustee looks for its newest answer.
    allow_direct: false,
    deny_delete: false,
    deny_purge: false,
  }) as const;

const consumerConfigOf = (
  name: string,
  filter: string | undefined,
  ackWaitMs: number,
): ConsumerConfig =>
  ({
    durable_name: name,
    ack_policy: AckPolicy.Explicit,
    deliver_policy: DeliverPolicy.All,
    ack_wait: nanos(ackWaitMs),
    max_ack_pending: unsettledMax,
    max_deliver: -1,
    ...(filter === undefined ? {} : { filter_subject: filter }),
  }) as ConsumerConfig;

/** True if the servers have anything else than what is wanted. */
function differs(present: object, wanted: object): boolean {
  const values = present as Readonly<Record<string, unknown>>;
  return Object.entries(wanted).some(
    ([key, value]) => JSON.stringify(values[key] ?? zeroOf(value)) !== JSON.stringify(value),
  );
}

/** The servers leave out what is false or zero. */
const zeroOf = (value: unknown): unknown =>
  typeof value === "boolean" ? false : typeof value === "number" ? 0 : undefined;

function refused(what: string): RuntimeError {
  const message = `${what}: empty and remove it with the nats tool, then provision again`;
  return new RuntimeError("BUS_CHANGE_REFUSED", message);
}

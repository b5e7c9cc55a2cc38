/**
 * One pull from a durable consumer: waits for a first message and takes with it what is there
 * already, never waiting for more. The library's own `fetch` waits until a batch is full.
 */
import { createInbox, nanos } from "@nats-io/nats-core";
import { sleepUntil, type Clock } from "../../clock.ts";
import { busLimits } from "../bus.ts";
import type { Link } from "./link.ts";
import { Taken } from "./taken.ts";

export interface PullRequest {
  /** Names as NATS has them. */
  readonly stream: string;
  readonly durable: string;
  readonly max: number;
  /** How long to wait for a first message; 0: only what is there. */
  readonly waitMs: number;
  readonly signal?: AbortSignal;
}

/** After the server's own end of the wait: it did not answer at all. */
const graceMs = 2_000;

/** Empty when the wait is over. What comes after `signal` aborted is given back to the server. */
export async function pull(link: Link, clock: Clock, request: PullRequest): Promise<Taken[]> {
  const { stream, durable, max, waitMs, signal } = request;
  const { connection } = link;
  const messages: Taken[] = [];
  const end = new AbortController();
  let isDone = false;
  const done = (): void => {
    isDone = true;
    end.abort();
  };
  const inbox = createInbox(link.inboxPrefix);
  const subscription = connection.subscribe(inbox, {
    callback: (error, message) => {
      // "no messages", "request timeout" and the like come under the inbox's own name.
      if (error !== null || message.subject === inbox) return done();
      messages.push(new Taken(connection, message));
      if (messages.length === max) done();
    },
  });
  const over = (): void => end.abort();
  const signals = [link.lost, ...(signal === undefined ? [] : [signal])];
  for (const one of signals) one.addEventListener("abort", over);
  if (signals.some(({ aborted }) => aborted)) over();
  const expires = waitMs === 0 ? {} : { expires: nanos(waitMs) };
  // With a time limit too, `no_wait` means: wait for the first, not for a full batch.
  const body = { batch: max, max_bytes: busLimits.batchBytes, no_wait: true, ...expires };
  const subject = `$JS.API.CONSUMER.MSG.NEXT.${stream}.${durable}`;
  connection.publish(subject, JSON.stringify(body), { reply: inbox });
  await sleepUntil(clock, clock.nowMs() + waitMs + graceMs, end.signal);
  for (const one of signals) one.removeEventListener("abort", over);
  // Until the server knows that nobody listens any more, messages may be on their way.
  if (isDone || link.lost.aborted) subscription.unsubscribe();
  else await subscription.drain();
  if (signal?.aborted !== true) return messages;
  for (const message of messages) message.giveBack();
  return [];
}

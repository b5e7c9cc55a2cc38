/**
 * A message that a durable consumer gave to this process: whose it is and how often it was sent is in
 * its reply subject, `$JS.ACK.<stream>.<consumer>.<deliveries>.<sequence>.…` (with a domain and an
 * account before the stream from newer servers), and what becomes of it is published there.
 */
import { nanos } from "@nats-io/nats-core";
import type { Msg, NatsConnection } from "@nats-io/nats-core";

/** For a confirmation. */
const waitMsMax = 5_000;
/** Tokens of the older form, and how many more stand before the stream in the newer. */
const tokensOfOld = 9;
const tokensMore = 2;

export class Taken {
  /** The consumer as NATS has it. */
  readonly durable: string;
  readonly sequence: bigint;
  /** How often the server has sent it. */
  readonly attempt: number;
  readonly message: Msg;
  readonly #connection: NatsConnection;
  readonly #reply: string;

  constructor(connection: NatsConnection, message: Msg) {
    this.#connection = connection;
    this.#reply = message.reply ?? "";
    this.message = message;
    const tokens = this.#reply.split(".");
    const shift = tokens.length > tokensOfOld ? tokensMore : 0;
    this.durable = tokens[3 + shift] ?? "";
    this.attempt = Number(tokens[4 + shift]);
    this.sequence = BigInt(tokens[5 + shift] ?? "");
  }

  /** Resolves when the server has noted it. */
  async acknowledge(): Promise<void> {
    await this.#connection.request(this.#reply, "+ACK", { timeout: waitMsMax });
  }

  /** Acknowledges it and does not wait; it may come again. */
  pass(): void {
    this.#say("+ACK");
  }

  /** Gives it back, to be sent again after `delayMs`. */
  giveBack(delayMs = 0): void {
    this.#say(delayMs === 0 ? "-NAK" : `-NAK ${JSON.stringify({ delay: nanos(delayMs) })}`);
  }

  /** It must not be sent again. */
  end(): void {
    this.#say("+TERM");
  }

  /** It is being worked on: the server's time for it starts anew. */
  keep(): void {
    this.#say("+WPI");
  }

  /** After the connection is closed the server will see for itself. */
  #say(what: string): void {
    if (!this.#connection.isClosed()) this.#connection.publish(this.#reply, what);
  }
}

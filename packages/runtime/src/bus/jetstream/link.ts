/**
 * A process's connection to the NATS servers: mutual TLS, an nkey, reconnecting for ever. While the
 * servers are away every call fails with BUS_UNREACHABLE after a bounded time and leaves nothing
 * behind that would be sent later.
 */
import assert from "node:assert/strict";
import { setMaxListeners } from "node:events";
import { checkServerIdentity, type PeerCertificate } from "node:tls";
import { JetStreamApiError, jetstream, jetstreamManager } from "@nats-io/jetstream";
import type { JetStreamClient, JetStreamManager } from "@nats-io/jetstream";
import { errors, nkeyAuthenticator, nkeys } from "@nats-io/nats-core";
import { connect } from "@nats-io/transport-node";
import type { NatsConnection } from "@nats-io/transport-node";
import { sleepUntil, type Clock } from "../../clock.ts";
import { RuntimeError, type RuntimeErrorCode } from "../../error.ts";
import { inboxOf } from "./names.ts";

export interface JetStreamConnection {
  /** Such as `nats://127.0.0.1:4222`, with TLS `tls://…`: all of a cluster, 1 to 16. */
  readonly servers: readonly string[];
  /** The process's user in `natsConfigOf`; answers come to its own inbox. */
  readonly user: string;
  /** A secret: the seed that `createBusKey` made. */
  readonly seed: string;
  /** PEM files, read again at each reconnect, so that a new certificate needs no restart. */
  readonly tls?: { readonly caFile: string; readonly certFile: string; readonly keyFile: string };
}

export interface BusKey {
  /** For the servers' configuration. */
  readonly publicKey: string;
  /** A secret, for the one process. */
  readonly seed: string;
}

/** A key pair (Ed25519, as NATS writes it) for one user of the servers. */
export function createBusKey(): BusKey {
  const pair = nkeys.createUser();
  return { publicKey: pair.getPublicKey(), seed: new TextDecoder().decode(pair.getSeed()) };
}

/** For a first connection and each call. */
const waitMsMax = 5_000;
const reconnectMsMin = 250;
const pingMs = 10_000;
const serversMax = 16;

/**
 * Throws BUS_FORBIDDEN if the servers do not take the key, BUS_UNREACHABLE if none can be reached.
 */
export async function openLink(to: JetStreamConnection, clock: Clock): Promise<Link> {
  assert(to.servers.length >= 1 && to.servers.length <= serversMax, "1 to 16 servers");
  try {
    const connection = await connect({
      servers: [...to.servers],
      name: to.user,
      inboxPrefix: inboxOf(to.user),
      authenticator: nkeyAuthenticator(new TextEncoder().encode(to.seed)),
      tls: to.tls === undefined ? null : tlsOf(to.tls, to.servers),
      // Those that are named, whose certificates are known by their names.
      ignoreClusterUpdates: true,
      timeout: waitMsMax,
      maxReconnectAttempts: -1,
      reconnectTimeWait: reconnectMsMin,
      reconnectJitter: reconnectMsMin,
      reconnectJitterTLS: reconnectMsMin,
      // A server that does not know the key yet may know it after its next reload.
      ignoreAuthErrorAbort: true,
      pingInterval: pingMs,
      noAsyncTraces: true,
    });
    const options = { timeout: waitMsMax };
    const manager = await jetstreamManager(connection, { ...options, checkAPI: false });
    return new Link(connection, jetstream(connection, options), manager, inboxOf(to.user), clock);
  } catch (error) {
    throw busErrorOf(error, "connect");
  }
}

/**
 * The server must have the certificate of one of the servers: the library, which knows no name of a
 * server that is given by its IP address, would ask for "localhost".
 */
function tlsOf(files: NonNullable<JetStreamConnection["tls"]>, servers: readonly string[]) {
  const hosts = servers.map((server) => new URL(server).hostname.replace(/^\[|\]$/g, ""));
  const check = (_: string, certificate: PeerCertificate): Error | undefined => {
    const wrong = hosts.map((host) => checkServerIdentity(host, certificate));
    return wrong.includes(undefined) ? undefined : wrong[0];
  };
  return { ...files, minVersion: "TLSv1.3", checkServerIdentity: check };
}

export class Link {
  readonly connection: NatsConnection;
  readonly client: JetStreamClient;
  readonly manager: JetStreamManager;
  readonly inboxPrefix: string;
  readonly #clock: Clock;
  /** Of the calls that wait for an answer. */
  readonly #giveUps = new Set<() => void>();
  #away = manyListen(new AbortController());
  #back = manyListen(new AbortController());

  constructor(
    connection: NatsConnection,
    client: JetStreamClient,
    manager: JetStreamManager,
    inboxPrefix: string,
    clock: Clock,
  ) {
    this.connection = connection;
    this.client = client;
    this.manager = manager;
    this.inboxPrefix = inboxPrefix;
    this.#clock = clock;
    this.#back.abort();
    void this.#watch();
  }

  /** Aborted when the connection that is there now is lost. */
  get lost(): AbortSignal {
    return this.#away.signal;
  }

  /**
   * Does `work` over a connection that is there; its failures become RuntimeErrors. If the connection
   * is lost meanwhile, nobody knows what became of it: BUS_UNREACHABLE at once.
   */
  async call<T>(what: string, work: () => Promise<T>): Promise<T> {
    return this.take(what, async () => {
      let giveUp = (): void => undefined;
      const lost = new Promise<never>((_, reject) => (giveUp = () => reject(unreachable(what))));
      this.#giveUps.add(giveUp);
      try {
        return await Promise.race([work(), lost]);
      } finally {
        this.#giveUps.delete(giveUp);
      }
    });
  }

  /** As `call`, for work that ends by itself when the connection is lost. */
  async take<T>(what: string, work: () => Promise<T>): Promise<T> {
    await this.#ready(what);
    try {
      return await work();
    } catch (error) {
      throw busErrorOf(error, what);
    }
  }

  async close(): Promise<void> {
    if (this.connection.isClosed()) return;
    await (this.#isThere ? this.connection.drain() : this.connection.close());
  }

  get #isThere(): boolean {
    return this.#back.signal.aborted;
  }

  /** The client library would keep what is sent meanwhile, without a limit. */
  async #ready(what: string): Promise<void> {
    if (!this.#isThere && !this.connection.isClosed()) {
      await sleepUntil(this.#clock, this.#clock.nowMs() + waitMsMax, this.#back.signal);
    }
    if (this.connection.isClosed()) throw new RuntimeError("BUS_CLOSED", "the bus is closed");
    if (!this.#isThere) throw unreachable(what);
  }

  async #watch(): Promise<void> {
    for await (const { type } of this.connection.status()) {
      if (type === "disconnect") {
        this.#back = manyListen(new AbortController());
        this.#away.abort();
        for (const giveUp of this.#giveUps) giveUp();
      } else if (type === "reconnect") {
        this.#away = manyListen(new AbortController());
        this.#back.abort();
      }
    }
    this.#away.abort();
    this.#back.abort();
  }
}

/** One for each pull that waits; it goes with the wait. */
function manyListen(controller: AbortController): AbortController {
  setMaxListeners(0, controller.signal);
  return controller;
}

/** The code of an answer of the servers, or undefined if the error is another. */
export function answerCode(error: unknown): number | undefined {
  return error instanceof JetStreamApiError ? error.code : undefined;
}

const forbidden = [errors.PermissionViolationError, errors.AuthorizationError];
const closed = [errors.ClosedConnectionError, errors.DrainingConnectionError];
/** "stream not found", "consumer not found": heals when they are set up. */
const notSetUp = new Set([10_059, 10_014]);

function busErrorOf(error: unknown, what: string): Error {
  if (error instanceof RuntimeError) return error;
  const is = (kinds: readonly (new (...args: never[]) => Error)[]): boolean =>
    kinds.some((kind) => error instanceof kind || (error as Error).cause instanceof kind);
  const fail = (code: RuntimeErrorCode, message: string): RuntimeError =>
    new RuntimeError(code, `${what}: ${message}`, { cause: error });
  if (is(forbidden)) return fail("BUS_FORBIDDEN", "the NATS server refuses: check its users");
  if (is(closed)) return new RuntimeError("BUS_CLOSED", "the bus is closed", { cause: error });
  if (notSetUp.has(answerCode(error) ?? 0)) {
    return fail("BUS_UNREACHABLE", "the NATS server has no such stream or consumer: provision it");
  }
  return unreachable(what, error);
}

function unreachable(what: string, cause?: unknown): RuntimeError {
  const message = `${what}: no good answer of the NATS servers: check that they run`;
  return new RuntimeError("BUS_UNREACHABLE", message, { cause });
}

/**
 * One connection to a PostgreSQL server. `pg` makes it (socket, TLS, SCRAM, start-up); then the socket
 * is ours, and statements travel over it as they do to PGlite (postgres-statements.ts). So both
 * databases read and write values with the same code.
 */
import type { Duplex } from "node:stream";
import { checkServerIdentity } from "node:tls";
import { Client, type Connection } from "pg";
import { RuntimeError } from "../error.ts";
import type { Session } from "./driver.ts";
import type { PostgresConnection, PostgresTls } from "./place.ts";
import { AnswerBytes } from "./postgres-answer.ts";
import { PostgresStatements } from "./postgres-statements.ts";
import type { SqlValue } from "./store.ts";

export interface SessionLimits {
  /** The server stops a statement after it. Those of a patient transaction have none. */
  readonly statementMsMax: number;
  /** The server stops waiting for another transaction's lock after it. */
  readonly lockMsMax: number;
  /** The server ends a connection whose transaction makes no statement for so long. */
  readonly idleInTransactionMsMax: number;
  /** Only reads: a statement that would write is refused. */
  readonly readOnly: boolean;
  /** Shown in pg_stat_activity. */
  readonly applicationName: string;
}

const connectMsMax = 10_000;
/** Beyond the server's own limit: then the server or the way to it is gone without a word. */
const answerMarginMs = 15_000;
const keepAliveMs = 10_000;
const closeMsMax = 2_000;
/** "X", terminate. */
const goodbye = Uint8Array.of(0x58, 0, 0, 0, 4);

/** Opens a connection. Throws STORE_UNREACHABLE with the failure as its cause. */
export async function openPostgresSession(
  connection: PostgresConnection,
  limits: SessionLimits,
): Promise<PostgresSession> {
  const client = new Client(clientConfig(connection, limits));
  // Without a listener the loss of a connection would end the process; the socket's end tells us.
  client.on("error", () => undefined);
  try {
    await client.connect();
    const answerMsMax = limits.statementMsMax + answerMarginMs;
    return new PostgresSession(await takeSocket(client), answerMsMax, connection);
  } catch (cause) {
    void client.end().catch(() => undefined);
    throw unreachable(connection, "cannot be reached", cause);
  }
}

/** Every value is given: what is absent `pg` would take from the environment or a file at home. */
function clientConfig(connection: PostgresConnection, limits: SessionLimits) {
  const { host, port, database, user, password, tls } = connection;
  const settings = {
    timezone: "UTC",
    standard_conforming_strings: "on",
    default_transaction_read_only: limits.readOnly ? "on" : "off",
    // Its compilation costs more than the short statements here take.
    jit: "off",
  };
  return {
    host,
    port,
    database,
    user,
    password: async () => (typeof password === "function" ? password() : (password ?? "")),
    ssl: tls === undefined ? false : tlsOptions(tls, host),
    connectionTimeoutMillis: connectMsMax,
    keepAlive: true,
    keepAliveInitialDelayMillis: keepAliveMs,
    statement_timeout: limits.statementMsMax,
    lock_timeout: limits.lockMsMax,
    idle_in_transaction_session_timeout: limits.idleInTransactionMsMax,
    application_name: limits.applicationName,
    options: Object.entries(settings)
      .map(([name, value]) => `-c ${name}=${value}`)
      .join(" "),
  };
}

function tlsOptions({ ca, cert, key, servername }: PostgresTls, host: string) {
  return {
    ca,
    minVersion: "TLSv1.3" as const,
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
    // `pg` puts the host in place of a server name, so the name is checked here.
    checkServerIdentity: (_: string, certificate: Parameters<typeof checkServerIdentity>[1]) =>
      checkServerIdentity(servername ?? host, certificate),
  };
}

/**
 * A query of our own (the interface of pg-cursor and pg-copy-streams) that never ends: `pg` sends
 * nothing more, and its parser, which would read bytes as text, is taken off the socket.
 */
function takeSocket(client: Client): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    client.query({
      submit({ stream }: Connection) {
        stream.removeAllListeners("data");
        resolve(stream);
      },
      handleError: reject,
    });
  });
}

function unreachable(
  { host, port, database }: PostgresConnection,
  what: string,
  cause?: unknown,
): RuntimeError {
  const said = cause instanceof Error && cause.message !== "" ? ` (${cause.message})` : "";
  const where = `the database ${database} at ${host}:${port}`;
  return new RuntimeError("STORE_UNREACHABLE", `${where} ${what}${said}`, { cause });
}

interface Waiting {
  readonly resolve: (answer: Buffer) => void;
  readonly reject: (error: RuntimeError) => void;
}

export class PostgresSession implements Session {
  readonly #socket: Duplex;
  readonly #answerMsMax: number;
  readonly #statements = new PostgresStatements((request, patient) =>
    this.#exchange(request, patient),
  );
  readonly #answer = new AnswerBytes();
  #waiting: Waiting | undefined;
  #lost: RuntimeError | undefined;

  constructor(socket: Duplex, answerMsMax: number, connection: PostgresConnection) {
    this.#socket = socket;
    this.#answerMsMax = answerMsMax;
    socket.on("data", (chunk: Buffer) => {
      const answer = this.#answer.add(chunk);
      if (answer !== undefined) this.#settle()?.resolve(answer);
    });
    socket.once("close", () => {
      this.#lost = unreachable(
        connection,
        "ended the connection: whether the last statement was committed is not known",
      );
      this.#settle()?.reject(this.#lost);
    });
  }

  /** False once the connection is lost. */
  get isOpen(): boolean {
    return this.#lost === undefined && !this.#socket.destroyed;
  }

  query(sql: string, params: readonly SqlValue[], patient = false) {
    return this.#statements.query(sql, params, patient);
  }

  async close(): Promise<void> {
    if (!this.isOpen) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => this.#socket.destroy(), closeMsMax);
      this.#socket.once("close", () => {
        clearTimeout(timer);
        resolve();
      });
      this.#socket.end(goodbye);
    });
  }

  #exchange(request: Uint8Array, patient: boolean): Promise<Buffer> {
    if (this.#lost !== undefined) return Promise.reject(this.#lost);
    return new Promise((resolve, reject) => {
      // A server that vanished sends no end; the close that follows rejects.
      const timer = patient
        ? undefined
        : setTimeout(() => this.#socket.destroy(), this.#answerMsMax);
      this.#waiting = {
        resolve: (answer) => (clearTimeout(timer), resolve(answer)),
        reject: (error) => (clearTimeout(timer), reject(error)),
      };
      this.#socket.write(request);
    });
  }

  #settle(): Waiting | undefined {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    return waiting;
  }
}

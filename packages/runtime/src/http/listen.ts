/** Serving an application on a port, plain or over TLS, and ending that without cutting answers short. */
import type { Server } from "node:http";
import type { Server as TlsServer } from "node:https";
import { createAdaptorServer } from "@hono/node-server";
import type { Cancel } from "../clock.ts";
import { RuntimeError, systemCode } from "../error.ts";
import { tlsServer, type ListenTls, type ServedApp } from "./tls-server.ts";

export interface ListenOptions {
  readonly app: ServedApp;
  /** Default 127.0.0.1: another address is a decision. */
  readonly host?: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** How long `close` waits for running requests before it cuts them. Default 5,000. */
  readonly closeLimitMs?: number;
  /** Absent: plain HTTP, which is for the loopback alone. */
  readonly tls?: ListenTls | undefined;
}

export interface Listening {
  /** Such as http://127.0.0.1:8080, without a slash at the end: of the loopback when it listens everywhere. */
  readonly url: string;
  readonly port: number;
  /** Takes no new requests, waits for running ones up to the limit. Idempotent. */
  close(): Promise<void>;
}

const connectionsMax = 10_000;
const headersTimeoutMs = 10_000;

/** Throws HTTP_PORT_IN_USE or HTTP_LISTEN. */
export async function listen(options: ListenOptions): Promise<Listening> {
  const { host = "127.0.0.1", port, tls } = options;
  const { server, stopRenewing } =
    tls === undefined ? plainServer(options) : tlsServer(options.app, tls, headersTimeoutMs);
  server.maxConnections = connectionsMax;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => {
      stopRenewing();
      reject(listenError(error, host, port));
    });
    server.listen(port, host, resolve);
  });
  const address = server.address();
  const actualPort = typeof address === "object" && address !== null ? address.port : port;
  let closing: Promise<void> | undefined;
  return {
    url: `${tls === undefined ? "http" : "https"}://${reachableHost(host)}:${actualPort}`,
    port: actualPort,
    close() {
      stopRenewing();
      return (closing ??= closeServer(server, options.closeLimitMs ?? 5_000));
    },
  };
}

interface MadeServer {
  readonly server: Server | TlsServer;
  readonly stopRenewing: Cancel;
}

function plainServer({ app }: ListenOptions): MadeServer {
  const server = createAdaptorServer({
    fetch: (request, env) => app.fetch(request, env),
    serverOptions: { headersTimeout: headersTimeoutMs },
  }) as Server; // node:http unless another createServer is handed in
  return { server, stopRenewing: () => undefined };
}

/** The host of an address that leads to a listener on `host` from its own machine. */
export function reachableHost(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  if (host === "::") return "[::1]";
  return host.includes(":") ? `[${host}]` : host;
}

function listenError(error: Error, host: string, port: number): RuntimeError {
  if (systemCode(error) === "EADDRINUSE") {
    const message = `port ${port} on ${host} is in use: stop what uses it, or choose another port`;
    return new RuntimeError("HTTP_PORT_IN_USE", message, { cause: error });
  }
  const message = `cannot listen on ${host} port ${port} (${systemCode(error) ?? "unknown"})`;
  return new RuntimeError("HTTP_LISTEN", message, { cause: error });
}

function closeServer(server: Server | TlsServer, limitMs: number): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), limitMs);
    server.close(() => {
      clearTimeout(cut);
      resolve();
    });
    server.closeIdleConnections();
  });
}

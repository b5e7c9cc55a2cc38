/** Serving an application on a port, and ending that without cutting answers short. */
import type { Server } from "node:http";
import { createAdaptorServer } from "@hono/node-server";
import { RuntimeError, systemCode } from "../error.ts";

export interface ListenOptions {
  readonly app: { readonly fetch: (request: Request) => Response | Promise<Response> };
  /** Default 127.0.0.1: another address is a decision. */
  readonly host?: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** How long `close` waits for running requests before it cuts them. Default 5,000. */
  readonly closeLimitMs?: number;
}

export interface Listening {
  /** Such as http://127.0.0.1:8080, without a slash at the end. */
  readonly url: string;
  readonly port: number;
  /** Takes no new requests, waits for running ones up to the limit. Idempotent. */
  close(): Promise<void>;
}

const connectionsMax = 10_000;
const headersTimeoutMs = 10_000;

/** Throws HTTP_PORT_IN_USE or HTTP_LISTEN. */
export async function listen(options: ListenOptions): Promise<Listening> {
  const { app, host = "127.0.0.1", port } = options;
  const server = createAdaptorServer({
    fetch: (request) => app.fetch(request),
    serverOptions: { headersTimeout: headersTimeoutMs },
  }) as Server; // node:http unless another createServer is handed in
  server.maxConnections = connectionsMax;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(listenError(error, host, port)));
    server.listen(port, host, resolve);
  });
  const address = server.address();
  const actualPort = typeof address === "object" && address !== null ? address.port : port;
  const urlHost = host.includes(":") ? `[${host}]` : host;
  let closing: Promise<void> | undefined;
  return {
    url: `http://${urlHost}:${actualPort}`,
    port: actualPort,
    close: () => (closing ??= closeServer(server, options.closeLimitMs ?? 5_000)),
  };
}

function listenError(error: Error, host: string, port: number): RuntimeError {
  if (systemCode(error) === "EADDRINUSE") {
    const message = `port ${port} on ${host} is in use: stop what uses it, or choose another port`;
    return new RuntimeError("HTTP_PORT_IN_USE", message, { cause: error });
  }
  const message = `cannot listen on ${host} port ${port} (${systemCode(error) ?? "unknown"})`;
  return new RuntimeError("HTTP_LISTEN", message, { cause: error });
}

function closeServer(server: Server, limitMs: number): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), limitMs);
    server.close(() => {
      clearTimeout(cut);
      resolve();
    });
    server.closeIdleConnections();
  });
}

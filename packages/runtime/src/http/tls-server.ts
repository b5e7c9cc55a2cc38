/**
 * The TLS side of `listen` (docs/decisions/0028-transport-security.md): between parties TLS 1.3 with certificates on both sides, towards
 * people and meters TLS 1.2 or newer. Renewed certificates are for new connections; open ones go on.
 */
import { X509Certificate } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { createServer, type Server } from "node:https";
import { TLSSocket, type TlsOptions } from "node:tls";
import { createAdaptorServer } from "@hono/node-server";
import type { Cancel } from "../clock.ts";
import { peerNameOf, type PeerEnv } from "./peer.ts";
import { statusProblem } from "./problem.ts";
import type { TlsIdentity, TlsMaterial } from "./tls-identity.ts";

export interface ListenTls {
  readonly identity: TlsIdentity;
  /**
   * Names of the peers whose certificates open it, such as `party/ucs`; other parties, and monitors, may ask for health and metrics alone.
   * Absent: a public listener, which asks nobody for a certificate.
   */
  readonly peers?: readonly string[];
  /** What is shown to who asks for a name in it: a certificate that browsers believe. The parties ask for others. */
  readonly publicIdentity?: TlsIdentity | undefined;
}

export interface ServedApp {
  readonly fetch: (request: Request, env?: object) => Response | Promise<Response>;
}

export interface TlsServer {
  readonly server: Server;
  readonly stopRenewing: Cancel;
}

/** Not listening yet. */
export function tlsServer(app: ServedApp, tls: ListenTls, headersTimeout: number): TlsServer {
  const { identity, peers, publicIdentity } = tls;
  const asksClients = peers !== undefined;
  const optionsOf = (material: TlsMaterial): TlsOptions => ({
    ...material,
    requestCert: asksClients,
    rejectUnauthorized: true,
    // Browsers and meters may be older than the parties.
    minVersion: asksClients ? "TLSv1.3" : "TLSv1.2",
  });
  const server = createAdaptorServer({
    fetch: asksClients ? admitting(app, new Set(peers)) : (request, env) => app.fetch(request, env),
    createServer,
    serverOptions: { ...optionsOf(identity.current()), headersTimeout },
  }) as Server; // as createServer makes it
  const show = (material: TlsMaterial): void => {
    for (const name of dnsNamesOf(material)) server.addContext(name, optionsOf(material));
  };
  if (publicIdentity !== undefined) show(publicIdentity.current());
  const cancels = [
    identity.onChange((next) => server.setSecureContext(optionsOf(next))),
    publicIdentity?.onChange(show),
  ];
  return { server, stopRenewing: () => cancels.forEach((cancel) => cancel?.()) };
}

/** The application behind the door: who may pass is decided before it sees a request, and told to it. */
const admitting =
  (app: ServedApp, admitted: ReadonlySet<string>) =>
  (request: Request, env: { readonly incoming: object }): Response | Promise<Response> => {
    const { socket } = env.incoming as IncomingMessage; // of node:https, see createServer
    const peer = socket instanceof TLSSocket ? peerNameOf(socket.getPeerCertificate()) : "";
    if (!admitted.has(peer) && !mayLookAtHealth(request, peer)) return refusal();
    return app.fetch(request, { ...env, peer } satisfies PeerEnv);
  };

const HEALTH_PATHS: ReadonlySet<string> = new Set(["/metrics", "/healthz", "/readyz"]);

const mayLookAtHealth = (request: Request, peer: string): boolean =>
  /^(party|monitor)\//.test(peer) && HEALTH_PATHS.has(new URL(request.url).pathname);

function refusal(): Response {
  const headers = { "content-type": "application/problem+json", "cache-control": "no-store" };
  const problem = { type: "about:blank", ...statusProblem(403) };
  return new Response(JSON.stringify(problem), { status: 403, headers });
}

const dnsNamesOf = ({ cert }: TlsMaterial): string[] =>
  (new X509Certificate(cert).subjectAltName ?? "")
    .split(", ")
    .filter((entry) => entry.startsWith("DNS:"))
    .map((entry) => entry.slice("DNS:".length));

/**
 * Who is at the other end of a TLS connection: what the subject of his certificate says, which the deployment's authority has signed
 * (docs/decisions/0028-transport-security.md). A peer's name is `<OU>/<CN>`, such as `party/aggregator` or `meter/3f…`.
 */
import type { PeerCertificate } from "node:tls";
import type { Context } from "hono";

/** On the env of every request that came over TLS with a client's certificate. */
export interface PeerEnv {
  readonly peer?: string;
}

/** The name in a certificate that was verified; "" for a subject that names nobody in our sense: it fits no name that is asked for. */
export function peerNameOf({ subject }: Pick<PeerCertificate, "subject">): string {
  // Node gives a list where a subject has several of one kind; its types do not say so. None of ours has.
  const { OU: kind, CN: name } = Object(subject) as Readonly<Record<string, unknown>>;
  return typeof kind === "string" && typeof name === "string" ? `${kind}/${name}` : "";
}

/** Undefined where clients show no certificate: on plain HTTP, which is for the loopback, and on public listeners. */
export function peerOf(context: Context): string | undefined {
  const env = context.env as PeerEnv | undefined; // Undefined for requests that a test makes.
  return env?.peer;
}

/** True for `name` itself, and where the connection says nothing about who it is. */
export function mayBe(context: Context, name: string): boolean {
  const peer = peerOf(context);
  return peer === undefined || peer === name;
}

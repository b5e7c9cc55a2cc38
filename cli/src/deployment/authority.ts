/**
 * `authority/`: the deployment's certificate authority as files, who has certificates of it, and the steps that renew them and replace it
 * (docs/decisions/0028-transport-security.md). Each step may be interrupted anywhere and done again; what is there in between works. Run
 * where that folder lies: not on a party's machine.
 */
import { X509Certificate } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import {
  loadConfig,
  readSecretFile,
  syncFolder,
  writeFileAtomic,
  writeSecretFile,
} from "@smarter-metering/runtime";
import { z } from "zod";
import { CliError, EXIT } from "../cli-error.ts";
import { createAuthority, isHostName, issueCertificate, type Authority } from "./certificates.ts";
import type { Layout } from "./layout.ts";

const holder = z.strictObject({
  kind: z.enum(["party", "server", "monitor", "fleet"]),
  /** Names and addresses that it serves at. */
  hosts: z.array(z.string().refine(isHostName, "not a host name or an address")).max(32),
});
const holdersDocument = z.strictObject({
  kind: z.literal("smarter-metering/certificate-holders"),
  version: z.literal(1),
  holders: z.record(z.string().regex(/^[a-z][a-z0-9-]{0,63}$/), holder),
});

/** Who has a certificate, by the name of his folder, which is the name in the certificate. */
export type Holders = z.infer<typeof holdersDocument>["holders"];

/** Where every party and server can be reached on its own machine. */
const LOCAL_HOSTS = ["localhost", "127.0.0.1"];

const pathsOf = (layout: Layout) => ({
  /** Who signs: private key and certificate. */
  authority: join(layout.authority, "authority.pem"),
  /** Who will, once everybody believes him. */
  next: join(layout.authority, "next-authority.pem"),
  /** Whom everybody believes: one, and two while one replaces the other. */
  trusted: join(layout.authority, "trusted.pem"),
  holders: join(layout.authority, "holders.json"),
});

/** An authority, and certificates for all `holders`. */
export async function createAuthorityFolder(
  layout: Layout,
  holders: Holders,
  nowMs: number,
): Promise<void> {
  const paths = pathsOf(layout);
  await mkdir(layout.authority, { recursive: true, mode: 0o700 });
  const authority = createAuthority(nowMs);
  await writeFileAtomic(paths.trusted, authority.certificate);
  await saveHolders(layout, holders);
  await writeSecretFile(paths.authority, pemOf(authority));
  await renewCertificates(layout, Object.keys(holders), nowMs);
}

/** Throws AUTHORITY_MISSING, CONFIG_INVALID. */
export function loadHolders(layout: Layout): Holders {
  refuseWithout(layout);
  return loadConfig(pathsOf(layout).holders, () => holdersDocument).value.holders;
}

/** Adds hosts to those of a holder. Throws AUTHORITY_MISSING, HOLDER_UNKNOWN, HOST_INVALID. */
export async function addHosts(
  layout: Layout,
  added: Readonly<Record<string, readonly string[]>>,
): Promise<void> {
  await saveHolders(layout, withHosts(loadHolders(layout), added));
}

/** Every party and server is also found on its own machine. Throws HOLDER_UNKNOWN, HOST_INVALID. */
export function withHosts(
  holders: Holders,
  added: Readonly<Record<string, readonly string[]>>,
): Holders {
  for (const [name, hosts] of Object.entries(added)) {
    const known = holders[name];
    if (known === undefined || (known.kind !== "party" && known.kind !== "server")) {
      const message = `"${name}" is no party or server of this deployment: ${Object.keys(holders).join(", ")}`;
      throw new CliError("HOLDER_UNKNOWN", message);
    }
    const wrong = hosts.find((host) => !isHostName(host));
    if (wrong === undefined) continue;
    throw new CliError("HOST_INVALID", `"${wrong}" is not a host name or an address`);
  }
  return Object.fromEntries(
    Object.entries(holders).map(([name, { kind, hosts }]) => {
      const local = kind === "party" || kind === "server" ? LOCAL_HOSTS : [];
      return [name, { kind, hosts: [...new Set([...hosts, ...(added[name] ?? []), ...local])] }];
    }),
  );
}

/**
 * New keys and certificates for `names`; the old ones are valid until they expire, and running processes take the new ones by themselves.
 * Throws AUTHORITY_MISSING, HOLDER_UNKNOWN.
 */
export async function renewCertificates(
  layout: Layout,
  names: readonly string[],
  nowMs: number,
): Promise<void> {
  const holders = loadHolders(layout);
  const { authority, trusted } = pathsOf(layout);
  const signer = parseAuthority(await readSecretFile(authority));
  const bundle = await readFile(trusted, "utf8");
  for (const name of names) {
    const request = holders[name];
    if (request === undefined) {
      const message = `"${name}" has no certificates here: ${Object.keys(holders).join(", ")}`;
      throw new CliError("HOLDER_UNKNOWN", message);
    }
    const paths = layout.tls(name);
    await mkdir(paths.folder, { recursive: true, mode: 0o700 });
    // Trust first: whoever believes too few cannot be helped by a new certificate.
    await writeFileAtomic(paths.trusted, bundle);
    await writeSecretFile(
      paths.identity,
      pemOf(issueCertificate(signer, { name, nowMs, ...request })),
    );
  }
}

/**
 * Another authority takes over: it is made, everybody in this deployment's folders is told to believe both, then it signs. Returns
 * false when that was done already and the old one is not dropped yet. Throws AUTHORITY_MISSING.
 */
export async function replaceAuthority(layout: Layout, nowMs: number): Promise<boolean> {
  refuseWithout(layout);
  const paths = pathsOf(layout);
  const bundle = await readFile(paths.trusted, "utf8");
  if (!existsSync(paths.next)) {
    if (certificatesIn(bundle).length > 1) return false;
    await writeSecretFile(paths.next, pemOf(createAuthority(nowMs)));
  }
  const { certificate } = parseAuthority(await readSecretFile(paths.next));
  const [old] = certificatesIn(bundle);
  const both = [old, certificate].join("");
  await writeFileAtomic(paths.trusted, both);
  await tellHolders(layout, both);
  // The old key ends here: from now on nobody can sign by it.
  await rename(paths.next, paths.authority);
  await syncFolder(layout.authority);
  return true;
}

/**
 * Nobody believes the old authority any more. Returns false when there is no old one. Throws AUTHORITY_MISSING, and AUTHORITY_IN_USE
 * while a certificate in this deployment's folders is of the old one.
 */
export async function dropOldAuthority(layout: Layout): Promise<boolean> {
  refuseWithout(layout);
  const paths = pathsOf(layout);
  const isOver = certificatesIn(await readFile(paths.trusted, "utf8")).length === 1;
  if (existsSync(paths.next)) {
    const message = "the new authority does not sign yet: run certificates new-ca again";
    throw new CliError("AUTHORITY_IN_USE", message, EXIT.refused);
  }
  const { certificate } = parseAuthority(await readSecretFile(paths.authority));
  const authority = new X509Certificate(certificate);
  for (const name of Object.keys(loadHolders(layout))) {
    const { identity } = layout.tls(name);
    if (!existsSync(identity)) continue;
    const own = new X509Certificate(await readFile(identity, "utf8"));
    if (isIssuedBy(own, authority)) continue;
    const message = `${name}'s certificate is still of the old authority: run certificates renew first`;
    throw new CliError("AUTHORITY_IN_USE", message, EXIT.refused);
  }
  await tellHolders(layout, certificate);
  await writeFileAtomic(paths.trusted, certificate);
  return !isOver;
}

/** True when `authority` signed it. */
export const isIssuedBy = (certificate: X509Certificate, authority: X509Certificate): boolean =>
  certificate.checkIssued(authority) && certificate.verify(authority.publicKey);

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----\n/g;
const PRIVATE_KEY = /-----BEGIN PRIVATE KEY-----[\s\S]+?-----END PRIVATE KEY-----\n/;

/** The certificates of a PEM text, each as PEM. */
export const certificatesIn = (pem: string): string[] => pem.match(CERTIFICATE) ?? [];

const pemOf = ({ certificate, key }: Authority): string => `${certificate}${key}`;

function parseAuthority(bytes: Uint8Array): Authority {
  const text = new TextDecoder().decode(bytes);
  const [certificate] = certificatesIn(text);
  const [key] = PRIVATE_KEY.exec(text) ?? [];
  if (certificate !== undefined && key !== undefined) return { certificate, key };
  const message = "the authority's file holds no key and certificate; restore it from a backup";
  throw new CliError("AUTHORITY_DAMAGED", message);
}

async function tellHolders(layout: Layout, bundle: string): Promise<void> {
  for (const name of Object.keys(loadHolders(layout))) {
    const { folder, trusted } = layout.tls(name);
    if (existsSync(folder)) await writeFileAtomic(trusted, bundle);
  }
}

async function saveHolders(layout: Layout, holders: Holders): Promise<void> {
  const document = { kind: "smarter-metering/certificate-holders", version: 1, holders };
  await writeFileAtomic(pathsOf(layout).holders, `${JSON.stringify(document, null, 2)}\n`);
}

function refuseWithout(layout: Layout): void {
  if (existsSync(pathsOf(layout).authority)) return;
  const message = `${layout.authority} holds no authority: bring it back from where you keep it, or make a deployment that has one with init --system-clock`;
  throw new CliError("AUTHORITY_MISSING", message, EXIT.refused);
}

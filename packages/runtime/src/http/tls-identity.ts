/**
 * What a party shows itself with on TLS connections, and whom it believes: its private key, its certificate and the authorities that
 * it trusts, from files that are replaced while it runs (docs/decisions/0028-transport-security.md). A renewed certificate is taken
 * without a restart; what runs goes on.
 */
import { readFile } from "node:fs/promises";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import type { Cancel, Clock } from "../clock.ts";
import { RuntimeError } from "../error.ts";
import { errorFields, type Logger } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import { readSecretFile } from "../secret-file.ts";

/** PEM files. Key and certificate may be one file: then a renewal is one rename, and no reader sees half of it. */
export interface TlsFiles {
  readonly certFile: string;
  /** Mode 0600. */
  readonly keyFile: string;
  /** The authorities whose certificates are believed, any number of them; absent: those of Node.js. */
  readonly caFile?: string | undefined;
}

/** As node:tls takes it. */
export interface TlsMaterial {
  readonly cert: string;
  readonly key: string;
  readonly ca?: string;
}

export interface TlsIdentity {
  /** For new connections. */
  current(): TlsMaterial;
  /** Calls `take` with each that follows. */
  onChange(take: (material: TlsMaterial) => void): Cancel;
  /** Looks at the files now, as it does every `reloadMs`. */
  reload(): Promise<void>;
  close(): void;
}

export interface TlsIdentityPorts {
  readonly clock: Clock;
  readonly log: Logger;
  /** Gets `tls_certificate_expiry_timestamp_seconds`. */
  readonly metrics?: Metrics | undefined;
}

/** Three small files are read so often: nothing to notice, and a renewal is in use before its operator has gone. */
const reloadMs = 10_000;

/**
 * Throws SECRET_FILE for a key that others may read, TLS_FILES for files that are missing, malformed, or do not belong together. When
 * that happens to files that were replaced, the log has it and the material of before stays in use.
 */
export async function openTlsIdentity(
  files: TlsFiles,
  { clock, log, metrics }: TlsIdentityPorts,
): Promise<TlsIdentity> {
  const expiry = metrics?.gauge(
    "tls_certificate_expiry_timestamp_seconds",
    "When the certificate in use expires",
  );
  const note = ({ cert }: TlsMaterial): void =>
    expiry?.set(Date.parse(new X509Certificate(cert).validTo) / 1000);
  let current = await readMaterial(files);
  note(current);
  const listeners = new Set<(material: TlsMaterial) => void>();
  const reload = async (): Promise<void> => {
    try {
      const next = await readMaterial(files);
      if (isSame(next, current)) return;
      current = next;
      note(next);
      for (const take of listeners) take(next);
    } catch (error) {
      log.warn("the certificate of before stays in use", errorFields(error));
    }
  };
  const cancel = clock.every(reloadMs, reload);
  return {
    current: () => current,
    onChange(take) {
      listeners.add(take);
      return () => void listeners.delete(take);
    },
    reload,
    close: cancel,
  };
}

async function readMaterial({ certFile, keyFile, caFile }: TlsFiles): Promise<TlsMaterial> {
  const key = new TextDecoder().decode(await readSecretFile(keyFile));
  const read = async (path: string): Promise<string> => {
    try {
      return await readFile(path, "utf8");
    } catch (cause) {
      const message = `cannot read ${path}: make it with smarter-metering certificates renew`;
      throw new RuntimeError("TLS_FILES", message, { cause });
    }
  };
  const cert = await read(certFile);
  const material = { cert, key, ...(caFile !== undefined && { ca: await read(caFile) }) };
  if (isWhole(material)) return material;
  const message = `${certFile}, ${keyFile} and the authorities are not PEM of one key and its certificate: renew them`;
  throw new RuntimeError("TLS_FILES", message);
}

/** Node.js takes empty texts for absent ones: without authorities it would believe all of its own. */
function isWhole(material: TlsMaterial): boolean {
  const { cert, key, ca = cert } = material;
  try {
    createSecureContext(material);
    const authority = new X509Certificate(ca);
    return (
      authority.raw.length > 0 && new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))
    );
  } catch {
    // What OpenSSL says of a key file is none of the log's business.
    return false;
  }
}

const isSame = (a: TlsMaterial, b: TlsMaterial): boolean =>
  a.cert === b.cert && a.key === b.key && a.ca === b.ca;

/** How the certificates in a deployment's folders stand, for `certificates show` and `doctor`: public parts, modes and dates alone. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { readSecretFile } from "@smarter-metering/runtime";
import { describeError } from "../cli-error.ts";
import { certificatesIn, isIssuedBy, loadHolders, type Holders } from "./authority.ts";
import type { Layout } from "./layout.ts";

/** Before it: time to renew, and three weeks in which somebody may notice. */
export const RENEW_DAYS = 21;
const DAY_MS = 86_400_000;

export interface CertificateReport {
  /** The folder of who has it. */
  readonly holder: string;
  /** Epoch milliseconds; 0 where there is none that can be read. */
  readonly expiresMs: number;
  readonly hosts: readonly string[];
  /** How many authorities its holder believes; two while one replaces the other. */
  readonly authorities: number;
  /** `renew`: it works, and has to be renewed soon. */
  readonly state: "sound" | "renew" | "wrong";
  /** What to know, or to do. */
  readonly finding: string;
}

/** Of every holder whose folder lies here, in the order of their names. With the authority's folder absent, hosts are not compared. */
export async function reportCertificates(
  layout: Layout,
  nowMs: number,
): Promise<CertificateReport[]> {
  const holders = existsSync(layout.authority) ? loadHolders(layout) : {};
  const folders = (await readdir(layout.root)).filter((name) =>
    existsSync(layout.tls(name).folder),
  );
  return Promise.all(
    folders.toSorted().map(async (holder) => {
      try {
        return await examine(layout, holder, holders[holder], nowMs);
      } catch (error) {
        const finding = describeError(error);
        return {
          holder,
          expiresMs: 0,
          hosts: [],
          authorities: 0,
          state: "wrong",
          finding,
        } as const;
      }
    }),
  );
}

async function examine(
  layout: Layout,
  holder: string,
  wanted: Holders[string] | undefined,
  nowMs: number,
): Promise<CertificateReport> {
  const { identity, trusted } = layout.tls(holder);
  const text = new TextDecoder().decode(await readSecretFile(identity));
  const certificate = new X509Certificate(text);
  const authorities = certificatesIn(await readFile(trusted, "utf8")).map(
    (pem) => new X509Certificate(pem),
  );
  const expiresMs = Date.parse(certificate.validTo);
  const hosts = hostsOf(certificate);
  const report = { holder, expiresMs, hosts, authorities: authorities.length };
  const wrong = faultOf(certificate, text, { holder, wanted, authorities, nowMs });
  if (wrong !== undefined) return { ...report, state: "wrong", finding: wrong };
  const days = Math.floor((expiresMs - nowMs) / DAY_MS);
  const until = `until ${new Date(expiresMs).toISOString().slice(0, 10)}`;
  if (days < RENEW_DAYS) {
    return { ...report, state: "renew", finding: `${until}: run certificates renew` };
  }
  return { ...report, state: "sound", finding: until };
}

interface Expected {
  readonly holder: string;
  readonly wanted: Holders[string] | undefined;
  readonly authorities: readonly X509Certificate[];
  readonly nowMs: number;
}

function faultOf(
  certificate: X509Certificate,
  text: string,
  { holder, wanted, authorities, nowMs }: Expected,
): string | undefined {
  if (!certificate.checkPrivateKey(createPrivateKey(text))) {
    return "the key is not the certificate's: run certificates renew";
  }
  if (!authorities.some((authority) => isIssuedBy(certificate, authority))) {
    return "of an authority that its own holder does not believe: run certificates renew";
  }
  if (Date.parse(certificate.validFrom) > nowMs) return "not valid yet: is the clock right?";
  if (Date.parse(certificate.validTo) <= nowMs) return "expired: run certificates renew";
  const kind = wanted?.kind ?? "";
  if (wanted !== undefined && !certificate.subject.endsWith(`OU=${kind}\nCN=${holder}`)) {
    return "somebody else's: run certificates renew";
  }
  const missing = wanted?.hosts.find((host) => !hostsOf(certificate).includes(host));
  return missing === undefined ? undefined : `not for ${missing}: run certificates renew`;
}

/** DNS names and addresses, as RFC 5952 writes them. */
function hostsOf({ subjectAltName = "" }: X509Certificate): string[] {
  return subjectAltName
    .split(", ")
    .filter((entry) => entry !== "")
    .map((entry) => entry.replace(/^(DNS|IP Address):/, ""));
}

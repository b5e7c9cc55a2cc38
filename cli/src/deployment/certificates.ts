/**
 * X.509 certificates of a deployment's own authority (RFC 5280, docs/decisions/0028-transport-security.md): made by `init` and
 * `certificates …` where the authority's key lies, and nowhere else. ECDSA on P-256 with SHA-256, because PostgreSQL, nats-server,
 * Mosquitto, browsers and Node all take it.
 */
import assert from "node:assert/strict";
import {
  createHash,
  createPrivateKey,
  generateKeyPairSync,
  randomBytes,
  sign,
  X509Certificate,
  type KeyObject,
} from "node:crypto";
import { isIP } from "node:net";
import { AsnConvert, OctetString } from "@peculiar/asn1-schema";
import {
  AlgorithmIdentifier,
  AttributeTypeAndValue,
  AttributeValue,
  AuthorityKeyIdentifier,
  BasicConstraints,
  Certificate,
  ExtendedKeyUsage,
  Extension,
  Extensions,
  GeneralName,
  id_ce_authorityKeyIdentifier,
  id_ce_basicConstraints,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_subjectAltName,
  id_ce_subjectKeyIdentifier,
  id_kp_clientAuth,
  id_kp_serverAuth,
  KeyIdentifier,
  KeyUsage,
  KeyUsageFlags,
  Name,
  RelativeDistinguishedName,
  SubjectAlternativeName,
  SubjectKeyIdentifier,
  SubjectPublicKeyInfo,
  TBSCertificate,
  Validity,
  Version,
} from "@peculiar/asn1-x509";

/**
 * What a certificate is for: `monitor` reads health and metrics, `fleet` is the process of all simulated meters. It is the OU of the subject,
 * so that no meter can pass for a party; for servers that look at the CN alone, meters' names are ids.
 */
export type CertificateKind = "party" | "server" | "monitor" | "meter" | "fleet";

export interface CertificateRequest {
  readonly kind: CertificateKind;
  /** The CN of the subject: a role, or a role and number; a server's name; a meter's id. */
  readonly name: string;
  /** DNS names and IP addresses that it may serve at; only parties and servers serve. */
  readonly hosts: readonly string[];
  /** Begin, epoch milliseconds; five minutes are added before it, for clocks that differ. */
  readonly nowMs: number;
  /** Default CERTIFICATE_DAYS. */
  readonly days?: number;
}

/** Who signs: private key and certificate, PEM. */
export interface Authority {
  readonly key: string;
  readonly certificate: string;
}

/** A private key (PKCS #8) and its certificate, PEM. */
export interface IssuedCertificate {
  readonly key: string;
  readonly certificate: string;
}

export const CERTIFICATE_DAYS = 90;
const AUTHORITY_DAYS = 3653;
const DAY_MS = 86_400_000;
const SKEW_MS = 300_000;
const ECDSA_WITH_SHA256 = "1.2.840.10045.4.3.2";
const ORGANISATION = "Smarter Metering";
/** RFC 5280 allows 64 characters of a name. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const METER_ID = /^[0-9a-f]{32}$/;
const HOST =
  /^(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$/;

/** The name under which a party's certificate shows it to others: what a listener or a token asks for. */
export const partyName = (party: string): string => `party/${party}`;

/** True for a DNS name or an IP address, as a certificate and an address of ours may have it. */
export const isHostName = (host: string): boolean => isIP(host) !== 0 || HOST.test(host);

/** A new authority: it signs certificates of parties, servers and meters, and no other authority. */
export function createAuthority(nowMs: number): Authority {
  const { publicKey, privateKey } = newKeyPair();
  const keyId = keyIdOf(publicKey);
  // The name differs from authority to authority, so that one that follows another is told apart in a bundle.
  const name = subjectOf("authority", `authority ${keyId.toString("hex").slice(0, 16)}`);
  const certificate = signCertificate({
    issuer: name,
    issuerKey: privateKey,
    subject: name,
    publicKey,
    notBeforeMs: nowMs - SKEW_MS,
    notAfterMs: nowMs + AUTHORITY_DAYS * DAY_MS,
    extensions: [
      extension(id_ce_basicConstraints, new BasicConstraints({ cA: true, pathLenConstraint: 0 })),
      extension(id_ce_keyUsage, new KeyUsage(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign)),
      extension(id_ce_subjectKeyIdentifier, new SubjectKeyIdentifier(keyId), false),
    ],
  });
  return { key: pemOf(privateKey), certificate };
}

/** A new key and its certificate. A malformed name or host is a programmer error: callers check what people wrote. */
export function issueCertificate(
  authority: Authority,
  { kind, name, hosts, nowMs, days = CERTIFICATE_DAYS }: CertificateRequest,
): IssuedCertificate {
  assert(NAME.test(name), "a certificate's name is 1 to 64 letters, digits, dots, dashes");
  assert(kind !== "meter" || METER_ID.test(name), "a meter's certificate has the meter's id");
  assert(hosts.every(isHostName), "a host is a DNS name or an IP address");
  const serves = kind === "party" || kind === "server";
  assert(serves === hosts.length > 0, "parties and servers have hosts, others have none");
  const { publicKey, privateKey } = newKeyPair();
  const issuer = new X509Certificate(authority.certificate);
  const { tbsCertificate } = AsnConvert.parse(issuer.raw, Certificate);
  const usages = serves ? [id_kp_serverAuth, id_kp_clientAuth] : [id_kp_clientAuth];
  const names = hosts.map((host) => {
    return new GeneralName(isIP(host) === 0 ? { dNSName: host } : { iPAddress: host });
  });
  const certificate = signCertificate({
    issuer: tbsCertificate.subject,
    issuerKey: createPrivateKey(authority.key),
    subject: subjectOf(kind, name),
    publicKey,
    notBeforeMs: nowMs - SKEW_MS,
    notAfterMs: nowMs + days * DAY_MS,
    extensions: [
      extension(id_ce_basicConstraints, new BasicConstraints({ cA: false })),
      extension(id_ce_keyUsage, new KeyUsage(KeyUsageFlags.digitalSignature)),
      extension(id_ce_extKeyUsage, new ExtendedKeyUsage(usages), false),
      extension(
        id_ce_authorityKeyIdentifier,
        new AuthorityKeyIdentifier({ keyIdentifier: new KeyIdentifier(keyIdOf(issuer.publicKey)) }),
        false,
      ),
      extension(id_ce_subjectKeyIdentifier, new SubjectKeyIdentifier(keyIdOf(publicKey)), false),
      ...(serves
        ? [extension(id_ce_subjectAltName, new SubjectAlternativeName(names), false)]
        : []),
    ],
  });
  return { key: pemOf(privateKey), certificate };
}

const newKeyPair = () => generateKeyPairSync("ec", { namedCurve: "P-256" });

const pemOf = (key: KeyObject): string => key.export({ type: "pkcs8", format: "pem" }).toString();

interface Content {
  readonly issuer: Name;
  readonly issuerKey: KeyObject;
  readonly subject: Name;
  readonly publicKey: KeyObject;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly extensions: Extension[];
}

/** RFC 5280 §4.1; the certificate as PEM. */
function signCertificate(content: Content): string {
  const { issuer, issuerKey, subject, publicKey, notBeforeMs, notAfterMs, extensions } = content;
  const algorithm = new AlgorithmIdentifier({ algorithm: ECDSA_WITH_SHA256 });
  const spki = publicKey.export({ type: "spki", format: "der" });
  const tbsCertificate = new TBSCertificate({
    version: Version.v3,
    serialNumber: newSerialNumber(),
    signature: algorithm,
    issuer,
    validity: new Validity({ notBefore: new Date(notBeforeMs), notAfter: new Date(notAfterMs) }),
    subject,
    subjectPublicKeyInfo: AsnConvert.parse(spki, SubjectPublicKeyInfo),
    extensions: new Extensions(extensions),
  });
  const signed = Buffer.from(AsnConvert.serialize(tbsCertificate));
  const certificate = new Certificate({
    tbsCertificate,
    signatureAlgorithm: algorithm,
    signatureValue: arrayBufferOf(sign("sha256", signed, issuerKey)),
  });
  return new X509Certificate(Buffer.from(AsnConvert.serialize(certificate))).toString();
}

/** Positive and 128 bits: the first byte is neither zero nor has the sign bit. */
function newSerialNumber(): ArrayBuffer {
  const serial = randomBytes(17);
  serial[0] = 1;
  return arrayBufferOf(serial);
}

/** RFC 5280 §4.2.1.2 (1): SHA-1 of the key's bits; an identifier, nothing rests on it. */
function keyIdOf(publicKey: KeyObject): Buffer {
  const spki = publicKey.export({ type: "spki", format: "der" });
  const { subjectPublicKey } = AsnConvert.parse(spki, SubjectPublicKeyInfo);
  return createHash("sha1").update(Buffer.from(subjectPublicKey)).digest();
}

const ORGANISATION_ID = "2.5.4.10";
const UNIT_ID = "2.5.4.11";
const COMMON_NAME_ID = "2.5.4.3";

function subjectOf(kind: CertificateKind | "authority", name: string): Name {
  const parts = [
    [ORGANISATION_ID, ORGANISATION],
    [UNIT_ID, kind],
    [COMMON_NAME_ID, name],
  ] as const;
  return new Name(
    parts.map(([type, text]) => {
      const value = new AttributeValue({ utf8String: text });
      return new RelativeDistinguishedName([new AttributeTypeAndValue({ type, value })]);
    }),
  );
}

function extension(extnID: string, value: unknown, critical = true): Extension {
  const extnValue = new OctetString(AsnConvert.serialize(value));
  return new Extension({ extnID, critical, extnValue });
}

const arrayBufferOf = (bytes: Uint8Array): ArrayBuffer => new Uint8Array(bytes).buffer;

/**
 * Secrets that people write down or pass on (docs/protocol.md §10.2, §10.5): 128 random bits in the text form of enrolment codes, each kind
 * under a prefix of its own, so that none is typed where another belongs. On customers' devices; the portal gets an authentication key.
 */
import {
  encodeEnrolmentCode,
  parseEnrolmentCode,
  primitives,
  ProtocolError,
  utf8,
} from "@smarter-metering/protocol";

const SECRET_BYTES = 16;

/** Its prefix, and the name in the labels of its keys. */
export interface SecretKind {
  readonly prefix: string;
  readonly name: string;
}

export interface SecretKeys {
  /** 32 bytes; proves the secret to the portal, which keeps a hash of it. */
  readonly authenticationKey: Uint8Array;
  /** 32 bytes; opens what the secret protects. */
  readonly wrappingKey: Uint8Array;
}

const written = ({ prefix }: SecretKind, secret: Uint8Array): string =>
  `${prefix}-${encodeEnrolmentCode(secret)}`;

export const generateSecret = (kind: SecretKind, random: (length: number) => Uint8Array): string =>
  written(kind, random(SECRET_BYTES));

/** What was typed, in its one written form; undefined for a slip. */
export function parseSecret(kind: SecretKind, text: string): string | undefined {
  const [, typed = ""] = new RegExp(`^\\s*${kind.prefix}[\\s-]*(.*)$`, "is").exec(text) ?? [];
  try {
    return written(kind, parseEnrolmentCode(typed));
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

/** HKDF (RFC 5869) of a written secret, with one label for each key. 128 random bits need no stretching. */
export async function deriveSecretKeys(
  { prefix, name }: SecretKind,
  secret: string,
): Promise<SecretKeys> {
  const bytes = parseEnrolmentCode(secret.slice(prefix.length));
  const derive = (label: string): Promise<Uint8Array> =>
    primitives.hkdfSha256(bytes, utf8(`smarter-metering/${name}-${label}/v1`), 32);
  const keys = {
    authenticationKey: await derive("authentication-key"),
    wrappingKey: await derive("wrapping-key"),
  };
  bytes.fill(0);
  return keys;
}

/**
 * Where a customer's bills lie and what opens them (docs/protocol.md §11.5): both follow from the enrolment code, which customer, meter and
 * registry know. Derived by the registry, which gives mailbox and key to the MDMS, and by the customer; the portal knows the mailbox alone.
 */
import { primitives } from "#primitives";
import { utf8 } from "./bytes.ts";

export const STATEMENT_SECRET_BYTES = 32;
export const MAILBOX_BYTES = 16;

/** The mailbox is a capability: who names it is given what lies there, closed. */
export interface StatementKeys {
  readonly mailbox: Uint8Array;
  /** AES-256-GCM. */
  readonly key: Uint8Array;
}

/** 32 bytes by HKDF (RFC 5869); the code does not follow from them. */
export const statementSecret = (enrolmentCode: Uint8Array): Promise<Uint8Array> =>
  primitives.hkdfSha256(
    enrolmentCode,
    utf8("smarter-metering/statements/v1"),
    STATEMENT_SECRET_BYTES,
  );

export async function statementKeys(secret: Uint8Array): Promise<StatementKeys> {
  const derive = (label: string, length: number): Promise<Uint8Array> =>
    primitives.hkdfSha256(secret, utf8(`smarter-metering/statements/${label}/v1`), length);
  return { mailbox: await derive("mailbox", MAILBOX_BYTES), key: await derive("key", 32) };
}

/**
 * A bill on its way to its customer (docs/protocol.md §11.5): sealed by the MDMS, carried and kept by the portal, opened by the customer.
 * Whoever carries it sees a mailbox, a window's start, a number and a padded length.
 */
import { primitives } from "#primitives";
import { concatBytes, utf8 } from "./bytes.ts";
import { Reader, Writer } from "./encoding.ts";
import { ProtocolError, wellFormed } from "./error.ts";
import { MAILBOX_BYTES, type StatementKeys } from "./statement-secret.ts";

const VERSION = 1;
const DOMAIN = utf8("smarter-metering/sealed-statement/v1\0");
const NONCE_BYTES = 12;
/** Its length then says no more than how many notes and trustees there are, roughly. */
const PADDED_BYTES = 4096;
/** Below the bus's largest message. */
const SEALED_BYTES_MAX = 1024 * 1024 - 4096;

/** What is clear, and authenticated. */
export interface SealedStatementHeader {
  readonly mailbox: Uint8Array;
  /** Of the window, epoch seconds. */
  readonly from: number;
  /** Rises with each that is sent to this mailbox: of a window the highest is what holds. */
  readonly sequence: number;
}

export interface SealedStatement extends SealedStatementHeader {
  readonly nonce: Uint8Array;
  readonly sealed: Uint8Array;
}

const associatedData = ({ mailbox, from, sequence }: SealedStatementHeader): Uint8Array =>
  new Writer()
    .fixed(DOMAIN, DOMAIN.length)
    .fixed(mailbox, MAILBOX_BYTES)
    .u64(from)
    .u64(sequence)
    .finish();

/** AES-256-GCM under a fresh nonce. Throws PROTOCOL_MALFORMED for content of 1 MiB or more. */
export async function sealStatement(
  { mailbox, key }: StatementKeys,
  { from, sequence }: Omit<SealedStatementHeader, "mailbox">,
  content: Uint8Array,
  random: (length: number) => Uint8Array = (length) => primitives.randomBytes(length),
): Promise<SealedStatement> {
  const header = { mailbox, from, sequence };
  const framed = new Writer().vector(content, SEALED_BYTES_MAX).finish();
  const padding = (PADDED_BYTES - (framed.length % PADDED_BYTES)) % PADDED_BYTES;
  const plaintext = concatBytes(framed, new Uint8Array(padding));
  const nonce = random(NONCE_BYTES);
  const sealed = await primitives.aesGcmSeal(key, nonce, associatedData(header), plaintext);
  return { ...header, nonce, sealed };
}

/** The content. Throws STATEMENT_UNOPENABLE, one message for every cause. */
export async function openStatement(
  { key, mailbox }: StatementKeys,
  { from, sequence, nonce, sealed }: SealedStatement,
): Promise<Uint8Array> {
  const aad = associatedData({ mailbox, from, sequence });
  const plaintext = await primitives.aesGcmOpen(key, nonce, aad, sealed);
  if (plaintext === undefined) {
    throw new ProtocolError("STATEMENT_UNOPENABLE", "cannot open the statement");
  }
  return new Reader(plaintext).vector(SEALED_BYTES_MAX);
}

export function encodeSealedStatement(statement: SealedStatement): Uint8Array {
  return new Writer()
    .u8(VERSION)
    .fixed(statement.mailbox, MAILBOX_BYTES)
    .u64(statement.from)
    .u64(statement.sequence)
    .fixed(statement.nonce, NONCE_BYTES)
    .vector(statement.sealed, SEALED_BYTES_MAX)
    .finish();
}

/** Throws PROTOCOL_MALFORMED. */
export function decodeSealedStatement(bytes: Uint8Array): SealedStatement {
  const reader = new Reader(bytes);
  wellFormed(reader.u8() === VERSION, "unknown version of a sealed statement");
  const statement = {
    mailbox: reader.fixed(MAILBOX_BYTES),
    from: reader.safeU64(),
    sequence: reader.safeU64(),
    nonce: reader.fixed(NONCE_BYTES),
    sealed: reader.vector(SEALED_BYTES_MAX),
  };
  reader.end();
  return statement;
}

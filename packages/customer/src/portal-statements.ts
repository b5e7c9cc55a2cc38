/**
 * The bills of a household over the portal (docs/protocol.md §11.5): fetched by mailbox, opened with what the enrolment code gave. Each names
 * those that were sent with it or before, so that the portal cannot keep one back, or give an older one, unseen.
 */
import {
  decodeSealedStatement,
  decodeStatementBundle,
  equalBytes,
  openStatement,
  ProtocolError,
  statementKeys,
  toHex,
  type StatementBundle,
} from "@smarter-metering/protocol";
import { instantText, LinkBook, type Link } from "./link.ts";
import type { MailboxPin, PinnedMeter } from "./pinned-meters.ts";
import { bytesListOf, malformed, textOf } from "./portal-answer.ts";
import type { PortalConnection } from "./portal-connection.ts";

/** Twenty-eight years of months, a few at a time. */
const PAGES_MAX = 100;

export interface OpenedStatement extends StatementBundle {
  /** Of the window, epoch seconds. */
  readonly from: number;
  readonly sequence: number;
}

export interface OpenedMailboxes {
  /** Of all contracts, in the order of time. Signatures and numbers are `verifyBill`'s to check. */
  readonly statements: readonly OpenedStatement[];
  /** Link "statement": what did not open, what is missing, what is older than it was. */
  readonly links: readonly Link[];
  /** To be remembered for the next time (`PortalClient.remember`). */
  readonly mailboxes: readonly MailboxPin[];
}

/** Of meters' contracts, each once. Throws what the connection throws; never for what is in a mailbox. */
export async function openMailboxes(
  connection: PortalConnection,
  meters: readonly PinnedMeter[],
  seen: readonly MailboxPin[],
): Promise<OpenedMailboxes> {
  const secrets = new Map(meters.map((meter) => [toHex(meter.statementSecret), meter]));
  const book = new LinkBook();
  const statements: OpenedStatement[] = [];
  const others = new Map(seen.map((pin) => [toHex(pin.mailbox), pin]));
  for (const { statementSecret } of secrets.values()) {
    const keys = await statementKeys(statementSecret);
    const name = toHex(keys.mailbox);
    const known = others.get(name)?.sequence ?? 0;
    const opened: OpenedStatement[] = [];
    for (const [position, bytes] of (await readMailbox(connection, name)).entries()) {
      const statement = await opening(bytes, keys);
      if (statement !== undefined) opened.push(statement);
      else book.broken("STATEMENT_UNOPENABLE", `statement ${position + 1} of the mailbox`);
    }
    const sequence = checkWhole(opened, known, book);
    if (sequence > 0) others.set(name, { mailbox: keys.mailbox, sequence });
    statements.push(...opened);
  }
  statements.sort((a, b) => a.from - b.from);
  if (statements.length > 0) book.ok("statement", `${statements.length} statements opened`);
  return { statements, links: book.links(), mailboxes: [...others.values()] };
}

async function readMailbox(connection: PortalConnection, mailbox: string): Promise<Uint8Array[]> {
  const all: Uint8Array[] = [];
  let path = `/v1/statements?mailbox=${mailbox}`;
  for (let page = 0; page < PAGES_MAX; page++) {
    const answer = await connection.call("GET", path);
    all.push(...bytesListOf(answer, "statements"));
    if (answer.next === undefined) return all;
    const cursor = encodeURIComponent(textOf(answer, "next"));
    path = `/v1/statements?mailbox=${mailbox}&cursor=${cursor}`;
  }
  throw malformed(`more than ${PAGES_MAX} pages of statements`);
}

/** Undefined for every cause: another's mailbox, a changed byte, another window. */
async function opening(
  bytes: Uint8Array,
  keys: Awaited<ReturnType<typeof statementKeys>>,
): Promise<OpenedStatement | undefined> {
  try {
    const sealed = decodeSealedStatement(bytes);
    if (!equalBytes(sealed.mailbox, keys.mailbox)) return undefined;
    const content = await openStatement(keys, sealed);
    const { from, sequence } = sealed;
    return { ...decodeStatementBundle(content), from, sequence };
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

/** Holds what is there against the newest one's list and what was seen before; gives the highest number of all. */
function checkWhole(opened: readonly OpenedStatement[], known: number, book: LinkBook): number {
  const newest = opened.toSorted((a, b) => b.sequence - a.sequence)[0];
  const highest = newest?.sequence ?? 0;
  if (highest < known) book.broken("STATEMENT_ROLLBACK", `number ${known} was seen before`);
  for (const { from, sequence } of newest?.sent ?? []) {
    const shown = opened.find((statement) => statement.from === from);
    const where = `window from ${instantText(from)}`;
    if (shown === undefined) book.broken("STATEMENT_MISSING", where);
    else if (shown.sequence < sequence) book.broken("STATEMENT_ROLLBACK", where);
  }
  return Math.max(highest, known);
}

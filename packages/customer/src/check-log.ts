/**
 * Receipts (docs/protocol.md §11.2, §13.6): that what the customer was shown is what everybody reads in the log. On his device; the log's
 * own code is handed in.
 */
import type { LinkBook } from "./link.ts";
import type { Registered } from "./registered.ts";

/** What stands in the log: the SHA-256 of an encoded contribution, or the signed terms of a release request. */
export interface LoggedEntry {
  readonly kind: "contribution" | "release-request";
  readonly body: Uint8Array;
}

/**
 * Rejects with a LOG_ code when the receipt does not stand: `checkReceipt` of packages/log under the log's quorum. Called only when the
 * registry, which names the quorum's keys, has been verified.
 */
export type CheckReceipt = (entry: LoggedEntry, receipt: string) => Promise<void>;

export interface Receipted {
  readonly entry: LoggedEntry;
  readonly receipt: string | undefined;
  readonly where: string;
}

export async function checkLog(
  entries: readonly Receipted[],
  checkReceipt: CheckReceipt | undefined,
  registered: Registered | undefined,
  book: LinkBook,
): Promise<void> {
  if (registered === undefined || entries.length === 0) {
    const waits = registered === undefined ? "registry" : "contributions";
    book.notChecked("log", `waits for the ${waits}`);
    return;
  }
  if (checkReceipt === undefined || !entries.some(({ receipt }) => receipt !== undefined)) {
    book.notChecked("log", "no receipts were shown", "ask for them where the log is kept");
    return;
  }
  const badHeads: string[] = [];
  for (const { entry, receipt, where } of entries) {
    if (receipt === undefined) {
      book.broken("LOG_RECEIPT_MISSING", where);
      continue;
    }
    const code = await faultOf(checkReceipt(entry, receipt));
    // Receipts share heads: that one is bad is said once.
    if (code?.startsWith("LOG_HEAD_")) badHeads.push(where);
    else if (code !== undefined) book.broken("LOG_RECEIPT_INVALID", where);
  }
  const [first, ...more] = badHeads;
  if (first !== undefined) {
    const others = more.length === 0 ? "" : ` and ${more.length} more`;
    book.broken("LOG_HEAD_INVALID", `receipt of ${first}${others}`);
  }
  book.ok("log", `${entries.length} entries are in the log`);
}

/** The LOG_ code of a receipt that does not stand. */
async function faultOf(check: Promise<void>): Promise<string | undefined> {
  try {
    await check;
    return undefined;
  } catch (error) {
    if (error instanceof Error && "code" in error && String(error.code).startsWith("LOG_")) {
      return String(error.code);
    }
    throw error;
  }
}

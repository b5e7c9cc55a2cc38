/**
 * A receipt: proof that an entry is in the log, for whoever does not read the log (docs/protocol.md §13.6), in the
 * text format of C2SP tlog-proof v1. Made by the log's operator; verified by customers, in their browsers, and by the
 * MDMS. It names no message: the one who checks it has the message.
 */
import { leafHash } from "@smarter-metering/protocol";
import { LogError, decoding, wellFormed } from "./error.ts";
import { encodeEntry, type Entry } from "./entry.ts";
import { formatHead, fromBase64, parseHead, toBase64, type SignedHead } from "./head.ts";
import { verifyInclusion } from "./proof.ts";
import { checkHead, type Quorum } from "./quorum.ts";

const FIRST_LINE = "c2sp.org/tlog-proof@v1";

export interface Receipt {
  readonly index: number;
  /** Log time of the entry, epoch seconds; travels as the format's extra data, in decimal. */
  readonly timeSeconds: number;
  /** RFC 6962 audit path in the tree of `head`. */
  readonly proof: readonly Uint8Array[];
  readonly head: SignedHead;
}

export function formatReceipt({ index, timeSeconds, proof, head }: Receipt): string {
  const lines = [
    FIRST_LINE,
    `extra ${btoa(String(timeSeconds))}`,
    `index ${index}`,
    ...proof.map(toBase64),
  ];
  return `${lines.join("\n")}\n\n${formatHead(head)}`;
}

const RECEIPT =
  /^c2sp\.org\/tlog-proof@v1\nextra (\S{1,24})\nindex (0|[1-9]\d{0,15})\n((?:\S{44}\n){0,53})\n/;

/** Verifies nothing. Throws LOG_MALFORMED. */
export function parseReceipt(text: string): Receipt {
  return decoding("receipt", () => {
    const [start, extra, index, lines] = RECEIPT.exec(text) ?? [];
    wellFormed(start !== undefined && extra !== undefined && lines !== undefined, "not a receipt");
    const time = atob(extra);
    wellFormed(/^(0|[1-9]\d{0,15})$/.test(time) && btoa(time) === extra, "no log time");
    return {
      index: Number(index),
      timeSeconds: Number(time),
      proof: lines.split("\n").slice(0, -1).map(fromBase64),
      head: parseHead(text.slice(start.length)),
    };
  });
}

/**
 * Checks that `entry`, with the receipt's log time, stands at its index under a head of the quorum. Throws
 * LOG_HEAD_ORIGIN, LOG_HEAD_SIGNATURE, LOG_HEAD_QUORUM, LOG_PROOF.
 */
export async function checkReceipt(
  receipt: Receipt,
  entry: Omit<Entry, "timeSeconds">,
  quorum: Quorum,
): Promise<void> {
  const { index, timeSeconds, proof, head } = receipt;
  await checkHead(head, quorum);
  const leaf = await leafHash(encodeEntry({ ...entry, timeSeconds }));
  const { size, root } = head;
  if (!(await verifyInclusion({ index, size, leaf, root }, proof))) {
    const message = `entry ${index} is not this ${entry.kind}, or not in the log of size ${size}`;
    throw new LogError("LOG_PROOF", message);
  }
}

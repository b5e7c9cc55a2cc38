/**
 * A log's operator in memory, for attacks on those who follow a log, and for their tests. It signs what it is given, and may be one of
 * several that tell different histories.
 */
import { equalBytes, leafHash, type Signer } from "@smarter-metering/protocol";
import { assert } from "./error.ts";
import { encodeEntry, type NewEntry } from "./entry.ts";
import { EMPTY_FRONTIER, extendFrontier, frontierRoot } from "./frontier.ts";
import { formatHead, logKey, parseHead, signHead, trusteeKey } from "./head.ts";
import type { LogMessage } from "./message.ts";

export class MemoryLog {
  readonly #operator: Signer;
  #frontier = EMPTY_FRONTIER;

  constructor(operator: Signer) {
    this.#operator = operator;
  }

  /** Appends the entries, whatever the log has, and returns them as followers take them. */
  async append(entries: readonly NewEntry[], nowSeconds: number): Promise<LogMessage> {
    const from = this.#frontier.size;
    const encoded = entries.map((entry) => encodeEntry({ ...entry, timeSeconds: nowSeconds }));
    const leaves = await Promise.all(encoded.map((entry) => leafHash(entry)));
    this.#frontier = await extendFrontier(this.#frontier, leaves);
    const key = await logKey(this.#operator.publicKey);
    const root = await frontierRoot(this.#frontier);
    const head = { origin: key.name, size: this.#frontier.size, root };
    const signature = await signHead(head, nowSeconds, key, this.#operator);
    return { from, entries: encoded, head: formatHead({ ...head, signatures: [signature] }) };
  }
}

/** Notes of one head as one, with the signatures of all. */
export function mergeHeads(notes: readonly string[]): string {
  const heads = notes.map(parseHead);
  const [first] = heads;
  const isOne = heads.every(
    ({ size, root }) => size === first?.size && equalBytes(root, first.root),
  );
  assert(first !== undefined && isOne, "notes of one head");
  return formatHead({ ...first, signatures: heads.flatMap(({ signatures }) => signatures) });
}

/** The note with the cosignature of one who looks at nothing. */
export async function cosignBlindly(
  note: string,
  trustee: Signer,
  nowSeconds: number,
): Promise<string> {
  const head = parseHead(note);
  const signature = await signHead(head, nowSeconds, await trusteeKey(trustee.publicKey), trustee);
  return formatHead({ ...head, signatures: [...head.signatures, signature] });
}

/**
 * Reads the whole log as anybody may (docs/protocol.md §13): every root computed again, every entry decoded, the operator's signature and
 * the quorum's checked. Of contributions, releases and refusals it sees hashes, of requests their terms.
 */
import {
  BATCH_ENTRIES_MAX,
  checkHead,
  cosignersOf,
  decodeEntry,
  EMPTY_FRONTIER,
  entryId,
  extendFrontier,
  frontierRoot,
  LogError,
  parseHead,
  signedAt,
  type Entry,
  type EntryKind,
  type Frontier,
  type Quorum,
  type ReadEntries,
  type SignedHead,
} from "@smarter-metering/log";
import {
  decodeSignedTerms,
  equalBytes,
  leafHash,
  toHex,
  verifySignedTerms,
} from "@smarter-metering/protocol";

/** What an operator shows; nothing of it is believed. */
export interface ShownLog {
  /** The newest head, a note; undefined for an empty log. */
  readonly head: string | undefined;
  /** The newest head of the quorum. */
  readonly standing: string | undefined;
  readonly read: ReadEntries;
}

export interface LogReport {
  readonly size: number;
  /** SHA-256, hex. */
  readonly root: string;
  /** Entries under the standing head; those after it wait for cosignatures. */
  readonly standingSize: number;
  /** Trustees that cosigned the standing head, by their place in the quorum, from 1. */
  readonly cosigners: readonly number[];
  readonly cosignersMin: number;
  /** Epoch seconds of the last entry; undefined when there is none. */
  readonly lastSeconds: number | undefined;
  readonly entries: Readonly<Partial<Record<EntryKind, number>>>;
}

/**
 * Throws LogError with what is broken and where: LOG_MALFORMED, LOG_HEAD_ORIGIN, LOG_HEAD_SIGNATURE, LOG_HEAD_QUORUM, LOG_FORKED (entries
 * do not lead to a head), LOG_TRUNCATED (entries end before a head), LOG_TIME (time runs backwards).
 */
export async function auditLog(shown: ShownLog, quorum: Quorum): Promise<LogReport> {
  const standing = shown.standing === undefined ? undefined : parseHead(shown.standing);
  if (standing !== undefined) await checkHead(standing, quorum);
  const head = shown.head === undefined ? undefined : parseHead(shown.head);
  const headSeconds = head === undefined ? undefined : await operatorSigned(head, quorum);
  const size = head?.size ?? 0;
  if (standing !== undefined && standing.size > size) {
    const message = `the log shows ${size} entries, the quorum has cosigned ${standing.size}`;
    throw new LogError("LOG_TRUNCATED", message);
  }
  const fold = new Fold(quorum);
  for (const upTo of [standing, head])
    if (upTo !== undefined) await fold.readUpTo(upTo, shown.read);
  if (headSeconds !== undefined && headSeconds < fold.lastSeconds) {
    throw new LogError("LOG_TIME", `the head at ${size} was signed before its last entry`);
  }
  const cosigners = standing === undefined ? [] : await cosignersOf(standing, quorum);
  return {
    size,
    root: toHex(await frontierRoot(fold.frontier)),
    standingSize: standing?.size ?? 0,
    cosigners: cosigners.map((key) => quorum.trustees.indexOf(key) + 1),
    cosignersMin: quorum.cosignersMin,
    lastSeconds: size === 0 ? undefined : fold.lastSeconds,
    entries: Object.fromEntries(fold.counts),
  };
}

/** When the operator signed it. */
async function operatorSigned(head: SignedHead, { log }: Quorum): Promise<number> {
  if (head.origin !== log.name) {
    throw new LogError("LOG_HEAD_ORIGIN", `a head of ${head.origin}, not of ${log.name}`);
  }
  const seconds = await signedAt(head, log);
  if (seconds !== undefined) return seconds;
  throw new LogError("LOG_HEAD_SIGNATURE", `the operator did not sign the head at ${head.size}`);
}

/** What is known of the entries read so far. */
class Fold {
  readonly #quorum: Quorum;
  readonly #places = new Map<string, number>();
  readonly counts = new Map<EntryKind, number>();
  frontier: Frontier = EMPTY_FRONTIER;
  lastSeconds = 0;

  constructor(quorum: Quorum) {
    this.#quorum = quorum;
  }

  async readUpTo({ size, root }: SignedHead, read: ReadEntries): Promise<void> {
    while (this.frontier.size < size) {
      const from = this.frontier.size;
      const limit = Math.min(BATCH_ENTRIES_MAX, size - from);
      const batch = (await read(from, limit)).slice(0, limit);
      if (batch.length === 0) {
        const message = `the log shows ${from} entries, a head of it covers ${size}`;
        throw new LogError("LOG_TRUNCATED", message);
      }
      for (const [at, bytes] of batch.entries()) await this.#take(bytes, from + at);
      const leaves = batch.map((bytes) => leafHash(bytes));
      this.frontier = await extendFrontier(this.frontier, await Promise.all(leaves));
    }
    if (equalBytes(await frontierRoot(this.frontier), root)) return;
    throw new LogError(
      "LOG_FORKED",
      `the first ${size} entries are not those of the head at ${size}`,
    );
  }

  async #take(bytes: Uint8Array, index: number): Promise<void> {
    const entry = await this.#decode(bytes, index);
    if (entry.timeSeconds < this.lastSeconds) {
      throw new LogError("LOG_TIME", `the time of entry ${index} is before the one before`);
    }
    this.lastSeconds = entry.timeSeconds;
    const name = toHex(await entryId(entry));
    const before = this.#places.get(name);
    if (before !== undefined) {
      throw new LogError("LOG_MALFORMED", `entry ${index} stands at ${before} already`);
    }
    this.#places.set(name, index);
    this.counts.set(entry.kind, (this.counts.get(entry.kind) ?? 0) + 1);
  }

  /** A request says what it asks for, in the operator's name. */
  async #decode(bytes: Uint8Array, index: number): Promise<Entry> {
    try {
      const entry = decodeEntry(bytes);
      if (entry.kind === "release-request") {
        await verifySignedTerms(decodeSignedTerms(entry.body), this.#quorum.log.publicKey);
      }
      return entry;
    } catch (cause) {
      const message = `entry ${index} is no entry, or a request that the aggregator did not sign`;
      throw new LogError("LOG_MALFORMED", message, cause);
    }
  }
}

/**
 * What a trustee runs (docs/protocol.md §13.5): it reads the whole log in order, computes every root itself, cosigns
 * one history and one root for a size, and knows which entries stand under a head of the quorum. It sees entries,
 * never a contribution or a reading, and believes the operator nothing but that it is the operator.
 */
import { equalBytes, leafHash, type Signer } from "@smarter-metering/protocol";
import type { DurableFile } from "@smarter-metering/runtime";
import { LogError, assert, wellFormed } from "./error.ts";
import { BATCH_ENTRIES_MAX, decodeEntry, type IndexedEntry } from "./entry.ts";
import { decodeState, encodeState, type FollowerState } from "./follower-state.ts";
import { EMPTY_FRONTIER, extendFrontier, frontierRoot } from "./frontier.ts";
import {
  formatHead,
  parseHead,
  signHead,
  signedAt,
  withSignaturesOf,
  type HeadKey,
  type SignedHead,
} from "./head.ts";
import { checkHead, type ForkEvidence, type Quorum } from "./quorum.ts";

/** How far the operator's clock may be ahead of ours. */
const AHEAD_SECONDS_MAX = 300;
/** Heads that were taken and stand under no quorum yet. The oldest go: a later head of the quorum covers them. */
const PENDING_HEADS_MAX = 4096;

/** What the operator gives a follower: the entries from the follower's size on, and the head after the last of them. */
export interface LogBatch {
  /** Encoded, at most BATCH_ENTRIES_MAX. */
  readonly entries: readonly Uint8Array[];
  /** A note. */
  readonly head: string;
}

export interface Taken {
  /** The head with the operator's signature and ours: goes back to the operator. */
  readonly cosigned: string;
  /** The new entries, for the caller's ledger: the follower will never see another history. */
  readonly entries: readonly IndexedEntry[];
}

export interface FollowerPorts {
  /** Fixed for the life of a log: heads that two different quorums cosigned need not share an honest trustee. */
  readonly quorum: Quorum;
  /** One of the quorum's trustees. */
  readonly signer: Signer;
  readonly state: DurableFile;
  nowSeconds(): number;
}

export interface LogFollower {
  /** Entries taken. */
  readonly size: number;
  /**
   * Entries under a head that q trustees cosigned: only to requests among these may a trustee give its share. From 0
   * at each start.
   */
  readonly confirmedSize: number;
  /** The newest head with our signature. */
  readonly cosigned: string | undefined;
  /** Two heads of one size, both signed by the operator. Durable; nothing more is taken. */
  readonly fork: ForkEvidence | undefined;
  /**
   * Takes a batch and cosigns its head. Given the newest head again it returns the same cosignature. Nothing but
   * `fork` changes when it throws: LOG_MALFORMED, LOG_HEAD_ORIGIN, LOG_HEAD_SIGNATURE, LOG_TIME, LOG_TRUNCATED (the head is older),
   * LOG_FORKED (the entries do not lead to the head, or another root for this size), LOG_STATE_STALE,
   * LOG_STATE_FAILED.
   */
  take(batch: LogBatch): Promise<Taken>;
  /**
   * Takes a head of the quorum, and returns `confirmedSize`; one that is ahead of `size` changes nothing until its
   * entries were taken. Heads that other trustees show are worth handing in too: one with another root for a size of
   * ours is evidence, whoever cosigned it. Throws LOG_HEAD_ORIGIN, LOG_HEAD_SIGNATURE, LOG_HEAD_QUORUM, LOG_FORKED,
   * LOG_STATE_STALE, LOG_STATE_FAILED.
   */
  confirm(head: string): Promise<number>;
  /**
   * Heads below `size` whose roots the caller has found again in the log (`rebuild`): `confirm` may be asked about them after a
   * restart.
   */
  recall(heads: Iterable<SignedHead>): void;
}

/**
 * Makes an empty state, once in a trustee's life and before its key is known to anybody: the service's marker beside
 * the key says so afterwards (like the ledger's, §8.4). Idempotent while the state is there.
 */
export async function initialiseFollower({ quorum, state }: FollowerPorts): Promise<void> {
  if ((await state.load()) !== undefined) return;
  await state.save(encodeState(EMPTY_STATE, quorum.log.name));
}

/** Throws LOG_STATE_MISSING, LOG_STATE_DAMAGED. A trustee that does not know what it cosigned does not start. */
export async function openFollower(ports: FollowerPorts): Promise<LogFollower> {
  const { quorum, signer, state } = ports;
  const own = quorum.trustees.find(({ publicKey }) => equalBytes(publicKey, signer.publicKey));
  assert(own !== undefined, "the signer of one of the quorum's trustees");
  const bytes = await state.load();
  if (bytes === undefined) {
    const message =
      "the log follower's state is missing. A trustee that forgot what it cosigned could cosign " +
      "another history: restore the newest state, or give the trustee a new key";
    throw new LogError("LOG_STATE_MISSING", message);
  }
  return new Follower(ports, own, await decodeState(bytes, quorum.log.name, own));
}

const EMPTY_STATE: FollowerState = {
  frontier: EMPTY_FRONTIER,
  timeSeconds: 0,
  cosigned: undefined,
  fork: undefined,
};

class Follower implements LogFollower {
  readonly #ports: FollowerPorts;
  readonly #own: HeadKey;
  /** As on the disk. */
  #state: FollowerState;
  #confirmedSize = 0;
  readonly #pending = new Map<number, SignedHead>();
  #failed = false;
  /** Ends when the call before has; it never rejects. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(ports: FollowerPorts, own: HeadKey, state: FollowerState) {
    this.#ports = ports;
    this.#own = own;
    this.#state = state;
    if (state.cosigned !== undefined) this.#remember(state.cosigned);
  }

  get size(): number {
    return this.#state.frontier.size;
  }

  get confirmedSize(): number {
    return this.#confirmedSize;
  }

  get cosigned(): string | undefined {
    return this.#state.cosigned && formatHead(this.#state.cosigned);
  }

  get fork(): ForkEvidence | undefined {
    return this.#state.fork;
  }

  take(batch: LogBatch): Promise<Taken> {
    return this.#inTurn(() => this.#take(batch));
  }

  confirm(head: string): Promise<number> {
    return this.#inTurn(() => this.#confirm(parseHead(head)));
  }

  recall(heads: Iterable<SignedHead>): void {
    for (const head of heads) if (head.size < this.size) this.#remember(head);
    const { cosigned } = this.#state;
    if (cosigned === undefined) return;
    this.#pending.delete(cosigned.size); // The newest is the last to be forgotten.
    this.#remember(cosigned);
  }

  async #take(batch: LogBatch): Promise<Taken> {
    const head = parseHead(batch.head);
    const headSeconds = await this.#checkOperator(head);
    await this.#checkKnown(head);
    if (head.size < this.size) {
      const message = `the log has ${head.size} entries, ${this.size} were seen before`;
      throw new LogError("LOG_TRUNCATED", message);
    }
    const { cosigned } = this.#state;
    const isCount = batch.entries.length === head.size - this.size;
    wellFormed(
      isCount && batch.entries.length <= BATCH_ENTRIES_MAX,
      `a batch of ${batch.entries.length} entries from ${this.size} to ${head.size}`,
    );
    if (batch.entries.length === 0) {
      wellFormed(cosigned !== undefined, "the head of an empty log");
      return { cosigned: formatHead(cosigned), entries: [] };
    }
    const entries = this.#decode(batch.entries, headSeconds);
    const leaves = await Promise.all(batch.entries.map((entry) => leafHash(entry)));
    const frontier = await extendFrontier(this.#state.frontier, leaves);
    if (!equalBytes(await frontierRoot(frontier), head.root)) {
      const message = `the entries from ${this.size} on do not lead to the head at ${head.size}`;
      throw new LogError("LOG_FORKED", message);
    }
    const signed = await this.#cosign(head);
    const timeSeconds = entries.at(-1)?.timeSeconds ?? this.#state.timeSeconds;
    // On disk before anybody gets the signature: after a crash we know what we may have signed.
    await this.#save({ frontier, timeSeconds, cosigned: signed, fork: undefined });
    this.#remember(signed);
    return { cosigned: formatHead(signed), entries };
  }

  async #confirm(head: SignedHead): Promise<number> {
    // Before the quorum is counted: a fork is a fork, however few cosigned it.
    await this.#checkOperator(head);
    await this.#checkKnown(head);
    await checkHead(head, this.#ports.quorum);
    // Not taken yet, or below what is confirmed.
    if (!this.#pending.has(head.size)) return this.#confirmedSize;
    this.#confirmedSize = head.size;
    for (const size of this.#pending.keys()) {
      if (size < head.size) this.#pending.delete(size);
    }
    return this.#confirmedSize;
  }

  /** When the operator signed it. */
  async #checkOperator(head: SignedHead): Promise<number> {
    const { log } = this.#ports.quorum;
    if (head.origin !== log.name) {
      throw new LogError("LOG_HEAD_ORIGIN", `a head of ${head.origin}, not of ${log.name}`);
    }
    const seconds = await signedAt(head, log);
    if (seconds !== undefined) return seconds;
    throw new LogError("LOG_HEAD_SIGNATURE", `the operator did not sign the head at ${head.size}`);
  }

  /**
   * Against what we have signed: another root for a size of ours proves a fork, a signature that we do not remember an
   * old state.
   */
  async #checkKnown(head: SignedHead): Promise<void> {
    const known = this.#pending.get(head.size);
    if (known !== undefined && !equalBytes(known.root, head.root)) {
      const { log, trustees } = this.#ports.quorum;
      const fork = { first: known, second: await withSignaturesOf(head, [log, ...trustees]) };
      await this.#save({ ...this.#state, fork });
      throw forked(fork);
    }
    if (head.size > this.size && (await signedAt(head, this.#own)) !== undefined) {
      const message =
        `our key has cosigned the head at ${head.size}, our state ends at ${this.size}: it is an ` +
        "old copy. Cosign nothing more with this key; restore the newest state";
      throw new LogError("LOG_STATE_STALE", message);
    }
  }

  #decode(encoded: readonly Uint8Array[], headSeconds: number): IndexedEntry[] {
    let last = this.#state.timeSeconds;
    const entries = encoded.map((bytes, at) => {
      const entry = { ...decodeEntry(bytes), index: this.size + at };
      if (entry.timeSeconds < last) {
        throw new LogError("LOG_TIME", `the time of entry ${entry.index} is before the one before`);
      }
      last = entry.timeSeconds;
      return entry;
    });
    const aheadSeconds = headSeconds - this.#ports.nowSeconds();
    if (headSeconds < last || aheadSeconds > AHEAD_SECONDS_MAX) {
      const message = `the head was signed before its last entry, or ${aheadSeconds} s ahead of us`;
      throw new LogError("LOG_TIME", message);
    }
    return entries;
  }

  /** With the operator's signature and ours alone: what others say of the head is not ours to pass on. */
  async #cosign(head: SignedHead): Promise<SignedHead> {
    const { quorum, signer } = this.#ports;
    const ours = await signHead(head, this.#ports.nowSeconds(), this.#own, signer);
    const { signatures } = await withSignaturesOf(head, [quorum.log]);
    return { ...head, signatures: [...signatures, ours] };
  }

  async #save(state: FollowerState): Promise<void> {
    try {
      await this.#ports.state.save(encodeState(state, this.#ports.quorum.log.name));
    } catch (cause) {
      // The disk may hold the new state or the old one.
      this.#failed = true;
      throw failed(cause);
    }
    this.#state = state;
  }

  #remember(head: SignedHead): void {
    this.#pending.set(head.size, head);
    const [oldest] = this.#pending.keys();
    if (this.#pending.size > PENDING_HEADS_MAX && oldest !== undefined) {
      this.#pending.delete(oldest);
    }
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(() => {
      if (this.#failed) throw failed();
      if (this.#state.fork !== undefined) throw forked(this.#state.fork);
      return work();
    });
    this.#turn = result.catch(() => undefined);
    return result;
  }
}

const failed = (cause?: unknown): LogError =>
  new LogError("LOG_STATE_FAILED", "cannot save the log follower's state: restart", cause);

const forked = ({ first }: ForkEvidence): LogError =>
  new LogError(
    "LOG_FORKED",
    `the operator signed two roots for size ${first.size}: see the evidence`,
  );

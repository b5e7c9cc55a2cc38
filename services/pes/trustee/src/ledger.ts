/**
 * The trustee's own memory (docs/protocol.md §8.4): its verdict on every request of the log, and every answer it ever gave, durable before
 * it is given. Held by the trustee alone. It contains what requests spend and sealed releases, whole or partial, no plaintext and no
 * ciphertext of a contribution. The log is the truth: at each start its requests are compared with it (follow-log.ts).
 *
 * `releases.journal` is append-only; `head.json` holds the number of records and the hash chained over them, and is replaced after the
 * records of a batch and before its answers. Fewer or other records than the head says were removed by someone. What is there beyond it
 * was written just before a crash, and its answers were not given: it is kept, so the answers are the same.
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fromBase64Url, toBase64Url, toHex } from "@smarter-metering/protocol";
import {
  hasCode,
  lockFolder,
  machineDisk,
  openJournal,
  writeFileAtomic,
  type Bus,
  type Disk,
  type FolderLock,
  type Journal,
} from "@smarter-metering/runtime";
import { z } from "zod";
import { TrusteeError } from "./error.ts";
import type { AnswerStream } from "./held-key.ts";
import { Spent } from "./spent.ts";

/** About 250,000 releases; when full no more are made, and the operator starts a trustee with a new key. */
export const LEDGER_BYTES_MAX = 1024 * 1024 * 1024;
const JOURNAL = "releases.journal";
const HEAD = "head.json";
const MARKER = "ledger-initialised";
const LOG_STATE = "log.state";

const hex32 = z.string().regex(/^[0-9a-f]{64}$/);
const seconds = z.number().int().nonnegative();

const run = z.strictObject({
  slotCount: z.number().int().positive(),
  members: z.string().regex(/^([0-9a-f]{2})*$/),
});
const loadClaim = z.strictObject({
  kind: z.literal("LOAD"),
  stream: z.enum(["LOAD", "LOAD_EXPORT"]),
  cohort: z.string(),
  cohortVersion: z.number().int().positive(),
  startSeconds: seconds,
  endSeconds: seconds,
  intervalSeconds: z.number().int().positive(),
  runs: z.array(run).readonly(),
});
const billClaim = z.strictObject({
  kind: z.literal("BILL"),
  /** Network pseudonym, hex. */
  servicePoint: z.string(),
  fromGridSeconds: seconds,
  toGridSeconds: seconds,
  fromBorderSeconds: seconds,
  toBorderSeconds: seconds,
  registerBank: z.string().regex(/^[0-9a-f]{16}$/),
  hasCost: z.boolean(),
});
const reason = z.strictObject({ code: z.string(), reason: z.string() });
const decision = z.strictObject({
  kind: z.literal("decision"),
  /** In the log. */
  index: seconds,
  digest: hex32,
  /** What counts as spent from here on; null for a request that is refused by the rules. */
  claim: z.discriminatedUnion("kind", [loadClaim, billClaim]).nullable(),
  /** Why this trustee does not answer; none for a request that it grants. */
  reasons: z.array(reason).readonly(),
});
const answer = z.strictObject({
  kind: z.literal("answer"),
  digest: hex32,
  /** Releases are numbered from 0; a quarantined set has no number. */
  sequence: seconds.nullable(),
  /** An encoded release, or the reason of the refusal. */
  answer: z.string(),
});
const entry = z.discriminatedUnion("kind", [decision, answer]);
type Entry = z.infer<typeof entry>;
type AnswerEntry = z.infer<typeof answer>;

/** The verdict on a request of the log. */
export type Decision = Omit<z.infer<typeof decision>, "kind">;

const headSchema = z.strictObject({ count: seconds, hash: hex32 });
type Head = z.infer<typeof headSchema>;

export type Answer =
  | { readonly kind: "release"; readonly bytes: Uint8Array }
  | { readonly kind: "quarantine"; readonly reason: string };

/** The answer to a request, by its digest in hex. */
export interface GivenAnswer {
  readonly digest: string;
  readonly answer: Answer;
}

/** Request and number of a published release; undefined for one that is not this trustee's. */
export type ReadOwn = (
  release: Uint8Array,
) => Promise<{ readonly requestDigest: Uint8Array; readonly sequence: number } | undefined>;

export interface Ledger {
  /** Number of releases, and of the next one. */
  readonly releases: number;
  /** The answer given to this request before. */
  find(digest: string): Answer | undefined;
  /** The verdict on the request with this digest, in hex; undefined for one that was not read in the log. */
  decisionOf(digest: string): Decision | undefined;
  /** In the order of the log. */
  readonly decisions: readonly Decision[];
  /** By all requests that were granted, or may be by others. */
  readonly spent: Spent;
  /**
   * Keeps verdicts. Resolves when all are durable, head included, with one write and fsync of the journal. After a failure nothing more is
   * taken until a restart: TRUSTEE_LEDGER_FAILED.
   */
  decide(decisions: readonly Decision[]): Promise<void>;
  /** Keeps answers likewise, and numbers releases in order, from `releases` on. */
  answer(answers: readonly GivenAnswer[]): Promise<void>;
  /** Throws TRUSTEE_LEDGER_STALE when `stream` holds a release of this trustee that the ledger does not. */
  checkAgainst(bus: Bus, stream: AnswerStream, readOwn: ReadOwn): Promise<void>;
  close(): Promise<void>;
}

/** Verdicts and answers. */
export const ledgerPath = (ledgerFolder: string): string => join(ledgerFolder, JOURNAL);
/** What the trustee cosigned of the log: empty at first. */
export const logStatePath = (ledgerFolder: string): string => join(ledgerFolder, LOG_STATE);

const EMPTY: Head = { count: 0, hash: "0".repeat(64) };

/**
 * Makes an empty ledger, once in a trustee's life: the marker beside its keys says so afterwards, and a ledger that is gone then is an
 * alarm, not a new beginning. Idempotent while the ledger is there; else throws TRUSTEE_LEDGER_MISSING.
 */
export async function initialiseLedger(ledgerFolder: string, keyFolder: string): Promise<void> {
  const marker = join(keyFolder, MARKER);
  if (existsSync(marker)) {
    if (existsSync(join(ledgerFolder, HEAD))) return;
    throw missing(ledgerFolder);
  }
  await mkdir(ledgerFolder, { recursive: true, mode: 0o700 });
  if (!existsSync(join(ledgerFolder, HEAD))) {
    const journal = await openJournal(join(ledgerFolder, JOURNAL), { onTorn: "refuse" });
    await journal.close();
    await writeFileAtomic(logStatePath(ledgerFolder), "");
    await writeFileAtomic(join(ledgerFolder, HEAD), JSON.stringify(EMPTY));
  }
  await writeFileAtomic(marker, "");
}

/**
 * Opens the ledger, for this process alone, and checks it against its head. Throws TRUSTEE_LEDGER_MISSING, _TRUNCATED, _VERSION, and
 * STORE_LOCKED when another trustee uses it.
 */
export async function openLedger(folder: string, disk: Disk = machineDisk): Promise<Ledger> {
  if (!existsSync(join(folder, JOURNAL))) throw missing(folder);
  const lock = lockFolder(folder);
  try {
    const head = await readHead(folder);
    const journal = await openChecked(join(folder, JOURNAL), disk);
    try {
      const last = checkedHead(journal.records, head);
      if (last.count > head.count) await writeHead(folder, last, disk);
      return new JournalLedger(folder, disk, lock, journal, last);
    } catch (error) {
      await journal.close();
      throw error;
    }
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** The head of what is there, which may be a batch ahead of `head`. */
function checkedHead(records: readonly Uint8Array[], head: Head): Head {
  let last = EMPTY;
  let agrees = head.count === 0 && head.hash === EMPTY.hash;
  for (const record of records) {
    last = after(last, record);
    if (last.count === head.count) agrees = last.hash === head.hash;
  }
  if (agrees) return last;
  throw truncated(
    `the ledger's head knows ${head.count} records, ${last.count} or others are there`,
  );
}

async function openChecked(path: string, disk: Disk): Promise<Journal> {
  try {
    const bytesMax = LEDGER_BYTES_MAX;
    return await openJournal(path, { onTorn: "truncate", bytesMax, disk });
  } catch (error) {
    if (hasCode(error, "JOURNAL_CORRUPT")) throw truncated(`${path} is damaged`, error);
    throw error;
  }
}

class JournalLedger implements Ledger {
  readonly #folder: string;
  readonly #disk: Disk;
  readonly #lock: FolderLock;
  readonly #journal: Journal;
  readonly #answers = new Map<string, AnswerEntry>();
  readonly #decided = new Map<string, Decision>();
  readonly spent = new Spent();
  #head: Head;
  #releases = 0;
  #failed = false;

  constructor(folder: string, disk: Disk, lock: FolderLock, journal: Journal, head: Head) {
    this.#folder = folder;
    this.#disk = disk;
    this.#lock = lock;
    this.#journal = journal;
    this.#head = head;
    for (const record of journal.records) this.#index(readEntry(record, folder));
  }

  get releases(): number {
    return this.#releases;
  }

  get decisions(): readonly Decision[] {
    return [...this.#decided.values()];
  }

  decisionOf(digest: string): Decision | undefined {
    this.#assertSound();
    return this.#decided.get(digest);
  }

  find(digest: string): Answer | undefined {
    this.#assertSound();
    const found = this.#answers.get(digest);
    if (found === undefined) return undefined;
    return found.sequence === null
      ? { kind: "quarantine", reason: found.answer }
      : { kind: "release", bytes: fromBase64Url(found.answer) };
  }

  decide(decisions: readonly Decision[]): Promise<void> {
    return this.#append(decisions.map((each): Entry => ({ kind: "decision", ...each })));
  }

  answer(answers: readonly GivenAnswer[]): Promise<void> {
    let sequence = this.#releases;
    const made = answers.map(({ digest, answer: given }): Entry => {
      const name = { kind: "answer", digest } as const;
      return given.kind === "release"
        ? { ...name, sequence: sequence++, answer: toBase64Url(given.bytes) }
        : { ...name, sequence: null, answer: given.reason };
    });
    return this.#append(made);
  }

  async #append(made: readonly Entry[]): Promise<void> {
    this.#assertSound();
    if (made.length === 0) return;
    const written = made.map((each) => Buffer.from(JSON.stringify(each), "utf8"));
    const head = written.reduce(after, this.#head);
    try {
      // Appended in one turn they share a frame: after a crash all are there or none.
      await Promise.all(written.map((record) => this.#journal.append(record)));
      await writeHead(this.#folder, head, this.#disk);
    } catch (cause) {
      this.#failed = true;
      const message = `cannot write the ledger in ${this.#folder}: check the disk and restart`;
      throw new TrusteeError("TRUSTEE_LEDGER_FAILED", message, cause);
    }
    this.#head = head;
    for (const each of made) this.#index(each);
  }

  async checkAgainst(bus: Bus, stream: AnswerStream, readOwn: ReadOwn): Promise<void> {
    const last = await bus.last(stream);
    if (last === undefined) return;
    // An answer given again may be the newest message, so look at more than one.
    const from = last.sequence >= READ_MAX ? last.sequence - READ_MAX + 1n : 0n;
    const range = { from, limit: Number(READ_MAX) };
    for (const { body } of await bus.read(stream, range)) {
      const own = await readOwn(body);
      if (own === undefined) continue;
      const { requestDigest, sequence } = own;
      if (this.#answers.get(toHex(requestDigest))?.sequence === sequence) continue;
      const message = `release ${sequence} was published, and the ledger in ${this.#folder} does not \
know it: it was restored from a copy. Do not release anything; restore the newest ledger`;
      throw new TrusteeError("TRUSTEE_LEDGER_STALE", message);
    }
  }

  async close(): Promise<void> {
    await this.#journal.close();
    this.#lock.release();
  }

  #index(made: Entry): void {
    if (made.kind === "decision") {
      const { kind: _, ...verdict } = made;
      this.#decided.set(made.digest, verdict);
      if (made.claim !== null) this.spent.add(made.claim);
    } else {
      this.#answers.set(made.digest, made);
      if (made.sequence !== null) this.#releases += 1;
    }
  }

  /** After a failed write the disk may hold an answer that memory does not. */
  #assertSound(): void {
    if (!this.#failed) return;
    const message = `the ledger in ${this.#folder} failed before: restart the trustee`;
    throw new TrusteeError("TRUSTEE_LEDGER_FAILED", message);
  }
}

/** Releases looked at on the bus at start. */
const READ_MAX = 1000n;

function after({ count, hash }: Head, record: Uint8Array): Head {
  const next = createHash("sha256").update(Buffer.from(hash, "hex")).update(record).digest("hex");
  return { count: count + 1, hash: next };
}

/** The hash chain says that this trustee wrote it: what cannot be read was written by another version. */
function readEntry(record: Uint8Array, folder: string): Entry {
  try {
    return entry.parse(JSON.parse(Buffer.from(record).toString("utf8")));
  } catch (cause) {
    const message = `the ledger in ${folder} is of another version of this program, which says less \
of what was released than the rules ask: run that version, or start a trustee with a new key`;
    throw new TrusteeError("TRUSTEE_LEDGER_VERSION", message, cause);
  }
}

async function readHead(folder: string): Promise<Head> {
  let text: string;
  try {
    text = await readFile(join(folder, HEAD), "utf8");
  } catch (cause) {
    throw missing(folder, cause);
  }
  try {
    return headSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw truncated(`the head in ${folder} is damaged`, cause);
  }
}

const writeHead = (folder: string, head: Head, disk: Disk): Promise<void> =>
  writeFileAtomic(join(folder, HEAD), JSON.stringify(head), { disk });

function missing(folder: string, cause?: unknown): TrusteeError {
  const message = `no whole ledger in ${folder}: restore it, or initialise a new trustee`;
  return new TrusteeError("TRUSTEE_LEDGER_MISSING", message, cause);
}

function truncated(what: string, cause?: unknown): TrusteeError {
  const message = `${what}: records are missing or changed. Restore the newest ledger`;
  return new TrusteeError("TRUSTEE_LEDGER_TRUNCATED", message, cause);
}

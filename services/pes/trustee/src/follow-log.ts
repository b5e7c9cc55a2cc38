/**
 * The log as a trustee reads it (docs/protocol.md §8.2, §13.5): it takes every entry, judges the requests among them in order, keeps its
 * verdicts, and cosigns. What it knows of requests is what the log says: at each start the log is read again from its first entry.
 */
import {
  decodeEntry,
  decodeLogMessage,
  initialiseFollower,
  openFollower,
  parseHead,
  rebuild,
  type DurableFile,
  type Entry,
  type IndexedEntry,
  type LogFollower,
  type Quorum,
  type SignedHead,
} from "@smarter-metering/log";
import {
  decodeSignedTerms,
  equalBytes,
  ProtocolError,
  termsDigest,
  toHex,
  verifySignedTerms,
  type Signer,
} from "@smarter-metering/protocol";
import type { Bus } from "@smarter-metering/runtime";
import { TrusteeError } from "./error.ts";
import { fault } from "./fault.ts";
import { claimOf, judgeBatch, type Logged, type Reason } from "./judge-batch.ts";
import type { Decision, Ledger } from "./ledger.ts";
import type { RegistryContext } from "./registry-context.ts";
import { UNKNOWN_EPOCH, type EpochTrouble, type RegistryContexts } from "./registry-contexts.ts";
import { Spent } from "./spent.ts";

export const LOG_STREAM = "log";
/** Messages of the log read at once at a start; each is below 1 MiB. */
const MESSAGES_MAX = 32;

export interface FollowPorts {
  readonly quorum: Quorum;
  readonly signer: Signer;
  /** Empty at first, never missing. */
  readonly state: DurableFile;
  readonly ledger: Ledger;
  readonly contexts: RegistryContexts;
  readonly bus: Pick<Bus, "read">;
  nowSeconds(): number;
}

/** A head for the operator, unless the message came before the last one; or what it waits for: entries before its own, or the registry. */
export type TakenMessage =
  { readonly cosigned: string | undefined } | { readonly waitsFor: "entries" | "epoch" };

/** A request of the log, signed by its operator. */
interface LoggedRequest extends Omit<Logged, "isEpochLogged"> {
  readonly index: number;
  /** Hex. */
  readonly digest: string;
}

export class FollowedLog {
  readonly #ports: FollowPorts;
  readonly #follower: LogFollower;
  /** Where each registry epoch stands in the log first, by its hash in hex. */
  readonly #epochs = new Map<string, number>();

  private constructor(ports: FollowPorts, follower: LogFollower) {
    this.#ports = ports;
    this.#follower = follower;
  }

  /**
   * Opens the follower's state and reads the log up to it. Throws LOG_STATE_MISSING, LOG_STATE_DAMAGED, LOG_TRUNCATED, LOG_FORKED, and
   * TRUSTEE_LEDGER_STALE when ledger and log do not have the same requests in the same places.
   */
  static async open(ports: FollowPorts): Promise<FollowedLog> {
    const { state } = ports;
    if ((await state.load())?.length === 0) {
      const unsaved = {
        load: () => Promise.resolve(undefined),
        save: (bytes: Uint8Array) => state.save(bytes),
      };
      await initialiseFollower({ ...ports, state: unsaved });
    }
    const log = new FollowedLog(ports, await openFollower(ports));
    await log.#readAgain();
    return log;
  }

  /** Requests below this place may be answered. */
  get confirmedSize(): number {
    return this.#follower.confirmedSize;
  }

  /**
   * Takes the next message. When `mayWait`, one with a request under an epoch that does not exist yet is left alone. Throws LogError; then
   * nothing was taken.
   */
  async take(body: Uint8Array, { mayWait }: { readonly mayWait: boolean }): Promise<TakenMessage> {
    const { from, entries, head } = decodeLogMessage(body);
    const { size } = this.#follower;
    if (from > size) return { waitsFor: "entries" };
    if (from + entries.length < size) return { cosigned: undefined };
    const next = entries.slice(size - from);
    if (mayWait && (await this.#isAhead(next.map(decodeEntry)))) return { waitsFor: "epoch" };
    const taken = await this.#follower.take({ entries: next, head });
    await this.#decide(await this.#requestsOf(taken.entries));
    return { cosigned: taken.cosigned };
  }

  /**
   * Whether `head` stands under the quorum and all below it was taken; false when it was not yet. Throws LogError for a head that does not
   * stand, or is of another history.
   */
  async stands(head: string): Promise<boolean> {
    return (await this.#follower.confirm(head)) >= parseHead(head).size;
  }

  /** Whether a request names an epoch that does not exist yet. Loads all epochs that are named. */
  async #isAhead(entries: readonly Entry[]): Promise<boolean> {
    for (const entry of entries) {
      const terms = decodeTerms(entry)?.terms;
      if (terms === undefined) continue;
      if ((await this.#ports.contexts.at(terms.registryEpoch)) === UNKNOWN_EPOCH) return true;
    }
    return false;
  }

  /** In order, and notes epochs. What is not signed by the operator is no request, to no trustee. */
  async #requestsOf(entries: readonly IndexedEntry[]): Promise<LoggedRequest[]> {
    const { publicKey } = this.#ports.quorum.log;
    const requests: LoggedRequest[] = [];
    for (const entry of entries) {
      if (entry.kind === "registry-epoch" && !this.#epochs.has(toHex(entry.body))) {
        this.#epochs.set(toHex(entry.body), entry.index);
      }
      const signed = decodeTerms(entry);
      if (signed === undefined) continue;
      try {
        await verifySignedTerms(signed, publicKey);
      } catch (error) {
        if (error instanceof ProtocolError) continue;
        throw error;
      }
      const digest = toHex(await termsDigest(signed));
      requests.push({ ...entry, terms: signed.terms, digest });
    }
    return requests;
  }

  /** Judges requests, in order, and keeps the verdicts. */
  async #decide(requests: readonly LoggedRequest[]): Promise<void> {
    const { ledger, contexts } = this.#ports;
    const spent = new Spent(ledger.spent);
    const decisions: Decision[] = [];
    for (const run of runsOfEpoch(requests)) {
      const epoch = run[0]?.terms.registryEpoch ?? 0;
      const context = await contexts.at(epoch);
      const made =
        typeof context === "string"
          ? run.map((one) => unjudged(one, context))
          : judgeRun(this.#placed(run, context), context, spent, contexts.isSuperseded(epoch));
      for (const { claim } of made) if (claim !== null) spent.add(claim);
      decisions.push(...made);
    }
    await ledger.decide(decisions);
  }

  #placed(run: readonly LoggedRequest[], { hash }: RegistryContext) {
    const place = this.#epochs.get(hash) ?? Infinity;
    return run.map((request) => ({ ...request, isEpochLogged: place < request.index }));
  }

  /** From the first entry to the head that was cosigned last. */
  async #readAgain(): Promise<void> {
    const { cosigned } = this.#follower;
    const entries: IndexedEntry[] = [];
    const heads: SignedHead[] = [];
    if (cosigned !== undefined) {
      const reader = messageReader(this.#ports.bus);
      const step = (entry: IndexedEntry): void => {
        if (entry.kind === "release-request" || entry.kind === "registry-epoch")
          entries.push(entry);
      };
      await rebuild(reader.read, parseHead(cosigned), step, ({ size, root }) => {
        const head = reader.heads.get(size);
        if (head !== undefined && equalBytes(head.root, root)) heads.push(head);
      });
    }
    this.#follower.recall(heads);
    const requests = await this.#requestsOf(entries);
    const { decisions } = this.#ports.ledger;
    const isSame = decisions.every(({ index, digest }, at) => {
      const request = requests[at];
      return request?.index === index && request.digest === digest;
    });
    if (!isSame) {
      const message =
        "the ledger has verdicts on requests that are not in the log as this trustee cosigned it: " +
        "ledger or log.state was restored from a copy. Restore the newest of both";
      throw new TrusteeError("TRUSTEE_LEDGER_STALE", message);
    }
    await this.#decide(requests.slice(decisions.length));
  }
}

function judgeRun(
  run: readonly (LoggedRequest & Logged)[],
  context: RegistryContext,
  spent: Spent,
  isSuperseded: boolean,
): Decision[] {
  const verdicts = judgeBatch(run, context, spent);
  const superseded = fault("REQUEST_OLD_EPOCH", "a newer registry epoch was in force for a day");
  return run.map(({ index, digest }, at) => {
    const verdict = verdicts[at];
    const isGranted = verdict !== undefined && "claim" in verdict;
    const refusals = isGranted ? (isSuperseded ? [superseded] : []) : (verdict?.reasons ?? []);
    const reasons = refusals.map(({ code, reason }): Reason => ({ code, reason }));
    return { index, digest, claim: isGranted ? verdict.claim : null, reasons };
  });
}

/** Others may be able to judge it, and grant it: it counts as granted, and is not answered. */
function unjudged({ index, digest, terms }: LoggedRequest, trouble: EpochTrouble): Decision {
  const reason: Reason =
    trouble === UNKNOWN_EPOCH
      ? fault("REQUEST_FUTURE_EPOCH", "no such registry epoch is known")
      : fault("REGISTRY_NOT_ACCEPTED", "the registry's policy or key is not mine");
  return { index, digest, claim: claimOf(terms), reasons: [reason] };
}

/** Neighbours that name the same epoch. */
function runsOfEpoch(requests: readonly LoggedRequest[]): LoggedRequest[][] {
  const runs: LoggedRequest[][] = [];
  for (const request of requests) {
    const last = runs.at(-1);
    const isSame = last?.[0]?.terms.registryEpoch === request.terms.registryEpoch;
    if (last !== undefined && isSame) last.push(request);
    else runs.push([request]);
  }
  return runs;
}

/** Undefined for an entry that is no request. */
function decodeTerms({ kind, body }: Entry) {
  if (kind !== "release-request") return undefined;
  try {
    return decodeSignedTerms(body);
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

/** The log's entries from the bus, message after message. */
function messageReader(bus: Pick<Bus, "read">) {
  const heads = new Map<number, SignedHead>();
  let sequence = 0n;
  let waiting: Uint8Array[] = [];
  const nextMessage = async (): Promise<Uint8Array | undefined> => {
    if (waiting.length === 0) {
      const found = await bus.read(LOG_STREAM, { from: sequence, limit: MESSAGES_MAX });
      sequence = (found.at(-1)?.sequence ?? sequence) + 1n;
      waiting = found.map(({ body }) => body);
    }
    return waiting.shift();
  };
  const read = async (from: number, limit: number): Promise<readonly Uint8Array[]> => {
    for (;;) {
      const body = await nextMessage();
      if (body === undefined) return [];
      const message = decodeLogMessage(body);
      const end = message.from + message.entries.length;
      if (end <= from) continue;
      const head = parseHead(message.head);
      heads.set(head.size, head);
      return message.entries.slice(from - message.from).slice(0, limit);
    }
  };
  return { heads, read };
}

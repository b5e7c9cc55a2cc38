/**
 * The operator's part of the log (docs/protocol.md §13): appends what is queued, gives it to the trustees over the bus,
 * and takes their cosignatures. Run by the aggregator that leads, whose signing key is the log's. Whatever crashes in
 * between, here or at the leader before, is done again and changes nothing: an entry is in the log once, and a message
 * has the id of its first entry.
 */
import {
  cosignersOf,
  decodeLogMessage,
  encodeLogMessage,
  LogError,
  parseHead,
  type DurableFile,
  type LogErrorCode,
  type Quorum,
} from "@smarter-metering/log";
import { keepPublished, openLog, type StoreLog } from "@smarter-metering/log/store";
import { fromUtf8, ProtocolError, type Signer } from "@smarter-metering/protocol";
import type { Bus, Clock, Store } from "@smarter-metering/runtime";
import { markAppended, nextEntries } from "./entry-queue.ts";

/** Entries that leave the queue before the embedded database, which does not by itself, is told to use their room again. */
const VACUUM_ENTRIES = 20_000;

export interface PublicLogPorts {
  readonly clock: Clock;
  readonly bus: Pick<Bus, "publish" | "last">;
  /** The leader's: its transactions fail for any other. */
  readonly store: Store;
  readonly signer: Signer;
  /** The newest head that has left this process; never inside the store. */
  readonly published: DurableFile;
}

export type CosignatureOutcome =
  | "COSIGNED"
  /** No trustee of the registry signed it. */
  | "COSIGNATURE_FOREIGN"
  /** LOG_MALFORMED, LOG_HEAD_ORIGIN, or LOG_FORKED: this log signed no such head. */
  | LogErrorCode;

/** A head that q trustees cosigned. */
export interface StandingHead {
  readonly note: string;
  readonly size: number;
}

export class PublicLog {
  readonly log: StoreLog;
  readonly #ports: PublicLogPorts;
  /** Entries in messages on the bus; undefined while the bus has to be asked. */
  #sentSize: number | undefined;
  #takenSinceVacuum = 0;

  private constructor(ports: PublicLogPorts, log: StoreLog, sentSize: number) {
    this.#ports = ports;
    this.log = log;
    this.#sentSize = sentSize;
  }

  /**
   * Before anything is signed the database is held against the file and the bus, which keeps what trustees were given.
   * Rejects with LogError: LOG_TRUNCATED, LOG_FORKED, LOG_STATE_MISSING, LOG_HEAD_ORIGIN (see `keepPublished`).
   */
  static async open(ports: PublicLogPorts): Promise<PublicLog> {
    const nowSeconds = (): number => Math.floor(ports.clock.nowMs() / 1000);
    const sent = await lastSent(ports.bus);
    const log = await openLog({ ...ports, nowSeconds }, { witness: sent?.head });
    return new PublicLog(ports, log, sent?.size ?? 0);
  }

  /** Appends all that is queued, then publishes what trustees have not been given; stops early, without harm, when the bus is full. */
  async append(): Promise<void> {
    const { store } = this.#ports;
    for (;;) {
      const entries = await nextEntries(store);
      if (entries.length === 0) break;
      const { indexes } = await this.log.append(entries);
      await store.transaction((sql) => markAppended(sql, entries, indexes));
      this.#takenSinceVacuum += entries.length;
    }
    if (this.#takenSinceVacuum >= VACUUM_ENTRIES) {
      this.#takenSinceVacuum = 0;
      await store.query("vacuum entry");
    }
    while (await this.#send());
  }

  /** True while there may be more. */
  async #send(): Promise<boolean> {
    const from = (this.#sentSize ??= await this.#askSent());
    if (from === this.log.size) return false;
    const batch = await this.log.batch(from);
    if (batch === undefined) return false;
    // Not known to be there until the bus says so.
    this.#sentSize = undefined;
    const body = encodeLogMessage({ from, ...batch });
    const result = await this.#ports.bus.publish("log", [{ id: `${from}`, subject: "", body }]);
    if ("full" in result) return false;
    // A duplicate may have ended elsewhere: then the bus is asked.
    if (result.accepted === 0) return false;
    this.#sentSize = from + batch.entries.length;
    return true;
  }

  async #askSent(): Promise<number> {
    const sent = await lastSent(this.#ports.bus);
    if (sent !== undefined) await keepPublished({ ...this.#ports, key: this.log.key }, sent.head);
    return sent?.size ?? 0;
  }

  /** The newest head that q trustees cosigned: requests whose entries are under it may be asked. */
  async standing(): Promise<StandingHead | undefined> {
    const note = await this.log.quorumHead();
    return note === undefined ? undefined : { note, size: parseHead(note).size };
  }

  /** Takes trustees' heads, as text; one outcome for each, in order. */
  async takeCosignatures(
    bodies: readonly Uint8Array[],
    quorum: Quorum,
  ): Promise<CosignatureOutcome[]> {
    const outcomes: CosignatureOutcome[] = [];
    for (const body of bodies) outcomes.push(await this.#takeCosignature(body, quorum));
    return outcomes;
  }

  async #takeCosignature(body: Uint8Array, quorum: Quorum): Promise<CosignatureOutcome> {
    try {
      const text = fromUtf8(body);
      const cosigners = await cosignersOf(parseHead(text), quorum);
      await this.log.addCosignatures(text, quorum);
      return cosigners.length === 0 ? "COSIGNATURE_FOREIGN" : "COSIGNED";
    } catch (error) {
      if (error instanceof ProtocolError) return "LOG_MALFORMED";
      if (error instanceof LogError) return error.code;
      throw error;
    }
  }
}

/** What trustees were given last, and the size of the log with it. */
export async function lastSent(
  bus: Pick<Bus, "last">,
): Promise<{ readonly head: string; readonly size: number } | undefined> {
  const last = await bus.last("log");
  if (last === undefined) return undefined;
  const { from, entries, head } = decodeLogMessage(last.body);
  return { head, size: from + entries.length };
}

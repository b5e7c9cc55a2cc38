/**
 * The operator's part of the log (docs/protocol.md §13): appends what is queued, gives it to the trustees over the bus,
 * and takes their cosignatures. Run by the aggregator, whose signing key is the log's. Whatever crashes in between is
 * done again and changes nothing: an entry is in the log once, and a message has the id of its first entry.
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
import { openLog, type StoreLog } from "@smarter-metering/log/store";
import { fromUtf8, ProtocolError, type Signer } from "@smarter-metering/protocol";
import type { Bus, Clock, Store } from "@smarter-metering/runtime";
import { markAppended, nextEntries } from "./entry-queue.ts";

export interface PublicLogPorts {
  readonly clock: Clock;
  readonly bus: Pick<Bus, "publish" | "last">;
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

  private constructor(ports: PublicLogPorts, log: StoreLog) {
    this.#ports = ports;
    this.log = log;
  }

  /** Rejects with LogError: LOG_TRUNCATED, LOG_FORKED, LOG_STATE_MISSING, LOG_HEAD_ORIGIN (see `openLog`). */
  static async open(ports: PublicLogPorts): Promise<PublicLog> {
    const nowSeconds = (): number => Math.floor(ports.clock.nowMs() / 1000);
    return new PublicLog(ports, await openLog({ ...ports, nowSeconds }));
  }

  /**
   * Appends all that is queued, then publishes what trustees have not been given; stops early, without harm, when the
   * bus is full. Throws LOG_TRUNCATED when the bus has more of the log than the database.
   */
  async append(): Promise<void> {
    const { store } = this.#ports;
    // Before anything is signed: the bus may know that this database is an old copy.
    this.#sentSize ??= await this.#lastSent();
    for (;;) {
      const entries = await nextEntries(store);
      if (entries.length === 0) break;
      const { indexes } = await this.log.append(entries);
      await store.transaction((sql) => markAppended(sql, entries, indexes));
    }
    while (await this.#send());
  }

  /** True while there may be more. */
  async #send(): Promise<boolean> {
    const from = this.#sentSize ?? (await this.#lastSent());
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

  async #lastSent(): Promise<number> {
    const last = await this.#ports.bus.last("log");
    if (last === undefined) return 0;
    const { from, entries, head } = decodeLogMessage(last.body);
    const size = from + entries.length;
    if (parseHead(head).origin !== this.log.key.name) {
      throw new LogError("LOG_HEAD_ORIGIN", "the bus carries the log of another operator");
    }
    if (size > this.log.size) {
      const message =
        `trustees were given ${size} entries, the database has ${this.log.size}: it is an old ` +
        "copy. Restore the newest: going on would fork the log";
      throw new LogError("LOG_TRUNCATED", message);
    }
    return size;
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

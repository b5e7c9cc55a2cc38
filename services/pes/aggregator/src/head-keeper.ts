/**
 * What each aggregator knows of the log beside the database (docs/protocol.md §13.5): a file of the newest published
 * head, also while another one leads. As many machines would notice a database that lost its end.
 */
import { logKey, type DurableFile, type HeadKey } from "@smarter-metering/log";
import { keepPublished } from "@smarter-metering/log/store";
import type { Signer } from "@smarter-metering/protocol";
import type { Bus, Store } from "@smarter-metering/runtime";
import { lastSent } from "./public-log.ts";

export interface HeadKeeperPorts {
  readonly bus: Pick<Bus, "last">;
  readonly store: Store;
  readonly signer: Signer;
  readonly published: DurableFile;
}

export class HeadKeeper {
  readonly #ports: HeadKeeperPorts;
  readonly #key: HeadKey;

  private constructor(ports: HeadKeeperPorts, key: HeadKey) {
    this.#ports = ports;
    this.#key = key;
  }

  /**
   * A member that had a file before has it still; for a new one the bus, which keeps the last message of the log, speaks
   * for the database. Throws what `keepPublished` throws.
   */
  static async open(ports: HeadKeeperPorts, member: string): Promise<HeadKeeper> {
    const { store, bus } = ports;
    const keeper = new HeadKeeper(ports, await logKey(ports.signer.publicKey));
    const known = await store.query("select 1 as one from head_keeper where member = $1", [member]);
    const isNew = known.length === 0;
    const witness = isNew ? (await lastSent(bus))?.head : undefined;
    await keepPublished({ ...ports, key: keeper.#key }, witness, isNew);
    await store.query("insert into head_keeper values ($1) on conflict do nothing", [member]);
    return keeper;
  }

  /** Brings the file up to the database, unless that has lost what the file knows. Throws what `keepPublished` throws. */
  async follow(): Promise<void> {
    await keepPublished({ ...this.#ports, key: this.#key });
  }
}

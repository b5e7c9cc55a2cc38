/**
 * Enrolment requests on their way down to meters (docs/protocol.md §10.1). Kept until the meter has
 * answered, for a week at most. The concentrator carries them and can neither make nor change one:
 * they are under a MAC it has no key for.
 */
import { fromHex, toHex, type EnrolmentRequest } from "@smarter-metering/protocol";
import type { Migration, Sql, Store } from "@smarter-metering/runtime";

export const REQUESTS_KEPT_DAYS = 7;
const KEPT_SECONDS = REQUESTS_KEPT_DAYS * 86_400;
/** Requests that wait for one meter; more are turned away. */
const PER_METER_MAX = 8;

export const mailboxMigration: Migration = {
  name: "0002-downlink",
  statements: [
    `create table concentrator_downlink (
      id text primary key, meter bytea not null, nonce bytea not null, message bytea not null,
      received_seconds int8 not null)`,
    `create index concentrator_downlink_meter on concentrator_downlink (meter)`,
  ],
};

export interface DownlinkMessage {
  readonly meterId: string;
  /** `encodeEnrolmentRequest`. */
  readonly message: Uint8Array;
}

export interface Answer {
  readonly meterId: string;
  readonly nonce: Uint8Array;
}

export class Mailbox {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Idempotent by `id`. False when too many wait for that meter. */
  async put(
    id: string,
    request: EnrolmentRequest,
    message: Uint8Array,
    nowSeconds: number,
  ): Promise<boolean> {
    const rows = await this.#store.query(
      `insert into concentrator_downlink select $1, $2, $3, $4, $5
      where (select count(*) from concentrator_downlink
        where meter = $2 and received_seconds > $6 and id <> $1) < $7
      on conflict (id) do update set received_seconds = concentrator_downlink.received_seconds
      returning id`,
      [
        id,
        request.meterId,
        request.nonce,
        message,
        nowSeconds,
        nowSeconds - KEPT_SECONDS,
        PER_METER_MAX,
      ],
    );
    return rows.length === 1;
  }

  /** What waits for these meters, oldest first. */
  async waiting(meterIds: ReadonlySet<string>, nowSeconds: number): Promise<DownlinkMessage[]> {
    if (meterIds.size === 0) return [];
    const rows = await this.#store.query<{ meter: Uint8Array; message: Uint8Array }>(
      `select meter, message from concentrator_downlink
      where meter = any($1::bytea[]) and received_seconds > $2 order by received_seconds, id`,
      [Array.from(meterIds, (id) => fromHex(id)), nowSeconds - KEPT_SECONDS],
    );
    return rows.map(({ meter, message }) => ({ meterId: toHex(meter), message }));
  }

  /** Removes what was answered, inside the caller's transaction. */
  async settle(sql: Sql, answers: readonly Answer[]): Promise<void> {
    for (const { meterId, nonce } of answers) {
      await sql.query("delete from concentrator_downlink where meter = $1 and nonce = $2", [
        fromHex(meterId),
        nonce,
      ]);
    }
  }

  async forget(nowSeconds: number): Promise<void> {
    await this.#store.query("delete from concentrator_downlink where received_seconds <= $1", [
      nowSeconds - KEPT_SECONDS,
    ]);
  }
}

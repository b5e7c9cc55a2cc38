/** Customers' key envelopes at rest (docs/protocol.md §3): one for each meter, epoch and recipient key; the newest wrapping counts. */
import type { KeyEnvelope } from "@smarter-metering/protocol";
import type { Sql, Store } from "@smarter-metering/runtime";
import type { Sender } from "./service-points.ts";

/** Of one answer: the newest epochs. A meter keeps its epochs for 400 days and opens one at each start. */
const ENVELOPES_MAX = 2_000;

export interface EnvelopeOwner {
  /** Hex. */
  readonly servicePoint: string;
  readonly contractStart: number;
  /** SHA-256 of the account's public key. */
  readonly recipientKeyId: Uint8Array;
}

export class EnvelopeStore {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Of an account that is gone nothing is kept, unless it left others of its household: its meter goes on wrapping to it. */
  async put(envelope: KeyEnvelope, sender: Sender, message: Uint8Array): Promise<void> {
    await this.#store.query(
      `insert into ucs_envelope select $1, $2, $3, $4, $5, $6
      where exists (select 1 from ucs_account where sha256(public_key) = $4)
        or exists (select 1 from ucs_member where recipient = $4)
      on conflict (service_point, meter, key_epoch, recipient)
      do update set contract_start = excluded.contract_start, message = excluded.message`,
      [
        sender.servicePoint,
        sender.meter,
        envelope.keyEpoch,
        envelope.recipientKeyId,
        sender.contractStart,
        message,
      ],
    );
  }

  async of(owner: EnvelopeOwner): Promise<Uint8Array[]> {
    const rows = await this.#store.query<{ message: Uint8Array }>(
      `select message from ucs_envelope
      where service_point = $1 and contract_start = $2 and recipient = $3
      order by key_epoch desc limit $4`,
      [owner.servicePoint, owner.contractStart, owner.recipientKeyId, ENVELOPES_MAX],
    );
    return rows.map(({ message }) => message);
  }
}

/** Deletes what is wrapped to keys (SHA-256) that neither an account nor an invited one reads with any more; how many. */
export async function dropUnreadEnvelopes(
  sql: Sql,
  recipients: readonly Uint8Array[],
): Promise<number> {
  const gone = await sql.query(
    `delete from ucs_envelope where recipient = any($1::bytea[])
      and not exists (select 1 from ucs_account where sha256(public_key) = recipient)
      and not exists (select 1 from ucs_member m where m.recipient = ucs_envelope.recipient)
    returning 1`,
    [recipients],
  );
  return gone.length;
}

/**
 * The outbox of bills (docs/protocol.md §11.5): which windows' customers have to be sent something, and what waits for the bus. A statement
 * or a note is marked in the transaction that stores it; what is sealed is kept until the bus has it, so that a repeat is the same message.
 */
import type { Sql, Store } from "@smarter-metering/runtime";

export interface Window {
  readonly servicePoint: string;
  /** Epoch seconds. */
  readonly from: number;
}

/** A window whose bundle is to be made, with what it is made of. */
export interface DueDelivery extends Window {
  /** The last number of this mailbox. */
  readonly lastSequence: number;
  /** JWS. */
  readonly statement: string;
  readonly tariff: string;
  readonly digest: Uint8Array;
}

export interface SealedDelivery extends Window {
  readonly sequence: number;
  readonly sealed: Uint8Array;
}

/** Their customers have to be sent something, again if they were before. */
export async function markDue(sql: Sql, windows: readonly Window[]): Promise<void> {
  await sql.query(
    `insert into delivery (service_point, from_grid) select * from unnest($1::text[], $2::int8[])
      on conflict (service_point, from_grid) do update set due = true`,
    [windows.map(({ servicePoint }) => servicePoint), windows.map(({ from }) => from)],
  );
}

export interface Mailbox {
  readonly servicePoint: string;
  /** Hex. */
  readonly mailbox: string;
}

/** Where bills go from now on. Into a new mailbox go all of them, and nothing that was sealed for the old one. */
export async function noteMailboxes(sql: Sql, mailboxes: readonly Mailbox[]): Promise<void> {
  await sql.query(
    `with changed as (
      insert into mailbox (service_point, mailbox) select * from unnest($1::text[], $2::text[])
        on conflict (service_point) do update set mailbox = excluded.mailbox
          where mailbox.mailbox <> excluded.mailbox
        returning service_point)
    update delivery d set due = true, sequence = 0, sealed = null
      from changed c where d.service_point = c.service_point`,
    [mailboxes.map(({ servicePoint }) => servicePoint), mailboxes.map(({ mailbox }) => mailbox)],
  );
}

/** In the order of service points and time; those that have a mailbox. */
export async function dueDeliveries(sql: Sql, limit: number): Promise<DueDelivery[]> {
  const rows = await sql.query<
    Omit<DueDelivery, "from" | "lastSequence"> & { from: bigint; lastSequence: bigint }
  >(
    `select service_point as "servicePoint", from_grid as from, m.sequence as "lastSequence",
       s.jws as statement, s.tariff, s.digest
      from delivery d join mailbox m using (service_point)
      join statement s using (service_point, from_grid)
      where d.due order by service_point, from_grid limit $1`,
    [limit],
  );
  return rows.map((row) => {
    return { ...row, from: Number(row.from), lastSequence: Number(row.lastSequence) };
  });
}

/** What was sealed so far for the mailboxes of these service points: the newest number of each window. */
export async function sealedSoFar(
  sql: Sql,
  servicePoints: readonly string[],
): Promise<Map<string, Map<number, number>>> {
  const rows = await sql.query<{ servicePoint: string; from: bigint; sequence: bigint }>(
    `select service_point as "servicePoint", from_grid as from, sequence from delivery
      where service_point = any($1::text[]) and sequence > 0 order by service_point, from_grid`,
    [servicePoints],
  );
  const sent = new Map<string, Map<number, number>>();
  for (const { servicePoint, from, sequence } of rows) {
    const own = sent.get(servicePoint) ?? new Map<number, number>();
    sent.set(servicePoint, own.set(Number(from), Number(sequence)));
  }
  return sent;
}

export async function storeSealed(sql: Sql, deliveries: readonly SealedDelivery[]): Promise<void> {
  const columns = [
    deliveries.map(({ servicePoint }) => servicePoint),
    deliveries.map(({ from }) => from),
    deliveries.map(({ sequence }) => sequence),
  ];
  await sql.query(
    `update delivery d set due = false, sequence = n.sequence, sealed = n.sealed
      from unnest($1::text[], $2::int8[], $3::int8[], $4::bytea[])
        as n(service_point, from_grid, sequence, sealed)
      where d.service_point = n.service_point and d.from_grid = n.from_grid`,
    [...columns, deliveries.map(({ sealed }) => sealed)],
  );
  await sql.query(
    `update mailbox m set sequence = n.sequence
      from (select service_point, max(sequence) as sequence
        from unnest($1::text[], $2::int8[], $3::int8[]) as n(service_point, from_grid, sequence)
        group by service_point) n
      where m.service_point = n.service_point`,
    columns,
  );
}

/** What waits for the bus; of one mailbox in the order of its numbers. */
export async function waitingDeliveries(
  store: Store,
  limit: number,
): Promise<(SealedDelivery & { readonly id: string })[]> {
  const rows = await store.query<
    Omit<SealedDelivery, "from" | "sequence"> & {
      from: bigint;
      sequence: bigint;
      mailbox: string;
    }
  >(
    `select service_point as "servicePoint", from_grid as from, d.sequence, sealed, mailbox
      from delivery d join mailbox m using (service_point)
      where sealed is not null order by service_point, d.sequence limit $1`,
    [limit],
  );
  return rows.map(({ mailbox, ...row }) => {
    const sequence = Number(row.sequence);
    return { ...row, from: Number(row.from), sequence, id: `${mailbox}/${sequence}` };
  });
}

/** They are on the bus; what was sealed meanwhile stays. */
export async function forgetSealed(
  store: Store,
  deliveries: readonly SealedDelivery[],
): Promise<void> {
  await store.query(
    `update delivery d set sealed = null
      from unnest($1::text[], $2::int8[], $3::int8[]) as n(service_point, from_grid, sequence)
      where d.service_point = n.service_point and d.from_grid = n.from_grid
        and d.sequence = n.sequence`,
    [
      deliveries.map(({ servicePoint }) => servicePoint),
      deliveries.map(({ from }) => from),
      deliveries.map(({ sequence }) => sequence),
    ],
  );
}

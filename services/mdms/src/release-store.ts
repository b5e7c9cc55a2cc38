/**
 * Writes a checked release and what it says in one transaction (docs/protocol.md §8.5). What was released once is never released
 * otherwise: the trustee's ledger promises it, and here it is held against the trustee.
 */
import { encodeRelease, equalBytes, fromHex } from "@smarter-metering/protocol";
import { insertMany, type Sql, type Store } from "@smarter-metering/runtime";
import type { CheckedBill, CheckedLoad } from "./check-release.ts";

export type Stored =
  | "stored"
  /** The same release again: no effect. */
  | "duplicate"
  /** Another release for the same block or window, or other bytes for the same request. */
  | "conflict"
  /** The trustee gave this number to another release: its ledger was rolled back (§8.4). */
  | "sequence-reused";

/** `jws` is the signed statement of a BILL release. Throws as `Store.transaction`. */
export function storeRelease(
  store: Store,
  release: CheckedLoad | (CheckedBill & { readonly jws: string }),
  receivedAt: number,
): Promise<Stored> {
  const sealed = encodeRelease(release.sealed);
  const { kind, requestDigest: digest, policyId, sequence } = release.sealed;
  const { registryEpoch } = release.kind === "LOAD" ? release.load : release.bill;
  return store.transaction(async (sql) => {
    const [known] = await sql.query<{ sealed: Uint8Array }>(
      "select sealed from release where digest = $1",
      [digest],
    );
    if (known !== undefined) return equalBytes(known.sealed, sealed) ? "duplicate" : "conflict";
    const reused = await sql.query("select 1 from release where trustee = $1 and sequence = $2", [
      release.trusteeKey,
      sequence,
    ]);
    if (reused.length > 0) return "sequence-reused";
    if (await overlapsKnown(sql, release)) return "conflict";
    await sql.query(
      `insert into release
        (digest, kind, trustee, sequence, policy_id, registry_epoch, sealed, received_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8)`,
      [digest, kind, release.trusteeKey, sequence, policyId, registryEpoch, sealed, receivedAt],
    );
    if (release.kind === "LOAD") await insertLoad(sql, release);
    else await insertStatement(sql, release);
    return "stored";
  });
}

/** Whatever shares an instant with it counts, not only what begins alike. */
async function overlapsKnown(sql: Sql, release: CheckedLoad | CheckedBill): Promise<boolean> {
  if (release.kind === "LOAD") {
    const { cohort, stream, blockStart } = release.load;
    const rows = await sql.query(
      `select 1 from load_block
        where cohort = $1 and stream = $2 and block_start < $4 and block_end > $3 limit 1`,
      [cohort, stream, blockStart, release.blockEnd],
    );
    return rows.length > 0;
  }
  const { servicePoint, from, to } = release.statement;
  const rows = await sql.query(
    `select 1 from statement
      where service_point = $1 and from_grid < $3 and to_grid > $2 limit 1`,
    [servicePoint, from, to],
  );
  return rows.length > 0;
}

async function insertLoad(sql: Sql, { load, blockEnd, sealed }: CheckedLoad): Promise<void> {
  await sql.query(
    `insert into load_block
      (cohort, stream, block_start, block_end, cohort_version, interval_seconds, contributors,
       members, contributors_per_slot, energy_watt_hours, digest)
      values ($1, $2, $3, $4, $5, $6, $7, $8, $9::int4[], $10::int8[], $11)`,
    [
      load.cohort,
      load.stream,
      load.blockStart,
      blockEnd,
      load.cohortVersion,
      load.intervalSeconds,
      load.contributors,
      load.members,
      load.contributorsPerSlot,
      load.energy_Wh,
      sealed.requestDigest,
    ],
  );
}

async function insertStatement(
  sql: Sql,
  { bill, statement, jws }: CheckedBill & { readonly jws: string },
): Promise<void> {
  const { servicePoint, from } = statement;
  await sql.query(
    `insert into statement
      (service_point, from_grid, to_grid, from_border, to_border, zone, energy_milliwatt_hours,
       export_milliwatt_hours, tariff, tariff_version, lines, amount, currency, estimated, jws,
       digest)
      values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::jsonb, $12, $13, $14, $15, $16)`,
    [
      servicePoint,
      from,
      statement.to,
      bill.fromBorder,
      bill.toBorder,
      statement.zone,
      BigInt(statement.energy_mWh),
      BigInt(statement.export_mWh),
      statement.tariff,
      statement.tariffVersion,
      JSON.stringify(statement.lines),
      statement.amount,
      statement.currency,
      statement.estimated,
      jws,
      fromHex(statement.requestDigest),
    ],
  );
  await insertMany(
    sql,
    "statement_register",
    {
      service_point: "text",
      from_grid: "int8",
      position: "int4",
      band: "text",
      energy_milliwatt_hours: "int8",
    },
    Object.entries(statement.registers_mWh).map(([band, energy], position) => [
      servicePoint,
      from,
      position,
      band,
      BigInt(energy),
    ]),
  );
}

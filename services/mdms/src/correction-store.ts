/** Corrections of tariffs, and the credit notes made of them (docs/protocol.md §11.4). */
import { unverifiedDocument, type CreditNote } from "@smarter-metering/protocol";
import { insertMany, z, type Sql } from "@smarter-metering/runtime";
import { parseTariff, type Tariff } from "@smarter-metering/tariff";
import { markDue } from "./delivery-store.ts";
import type { StatementRecord } from "./statement-query.ts";

export interface StoredCorrection {
  readonly number: number;
  readonly digest: Uint8Array;
  readonly tariff: Tariff;
}

const priced = z.looseObject({ tariff: z.unknown() });

/** All of one tariff, the newest last. */
export async function correctionsOf(sql: Sql, tariff: string): Promise<StoredCorrection[]> {
  const rows = await sql.query<{ number: number; digest: Uint8Array; jws: string }>(
    "select number, digest, jws from tariff_correction where tariff = $1 order by number",
    [tariff],
  );
  return rows.map(({ number, digest, jws }) => {
    const document = priced.parse(unverifiedDocument("smarter-metering/tariff-correction", jws));
    return { number, digest, tariff: parseTariff(document.tariff) };
  });
}

export async function insertCorrection(
  sql: Sql,
  correction: Omit<StoredCorrection, "tariff"> & { readonly tariff: string; readonly jws: string },
  appliedAt: number,
): Promise<void> {
  const { tariff, number, digest, jws } = correction;
  await sql.query(
    `insert into tariff_correction (tariff, number, digest, jws, applied_at)
      values ($1, $2, $3, $4, $5)`,
    [tariff, number, digest, jws, appliedAt],
  );
}

/** The JWS that a further note adds to: of the last note of a statement, or of itself. */
export async function lastSigned(
  sql: Sql,
  { servicePoint, fromSeconds }: Pick<StatementRecord, "servicePoint" | "fromSeconds">,
): Promise<string> {
  const [row] = await sql.query<{ jws: string }>(
    `select coalesce((select n.jws from credit_note n
        where n.service_point = $1 and n.from_grid = $2 order by number desc limit 1), s.jws) as jws
      from statement s where s.service_point = $1 and s.from_grid = $2`,
    [servicePoint, fromSeconds],
  );
  return row?.jws ?? "";
}

export interface SignedNote {
  readonly note: CreditNote;
  readonly jws: string;
}

export async function insertNotes(
  sql: Sql,
  notes: readonly SignedNote[],
  issuedAt: number,
): Promise<void> {
  const columns = {
    service_point: "text",
    from_grid: "int8",
    number: "int4",
    reason: "text",
    lines: "jsonb",
    amount: "text",
    corrected: "text",
    jws: "text",
    issued_at: "int8",
  } as const;
  const rows = notes.map(({ note, jws }) => {
    const { servicePoint, from, number, reason, lines, amount, corrected } = note;
    const text = JSON.stringify(lines);
    return [servicePoint, from, number, reason, text, amount, corrected, jws, issuedAt];
  });
  await insertMany(sql, "credit_note", columns, rows);
  await markDue(
    sql,
    notes.map(({ note: { servicePoint, from } }) => ({ servicePoint, from })),
  );
}

/** The notes of a statement with their corrections, as they were signed, in their order; undefined without such a statement. */
export async function signedNotes(
  sql: Sql,
  servicePoint: string,
  fromSeconds: number,
): Promise<{ note: string; correction: string }[] | undefined> {
  const key = [servicePoint, fromSeconds];
  const [statement] = await sql.query<{ tariff: string }>(
    "select tariff from statement where service_point = $1 and from_grid = $2",
    key,
  );
  if (statement === undefined) return undefined;
  return sql.query(
    `select n.jws as note, c.jws as correction
      from credit_note n join tariff_correction c on c.number = n.number and c.tariff = $3
      where n.service_point = $1 and n.from_grid = $2 order by n.number`,
    [...key, statement.tariff],
  );
}

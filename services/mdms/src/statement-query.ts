/** Statements: what a customer consumed and owes in each billing window (docs/protocol.md §11). */
import type { CreditNote, Statement } from "@smarter-metering/protocol";
import type { Sql } from "@smarter-metering/runtime";

export interface StatementRecord {
  readonly servicePoint: string;
  /** Epoch seconds, local midnights of `zone`; half-open. */
  readonly fromSeconds: number;
  readonly toSeconds: number;
  /** The first instants at or after the window's ends at which the meter's registers were taken. */
  readonly fromBorder: number;
  readonly toBorder: number;
  readonly zone: string;
  readonly registers: readonly {
    readonly band: string;
    readonly energyMilliwattHours: bigint;
  }[];
  readonly energyMilliwattHours: bigint;
  readonly exportMilliwattHours: bigint;
  /** Of a tariff by these prices (§6.6); `counted` over the whole window, null where it was not released. */
  readonly cost: { readonly prices: string; readonly counted: bigint | null } | undefined;
  readonly tariff: string;
  readonly tariffVersion: number;
  readonly lines: Statement["lines"];
  /** Decimal text, rounded once. */
  readonly amount: string;
  readonly currency: string;
  readonly estimated: boolean;
  /** Hex: names the request in the log. */
  readonly requestDigest: string;
  /** Of prices that were published late (§11.4), in their order: each adds to what is before it. */
  readonly notes: readonly NoteRecord[];
}

export type NoteRecord = Pick<CreditNote, "number" | "reason" | "lines" | "amount" | "corrected">;

/** Whether a border was late (§7.3): the registers then cover other hours than the window. */
export function isExtended(
  record: Pick<StatementRecord, "fromSeconds" | "toSeconds" | "fromBorder" | "toBorder">,
): boolean {
  return record.fromBorder > record.fromSeconds || record.toBorder > record.toSeconds;
}

/** The place of a statement in the order of `readStatements`. */
export type StatementCursor = Pick<StatementRecord, "fromSeconds" | "servicePoint">;

export interface StatementQuery {
  /** Absent: every service point. */
  readonly servicePoint: string | undefined;
  /** Absent: by whatever tariff. */
  readonly tariff?: string;
  /** Windows that share an instant with [fromSeconds, toSeconds). */
  readonly fromSeconds: number;
  readonly toSeconds: number;
  readonly after: StatementCursor | undefined;
  readonly limit: number;
}

/** Windows of one service point that are shown at once: 28 years of months. */
export const STATEMENTS_OF_ONE_MAX = 336;

const TIMES = ["fromSeconds", "toSeconds", "fromBorder", "toBorder"] as const;
type Times = (typeof TIMES)[number];
type Row = Omit<StatementRecord, Times | "registers" | "cost"> &
  Readonly<Record<Times, bigint>> & {
    readonly registers: readonly [band: string, text: string][];
    readonly prices: string | null;
    readonly counted: bigint | null;
  };

const COLUMNS = `service_point as "servicePoint", from_grid as "fromSeconds",
  to_grid as "toSeconds", from_border as "fromBorder", to_border as "toBorder", zone,
  energy_milliwatt_hours as "energyMilliwattHours",
  export_milliwatt_hours as "exportMilliwattHours", tariff, tariff_version as "tariffVersion",
  lines, amount, currency, estimated, prices, cost as counted, encode(digest, 'hex') as "requestDigest",
  (select json_agg(json_build_array(band, r.energy_milliwatt_hours::text) order by position)
    from statement_register r
    where r.service_point = s.service_point and r.from_grid = s.from_grid) as registers,
  (select coalesce(json_agg(json_build_object('number', number, 'reason', reason, 'lines', n.lines,
      'amount', n.amount, 'corrected', corrected) order by number), '[]'::json)
    from credit_note n
    where n.service_point = s.service_point and n.from_grid = s.from_grid) as notes`;

function recordOf({ prices, counted, ...row }: Row): StatementRecord {
  return {
    ...row,
    cost: prices === null ? undefined : { prices, counted },
    fromSeconds: Number(row.fromSeconds),
    toSeconds: Number(row.toSeconds),
    fromBorder: Number(row.fromBorder),
    toBorder: Number(row.toBorder),
    // As text on the way: JSON numbers end at 2^53.
    registers: row.registers.map(([band, text]) => ({ band, energyMilliwattHours: BigInt(text) })),
  };
}

/** In the order of time, then of service points. */
export async function readStatements(sql: Sql, query: StatementQuery): Promise<StatementRecord[]> {
  const { servicePoint, tariff, fromSeconds, toSeconds, after, limit } = query;
  const rows = await sql.query<Row>(
    `select ${COLUMNS} from statement s
      where ($1::text is null or service_point = $1) and to_grid > $2 and from_grid < $3
        and ($4::int8 is null or (from_grid, service_point) > ($4, $5))
        and ($7::text is null or tariff = $7)
      order by from_grid, service_point limit $6`,
    [
      servicePoint ?? null,
      fromSeconds,
      toSeconds,
      after?.fromSeconds ?? null,
      after?.servicePoint ?? "",
      limit,
      tariff ?? null,
    ],
  );
  return rows.map(recordOf);
}

/** The last statement of each of these service points. */
export async function lastStatements(
  sql: Sql,
  servicePoints: readonly string[],
): Promise<Map<string, StatementRecord>> {
  const rows = await sql.query<Row>(
    `select distinct on (service_point) ${COLUMNS} from statement s
      where service_point = any($1::text[]) order by service_point, from_grid desc`,
    [servicePoints],
  );
  return new Map(rows.map((row) => [row.servicePoint, recordOf(row)]));
}

/** The signed statement of a window, as it stands. */
export async function signedStatement(
  sql: Sql,
  servicePoint: string,
  fromSeconds: number,
): Promise<string | undefined> {
  const [row] = await sql.query<{ jws: string }>(
    "select jws from statement where service_point = $1 and from_grid = $2",
    [servicePoint, fromSeconds],
  );
  return row?.jws;
}

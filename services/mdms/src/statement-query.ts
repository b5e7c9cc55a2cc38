/** Statements: what a customer consumed and owes in each billing window (docs/protocol.md §11). */
import type { CreditNote, Statement } from "@smarter-metering/protocol";
import type { Sql } from "@smarter-metering/runtime";
import { conditions, type Conditions } from "./conditions.ts";

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
  readonly tariff?: string | undefined;
  /** Windows that share an instant with [fromSeconds, toSeconds). */
  readonly fromSeconds: number;
  readonly toSeconds: number;
  readonly after: StatementCursor | undefined;
  readonly limit: number;
  /** Default "oldest". */
  readonly order?: "oldest" | "newest";
}

/** What no index answers: looked for among the statements of a query. */
export interface StatementFilter {
  readonly estimated?: boolean | undefined;
  /** Whether there is a credit note. */
  readonly corrected?: boolean | undefined;
  /** Decimal text, both included; of the bill as it was issued. */
  readonly amountMin?: string | undefined;
  readonly amountMax?: string | undefined;
}

export interface StatementPage {
  readonly records: readonly StatementRecord[];
  /** Where to go on; undefined at the end. A page may have fewer rows than asked for and still go on. */
  readonly next: StatementCursor | undefined;
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

/** In the order of time, then of service points; or the other way round. */
export async function readStatements(sql: Sql, query: StatementQuery): Promise<StatementRecord[]> {
  const where = placesOf(query);
  const rows = await sql.query<Row>(
    `select ${COLUMNS} from statement s where ${where.text}
      order by ${ORDER[query.order ?? "oldest"]} limit ${where.param(query.limit)}`,
    where.params,
  );
  return rows.map(recordOf);
}

/** Statements that one request looks at for a filter: some tens of milliseconds. */
export const LOOKED_AT_MAX = 20_000;

/** As `readStatements`, of those that fit the filter; what it looks at is bounded, however few fit. */
export async function searchStatements(
  sql: Sql,
  query: StatementQuery,
  filter: StatementFilter,
  lookedAtMax = LOOKED_AT_MAX,
): Promise<StatementPage> {
  const isFiltered = Object.values(filter).some((value) => value !== undefined);
  const records = isFiltered
    ? await filtered(sql, query, filter, lookedAtMax)
    : await readStatements(sql, query);
  if (records.length === query.limit) return { records, next: records.at(-1) };
  return { records, next: isFiltered ? await lastLookedAt(sql, query, lookedAtMax) : undefined };
}

const ORDER = {
  oldest: "from_grid, service_point",
  newest: "from_grid desc, service_point desc",
} as const;

/** The conditions that an index answers. */
function placesOf(query: StatementQuery): Conditions {
  const { servicePoint, tariff, fromSeconds, toSeconds, after, order = "oldest" } = query;
  // No window is longer than the longest: without this, those of last month are found after all that ended before.
  const earliest = "$ - coalesce((select count from held_count where what = 'window'), 0)";
  const where = conditions([
    ["service_point = $", servicePoint],
    ["tariff = $", tariff],
    ["to_grid > $", fromSeconds > 0 ? fromSeconds : undefined],
    [`from_grid > ${earliest}`, fromSeconds > 0 ? fromSeconds : undefined],
    ["from_grid < $", toSeconds],
  ]);
  if (after === undefined) return where;
  const place = `${where.param(after.fromSeconds)}, ${where.param(after.servicePoint)}`;
  const isAfter = `(from_grid, service_point) ${order === "oldest" ? ">" : "<"} (${place})`;
  return { ...where, text: `${where.text} and ${isAfter}` };
}

async function filtered(
  sql: Sql,
  query: StatementQuery,
  { estimated, corrected, amountMin, amountMax }: StatementFilter,
  lookedAtMax: number,
): Promise<StatementRecord[]> {
  const where = placesOf(query);
  const noted = `exists (select 1 from credit_note n
    where n.service_point = s.service_point and n.from_grid = s.from_grid)`;
  const wanted = [
    estimated === undefined ? "true" : `estimated = ${where.param(estimated)}`,
    corrected === undefined ? "true" : `${noted} = ${where.param(corrected)}`,
    amountMin === undefined
      ? "true"
      : `amount::numeric >= ${where.param(amountMin)}::text::numeric`,
    amountMax === undefined
      ? "true"
      : `amount::numeric <= ${where.param(amountMax)}::text::numeric`,
  ];
  const order = ORDER[query.order ?? "oldest"];
  const rows = await sql.query<Row>(
    `select ${COLUMNS} from (select * from statement where ${where.text}
        order by ${order} limit ${where.param(lookedAtMax)}) s
      where ${wanted.join(" and ")} order by ${order} limit ${where.param(query.limit)}`,
    where.params,
  );
  return rows.map(recordOf);
}

/** Undefined when there were no more than that. */
async function lastLookedAt(
  sql: Sql,
  query: StatementQuery,
  lookedAtMax: number,
): Promise<StatementCursor | undefined> {
  const where = placesOf(query);
  const [row] = await sql.query<{ servicePoint: string; fromSeconds: bigint }>(
    `select service_point as "servicePoint", from_grid as "fromSeconds" from statement
      where ${where.text} order by ${ORDER[query.order ?? "oldest"]}
      limit 1 offset ${where.param(lookedAtMax - 1)}`,
    where.params,
  );
  return row && { servicePoint: row.servicePoint, fromSeconds: Number(row.fromSeconds) };
}

/** The last statement of each of these service points. */
export async function lastStatements(
  sql: Sql,
  servicePoints: readonly string[],
): Promise<Map<string, StatementRecord>> {
  const rows = await sql.query<Row>(
    `select ${COLUMNS} from billed_point b
        join statement s using (service_point)
      where b.service_point = any($1::text[]) and s.from_grid = b.last_from`,
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

/**
 * What was asked for of one service point's contributions (docs/protocol.md §7.4): each set and window that it is in, how far it came, and
 * where in the request its contributions stand, with a proof that its customer can check. Ciphertexts, hashes and signatures.
 */
import type { LogReader } from "@smarter-metering/log/store";
import { merkleTree, toHex } from "@smarter-metering/protocol";
import type { Sql } from "@smarter-metering/runtime";
import { loggedTerms } from "./audit.ts";
import type { LoadSetKey, LoadStream } from "./load-set.ts";
import { codesOf, type SetState } from "./request-state.ts";

/** A contribution's place among those of its request: RFC 6962 §2.1.1 under the signed root. */
export interface OwnPlace {
  readonly index: number;
  readonly path: readonly Uint8Array[];
}

export interface OwnRequest {
  readonly stream: LoadStream | "BILL";
  /** Of LOAD. */
  readonly cohort: string | null;
  /** The block, or the window on the grid; epoch seconds. */
  readonly from: number;
  readonly to: number;
  readonly state: SetState;
  readonly codes: readonly string[];
  /** Signed terms as the log has them, and their receipt; null while nothing is in the log. */
  readonly terms: Uint8Array | null;
  readonly receipt: string | null;
  /** Of LOAD: its own contributions; of BILL there are no others. */
  readonly own: readonly OwnPlace[];
}

export interface OwnRequestFilter {
  readonly servicePoint: string;
  /** Blocks and windows that share an instant with [from, to). */
  readonly from: number;
  readonly to: number;
}

/** The longest local day, and more. */
const BLOCK_SECONDS_MAX = 172_800;

interface Row {
  readonly stream: LoadStream | "BILL";
  readonly cohort: string | null;
  readonly version: number;
  readonly from: bigint;
  readonly to: bigint;
  readonly state: SetState;
  readonly codes: string;
  readonly entry: bigint | null;
}

/** In the order of time. */
export async function listOwnRequests(
  sql: Sql,
  log: LogReader,
  { servicePoint, from, to }: OwnRequestFilter,
  page: { readonly limit: number; readonly offset: number },
): Promise<OwnRequest[]> {
  const rows = await sql.query<Row>(
    `select s.stream, s.cohort, s.version, s.block as from, s.block_end as to, s.state, s.codes,
       s.entry
      from (select distinct cohort, version, stream, block from contribution
        where service_point = $1 and stream in ('LOAD', 'LOAD_EXPORT') and cohort is not null
         and block < $3 and block > $2::int8 - ${BLOCK_SECONDS_MAX}) c
      join load_set s using (cohort, version, stream, block)
      where s.block_end > $2 and s.block < $3
     union all
     select 'BILL', null, 0, from_grid, to_grid, state, codes, entry from bill_window
      where service_point = $1 and to_grid > $2 and from_grid < $3
     order by 4, 1 limit $4 offset $5`,
    [servicePoint, from, to, page.limit, page.offset],
  );
  const requests: OwnRequest[] = [];
  for (const { version, entry, codes, ...row } of rows) {
    const logged = entry === null ? undefined : await loggedTerms(log, Number(entry));
    const { stream, cohort } = row;
    const isSet = stream !== "BILL" && cohort !== null && logged !== undefined;
    const set = isSet && { cohort, version, stream, block: Number(row.from) };
    requests.push({
      ...row,
      from: Number(row.from),
      to: Number(row.to),
      codes: codesOf(codes),
      terms: logged?.terms ?? null,
      receipt: logged?.receipt ?? null,
      own: set ? await ownPlaces(sql, set, servicePoint) : [],
    });
  }
  return requests;
}

/** In the canonical order of requests (docs/protocol.md §7.2); the leaves are hashed where the ciphertexts are. */
async function ownPlaces(
  sql: Sql,
  { cohort, version, stream, block }: LoadSetKey,
  servicePoint: string,
): Promise<OwnPlace[]> {
  const rows = await sql.query<{ leaf: Uint8Array; own: boolean }>(
    `select sha256('\\x00'::bytea || encoded) as leaf, service_point = $5 as own from contribution
      where cohort = $1 and version = $2 and stream = $3 and block = $4 and not excluded
      order by service_point collate "C", first_slot`,
    [cohort, version, stream, block, servicePoint],
  );
  if (!rows.some(({ own }) => own)) return [];
  const { paths } = await merkleTree(rows.map(({ leaf }) => leaf));
  return rows.flatMap(({ own }, index) => (own ? [{ index, path: paths[index] ?? [] }] : []));
}

/** For JSON. */
export const ownPlaceText = ({ index, path }: OwnPlace) => ({ index, path: path.map(toHex) });

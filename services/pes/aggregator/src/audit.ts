/**
 * What the aggregator shows to whoever checks it (docs/protocol.md §7.4): contributions as they are in its ledger with
 * their receipts, and what a request was made of. Ciphertexts, contexts and signatures; there is nothing else here.
 */
import { decodeEntry } from "@smarter-metering/log";
import type { LogReader } from "@smarter-metering/log/store";
import type { NetworkView, Stream } from "@smarter-metering/protocol";
import type { Sql } from "@smarter-metering/runtime";
import { COST_ASKED, loadCosts } from "./bill-cost.ts";
import { contributionEntry } from "./ledger.ts";
import { contributionsOfSet, type LoadStream } from "./load-set.ts";
import { meterChain } from "./meter-chain.ts";
import type { SetState } from "./request-state.ts";

export interface LoggedContribution {
  readonly encoded: Uint8Array;
  /** C2SP tlog-proof; null while no head of the quorum covers it. */
  readonly receipt: string | null;
}

export interface ContributionFilter {
  readonly servicePoint: string;
  /** Epoch seconds: contributions that end, and registers that stand, in [from, to]. */
  readonly from: number;
  readonly to: number;
  readonly stream?: Stream;
}

/** One service point's, in the order of their instants; those that another one contradicts too. */
export async function listContributions(
  sql: Sql,
  log: LogReader,
  { servicePoint, from, to, stream }: ContributionFilter,
  page: { readonly limit: number; readonly offset: number },
): Promise<LoggedContribution[]> {
  const rows = await sql.query<{ encoded: Uint8Array }>(
    `select encoded from contribution
      where service_point = $1 and instant between $2 and $3 and ($4::text is null or stream = $4)
      order by instant, stream, first_slot limit $5 offset $6`,
    [servicePoint, from, to, stream ?? null, page.limit, page.offset],
  );
  const entries = await Promise.all(rows.map(({ encoded }) => contributionEntry(encoded)));
  const receipts = await log.receipts(entries);
  return rows.map(({ encoded }, at) => ({ encoded, receipt: receipts[at] ?? null }));
}

export interface LoggedRequest {
  /** Signed terms, as the log has them. */
  readonly terms: Uint8Array;
  /** From the ledger, in canonical order: not what was sent, but what it was to be made of. */
  readonly contributions: readonly Uint8Array[];
  readonly receipt: string | null;
  readonly state: SetState;
}

interface RequestPlace {
  readonly state: SetState;
  readonly entry: bigint | null;
}

/**
 * Undefined for a request that is not known, or not in the log yet; "forgotten" when its
 * contributions are not kept any more.
 */
export async function findRequest(
  sql: Sql,
  log: LogReader,
  digest: Uint8Array,
  view: NetworkView,
): Promise<LoggedRequest | "forgotten" | undefined> {
  const [set] = await sql.query<RequestPlace & LoadPlace>(
    `select state, entry, cohort, version, stream, block, contributors is not null as forgotten
      from load_set where digest = $1`,
    [digest],
  );
  if (set?.forgotten === true) return "forgotten";
  if (set !== undefined) {
    const contributions = await contributionsOfSet(sql, { ...set, block: Number(set.block) });
    return logged(log, set, contributions);
  }
  const [bill] = await sql.query<RequestPlace & BillPlace>(
    `select w.service_point, w.cost, w.state, w.entry, a.encoded as earlier, b.encoded as later
      from bill_window w
      join contribution a on a.service_point = w.service_point and a.stream = 'BILL'
       and a.block = w.from_block and a.first_slot = w.from_slot
      join contribution b on b.service_point = w.service_point and b.stream = 'BILL'
       and b.block = w.to_block and b.first_slot = w.to_slot
      where w.digest = $1`,
    [digest],
  );
  return bill && logged(log, bill, await contributionsOfBill(sql, bill, view));
}

interface LoadPlace {
  readonly cohort: string;
  readonly version: number;
  readonly stream: LoadStream;
  readonly block: bigint;
  readonly forgotten: boolean;
}

interface BillPlace {
  readonly service_point: string;
  readonly cost: string;
  readonly earlier: Uint8Array;
  readonly later: Uint8Array;
}

/** Two for each meter, and their costs where these were asked for; no more than the ends of what is not whole any more. */
async function contributionsOfBill(
  sql: Sql,
  { service_point, cost, earlier, later }: BillPlace,
  view: NetworkView,
): Promise<readonly Uint8Array[]> {
  const point = view.servicePoint(service_point);
  const borders = point && (await meterChain(sql, point, { earlier, later, isSealed: true }));
  if (point === undefined || borders === undefined) return [earlier, later];
  if (cost !== COST_ASKED) return borders;
  return [...borders, ...(await loadCosts(sql, point, borders))];
}

async function logged(
  log: LogReader,
  { state, entry }: RequestPlace,
  contributions: readonly Uint8Array[],
): Promise<LoggedRequest | undefined> {
  const terms = entry === null ? undefined : await loggedTerms(log, Number(entry));
  return terms && { ...terms, contributions, state };
}

/** The signed terms that are the log's entry `index`. */
export async function loggedTerms(
  log: LogReader,
  index: number,
): Promise<Pick<LoggedRequest, "terms" | "receipt"> | undefined> {
  const [encoded] = await log.entries(index, 1);
  if (encoded === undefined) return undefined;
  const { body: terms } = decodeEntry(encoded);
  return { terms, receipt: (await log.receipt(index)) ?? null };
}

/** Service points of the registry by what an operator looks for: in the order of their pseudonyms, page by page. */
import type { Sql } from "@smarter-metering/runtime";
import type { MdmsServicePoint, RegistryContext } from "./registry-context.ts";
import { lastStatements, type StatementRecord } from "./statement-query.ts";

export const CONTRACT_STATES = ["coming", "running", "ended"] as const;
export type ContractState = (typeof CONTRACT_STATES)[number];

export interface ServicePointQuery {
  /** Of the pseudonym, hex. */
  readonly prefix?: string | undefined;
  readonly tariff?: string | undefined;
  readonly state?: ContractState | undefined;
  /** Those whose last statement ended by then, or who have none. */
  readonly unbilledSince?: number | undefined;
  /** Those after this pseudonym. */
  readonly after: string | undefined;
  readonly limit: number;
}

export interface ServicePointPage {
  readonly points: readonly MdmsServicePoint[];
  readonly last: ReadonlyMap<string, StatementRecord>;
  /** The pseudonym to go on after; undefined at the end. A page may have fewer rows than asked for and still go on. */
  readonly next: string | undefined;
}

/** Whose last statements one request reads while it looks for unbilled ones, at a time and in all. */
const READ_AT_ONCE = 1_000;
const READ_MAX = 10_000;

export function contractState(point: MdmsServicePoint, nowSeconds: number): ContractState {
  if (point.contractEnd !== null && point.contractEnd <= nowSeconds) return "ended";
  return point.contractStart <= nowSeconds ? "running" : "coming";
}

export async function findServicePoints(
  sql: Sql,
  context: RegistryContext,
  query: ServicePointQuery,
  nowSeconds: number,
): Promise<ServicePointPage> {
  const { limit, unbilledSince } = query;
  const found = matching(context, query, nowSeconds);
  if (unbilledSince === undefined) {
    const points = [...take(found, limit)];
    const last = await lastStatements(
      sql,
      points.map(({ servicePoint }) => servicePoint),
    );
    return { points, last, next: points.length < limit ? undefined : nameOf(points) };
  }
  const points: MdmsServicePoint[] = [];
  const last = new Map<string, StatementRecord>();
  for (let read = 0; read < READ_MAX; read += READ_AT_ONCE) {
    const some = [...take(found, READ_AT_ONCE)];
    const statements = await lastStatements(
      sql,
      some.map(({ servicePoint }) => servicePoint),
    );
    for (const point of some) {
      const statement = statements.get(point.servicePoint);
      if ((statement?.toSeconds ?? 0) > unbilledSince) continue;
      points.push(point);
      if (statement !== undefined) last.set(point.servicePoint, statement);
      if (points.length === limit) return { points, last, next: point.servicePoint };
    }
    if (some.length < READ_AT_ONCE) return { points, last, next: undefined };
    if (read + READ_AT_ONCE >= READ_MAX) return { points, last, next: nameOf(some) };
  }
  return { points, last, next: undefined };
}

const nameOf = (points: readonly MdmsServicePoint[]): string | undefined =>
  points.at(-1)?.servicePoint;

/** By pseudonym, so that a page begins by bisection and not by a walk over a million. */
const sorted = new WeakMap<RegistryContext, readonly MdmsServicePoint[]>();

function* matching(
  context: RegistryContext,
  { prefix = "", tariff, state, after = "" }: ServicePointQuery,
  nowSeconds: number,
): Generator<MdmsServicePoint, void> {
  const points = sorted.get(context) ?? [...context.servicePoints.values()];
  sorted.set(context, points);
  const start = prefix > after ? firstFrom(points, prefix) : firstFrom(points, `${after}\0`);
  for (let index = start; index < points.length; index++) {
    const point = points[index];
    if (point === undefined || !point.servicePoint.startsWith(prefix)) return;
    if (tariff !== undefined && point.tariff !== tariff) continue;
    if (state !== undefined && contractState(point, nowSeconds) !== state) continue;
    yield point;
  }
}

/** The index of the first whose pseudonym is not before `name`. */
function firstFrom(points: readonly MdmsServicePoint[], name: string): number {
  let [low, high] = [0, points.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((points[middle]?.servicePoint ?? "") < name) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The next `count`; unlike a loop with a break it leaves the rest to be taken. */
function* take<T>(values: Iterator<T>, count: number): Generator<T, void> {
  for (let taken = 0; taken < count; taken++) {
    const { done, value } = values.next();
    if (done === true) return;
    yield value;
  }
}

// What the released loads and bills of one cohort cover, cut into units: stretches of time within
// one day in which every member has the same state. docs/protocol.md: release policy, R5. Pure; the
// rules that look at several releases together are built on it. It knows who and when, no reading.

import { addLocalDays, bandsOf, localDate, type Calendar } from "@smarter-metering/tariff";
import { hasMember, type PresenceRun } from "./presence.ts";
import type { TimeSpan } from "./rule.ts";

/** A released load: one block of one cohort version. */
export interface ReleasedLoad {
  readonly startSeconds: number;
  readonly intervalSeconds: number;
  /** Service points of the cohort version, in the order of the runs' bitmaps. */
  readonly members: readonly string[];
  readonly runs: readonly PresenceRun[];
}

/** A released bill: one service point between two borders, a register for each band. */
export interface ReleasedBill {
  readonly servicePoint: string;
  readonly fromBorderSeconds: number;
  readonly toBorderSeconds: number;
  /** Which band holds when; left out when one register counts all the time (export). */
  readonly calendar?: Calendar;
  /** The prices of its cost register (R9), if that was released as well. */
  readonly cost?: CostPrices;
}

/** One object for all bills by the same prices. */
export interface CostPrices {
  /** Undefined where it is not known any more. */
  priceAt(epochSeconds: number): number | undefined;
}

/** Least and greatest of the prices in a stretch of time; undefined unless all are known. */
export type PriceRange = { readonly min: number; readonly max: number } | undefined;

/** Of two stretches together; nothing is known of both when it is not of one. */
export const rangeOfBoth = (a: PriceRange, b: PriceRange): PriceRange =>
  a && b && { min: Math.min(a.min, b.min), max: Math.max(a.max, b.max) };

/** Everything released of one cohort and one direction (import or export) of energy. */
export interface CohortReleases {
  /** Zone of the cohort and its service points. */
  readonly zone: string;
  readonly loads: readonly ReleasedLoad[];
  readonly bills: readonly ReleasedBill[];
}

/** Neither in a load nor in a bill. */
export const UNCOVERED = 0;
/** In a load, in no bill. */
export const UNBILLED = 1;
/** From here on a register: in a load and in it. Its negative: in it, but absent from the load. */
export const FIRST_REGISTER = 2;

export interface Unit {
  readonly startSeconds: number;
  /** Time that the unit has in all; it need not be contiguous. */
  readonly seconds: number;
  /** One interval of it. */
  readonly intervalSeconds: number;
  /** Seven local days each, counted from a fixed day. */
  readonly week: number;
  /** State of every member: UNCOVERED, UNBILLED, a register, or a register's negative. */
  readonly states: Int32Array;
  /** Of the prices of each cost. */
  readonly prices: readonly PriceRange[];
}

export interface Coverage {
  /** In order of time. */
  readonly units: readonly Unit[];
  readonly memberCount: number;
  /** Place of its cost in the prices of units, of a register that belongs to a bill with one. */
  readonly costOf: (register: number) => number | undefined;
}

/** Registers of one bill. */
const bandsMax = 8;
const weekMilliseconds = 7 * 86_400_000;

interface Block extends TimeSpan {
  readonly intervalSeconds: number;
  readonly load: ReleasedLoad | undefined;
}

const blockOf = (load: ReleasedLoad): Block => ({
  startSeconds: load.startSeconds,
  endSeconds:
    load.startSeconds + load.intervalSeconds * load.runs.reduce((sum, r) => sum + r.slotCount, 0),
  intervalSeconds: load.intervalSeconds,
  load,
});

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

/** Days of billed time between `from` and `to` in which no load was released. */
function gapBlocks(from: number, to: number, zone: string): Block[] {
  const blocks: Block[] = [];
  for (let start = from; start < to;) {
    const end = Math.min(to, addLocalDays(start, 1, zone));
    const intervalSeconds = gcd(900, end - start);
    blocks.push({ startSeconds: start, endSeconds: end, intervalSeconds, load: undefined });
    start = end;
  }
  return blocks;
}

/** The loads, and between, before and after them whatever bills cover: in order of time. */
function timeline({ zone, loads, bills }: CohortReleases): Block[] {
  const released = loads.map(blockOf).toSorted((a, b) => a.startSeconds - b.startSeconds);
  const from = bills.reduce((min, bill) => Math.min(min, bill.fromBorderSeconds), Infinity);
  const to = bills.reduce((max, bill) => Math.max(max, bill.toBorderSeconds), 0);
  const blocks: Block[] = [];
  let covered = from;
  for (const block of released) {
    blocks.push(...gapBlocks(covered, Math.min(to, block.startSeconds), zone), block);
    covered = Math.max(covered, block.endSeconds);
  }
  return [...blocks, ...gapBlocks(covered, to, zone)];
}

/**
 * Whether the spans allow an audit: loads do not overlap, bills of a service point do not overlap,
 * and no bill begins or ends inside an interval of a load.
 */
export function isConsistent({ loads, bills }: CohortReleases): boolean {
  const blocks = loads.map(blockOf).toSorted((a, b) => a.startSeconds - b.startSeconds);
  const apart = (spans: readonly TimeSpan[]): boolean =>
    spans.every((span, index) => {
      const next = spans[index + 1];
      return (
        span.startSeconds < span.endSeconds &&
        (next === undefined || span.endSeconds <= next.startSeconds)
      );
    });
  const borders = new Set(bills.flatMap((bill) => [bill.fromBorderSeconds, bill.toBorderSeconds]));
  const splits = ({ startSeconds, endSeconds, intervalSeconds }: Block): boolean =>
    [...borders].some(
      (border) =>
        border > startSeconds &&
        border < endSeconds &&
        (border - startSeconds) % intervalSeconds !== 0,
    );
  return (
    loads.every(({ intervalSeconds, members, runs }) => {
      const bytes = Math.ceil(members.length / 8);
      return intervalSeconds > 0 && runs.every((run) => run.members.length === bytes);
    }) &&
    apart(blocks) &&
    !blocks.some(splits) &&
    [...billsByServicePoint(bills).values()].every((own) => apart(own.map(({ span }) => span)))
  );
}

interface NumberedBill {
  readonly bill: ReleasedBill;
  readonly span: TimeSpan;
  /** The first of its registers; the others follow in order of bands. */
  readonly register: number;
}

function billsByServicePoint(bills: readonly ReleasedBill[]): Map<string, NumberedBill[]> {
  const own = new Map<string, NumberedBill[]>();
  for (const [index, bill] of bills.entries()) {
    const span = { startSeconds: bill.fromBorderSeconds, endSeconds: bill.toBorderSeconds };
    const list = own.get(bill.servicePoint) ?? [];
    own.set(bill.servicePoint, list);
    list.push({ bill, span, register: FIRST_REGISTER + index * bandsMax });
  }
  for (const list of own.values()) list.sort((a, b) => a.span.startSeconds - b.span.startSeconds);
  return own;
}

/**
 * Cuts what is covered into units. Throws TariffError TARIFF_BOUNDARY_INSIDE_INTERVAL when a band
 * changes inside an interval of a load, and ZONE_UNKNOWN. Time and space are linear in members ×
 * units; a day has as many units as it has member sets times bands.
 */
export function coverageOf(releases: CohortReleases): Coverage {
  const { zone, loads, bills } = releases;
  const servicePoints = [
    ...new Set([
      ...loads.flatMap(({ members }) => members),
      ...bills.map((bill) => bill.servicePoint),
    ]),
  ];
  const own = billsByServicePoint(bills);
  const calendars = [...new Set(bills.flatMap(({ calendar }) => calendar ?? []))];
  const costs = [...new Set(bills.flatMap(({ cost }) => cost ?? []))];
  const borders = [
    ...new Set(bills.flatMap((bill) => [bill.fromBorderSeconds, bill.toBorderSeconds])),
  ].toSorted((a, b) => a - b);
  const units: Unit[] = [];
  for (const block of timeline(releases)) {
    const indexOf = new Map(block.load?.members.map((member, index) => [member, index]));
    const positions = servicePoints.map((servicePoint) => indexOf.get(servicePoint) ?? -1);
    for (const part of partsOf(block, { calendars, costs, borders }, zone)) {
      const states = new Int32Array(servicePoints.length);
      for (const [member, servicePoint] of servicePoints.entries()) {
        const position = positions[member] ?? -1;
        const isPresent = position >= 0 && hasMember(part.members, position);
        const register = registerAt(own.get(servicePoint) ?? [], part, calendars);
        if (register === undefined) states[member] = isPresent ? UNBILLED : UNCOVERED;
        else states[member] = isPresent ? register : -register;
      }
      const { startSeconds, seconds, week, prices } = part;
      const { intervalSeconds } = block;
      units.push({ startSeconds, seconds, intervalSeconds, week, states, prices });
    }
  }
  const costOf = (register: number): number | undefined => {
    const { cost } = bills[Math.floor((register - FIRST_REGISTER) / bandsMax)] ?? {};
    return cost && costs.indexOf(cost);
  };
  return { units, memberCount: servicePoints.length, costOf };
}

interface Part {
  readonly startSeconds: number;
  seconds: number;
  readonly week: number;
  readonly members: Uint8Array;
  /** Band of each calendar. */
  readonly bands: readonly number[];
  /** Of each cost. */
  prices: readonly PriceRange[];
}

/** What cuts the time of a block, and what is known of it. */
interface Cuts {
  readonly calendars: readonly Calendar[];
  readonly costs: readonly CostPrices[];
  /** Of bills, ascending. */
  readonly borders: readonly number[];
}

const nobody = new Uint8Array(0);

/** Slots of a block with the same members, bands and bills, together. */
function partsOf(
  { startSeconds, endSeconds, intervalSeconds, load }: Block,
  { calendars, costs, borders }: Cuts,
  zone: string,
): Part[] {
  const slotCount = (endSeconds - startSeconds) / intervalSeconds;
  const bandsBySlot = calendars.map((calendar) =>
    bandsOf(calendar, startSeconds, intervalSeconds, slotCount, zone),
  );
  const week = Math.floor(Date.parse(localDate(startSeconds, zone)) / weekMilliseconds);
  const inside = borders.filter((border) => border > startSeconds && border < endSeconds);
  const runs = load?.runs ?? [{ slotCount, members: nobody }];
  const parts = new Map<string, Part>();
  let slot = 0;
  for (const [index, run] of runs.entries()) {
    for (const runEnd = slot + run.slotCount; slot < runEnd; slot++) {
      const start = startSeconds + slot * intervalSeconds;
      const bands = bandsBySlot.map((bySlot) => bySlot[slot] ?? 0);
      const bordersBefore = inside.filter((border) => border <= start).length;
      const key = `${index}/${bordersBefore}/${bands.join()}`;
      const prices = costs.map((cost): PriceRange => {
        const price = cost.priceAt(start);
        return price === undefined ? undefined : { min: price, max: price };
      });
      const part = parts.get(key);
      if (part !== undefined) {
        part.seconds += intervalSeconds;
        part.prices = prices.map((range, cost) => rangeOfBoth(range, part.prices[cost]));
      } else {
        const { members } = run;
        const seconds = intervalSeconds;
        parts.set(key, { startSeconds: start, seconds, week, members, bands, prices });
      }
    }
  }
  return [...parts.values()];
}

function registerAt(
  own: readonly NumberedBill[],
  { startSeconds, bands }: Part,
  calendars: readonly Calendar[],
): number | undefined {
  const found = own.find(
    ({ span }) => span.startSeconds <= startSeconds && startSeconds < span.endSeconds,
  );
  if (found === undefined) return undefined;
  const { calendar } = found.bill;
  return found.register + (calendar === undefined ? 0 : (bands[calendars.indexOf(calendar)] ?? 0));
}

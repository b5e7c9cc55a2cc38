/**
 * What happens in three towns over fourteen months from START_DATE on, of which one has a leap day: who lives where, whose meter is exchanged, who moves, what
 * is late or missing, and when prices change. Plain data and plain arithmetic, without the code under test.
 */
import { createHash } from "node:crypto";

export const SLOT_SECONDS = 1800;
export const DAY_SECONDS = 86_400;

export interface Town {
  readonly id: string;
  readonly zone: string;
}
export const TOWNS: readonly Town[] = [
  { id: "howe", zone: "Australia/Lord_Howe" },
  { id: "zurich", zone: "Europe/Zurich" },
  { id: "york", zone: "America/New_York" },
];
export const HOMES_PER_TOWN = 10;
export const START_DATE = "2027-02-01";

/** A place with a connection, whoever lives there. */
export interface Place {
  readonly town: Town;
  /** Within the town, from 0. */
  readonly number: number;
}

/** Local days are counted from the start of the story, day 0. */
export type Event =
  /** At a local hour of the day, by half hours; midnight is 0. */
  | {
      readonly kind: "exchange";
      readonly town: string;
      readonly home: number;
      readonly day: number;
      readonly hour: number;
    }
  | {
      readonly kind: "move-out";
      readonly town: string;
      readonly home: number;
      readonly day: number;
    }
  /** At the place of one who moved out, the same meter. */
  | { readonly kind: "move-in"; readonly town: string; readonly home: number; readonly day: number }
  /** The town's meters reach nobody from the first of these days to the last; everything comes afterwards. */
  | { readonly kind: "outage"; readonly town: string; readonly day: number; readonly days: number }
  /** One home's meter measures nothing for a while. */
  | {
      readonly kind: "gap";
      readonly town: string;
      readonly home: number;
      readonly day: number;
      readonly fromSlot: number;
      readonly slots: number;
    }
  /** Another version of the tariff, published before the day on which it begins: a first of a month. */
  | { readonly kind: "prices"; readonly day: number; readonly month: string };

const exchange = (town: string, home: number, day: number, hour: number): Event => ({
  kind: "exchange",
  town,
  home,
  day,
  hour,
});

export const EVENTS: readonly Event[] = [
  exchange("zurich", 2, 40, 10.5),
  exchange("howe", 4, 63, 14),
  exchange("york", 0, 20, 0),
  // At midnight of the first of a month: at the very border of two bills.
  exchange("zurich", 5, 89, 0),
  // The same connection a second time.
  exchange("zurich", 2, 200, 16),
  // On the days on which clocks change.
  exchange("howe", 7, 62, 9),
  exchange("york", 3, 41, 13),
  { kind: "move-out", town: "zurich", home: 7, day: 75 },
  { kind: "move-in", town: "zurich", home: 7, day: 75 },
  { kind: "move-out", town: "york", home: 8, day: 120 },
  { kind: "move-in", town: "york", home: 8, day: 134 },
  { kind: "move-out", town: "howe", home: 1, day: 230 },
  // Three days, over the first of a month: bills wait.
  { kind: "outage", town: "zurich", day: 149, days: 2 },
  // So long over the first of a month that its border comes too late: the window is longer.
  { kind: "outage", town: "york", day: 208, days: 8 },
  { kind: "outage", town: "howe", day: 100, days: 1 },
  { kind: "gap", town: "howe", home: 3, day: 50, fromSlot: 10, slots: 6 },
  { kind: "gap", town: "zurich", home: 1, day: 310, fromSlot: 0, slots: 48 },
  { kind: "gap", town: "york", home: 6, day: 393, fromSlot: 20, slots: 5 },
  { kind: "prices", day: 140, month: "2027-07-01" },
  { kind: "prices", day: 320, month: "2028-01-01" },
];

/** mWh in the half hour from `start` on, export beside it: a number of its own for every place and time. */
export function used(
  place: Place,
  start: number,
): { readonly imported: number; readonly exported: number } {
  const digest = createHash("sha256").update(`${place.town.id} ${place.number} ${start}`).digest();
  return {
    imported: digest.readUInt32BE(0) % 2_500_000,
    exported: place.number % 3 === 0 ? digest.readUInt32BE(4) % 400_000 : 0,
  };
}

/** Whoever lives there is billed by the prices of each hour: all of one town, more than half of another. */
export const isDynamic = ({ town, number }: Place): boolean =>
  town.id === "york" || (town.id === "zurich" && number >= 4);

/** Days of which prices are published together, before they begin. */
export const PRICE_DAYS = 7;

/** Of a kWh in the hour of `start`, in thousandths of the currency: dear in the evening, below zero now and then. */
export function priceAt(start: number): number {
  const hour = Math.floor(start / 3600);
  const [noise = 0] = createHash("sha256").update(`price ${hour}`).digest();
  const byTime = [90, 80, 70, 70, 80, 110, 160, 190, 170, 140, 110, 80];
  return (byTime[(hour >> 1) % 12] ?? 0) + (noise >> 2) - (noise > 249 ? 190 : 0);
}
/** No price is below it. */
export const PRICE_FLOOR = -200;

export const gapsOf = (place: Place): Extract<Event, { kind: "gap" }>[] =>
  EVENTS.filter((event) => event.kind === "gap").filter(
    ({ town, home }) => town === place.town.id && home === place.number,
  );

// What a synthetic household does on one local day: who is at home, which appliances run when.
// Minutes are of the wall clock, from local midnight; a run may reach into the next day.
import { Random } from "./random.ts";
import type { Traits } from "./traits.ts";

export type Appliance =
  "cooking" | "kettle" | "washing" | "dishwasher" | "dryer" | "boiler" | "electric-car";

/** An appliance at constant power. A washing machine is several runs after one another. */
export interface PlannedRun {
  readonly appliance: Appliance;
  readonly startMinute: number;
  readonly minutes: number;
  readonly watts: number;
}

/** A stretch of the day, half-open. */
export interface Stretch {
  readonly fromMinute: number;
  readonly toMinute: number;
}

export interface DayPlan {
  readonly runs: readonly PlannedRun[];
  /** Somebody is at home, asleep or awake. */
  readonly occupied: readonly Stretch[];
  readonly wakesMinute: number;
  readonly sleepsMinute: number;
  /** 0.8 to 1.2: some days the lights burn longer. */
  readonly liveliness: number;
}

const DAY_MINUTES = 1440;
/** Month-day of holidays on which nobody in the neighbourhood works. */
const HOLIDAYS = new Set(["01-01", "05-01", "12-25", "12-26"]);

/** The plan of local day `day` (days since 1 January 1970) for household `index`. */
export function planDay(seed: string, index: number, day: number, traits: Traits): DayPlan {
  const random = new Random(seed, "day", index, day);
  const date = new Date(day * 86_400_000);
  const free = date.getUTCDay() % 6 === 0 || HOLIDAYS.has(date.toISOString().slice(5, 10));
  const late = free ? 60 : 0;
  const wakesMinute = Math.round(random.normal(traits.wakesMinute + late, 15));
  const sleepsMinute = Math.round(random.normal(traits.sleepsMinute + late / 2, 20));
  const occupied = isTravelling(seed, index, day) ? [] : planPresence(random, traits, free);
  const home: Home = { random, traits, occupied, wakesMinute, sleepsMinute };
  const runs: PlannedRun[] = [];
  if (traits.boiler !== undefined && occupied.length > 0) {
    const minutes = Math.round(traits.boiler.minutes * random.between(0.85, 1.15));
    runs.push({ ...traits.boiler, appliance: "boiler", minutes });
  }
  runs.push(...planMeals(home), ...planChores(home, free), ...planCar(home));
  return { runs, occupied, wakesMinute, sleepsMinute, liveliness: random.between(0.8, 1.2) };
}

interface Home {
  readonly random: Random;
  readonly traits: Traits;
  readonly occupied: readonly Stretch[];
  readonly wakesMinute: number;
  readonly sleepsMinute: number;
}

/** One week in twenty is spent elsewhere. */
function isTravelling(seed: string, index: number, day: number): boolean {
  return new Random(seed, "travel", index, Math.floor(day / 7)).chance(0.05);
}

function planPresence(random: Random, traits: Traits, free: boolean): Stretch[] {
  const atWork = traits.works && !free && random.chance(0.93);
  const leaves = atWork ? traits.leavesMinute : random.between(560, 900);
  const away = atWork ? traits.returnsMinute - traits.leavesMinute : random.between(40, 240);
  const fromMinute = Math.round(random.normal(leaves, atWork ? 12 : 30));
  const toMinute = Math.max(fromMinute + 15, Math.round(random.normal(leaves + away, 25)));
  return [
    { fromMinute: 0, toMinute: fromMinute },
    { fromMinute: toMinute, toMinute: DAY_MINUTES },
  ];
}

function isHome(home: Home, minute: number): boolean {
  return home.occupied.some(
    ({ fromMinute, toMinute }) => fromMinute <= minute && minute < toMinute,
  );
}

function planMeals(home: Home): PlannedRun[] {
  const { random, traits } = home;
  const runs: PlannedRun[] = [];
  const breakfast = Math.round(home.wakesMinute + random.between(5, 30));
  if (isHome(home, breakfast)) {
    runs.push({ appliance: "kettle", startMinute: breakfast, minutes: 5, watts: 1200 });
  }
  const meals = [
    { minute: random.normal(710, 15), chance: traits.cooksLunch },
    { minute: random.normal(1115, 30), chance: traits.cooksDinner },
  ];
  for (const { minute, chance } of meals) {
    const startMinute = Math.round(minute);
    const minutes = Math.round(random.between(15, 45));
    const watts = traits.cookingWatts * random.between(0.7, 1.1);
    if (!random.chance(chance) || !isHome(home, startMinute)) continue;
    runs.push({ appliance: "cooking", startMinute, minutes, watts });
  }
  return runs;
}

/** Heat, turn, heat: what makes these machines' curves recognisable. */
function planChores(home: Home, free: boolean): PlannedRun[] {
  const { random, traits } = home;
  const runs: PlannedRun[] = [];
  const washMinute = Math.round(free ? random.between(540, 960) : random.between(1080, 1200));
  const washes = random.chance(traits.washes);
  if (washes && isHome(home, washMinute)) {
    const heating = { appliance: "washing", startMinute: washMinute, minutes: 22 } as const;
    runs.push({ ...heating, watts: 1300 });
    runs.push({ ...heating, startMinute: washMinute + 22, minutes: 55, watts: 180 });
    const dryer = { appliance: "dryer", startMinute: washMinute + 80, minutes: 60 } as const;
    if (traits.tumbles) runs.push({ ...dryer, watts: 1000 });
  }
  const dishMinute = Math.round(random.normal(1190, 35));
  if (random.chance(traits.dishwasher) && isHome(home, dishMinute)) {
    const heating = { appliance: "dishwasher", startMinute: dishMinute, minutes: 18 } as const;
    runs.push({ ...heating, watts: 1300 });
    runs.push({ ...heating, startMinute: dishMinute + 18, minutes: 40, watts: 70 });
    runs.push({ ...heating, startMinute: dishMinute + 58, minutes: 14, watts: 1300 });
  }
  return runs;
}

function planCar(home: Home): PlannedRun[] {
  const { random, traits } = home;
  const car = traits.electricCar;
  const arrival = home.occupied.at(-1)?.fromMinute;
  if (car === undefined || arrival === undefined || !random.chance(car.chargesPerDay)) return [];
  const startMinute = Math.max(arrival, 960) + Math.round(random.between(5, 40));
  const minutes = Math.round(car.minutes * random.between(0.6, 1.4));
  return [{ appliance: "electric-car", startMinute, minutes, watts: car.watts }];
}

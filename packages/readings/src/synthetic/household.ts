// The synthetic household: a meter's series and the truth behind it, repeatable from a seed
// (calibration: README.md of this package). For demonstrations, tests and the attack benchmark.
//
// Every local day is simulated by the minute from (seed, household, day) alone and booked in whole
// milliwatt-hours, so a run over days 1 to 9 begins with the run over days 1 to 3, and the series
// of longer intervals is the sum of that of minutes.
import { strict as assert } from "node:assert";
import type { Series } from "../series.ts";
import { WallClock } from "../wall-clock.ts";
import { planDay } from "./day-plan.ts";
import type { Appliance, DayPlan } from "./day-plan.ts";
import { Random } from "./random.ts";
import { traitsOf } from "./traits.ts";
import type { Traits } from "./traits.ts";
import { weatherOf } from "./weather.ts";
import type { Weather } from "./weather.ts";

export interface SyntheticOptions {
  /** Names the neighbourhood: the same seed gives the same households for ever. */
  readonly seed: string;
  /** Start of a local day in `zone`, epoch seconds. */
  readonly startSeconds: number;
  /** Local days, so 23 to 25 hours each. */
  readonly days: number;
  /** A divisor of 1800 that is a multiple of 60: 60, 300, 900, 1800. */
  readonly intervalSeconds: number;
  /** IANA zone of the neighbourhood. */
  readonly zone: string;
}

/** One appliance at constant power, [startSeconds, endSeconds). */
export interface ApplianceRun {
  readonly appliance: Appliance;
  readonly startSeconds: number;
  readonly endSeconds: number;
  readonly watts: number;
}

/** What an attack tries to find out. */
export interface SyntheticTruth {
  /** 1 where somebody was at home for at least half of the interval. */
  readonly occupied: Uint8Array;
  /** Runs that begin within the range, in the order of their days. */
  readonly runs: readonly ApplianceRun[];
  readonly traits: Traits;
}

export interface SyntheticHousehold {
  readonly series: Series;
  readonly truth: SyntheticTruth;
}

const DAY_SECONDS = 86_400;
const MINUTE_SECONDS = 60;
const MILLIWATT_HOURS_PER_WATT_MINUTE = 1000 / 60;
/** Clocks change in the small hours: a wall minute after this is shifted on such a day. */
const CLOCK_CHANGE_MINUTE = 180;
const COMFORT_CELSIUS = 15;

/** Household `index` (from 0) of the neighbourhood, labelled `s001` and so on. */
export function syntheticHousehold(
  options: SyntheticOptions & { readonly index: number },
): SyntheticHousehold {
  return simulate(options.index, options, localDays(options));
}

/** The first `households` households of the neighbourhood. */
export function syntheticNeighbourhood(
  options: SyntheticOptions & { readonly households: number },
): SyntheticHousehold[] {
  const days = localDays(options);
  return Array.from({ length: options.households }, (_, index) => simulate(index, options, days));
}

interface LocalDay {
  /** Days since 1 January 1970. */
  readonly day: number;
  readonly startSeconds: number;
  readonly minutes: number;
  readonly weather: Weather;
}

/** The local days of the range, and the one before it, whose evening may reach into the first. */
function localDays({
  seed,
  startSeconds,
  days,
  intervalSeconds,
  zone,
}: SyntheticOptions): LocalDay[] {
  assert(Number.isInteger(days) && days > 0, "days is a positive integer");
  const fits = intervalSeconds % MINUTE_SECONDS === 0 && 1800 % intervalSeconds === 0;
  assert(fits, "intervalSeconds is a multiple of 60 that divides 1800");
  const clock = new WallClock(zone, startSeconds - DAY_SECONDS, startSeconds + days * DAY_SECONDS);
  const firstDay = Math.floor(clock.wallAt(startSeconds) / DAY_SECONDS);
  assert(
    clock.dayStart(firstDay * DAY_SECONDS) === startSeconds,
    "startSeconds begins a local day",
  );
  return Array.from({ length: days + 1 }, (_, number) => {
    const day = firstDay - 1 + number;
    const start = clock.dayStart(day * DAY_SECONDS);
    const end = clock.dayStart((day + 1) * DAY_SECONDS);
    const weather = weatherOf(seed, day);
    return { day, startSeconds: start, minutes: (end - start) / MINUTE_SECONDS, weather };
  });
}

function simulate(
  index: number,
  { seed, startSeconds, intervalSeconds }: SyntheticOptions,
  days: readonly LocalDay[],
): SyntheticHousehold {
  const traits = traitsOf(seed, index);
  const last = days.at(-1);
  assert(last !== undefined, "there is a day");
  const endSeconds = last.startSeconds + last.minutes * MINUTE_SECONDS;
  const length = (endSeconds - startSeconds) / intervalSeconds;
  const series: Series = {
    label: `s${String(index + 1).padStart(3, "0")}`,
    startSeconds,
    intervalSeconds,
    importMilliwattHours: new Float64Array(length),
    exportMilliwattHours: new Float64Array(length),
    quality: new Uint8Array(length),
  };
  const occupiedMinutes = new Uint8Array(length);
  const truth = { occupied: new Uint8Array(length), runs: [] as ApplianceRun[], traits };
  let before: PlannedDay | undefined;
  for (const local of days) {
    const today = { local, plan: planDay(seed, index, local.day, traits) };
    if (before !== undefined) {
      const random = new Random(seed, "noise", index, local.day);
      const watts = loadWatts(today, before, traits, random);
      book(series, today, watts, traits, random);
      markOccupied(series, today, occupiedMinutes);
      truth.runs.push(...runsOf(today));
    }
    before = today;
  }
  const halfInterval = intervalSeconds / MINUTE_SECONDS / 2;
  for (const [slot, minutes] of occupiedMinutes.entries()) {
    truth.occupied[slot] = minutes >= halfInterval ? 1 : 0;
  }
  return { series, truth };
}

interface PlannedDay {
  readonly local: LocalDay;
  readonly plan: DayPlan;
}

/** From minutes of the wall clock to minutes since local midnight. */
function elapsedMinute(local: LocalDay, wallMinute: number): number {
  return wallMinute < CLOCK_CHANGE_MINUTE ? wallMinute : wallMinute + local.minutes - 1440;
}

/** Mean power of every minute of the day, solar panels aside. */
function loadWatts(
  today: PlannedDay,
  before: PlannedDay,
  traits: Traits,
  random: Random,
): Float64Array {
  const { local, plan } = today;
  const watts = new Float64Array(local.minutes).fill(traits.baseWatts);
  addCycles(watts, local, traits, random);
  for (const { fromMinute, toMinute } of plan.occupied) {
    const from = Math.max(fromMinute, plan.wakesMinute);
    const to = Math.min(toMinute, plan.sleepsMinute);
    const awake = traits.awakeWatts * plan.liveliness;
    addAwake(watts, elapsedMinute(local, from), elapsedMinute(local, to), awake, random);
  }
  for (const [planned, shift] of [[before, before.local.minutes] as const, [today, 0] as const]) {
    for (const run of planned.plan.runs) {
      const start = elapsedMinute(planned.local, run.startMinute) - shift;
      addPower(watts, start, start + run.minutes, run.watts);
    }
  }
  return watts;
}

/** Adds `power` to the minutes [from, to) that lie within the day. */
function addPower(watts: Float64Array, from: number, to: number, power: number): void {
  const end = Math.min(watts.length, to);
  for (let minute = Math.max(0, from); minute < end; minute += 1) {
    watts[minute] = (watts[minute] ?? 0) + power;
  }
}

/** Lights and electronics change every quarter of an hour, brighter in the evening. */
function addAwake(
  watts: Float64Array,
  from: number,
  to: number,
  power: number,
  random: Random,
): void {
  for (let minute = from; minute < to; minute += 15) {
    const evening = minute > 1020 ? 1.5 : 0.8;
    const end = Math.min(minute + 15, to);
    addPower(watts, minute, end, power * evening * random.between(0.6, 1.4));
  }
}

/** Thermostats: the fridge, and the heating with a duty cycle that follows the weather. */
function addCycles(watts: Float64Array, local: LocalDay, traits: Traits, random: Random): void {
  const { fridge, heating } = traits;
  const epochMinute = local.startSeconds / MINUTE_SECONDS;
  const kelvin = Math.max(0, COMFORT_CELSIUS - local.weather.celsius);
  const duty = heating && Math.min(0.95, (heating.wattsPerKelvin * kelvin) / heating.watts);
  const jitter = Math.floor(random.between(0, 30));
  for (let minute = 0; minute < watts.length; minute += 1) {
    const at = epochMinute + minute;
    if ((at + fridge.phaseMinutes) % fridge.periodMinutes < fridge.onMinutes) {
      watts[minute] = (watts[minute] ?? 0) + fridge.watts;
    }
    if (heating === undefined || duty === undefined) continue;
    // Warmer in the afternoon, and set lower while everybody sleeps or in the tariff's favour.
    const hour = minute / 60;
    const share = duty * (hour < 6 ? 1.25 : hour < 12 ? 1 : 0.85);
    const inCycle = ((at + jitter) % heating.periodMinutes) / heating.periodMinutes;
    if (inCycle < share) watts[minute] = (watts[minute] ?? 0) + heating.watts;
  }
}

/** Books every minute in whole milliwatt-hours: what the panels do not cover is import. */
function book(
  series: Series,
  { local }: PlannedDay,
  watts: Float64Array,
  traits: Traits,
  random: Random,
): void {
  const { importMilliwattHours, exportMilliwattHours } = series;
  const minutesPerSlot = series.intervalSeconds / MINUTE_SECONDS;
  const firstMinute = (local.startSeconds - series.startSeconds) / MINUTE_SECONDS;
  const noon = local.minutes / 2 + 30;
  const halfDay = local.weather.daylightHours * 30;
  let shade = 1;
  for (const [minute, load] of watts.entries()) {
    let solar = 0;
    if (traits.solarWattsPeak > 0) {
      if (minute % 10 === 0) shade = 1 - local.weather.cloud * random.between(0.6, 1);
      const fromNoon = (minute - noon) / halfDay;
      const height = 1 - fromNoon * fromNoon;
      if (height > 0)
        solar = traits.solarWattsPeak * shade * height * (local.weather.daylightHours / 16);
    }
    const net = Math.round((load - solar) * MILLIWATT_HOURS_PER_WATT_MINUTE);
    const slot = Math.floor((firstMinute + minute) / minutesPerSlot);
    const register = net >= 0 ? importMilliwattHours : exportMilliwattHours;
    register[slot] = (register[slot] ?? 0) + Math.abs(net);
  }
}

function markOccupied(
  series: Series,
  { local, plan }: PlannedDay,
  occupiedMinutes: Uint8Array,
): void {
  const minutesPerSlot = series.intervalSeconds / MINUTE_SECONDS;
  const firstMinute = (local.startSeconds - series.startSeconds) / MINUTE_SECONDS;
  for (const { fromMinute, toMinute } of plan.occupied) {
    const end = Math.min(local.minutes, elapsedMinute(local, toMinute));
    for (let minute = elapsedMinute(local, fromMinute); minute < end; minute += 1) {
      const slot = Math.floor((firstMinute + minute) / minutesPerSlot);
      occupiedMinutes[slot] = (occupiedMinutes[slot] ?? 0) + 1;
    }
  }
}

function runsOf({ local, plan }: PlannedDay): ApplianceRun[] {
  return plan.runs.map(({ appliance, startMinute, minutes, watts }) => {
    const startSeconds = local.startSeconds + elapsedMinute(local, startMinute) * MINUTE_SECONDS;
    return { appliance, startSeconds, endSeconds: startSeconds + minutes * MINUTE_SECONDS, watts };
  });
}

// What stays the same about a synthetic household: its size, its appliances, its habits.
// The shares and powers are chosen so that the calibration in README.md holds.
import { Random } from "./random.ts";

export interface Traits {
  /** Always on: router, standby, ventilation. */
  readonly baseWatts: number;
  readonly fridge: {
    watts: number;
    periodMinutes: number;
    onMinutes: number;
    phaseMinutes: number;
  };
  /** Lights and electronics while somebody is awake at home. */
  readonly awakeWatts: number;
  /** Probabilities that a day has it, at 2-person scale. */
  readonly cooksLunch: number;
  readonly cooksDinner: number;
  readonly cookingWatts: number;
  readonly washes: number;
  readonly dishwasher: number;
  readonly tumbles: boolean;
  /** Away on workdays from `leavesMinute` to `returnsMinute` of the wall clock. */
  readonly works: boolean;
  readonly leavesMinute: number;
  readonly returnsMinute: number;
  readonly wakesMinute: number;
  readonly sleepsMinute: number;
  /** Night-tariff hot water, switched on by the grid's signal: same time every day. */
  readonly boiler: { watts: number; startMinute: number; minutes: number } | undefined;
  /** Electric heating by heat pump or resistance; `wattsPerKelvin` of mean electric power. */
  readonly heating: { watts: number; wattsPerKelvin: number; periodMinutes: number } | undefined;
  readonly electricCar: { watts: number; minutes: number; chargesPerDay: number } | undefined;
  readonly solarWattsPeak: number;
}

/** Traits of household `index` of the neighbourhood named by `seed`. */
export function traitsOf(seed: string, index: number): Traits {
  const random = new Random(seed, "traits", index);
  // Between a weekend flat and a family of five; the square spreads the large ones.
  const spread = random.uniform();
  const size = 0.5 + 1.5 * spread * (0.4 + 0.6 * spread);
  const works = random.chance(0.6);
  const periodMinutes = Math.round(random.between(38, 75));
  return {
    baseWatts: size * random.between(25, 75),
    fridge: {
      watts: random.between(60, 110),
      periodMinutes,
      onMinutes: Math.round(periodMinutes * random.between(0.25, 0.4)),
      phaseMinutes: Math.floor(random.between(0, periodMinutes)),
    },
    awakeWatts: size * random.between(80, 220),
    cooksLunch: works ? 0.1 : random.between(0.3, 0.8),
    cooksDinner: random.between(0.4, 0.9),
    cookingWatts: random.between(600, 1400),
    washes: Math.min(0.8, size * random.between(0.15, 0.4)),
    dishwasher: random.chance(0.65) ? Math.min(0.9, size * random.between(0.3, 0.6)) : 0,
    tumbles: random.chance(0.3),
    works,
    leavesMinute: Math.round(random.normal(450, 35)),
    returnsMinute: Math.round(random.normal(1050, 50)),
    wakesMinute: Math.round(random.normal(390, 35)),
    sleepsMinute: Math.round(random.normal(1370, 35)),
    boiler: boilerOf(random, size),
    heating: heatingOf(random, size),
    electricCar: random.chance(0.05)
      ? { watts: 2300, minutes: random.between(90, 240), chargesPerDay: random.between(0.3, 0.7) }
      : undefined,
    solarWattsPeak: random.chance(0.08) ? random.between(3000, 8000) : 0,
  };
}

function boilerOf(random: Random, size: number): Traits["boiler"] {
  const has = random.chance(0.55);
  const watts = random.between(650, 1250);
  const startMinute = Math.round(random.between(0, 240));
  const minutes = (60_000 * size * random.between(2.2, 4)) / watts;
  return has ? { watts, startMinute, minutes } : undefined;
}

function heatingOf(random: Random, size: number): Traits["heating"] {
  const has = random.chance(0.5);
  const watts = random.between(550, 1150);
  const wattsPerKelvin = size * random.between(10, 20);
  const periodMinutes = Math.round(random.between(35, 120));
  return has ? { watts, wattsPerKelvin, periodMinutes } : undefined;
}

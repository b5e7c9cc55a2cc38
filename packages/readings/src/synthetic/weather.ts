// Weather that neighbours share: a season, spells of several days, and single days. A day's weather
// depends on the seed and the day alone, so that a longer run begins with the shorter one.
import { Random } from "./random.ts";

const YEAR_DAYS = 365.25;
/** Mid-January, counted from 1 January 1970. */
const COLDEST_DAY = 15;
const MEAN_CELSIUS = 9.5;
const SEASON_CELSIUS = 9.5;
const SPELL_DAYS = 5;

export interface Weather {
  /** Mean of the day. */
  readonly celsius: number;
  /** 0 a clear sky, 1 a closed one. */
  readonly cloud: number;
  /** Length of daylight at 47° north. */
  readonly daylightHours: number;
}

/** The weather of the local day that is `day` days after 1 January 1970. */
export function weatherOf(seed: string, day: number): Weather {
  const season = coldness(day);
  const spell = day / SPELL_DAYS;
  const node = Math.floor(spell);
  const share = spell - node;
  const [before, after] = [node, node + 1].map((at) => new Random(seed, "spell", at).normal(0, 1));
  const drift = (before ?? 0) * (1 - share) + (after ?? 0) * share;
  const random = new Random(seed, "weather", day);
  return {
    celsius: MEAN_CELSIUS - SEASON_CELSIUS * season + 3.5 * drift + random.normal(0, 1.2),
    cloud: Math.min(1, Math.max(0, 0.55 + 0.2 * season - 0.2 * drift + random.normal(0, 0.2))),
    daylightHours: 12.2 - 3.7 * season,
  };
}

/** 1 on the coldest day of the year, −1 on the warmest: a triangle wave rounded to a parabola. */
function coldness(day: number): number {
  const phase = ((day - COLDEST_DAY) / YEAR_DAYS) % 1;
  const quarter = 4 * Math.abs(phase - Math.round(phase)) - 1;
  return -quarter * (2 - Math.abs(quarter));
}

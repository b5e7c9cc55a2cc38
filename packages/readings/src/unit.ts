// Units a source may be in, and the exact factor from each to milliwatt-hours (docs/protocol.md
// §2.1).

/** kW and W are mean power over the interval; the others energy in it. */
export type Unit = "kW" | "W" | "kWh" | "Wh" | "mWh";

export const UNITS = ["kW", "W", "kWh", "Wh", "mWh"] as const satisfies readonly Unit[];

/** A rational factor in lowest terms. */
export interface Factor {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

const MILLI_PER_UNIT: Readonly<Record<Unit, bigint>> = {
  kW: 1_000_000n,
  W: 1_000n,
  kWh: 1_000_000n,
  Wh: 1_000n,
  mWh: 1n,
};
const HOUR_SECONDS = 3600n;

/** True for power, which has to be multiplied by time to be energy. */
export function isPower(unit: Unit): boolean {
  return unit === "kW" || unit === "W";
}

/** Milliwatt-hours per one `unit` held over `intervalSeconds`. */
export function milliwattHoursPer(unit: Unit, intervalSeconds: number): Factor {
  const milli = MILLI_PER_UNIT[unit];
  if (!isPower(unit)) return { numerator: milli, denominator: 1n };
  return lowest(milli * BigInt(intervalSeconds), HOUR_SECONDS);
}

function lowest(numerator: bigint, denominator: bigint): Factor {
  let [a, b] = [numerator, denominator];
  while (b !== 0n) [a, b] = [b, a % b];
  return { numerator: numerator / a, denominator: denominator / a };
}

/**
 * The unit that a column's header names, as a word of its own: `kw`, `Power (W)`, `usage_kWh`.
 * `MWh` and `mwh` say nothing: one is a megawatt-hour, and the other may be either.
 */
export function unitInHeader(header: string): Unit | undefined {
  for (const word of header.split(/[^A-Za-z]+/)) {
    if (/^mwh$/i.test(word)) {
      if (word === "mWh") return "mWh";
      continue;
    }
    const unit = UNITS.find((unit) => unit.toLowerCase() === word.toLowerCase());
    if (unit !== undefined) return unit;
  }
  return undefined;
}

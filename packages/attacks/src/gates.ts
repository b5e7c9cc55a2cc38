// The gates of the passive attacks as data: what each must reach on raw readings, and what it must
// not on what the MDMS receives at the policy's k.
import type { Measure, Measurement } from "./measurement.ts";
import type { Figure, GateRow } from "./row.ts";

/** A measured number and the side of it that counts. */
interface Reading extends Measure {
  /** `delta` is in − out; the control's own strength is `in`. */
  readonly side: "in" | "delta";
}

export interface Gate {
  readonly attack: string;
  readonly control: Reading & { readonly min: number };
  /** On a sum of k homes, or on one bill. `maxTimesChance` multiplies what chance gives. */
  readonly system: Reading & { readonly view: "sum" | "bill" } & (
      { readonly max: number } | { readonly maxTimesChance: number }
    );
}

const niomRaw = { attack: "niom", reference: "niom-raw", metric: "auc" } as const;
const edges = { attack: "edges", reference: "rise-1kW", metric: "auc" } as const;
const dayGame = { attack: "two-candidates", reference: "day", metric: "advantage" } as const;
const linkage = { attack: "linkage", reference: "4+3 weeks", metric: "top-1" } as const;
const billTotal = { attack: "bill-linkage", reference: "total", metric: "top-1" } as const;

/**
 * Calibrated on 511 real homes: 0.946 and 0.010 at 100 homes for NIOM, 1.00 and 0.07 for edges, 1
 * and 0.27 for the game of a day, 0.56 and 6 times chance for linkage from loads and from bills. The
 * multiple of chance is of a pool of a few hundred: in a larger one it is harder to keep.
 */
export const PASSIVE_GATES: readonly Gate[] = [
  {
    attack: "presence (NIOM)",
    control: { ...niomRaw, side: "in", min: 0.85 },
    system: { ...niomRaw, side: "delta", view: "sum", max: 0.02 },
  },
  {
    attack: "appliance edges",
    control: { ...edges, side: "in", min: 0.95 },
    system: { ...edges, side: "delta", view: "sum", max: 0.1 },
  },
  {
    attack: "two candidates, a day",
    control: { ...dayGame, side: "in", min: 0.95 },
    system: { ...dayGame, side: "delta", view: "sum", max: 0.45 },
  },
  {
    attack: "linkage of two periods",
    control: { ...linkage, side: "in", min: 0.5 },
    system: { ...billTotal, side: "in", view: "bill", maxTimesChance: 15 },
  },
];

/**
 * A row for every gate whose control was measured. The sum is the smallest of at least `homesMin`
 * homes, the policy's `contributorsMin`; where the data have fewer, the largest there is, which is
 * easier to attack.
 */
export function gateRows(measurements: readonly Measurement[], homesMin: number): GateRow[] {
  return PASSIVE_GATES.flatMap((gate): GateRow[] => {
    const controls = measurements.filter((measured) => isOf(measured, gate.control));
    const systems = measurements.filter((measured) => isOf(measured, gate.system));
    const control = controls.find(({ homes }) => homes === 1);
    const isBill = gate.system.view === "bill";
    const system = isBill ? systems.at(0) : sumOf(systems, homesMin);
    if (control === undefined || system === undefined) return [];
    const systemMax =
      "max" in gate.system ? gate.system.max : gate.system.maxTimesChance * system.out.mean;
    return [
      {
        attack: gate.attack,
        view: isBill ? "one bill" : `sum of ${system.homes} homes`,
        control: figureOf(gate.control, control),
        system: figureOf(gate.system, system),
        bound: { controlMin: gate.control.min, systemMax },
      },
    ];
  });
}

function sumOf(measurements: readonly Measurement[], homesMin: number): Measurement | undefined {
  const sums = measurements
    .filter(({ homes }) => homes > 1)
    .toSorted((one, other) => one.homes - other.homes);
  return sums.find(({ homes }) => homes >= homesMin) ?? sums.at(-1);
}

function isOf(measured: Measurement, { attack, reference, metric }: Measure): boolean {
  return (
    measured.attack === attack && measured.reference === reference && measured.metric === metric
  );
}

function figureOf({ metric, side, reference }: Reading, measured: Measurement): Figure {
  const name = metric === "auc" ? "AUC" : metric;
  const figure = side === "delta" && metric !== "advantage" ? `${name} in − out` : name;
  const shown = `${figure}, ${reference}`;
  return { figure: shown, estimate: measured[side] };
}

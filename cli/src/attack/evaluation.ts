/** The privacy evaluation as a record: what was measured and attacked, from which the report is made, and made again. */
import {
  evaluate,
  figuresOfPanel,
  gateRows,
  judgeRow,
  panelOf,
  sameHomesRounds,
  SEEDS,
  syntheticPanel,
  syntheticRounds,
  type Panel,
  type Plan,
  type ReportSection,
} from "@smarter-metering/attacks";
import type { ReadSourceOptions } from "@smarter-metering/readings";
import { readSource } from "@smarter-metering/readings";
import { notRun, type ActiveEvaluation, type NotRun } from "./active.ts";

/** k of the standard policy: the sum that the gates are about. */
export const HOMES_MIN = 100;

export interface PrivacyEvaluation {
  readonly kind: "smarter-metering/privacy-evaluation";
  readonly sections: readonly ReportSection[];
  readonly active: ActiveEvaluation;
  readonly notRun: readonly NotRun[];
}

export interface PassiveOptions {
  readonly plan: Plan;
  readonly signal: AbortSignal;
  readonly progress: (label: string, done: number, total: number) => void;
}

/** Neighbourhoods of made-up homes, one for every seed. */
export async function evaluateSynthetic(
  households: number,
  options: PassiveOptions,
): Promise<ReportSection> {
  const measurements = await evaluate(syntheticRounds(households), options.plan, {
    signal: options.signal,
    progress: progressOf("made-up homes", options),
  });
  const figures = SEEDS.map((seed) => {
    const panel = syntheticPanel({ seed, households: households + 1 });
    return { name: panel.name, figures: figuresOfPanel(panel) };
  });
  return {
    title: "Made-up homes",
    about: `${SEEDS.length} neighbourhoods of ${households + 1} generated homes, 49 days of 15 minutes; who was at home is known.`,
    figures,
    measurements,
    rows: gateRows(measurements, HOMES_MIN),
  };
}

/** Homes of a file. Throws ReadingsError, AttackError. */
export async function evaluateFile(
  path: string,
  title: string,
  source: Pick<ReadSourceOptions, "unit"> & { readonly zone: string },
  options: PassiveOptions,
): Promise<ReportSection> {
  const { series } = await readSource(path, source);
  const panel: Panel = panelOf(title, series, { zone: source.zone });
  const measurements = await evaluate(sameHomesRounds(panel), options.plan, {
    signal: options.signal,
    progress: progressOf(title, options),
  });
  const { homes, days, slotsPerDay } = panel;
  return {
    title,
    about: `${homes.length} homes of a file, ${days} days of ${1440 / slotsPerDay} minutes; nobody wrote down who was at home. Sums are of at most ${homes.length - 1}.`,
    figures: [{ name: title, figures: figuresOfPanel(panel) }],
    measurements,
    rows: gateRows(measurements, HOMES_MIN),
  };
}

const progressOf =
  (label: string, { progress }: PassiveOptions) =>
  (round: number, done: number, targets: number): void =>
    progress(label, (round - 1) * targets + done, SEEDS.length * targets);

export const recordOf = (
  sections: readonly ReportSection[],
  active: ActiveEvaluation,
): PrivacyEvaluation =>
  rounded({ kind: "smarter-metering/privacy-evaluation", sections, active, notRun });

/** Four digits after the point: more than the report shows, and the same on every machine. */
function rounded<Value>(value: Value): Value {
  const text = JSON.stringify(value, (_, each: unknown) =>
    typeof each === "number" ? Math.round(each * 10_000) / 10_000 : each,
  );
  // Safe: numbers, strings, arrays and plain objects alone, none of them changed in kind.
  return JSON.parse(text) as Value;
}

/** What does not hold, in words; empty is the only good answer. */
export function failuresOf({ sections, active }: PrivacyEvaluation): string[] {
  const gates = sections.flatMap(({ title, rows }) =>
    rows.flatMap((row) => {
      const { controlHolds, systemHolds } = judgeRow(row);
      return controlHolds && systemHolds ? [] : [`${title}: ${row.attack}`];
    }),
  );
  const attacks = active.results.flatMap(({ name, controlHolds, systemHolds }) =>
    controlHolds && systemHolds ? [] : [name],
  );
  return [...gates, ...attacks, ...(active.honestGranted ? [] : ["an honest request is refused"])];
}

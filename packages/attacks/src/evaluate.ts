// Runs every passive attack over targets, sums and seeds, on raw readings and on what the MDMS
// receives. A researcher's own machine; no party of the system runs it on its customers.
import { setImmediate } from "node:timers/promises";
import { edgesOf, risesOf } from "./attacks/edges.ts";
import { geoma } from "./attacks/geoma.ts";
import { hmm } from "./attacks/hmm.ts";
import { niom, windowsOf } from "./attacks/niom.ts";
import { judgedSteps, relabel } from "./attacks/occupancy.ts";
import type { OccupancyGuess } from "./attacks/occupancy.ts";
import {
  meanProfile,
  residualDifferences,
  twoCandidateAdvantage,
} from "./attacks/two-candidates.ts";
import { evaluateLinkage } from "./evaluate-linkage.ts";
import { Tally } from "./measurement.ts";
import type { Measure, Measurement } from "./measurement.ts";
import { rankAuc } from "./metrics/auc.ts";
import { matthewsCorrelation } from "./metrics/mcc.ts";
import { normalizedMutualInformation } from "./metrics/nmi.ts";
import type { PanelHome } from "./panel.ts";
import { cohortSizesFor, drawHomes } from "./plan.ts";
import type { Plan, Round } from "./plan.ts";
import type { Trace } from "./trace.ts";
import { withHome } from "./views.ts";

export interface EvaluationOptions {
  /** After every target: rounds begun, targets done of the round's. */
  readonly progress?: (round: number, done: number, targets: number) => void;
  /** Ends it between two targets, with the signal's reason. */
  readonly signal?: AbortSignal;
}

/**
 * Measurements of all attacks over the rounds. Deterministic. Rounds are taken one at a time, so a
 * generator keeps one panel in memory.
 */
export async function evaluate(
  rounds: Iterable<Round>,
  plan: Plan,
  { progress, signal }: EvaluationOptions = {},
): Promise<Measurement[]> {
  const tally = new Tally();
  let [number, linked]: [number, Round["panel"] | undefined] = [0, undefined];
  for (const round of rounds) {
    number += 1;
    // Linkage draws nothing: a panel's second round would only repeat the first.
    if (round.panel !== linked) evaluateLinkage(round, tally);
    linked = round.panel;
    const chosen = drawHomes(round.panel, round.seed).slice(0, plan.targets);
    const profile = meanProfile(round.panel.homes.map((home) => home.load));
    for (const [done, home] of chosen.entries()) {
      // Minutes of work: others of the process get their turn, a signal above all.
      await setImmediate(undefined, signal && { signal });
      attackTarget(round, plan, home, profile, tally);
      progress?.(number, done + 1, chosen.length);
    }
  }
  return tally.measurements();
}

/** One pair of views of `homes` homes: the target among them, and the replacement in its place. */
interface Views {
  readonly homes: number;
  readonly in: Trace;
  readonly out: Trace;
}

function attackTarget(
  { seed, panel }: Round,
  plan: Plan,
  index: number,
  profile: Float64Array,
  tally: Tally,
): void {
  const order = drawHomes(panel, seed, panel.homes[index]?.label ?? "").filter(
    (at) => at !== index,
  );
  const [target, replacement] = [panel.homes[index], panel.homes[order.at(-1) ?? -1]];
  if (target === undefined || replacement === undefined) return;
  const truths = truthsOf(target);
  const record = (measure: Measure, homes: number, pair: readonly (number | undefined)[]): void => {
    const [inside, outside] = pair;
    // A target without a single positive says nothing about either view.
    if (inside === undefined || outside === undefined) return;
    tally.add(measure, homes, { target: target.label, seed, in: inside, out: outside });
  };
  let others: Trace = { ...target.load, wattHours: new Float64Array(target.load.wattHours.length) };
  let added = 0;
  for (const homes of cohortSizesFor(plan, panel.homes.length)) {
    for (; added < homes - 1; added += 1) {
      const other = panel.homes[order[added] ?? -1];
      if (other !== undefined) others = withHome(others, other.load);
    }
    const [inside, outside] = [withHome(others, target.load), withHome(others, replacement.load)];
    const views: Views = { homes, in: inside, out: outside };
    recordOccupancy(views, truths, record);
    recordEdges(views, target, record);
    recordGames(views, [target, replacement], profile, record);
  }
}

type Recorder = (measure: Measure, homes: number, pair: readonly (number | undefined)[]) => void;

/** A sequence of labels to find, at its own number of steps a day. */
interface Truth {
  readonly reference: string;
  readonly stepsPerDay: number;
  readonly labels: Uint8Array;
}

function truthsOf({ load, occupied }: PanelHome): Truth[] {
  const guess = niom(windowsOf(load));
  const truths = [
    { reference: "niom-raw", stepsPerDay: guess.stepsPerDay, labels: guess.occupied },
  ];
  if (occupied === undefined) return truths;
  return [...truths, { reference: "presence", stepsPerDay: load.slotsPerDay, labels: occupied }];
}

function guessOccupancy(view: Trace): Record<"niom" | "geoma" | "hmm", OccupancyGuess> {
  const windows = windowsOf(view);
  const thresholds = niom(windows);
  return { niom: thresholds, geoma: geoma(view), hmm: hmm(windows, thresholds.occupied) };
}

function recordOccupancy(views: Views, truths: readonly Truth[], record: Recorder): void {
  const guesses = [guessOccupancy(views.in), guessOccupancy(views.out)];
  for (const attack of ["niom", "geoma", "hmm"] as const) {
    for (const { reference, stepsPerDay, labels } of truths) {
      const results = guesses.map((guess) => {
        const { occupied, score, stepsPerDay: steps } = guess[attack];
        const truth = judgedSteps(relabel(labels, stepsPerDay, steps), steps);
        const judgedScore = judgedSteps(score, steps);
        return {
          auc: rankAuc(truth, judgedScore),
          mcc: matthewsCorrelation(truth, judgedSteps(occupied, steps)),
          nmi: normalizedMutualInformation(truth, judgedScore),
        };
      });
      for (const metric of ["auc", "mcc", "nmi"] as const) {
        const pair = results.map((result) => result[metric]);
        record({ attack, reference, metric }, views.homes, pair);
      }
    }
  }
}

function recordEdges(views: Views, target: PanelHome, record: Recorder): void {
  const edges = edgesOf(target.load);
  const pair = [views.in, views.out].map((view) => rankAuc(edges, risesOf(view)));
  record({ attack: "edges", reference: "rise-1kW", metric: "auc" }, views.homes, pair);
}

function recordGames(
  views: Views,
  [target, replacement]: readonly [PanelHome, PanelHome],
  profile: Float64Array,
  record: Recorder,
): void {
  const residual = (trace: Trace, homes: number): Float64Array =>
    residualDifferences(trace, homes, profile);
  const candidates = [residual(target.load, 1), residual(replacement.load, 1)] as const;
  const aggregates = [residual(views.in, views.homes), residual(views.out, views.homes)] as const;
  const { slotsPerDay } = target.load;
  for (const [reference, days] of [["day", 1] as const, ["week", 7] as const]) {
    if (target.load.wattHours.length < days * slotsPerDay) continue;
    const game = { candidates, aggregates, traceSlots: days * slotsPerDay };
    const measure = { attack: "two-candidates", reference, metric: "advantage" } as const;
    // Both worlds were played, so a coin's advantage is the "out".
    record(measure, views.homes, [twoCandidateAdvantage(game), 0]);
  }
}

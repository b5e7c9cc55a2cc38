// Presence as the hidden state of a two-state Gaussian Markov chain over (log mean, log range) of
// each window, learnt from the view alone: Baum-Welch from NIOM's labels, then Viterbi (Rabiner, "A
// tutorial on hidden Markov models", Proc. IEEE 1989; for occupancy Kleiminger et al. 2013).
import type { OccupancyGuess } from "./occupancy.ts";
import type { Windows } from "./niom.ts";

const ITERATIONS = 20;
/** Keeps a state from collapsing onto equal observations. */
const VARIANCE_MIN = 1e-3;
/** Keeps forward and backward variables above 0 far from both states. */
const DENSITY_MIN = 1e-200;

export interface State {
  /** Of log mean and log range; the covariance is diagonal. */
  mean: [number, number];
  variance: [number, number];
}

export interface Model {
  /** Of state 1 first in the sequence. */
  initial: number;
  /** Probability to leave state 0 for 1, and 1 for 0. */
  leave: [number, number];
  states: [State, State];
}

/**
 * A guess for every window from 20 iterations of Baum-Welch that begin with `labels` (NIOM's on the
 * same windows). Occupied is the state of the higher mean level; the score is its probability given
 * all windows.
 */
export function hmm(windows: Windows, labels: Uint8Array): OccupancyGuess {
  const level = windows.mean.map((value) => Math.log1p(value));
  const range = windows.range.map((value) => Math.log1p(value));
  const first = beginning(labels, level);
  let model = fit(level, range, Float64Array.from(first), leaveRates(first));
  for (let iteration = 0; iteration < ITERATIONS; iteration += 1) {
    const { posterior, leave } = smooth(model, densities(model, level, range));
    model = fit(level, range, posterior, leave);
  }
  const density = densities(model, level, range);
  const { posterior } = smooth(model, density);
  const path = viterbi(model, density);
  const isUpper = model.states[1].mean[0] >= model.states[0].mean[0];
  return {
    stepsPerDay: windows.windowsPerDay,
    occupied: isUpper ? path : path.map((state) => 1 - state),
    score: isUpper ? posterior : posterior.map((probability) => 1 - probability),
  };
}

/** NIOM's labels, or above and below the median where they leave a state (almost) empty. */
function beginning(labels: Uint8Array, level: Float64Array): Uint8Array {
  const ones = labels.reduce((sum, label) => sum + label, 0);
  if (ones >= 2 && labels.length - ones >= 2) return labels;
  const median = level.slice().sort()[level.length >> 1] ?? 0;
  return Uint8Array.from(level, (value) => (value >= median ? 1 : 0));
}

/** Share of the steps in each state that are followed by the other. */
function leaveRates(labels: Uint8Array): [number, number] {
  const [left, stayed]: [[number, number], [number, number]] = [
    [0, 0],
    [0, 0],
  ];
  for (let step = 1; step < labels.length; step += 1) {
    const from = labels[step - 1] === 1 ? 1 : 0;
    (labels[step] === from ? stayed : left)[from] += 1;
  }
  return [rate(left[0], stayed[0]), rate(left[1], stayed[1])];
}

/** Never 0 or 1: a state that could not be left, or not be stayed in, would never be again. */
function rate(left: number, stayed: number): number {
  return Math.min(0.999, Math.max(0.001, left / (left + stayed + 1e-12)));
}

/** The maximisation step; `weights` are the probabilities of state 1. */
function fit(
  level: Float64Array,
  range: Float64Array,
  weights: Float64Array,
  leave: [number, number],
): Model {
  const state = (isOne: boolean): State => {
    let [total, levelSum, rangeSum, levelSquares, rangeSquares] = [1e-9, 0, 0, 0, 0];
    for (let step = 0; step < level.length; step += 1) {
      const [a = 0, b = 0, one = 0] = [level[step], range[step], weights[step]];
      const weight = isOne ? one : 1 - one;
      total += weight;
      levelSum += weight * a;
      rangeSum += weight * b;
      levelSquares += weight * a * a;
      rangeSquares += weight * b * b;
    }
    const mean: [number, number] = [levelSum / total, rangeSum / total];
    const variance: [number, number] = [
      Math.max(VARIANCE_MIN, levelSquares / total - mean[0] ** 2),
      Math.max(VARIANCE_MIN, rangeSquares / total - mean[1] ** 2),
    ];
    return { mean, variance };
  };
  return { initial: weights[0] ?? 0.5, leave, states: [state(false), state(true)] };
}

/** Densities of both states at each step, interleaved. */
function densities(model: Model, level: Float64Array, range: Float64Array): Float64Array {
  const result = new Float64Array(2 * level.length);
  for (const [index, { mean, variance }] of model.states.entries()) {
    const scale = 1 / Math.sqrt(variance[0] * variance[1]);
    for (let step = 0; step < level.length; step += 1) {
      const a = (level[step] ?? 0) - mean[0];
      const b = (range[step] ?? 0) - mean[1];
      const exponent = (a * a) / variance[0] + (b * b) / variance[1];
      result[2 * step + index] = Math.max(DENSITY_MIN, scale * Math.exp(-exponent / 2));
    }
  }
  return result;
}

/**
 * The expectation step, forwards and backwards over filtered probabilities: for each step the
 * probability of state 1 given all densities (interleaved by state), and the expected rates of
 * leaving.
 */
export function smooth(
  { initial, leave }: Model,
  density: Float64Array,
): { posterior: Float64Array; leave: [number, number] } {
  const steps = density.length / 2;
  /** Probability of state 1 given the steps so far. */
  const forward = new Float64Array(steps);
  let predicted = initial;
  for (let step = 0; step < steps; step += 1) {
    const one = predicted * (density[2 * step + 1] ?? 0);
    const zero = (1 - predicted) * (density[2 * step] ?? 0);
    const filtered = one / (one + zero);
    forward[step] = filtered;
    predicted = filtered * (1 - leave[1]) + (1 - filtered) * leave[0];
  }
  const posterior = forward.slice();
  const [left, stayed]: [[number, number], [number, number]] = [
    [0, 0],
    [0, 0],
  ];
  let next = posterior[steps - 1] ?? 0;
  // Backwards over filtered probabilities: each step's pair (state, next state) given everything.
  for (let step = steps - 2; step >= 0; step -= 1) {
    const one = forward[step] ?? 0;
    const zero = 1 - one;
    const toOne = one * (1 - leave[1]) + zero * leave[0];
    const toZero = 1 - toOne;
    const [upUp, downUp] = [
      (one * (1 - leave[1]) * next) / toOne,
      (zero * leave[0] * next) / toOne,
    ];
    const [upDown, downDown] = [
      (one * leave[1] * (1 - next)) / toZero,
      (zero * (1 - leave[0]) * (1 - next)) / toZero,
    ];
    left[0] += downUp;
    stayed[0] += downDown;
    left[1] += upDown;
    stayed[1] += upUp;
    next = upUp + upDown;
    posterior[step] = next;
  }
  return { posterior, leave: [rate(left[0], stayed[0]), rate(left[1], stayed[1])] };
}

/** The most likely sequence of states. */
export function viterbi({ initial, leave }: Model, density: Float64Array): Uint8Array {
  const steps = density.length / 2;
  const log = density.map(Math.log);
  const stay = leave.map((rate) => Math.log(1 - rate));
  const go = leave.map(Math.log);
  const [stay0 = 0, stay1 = 0] = stay;
  const [go0 = 0, go1 = 0] = go;
  /** Bit 0: state before an arrival in 0; bit 1: before one in 1. */
  const before = new Uint8Array(steps);
  let zero = Math.log(Math.max(1e-12, 1 - initial)) + (log[0] ?? 0);
  let one = Math.log(Math.max(1e-12, initial)) + (log[1] ?? 0);
  for (let step = 1; step < steps; step += 1) {
    const [fromOne, intoOne] = [one + go1 > zero + stay0, one + stay1 > zero + go0];
    before[step] = (fromOne ? 1 : 0) | (intoOne ? 2 : 0);
    const nextZero = Math.max(one + go1, zero + stay0) + (log[2 * step] ?? 0);
    one = Math.max(one + stay1, zero + go0) + (log[2 * step + 1] ?? 0);
    zero = nextZero;
  }
  const path = new Uint8Array(steps);
  let state = one > zero ? 1 : 0;
  for (let step = steps - 1; step >= 0; step -= 1) {
    path[step] = state;
    state = ((before[step] ?? 0) >> state) & 1;
  }
  return path;
}

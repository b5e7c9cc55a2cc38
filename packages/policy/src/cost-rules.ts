// R9, cost registers: Σ price · reading is one number, and chosen prices can write every reading
// into it. docs/protocol.md: release policy. Pure; a trustee takes the prices from a logged tariff.
// A cost register that is refused is no loss: the same consumption is billed by bands.

import type { ReleasePolicy } from "./policy.ts";
import { areIntegers, judgeAll } from "./rule.ts";
import type { Refusal, Rule } from "./rule.ts";

/** What is known of a requested cost register. */
export interface CostFacts {
  /** One integer for each interval of the window, in the tariff's smallest unit; at most 2^31 − 1. */
  readonly prices: readonly number[];
  /** The tariff's inclusion in the log was verified. */
  readonly isLogged: boolean;
  /** Service points billed by this tariff in this window. */
  readonly classSize: number;
  /** Registers beside the cost. */
  readonly bandCount: number;
  /** Largest reading that the fuse allows in one interval, in the register's unit. */
  readonly valueMax: number;
}

/** Share of one interval in what the bill says, at most 1 in this many. */
const leverageParts = 12n;
const priceMax = 2 ** 31 - 1;
const intervalsMax = 50_000;
const registerLimit = 2n ** 48n;

const costShape: Rule<CostFacts> = {
  id: "SHAPE",
  code: "SHAPE_INCONSISTENT",
  judge: ({ prices, classSize, bandCount, valueMax }) =>
    prices.length > 0 &&
    prices.length <= intervalsMax &&
    areIntegers(prices, 0) &&
    prices.every((price) => price <= priceMax) &&
    areIntegers([classSize, bandCount], 0) &&
    areIntegers([valueMax], 1)
      ? undefined
      : `prices are integers from 0 to ${priceMax}, 1 to ${intervalsMax} of them`,
};

const notLogged: Rule<CostFacts> = {
  id: "R9",
  code: "R9_COST_NOT_LOGGED",
  judge: ({ isLogged }) =>
    isLogged ? undefined : "a tariff that is not in the log could be made for one household",
};

const classTooSmall: Rule<CostFacts> = {
  id: "R9",
  code: "R9_COST_CLASS_TOO_SMALL",
  judge: ({ classSize }, { contributorsMin }) =>
    classSize >= contributorsMin
      ? undefined
      : `${classSize} service points have the tariff, ${contributorsMin} needed`,
};

/** The leverage below is that in the span of total and cost, and of nothing else. */
const besideBands: Rule<CostFacts> = {
  id: "R9",
  code: "R9_COST_BESIDE_BANDS",
  judge: ({ bandCount }) =>
    bandCount === 1 ? undefined : `a cost stands beside one total, not ${bandCount} registers`,
};

const costTooLarge: Rule<CostFacts> = {
  id: "R9",
  code: "R9_VALUE_TOO_LARGE",
  judge: ({ prices, valueMax }) =>
    sumOf(prices) * BigInt(valueMax) < registerLimit
      ? undefined
      : "the fuse lets the cost pass the 48 bits of a register; use a coarser unit",
};

const sumOf = (values: readonly number[]): bigint =>
  values.reduce((sum, value) => sum + BigInt(value), 0n);

/**
 * Leverage of interval t in span{1, p}: h_t = 1/n + (p_t − p̄)² / Σ(p − p̄)² (Hoaglin and Welsch,
 * 1978), the share of its own reading in the best guess at it from total and cost. Exact: with
 * D = n·Σp² − (Σp)², h_t ≤ 1/12 means 12·(D + (n·p_t − Σp)²) ≤ n·D.
 */
const leverageTooLarge: Rule<CostFacts> = {
  id: "R9",
  code: "R9_COST_LEVERAGE",
  judge({ prices }) {
    const n = BigInt(prices.length);
    const sum = sumOf(prices);
    const spread = n * prices.reduce((total, price) => total + BigInt(price) ** 2n, 0n) - sum ** 2n;
    // One price for all: the cost is the total once more.
    if (spread === 0n) return undefined;
    const heavy = prices.findIndex(
      (price) => leverageParts * (spread + (n * BigInt(price) - sum) ** 2n) > n * spread,
    );
    return heavy < 0
      ? undefined
      : `interval ${heavy} has a leverage above 1/${leverageParts} in total and cost`;
  },
};

/**
 * Modulo q the cost shows the intervals whose prices differ from the rest modulo q; they are
 * nobody's but theirs when they are few. All prices divided by what they have in common, it is
 * enough to look at q prime.
 */
const residueSinglesOut: Rule<CostFacts> = {
  id: "R9",
  code: "R9_COST_RESIDUE",
  judge({ prices }, { bandIntervalsMin }) {
    const apart = pricesApart(prices, bandIntervalsMin);
    return apart === undefined
      ? undefined
      : `modulo some number all prices agree but ${apart}; 0 or at least ${bandIntervalsMin} needed`;
  },
};

/** How many prices differ from all others by some modulus, when they are fewer than `needed`. */
function pricesApart(prices: readonly number[], needed: number): number | undefined {
  const base = prices.reduce((min, price) => Math.min(min, price), priceMax);
  const common = prices.reduce((divisor, price) => gcd(divisor, price - base), 0);
  if (common === 0) return undefined;
  const reduced = prices.map((price) => (price - base) / common);
  return [...primesToTry(reduced, needed)]
    .map((modulus) => reduced.length - largestClass(reduced, modulus))
    .find((apart) => apart > 0 && apart < needed);
}

/**
 * Every prime that can leave fewer than `needed` values apart, and 2. Paired half the sorted list
 * apart, fewer than `needed` pairs contain a value that stands apart; in any other the prime divides
 * the difference. Where a pair is equal one value is more than half of all, and makes `needed` pairs
 * with those that differ. When there are fewer pairs than that, 2 alone leaves too few apart.
 */
function primesToTry(values: readonly number[], needed: number): ReadonlySet<number> {
  const sorted = values.toSorted((a, b) => a - b);
  const half = Math.floor(sorted.length / 2);
  const middle = sorted[half] ?? 0;
  const isMajority = sorted.some((value, index) => value === sorted[index + half]);
  const differences = isMajority
    ? sorted.filter((value) => value !== middle).map((value) => Math.abs(value - middle))
    : sorted.slice(0, half).map((value, index) => (sorted[index + half] ?? 0) - value);
  const primes = new Set([2]);
  for (const difference of new Set(differences.slice(0, needed))) {
    for (const prime of primeFactors(difference)) primes.add(prime);
  }
  return primes;
}

/** By trial division: at most 2^15.5 steps. */
function primeFactors(value: number): number[] {
  const primes: number[] = [];
  let rest = value;
  for (let divisor = 2; divisor * divisor <= rest; divisor++) {
    if (rest % divisor !== 0) continue;
    primes.push(divisor);
    while (rest % divisor === 0) rest /= divisor;
  }
  return rest > 1 ? [...primes, rest] : primes;
}

function largestClass(values: readonly number[], modulus: number): number {
  const counts = new Map<number, number>();
  for (const value of values) {
    counts.set(value % modulus, (counts.get(value % modulus) ?? 0) + 1);
  }
  return [...counts.values()].reduce((max, count) => Math.max(max, count), 0);
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

/** Every rule of cost registers, in the order refusals are listed. */
export const costRules: readonly Rule<CostFacts>[] = [
  notLogged,
  classTooSmall,
  besideBands,
  costTooLarge,
  leverageTooLarge,
  residueSinglesOut,
];

/** All refusals of a cost register; refused, the consumption is billed by bands. */
export function judgeCost(facts: CostFacts, policy: ReleasePolicy): Refusal[] {
  return judgeAll(costShape, costRules, facts, policy);
}

/**
 * Attacks by prices that are applied under encryption (docs/protocol.md §8.3, rule R9): Σ price · reading is one number, and chosen prices
 * write readings into it. The tariff's author attacks; the rules that a trustee asks are pure, and are asked here directly.
 */
import { judgeCost } from "@smarter-metering/policy";
import type { ActiveAttack } from "./attack.ts";
import type { Stage } from "./stage.ts";
import { DAYS } from "./town.ts";
import { SLOTS, wattHoursOf } from "./town-homes.ts";

const TARGET = 0;
/** The interval whose reading is wanted: in the evening of the tenth day. */
const WANTED = SLOTS * 9 + 76;
/** Readings of 15 minutes in Wh are below: a fuse of 3 × 63 A and a quarter more. */
const READING_BITS = 20;
const VALUE_MAX = 2 ** READING_BITS - 1;

interface TariffAttack {
  readonly name: string;
  /** The price of every interval of the month. */
  readonly prices: readonly number[];
  readonly expected: string;
  /** From total and cost of the month to readings. */
  readonly decode: (cost: bigint, total: bigint) => bigint[];
  /** Whose readings these are, by interval. */
  readonly intervals: readonly number[];
  readonly isLogged?: boolean;
}

const INTERVALS = SLOTS * (DAYS - 1);
const pricesOf = (price: (interval: number) => number): number[] =>
  Array.from({ length: INTERVALS }, (_, interval) => price(interval));
/** A modulus above every reading, for prices that agree but for one. */
const RESIDUE = 2 ** READING_BITS;

const attacks: readonly TariffAttack[] = [
  {
    name: "prices 2^(20·t): every reading of three intervals in one bill",
    prices: pricesOf((interval) => (interval < 3 ? 2 ** (READING_BITS * interval) : 0)),
    expected: "SHAPE_INCONSISTENT",
    decode: (cost) =>
      [0, 1, 2].map((interval) => (cost >> BigInt(READING_BITS * interval)) & BigInt(VALUE_MAX)),
    intervals: [0, 1, 2],
  },
  {
    name: "prices 30000, one of them 30001",
    prices: pricesOf((interval) => (interval === WANTED ? 30_001 : 30_000)),
    expected: "R9_COST_LEVERAGE",
    decode: (cost, total) => [cost - 30_000n * total],
    intervals: [WANTED],
  },
  {
    name: "prices on one residue, one of them off by one",
    prices: pricesOf((interval) => RESIDUE * (1 + (interval % 40)) + (interval === WANTED ? 1 : 0)),
    expected: "R9_COST_RESIDUE",
    decode: (cost) => [cost % BigInt(RESIDUE)],
    intervals: [WANTED],
  },
  {
    name: "weights that nobody published: one interval, priced alone",
    prices: pricesOf((interval) => (interval === WANTED ? 1 : 0)),
    expected: "R9_COST_NOT_LOGGED",
    decode: (cost) => [cost],
    intervals: [WANTED],
    isLogged: false,
  },
];

/** The month's readings in whole Wh. */
const monthOf = ({ home }: Stage): bigint[] =>
  Array.from({ length: DAYS - 1 }, (_, day) => wattHoursOf(home(TARGET), day).map(BigInt)).flat();

export const tariffAttacks: readonly ActiveAttack[] = attacks.map(
  ({ name, prices, expected, decode, intervals, isLogged = true }) => ({
    name,
    adversary: "the author of a tariff, with the bills of the MDMS",
    guard: "rules for the prices of a tariff",
    without: "model: cost and total of the month under these prices",
    expected,
    control(stage) {
      const readings = monthOf(stage);
      const cost = readings.reduce((sum, reading, t) => sum + reading * BigInt(prices[t] ?? 0), 0n);
      const total = readings.reduce((sum, reading) => sum + reading, 0n);
      const truth = intervals.map((interval) => readings[interval] ?? -1n);
      return Promise.resolve({ recovered: decode(cost, total), truth });
    },
    system({ policy, town }) {
      const facts = { isLogged, classSize: town.homes.length, bandCount: 1, valueMax: VALUE_MAX };
      const codes = judgeCost({ ...facts, prices }, policy).map(({ code }) => code);
      return Promise.resolve({ kind: "refused", by: "policy rule R9", codes });
    },
  }),
);

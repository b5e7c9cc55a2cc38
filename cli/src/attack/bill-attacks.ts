/** Attacks on bills (docs/protocol.md §7.3, §8.2): a bill says what one household used between two borders, so the borders are the guard. */
import {
  indexNetworkView,
  type Contribution,
  type SignedRequest,
} from "@smarter-metering/protocol";
import type { ActiveAttack } from "./attack.ts";
import { billRequest, loadRequest, productOf, quotientOf } from "./forge.ts";
import { PROTOTYPE, slotsOf } from "./prototype.ts";
import type { TrusteeSetting } from "./ask-trustee.ts";
import type { Stage } from "./stage.ts";
import { DAYS } from "./town.ts";
import { instantOfDay, usedBetween, wattHoursOf } from "./town-homes.ts";

const TARGET = 0;
/** The town's billing month. */
const MONTH = [0, 28] as const;

interface BillAttack {
  readonly name: string;
  readonly adversary: string;
  readonly guard: string;
  readonly expected: string;
  /** Granted before, if any, then the attack. */
  readonly requests: (stage: Stage) => Promise<readonly SignedRequest[]>;
  readonly setting?: (stage: Stage) => TrusteeSetting;
  readonly recover: (answers: readonly number[][]) => number[];
  readonly truth: (stage: Stage) => number[];
}

const AGGREGATOR = "the aggregator, with the answers that the MDMS gets";

const month = (stage: Stage): Promise<SignedRequest> =>
  billRequest(stage, [stage.border(TARGET, 0), stage.border(TARGET, 28)], MONTH);
/** Bands of the answer that came last; export is nothing in this town. */
const total = (answers: readonly number[][]): number[] => [sum(answers.at(-1) ?? [])];
const sum = (registers: readonly number[]): number => registers.reduce((a, b) => a + b, 0);
const used = (from: number, to: number) => (stage: Stage) => [
  usedBetween(stage.home(TARGET), from, to),
];

const attacks: readonly BillAttack[] = [
  {
    name: "bill of a single day",
    adversary: AGGREGATOR,
    guard: "the grid of billing windows",
    expected: "R8_OFF_GRID",
    requests: async (stage) => [
      await billRequest(stage, [stage.border(TARGET, 0), stage.border(TARGET, 1)], [0, 1]),
    ],
    recover: total,
    truth: used(0, 1),
  },
  {
    name: "bill × bill intersection: the month again, a day longer",
    adversary: AGGREGATOR,
    guard: "memory of what was billed",
    expected: "R8_OVERLAP",
    requests: async (stage) => [
      await month(stage),
      await billRequest(stage, [stage.border(TARGET, 0), stage.border(TARGET, 29)], MONTH),
    ],
    recover: ([billed = [], longer = []]) => [sum(longer) - sum(billed)],
    truth: used(28, 29),
  },
  {
    name: "bill × load intersection: one bill ends a day later than all others",
    adversary: "the MDMS, with nothing but releases that are each allowed",
    guard: "the audit over loads and bills together",
    expected: "R5_EXPOSED",
    async requests(stage) {
      const homes = stage.town.homes.map((_, index) => index);
      const days = Array.from({ length: DAYS }, (_, day) => day);
      const bill = (index: number, toDay: number): Promise<SignedRequest> =>
        billRequest(stage, [stage.border(index, 0), stage.border(index, toDay)], MONTH);
      return [
        ...(await Promise.all(days.map((day) => loadRequest(stage, day, stage.load(day))))),
        ...(await Promise.all(homes.slice(1).map((index) => bill(index, MONTH[1])))),
        await bill(TARGET, DAYS),
      ];
    },
    /** Whole Wh: what all used in the month, less what the others were billed for it, less what the target was billed for a day more. */
    recover(answers) {
      const all = answers.slice(0, MONTH[1]).map(sum);
      const billed = answers.slice(DAYS).map((registers) => Math.floor(sum(registers) / 1000));
      return [(billed.pop() ?? 0) - (sum(all) - sum(billed))];
    },
    truth: ({ home }) => [sum(wattHoursOf(home(TARGET), MONTH[1]))],
  },
  {
    name: "raw register: one border alone as the product",
    adversary: AGGREGATOR,
    guard: "the quotient computed by the trustee itself",
    expected: "REQUEST_WRONG_PRODUCT",
    requests: async (stage) => [
      await billRequest(stage, [stage.border(TARGET, 0), stage.border(TARGET, 28)], MONTH, {
        product: stage.border(TARGET, 5).ciphertext,
      }),
    ],
    recover: total,
    truth: used(0, 5),
  },
  {
    name: "weights outside the tariff: a month in which one day counts twice",
    adversary: AGGREGATOR,
    guard: "the quotient computed by the trustee itself",
    expected: "REQUEST_WRONG_PRODUCT",
    async requests(stage) {
      const honest = await month(stage);
      const [from, to] = [stage.border(TARGET, 3), stage.border(TARGET, 4)];
      const doubled = await productOf(stage, [honest.terms.product, to.ciphertext]);
      const product = await quotientOf(stage, doubled, from.ciphertext);
      const borders = [stage.border(TARGET, 0), stage.border(TARGET, 28)] as const;
      return [await billRequest(stage, borders, MONTH, { product })];
    },
    recover: total,
    truth: (stage) => [sum([...used(...MONTH)(stage), ...used(3, 4)(stage)])],
  },
  {
    name: "a profile by subtraction: two days' loads as borders",
    adversary: AGGREGATOR,
    guard: "a type of contribution for each use",
    expected: "REQUEST_WRONG_STREAM",
    async requests(stage) {
      const of = (day: number): Contribution => {
        const [first] = stage.load(day);
        if (first === undefined) throw new RangeError("the town has homes");
        return first;
      };
      // Terms of an honest bill: the rules are asked about these.
      const borders = { fromBorder: instantOfDay(MONTH[0]), toBorder: instantOfDay(MONTH[1]) };
      return [await billRequest(stage, [of(3), of(10)], MONTH, borders)];
    },
    recover: ([answer = []]) => answer,
    truth: ({ home }) => {
      const [before, after] = [wattHoursOf(home(TARGET), 3), wattHoursOf(home(TARGET), 10)];
      return after.map((value, slot) => value - (before[slot] ?? 0));
    },
  },
  {
    name: "previous tenant: one bill across a change of tenants",
    adversary: "the next tenant, with a bill that begins before his contract",
    guard: "bills within one contract",
    expected: "R8_OFF_GRID",
    requests: async (stage) => [await month(stage)],
    setting: ({ view, network }) => ({
      view: indexNetworkView({
        ...view.document,
        servicePoints: view.document.servicePoints.map((point) =>
          point.network === network(TARGET) ? { ...point, contractStart: instantOfDay(14) } : point,
        ),
      }),
    }),
    recover: total,
    truth: used(0, 28),
  },
];

export const billAttacks: readonly ActiveAttack[] = attacks.map(
  ({ requests, setting, recover, truth, ...attack }) => ({
    ...attack,
    without: PROTOTYPE,
    async control(stage) {
      const asked = await requests(stage);
      const answers = asked.map((each) => slotsOf(stage.decrypt, each));
      return { recovered: recover(answers), truth: truth(stage) };
    },
    async system(stage) {
      const asked = await requests(stage);
      const last = asked.at(-1);
      if (last === undefined) throw new RangeError("an attack asks for something");
      return stage.askTrustee(last, { ...setting?.(stage), before: asked.slice(0, -1) });
    },
  }),
);

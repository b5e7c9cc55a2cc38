/**
 * Attacks on the sums of a neighbourhood (docs/protocol.md §8.2, §8.3). The same request goes to a decryption service without rules and to
 * the trustee; what the first returns, the adversary takes apart.
 */
import { encryptBatch } from "@smarter-metering/paillier";
import {
  fromHex,
  primitives,
  signerFromSeed,
  type Contribution,
  type SignedRequest,
} from "@smarter-metering/protocol";
import { readMeters } from "../deployment/meters-file.ts";
import type { ActiveAttack } from "./attack.ts";
import { forge, loadRequest, presenceIn } from "./forge.ts";
import { PROTOTYPE, slotsOf } from "./prototype.ts";
import type { Stage } from "./stage.ts";
import { SLOTS, wattHoursOf } from "./town-homes.ts";

/** The home that is attacked, and a day of it. */
const TARGET = 0;
const DAY = 9;

/** An attack by what is asked, and what the adversary makes of the answers. */
interface LoadAttack {
  readonly name: string;
  readonly adversary: string;
  readonly guard: string;
  readonly expected: string;
  /** Granted before, if any, then the attack. */
  readonly requests: (stage: Stage) => Promise<readonly SignedRequest[]>;
  /** From the slots of each answer to the target's readings. */
  readonly takeApart: (answers: readonly number[][], stage: Stage) => number[];
  /** Default: the target's day. */
  readonly truth?: (stage: Stage) => number[];
}

const AGGREGATOR = "the aggregator, with the answers that the MDMS gets";
const WITH_OPENER = "aggregator and opener together, with the answers that the MDMS gets";

const all = ({ load }: Stage, day = DAY): readonly Contribution[] => load(day);
const target = (stage: Stage): Contribution => {
  const [first] = all(stage);
  if (first === undefined) throw new RangeError("the town has homes");
  return first;
};
const others = (stage: Stage, day = DAY): readonly Contribution[] => all(stage, day).slice(1);
const request = (stage: Stage, contributions: readonly Contribution[]): Promise<SignedRequest> =>
  loadRequest(stage, DAY, contributions);
/** In terms that say everybody is there: the rules are asked about terms, and what is shown afterwards must bear them out. */
const asIfAll = (stage: Stage, contributions: readonly Contribution[]): Promise<SignedRequest> =>
  loadRequest(stage, DAY, contributions, presenceIn(stage, all(stage)));
const minus = (one: readonly number[] = [], other: readonly number[] = []): number[] =>
  one.map((value, slot) => value - (other[slot] ?? 0));
const first = ([answer = []]: readonly number[][]): number[] => answer;

const attacks: readonly LoadAttack[] = [
  {
    name: "differencing: two sums one member apart",
    adversary: AGGREGATOR,
    guard: "memory of what was released",
    expected: "R3_ALREADY_RELEASED",
    requests: async (stage) => [
      await request(stage, all(stage)),
      await request(stage, others(stage)),
    ],
    takeApart: ([everybody, without]) => minus(everybody, without),
  },
  {
    name: "late re-release: the same block once more, with the late member",
    adversary: AGGREGATOR,
    guard: "memory of what was released",
    expected: "R3_ALREADY_RELEASED",
    requests: async (stage) => [
      await request(stage, others(stage)),
      await request(stage, all(stage)),
    ],
    takeApart: ([without, everybody]) => minus(everybody, without),
  },
  {
    name: "an hour of others inside a day of all",
    adversary: WITH_OPENER,
    guard: "memory by interval, one grid of blocks",
    expected: "R3_ALREADY_RELEASED",
    async requests(stage) {
      const hour = await Promise.all(
        others(stage).map(({ header }, index) => {
          const values = wattHoursOf(stage.home(index + 1), DAY)
            .slice(0, 4)
            .map(BigInt);
          return forge(stage, { ...header, count: 4, bitmap: Uint8Array.of(0x0f) }, values);
        }),
      );
      const day = await request(stage, all(stage));
      return [day, await loadRequest(stage, DAY, hour, { slotCount: 4 })];
    },
    takeApart: ([day, hour]) => minus(day, hour).slice(0, 4),
    truth: ({ home }) => wattHoursOf(home(TARGET), DAY).slice(0, 4),
  },
  {
    name: "an hour as a block of its own",
    adversary: WITH_OPENER,
    guard: "one grid of blocks",
    expected: "R3_OFF_BLOCK_GRID",
    async requests(stage) {
      const change = { count: 4, bitmap: Uint8Array.of(0x0f) };
      const { header } = target(stage);
      const values = wattHoursOf(stage.home(TARGET), DAY).slice(0, 4).map(BigInt);
      const own = await forge(stage, { ...header, ...change }, values);
      const rest = await Promise.all(
        others(stage).map((each) => forge(stage, { ...each.header, ...change }, [0n, 0n, 0n, 0n])),
      );
      return [await loadRequest(stage, DAY, [own, ...rest], { slotCount: 4 })];
    },
    takeApart: (answers) => first(answers).slice(0, 4),
    truth: ({ home }) => wattHoursOf(home(TARGET), DAY).slice(0, 4),
  },
  {
    name: "a single household as a cohort",
    adversary: AGGREGATOR,
    guard: "k",
    expected: "R1_TOO_FEW_CONTRIBUTORS",
    requests: async (stage) => [await request(stage, [target(stage)])],
    takeApart: first,
  },
  {
    name: "sybil padding: invented members who use nothing",
    adversary: WITH_OPENER,
    guard: "the registry's list of members",
    expected: "REQUEST_FOREIGN_CONTRIBUTION",
    async requests(stage) {
      const nothing = Array.from({ length: SLOTS }, () => 0n);
      const invented = others(stage).map(({ header }) => {
        const networkPseudonym = primitives.randomBytes(16);
        return forge(stage, { ...header, networkPseudonym }, nothing);
      });
      return [await asIfAll(stage, [target(stage), ...(await Promise.all(invented))])];
    },
    takeApart: first,
  },
  {
    name: "chosen batch: one household, many times",
    adversary: AGGREGATOR,
    guard: "distinct members",
    expected: "REQUEST_DUPLICATE_MEMBER",
    requests: async (stage) => [
      await asIfAll(
        stage,
        all(stage).map(() => target(stage)),
      ),
    ],
    takeApart: (answers, { town }) => first(answers).map((sum) => sum / town.homes.length),
  },
  {
    name: "product of one contribution, shown with the signatures of all",
    adversary: AGGREGATOR,
    guard: "the product computed by the trustee itself",
    expected: "REQUEST_WRONG_PRODUCT",
    requests: async (stage) => [
      await loadRequest(stage, DAY, all(stage), { product: target(stage).ciphertext }),
    ],
    takeApart: first,
  },
  {
    name: "malleability: ciphertexts of the others turned to nothing",
    adversary: AGGREGATOR,
    guard: "signatures over ciphertexts",
    expected: "REQUEST_BAD_SIGNATURE",
    async requests(stage) {
      const { engine, publicKey } = stage;
      const nothing = others(stage).map(() => 0n);
      // c·c⁻¹·Enc(0), which homomorphic encryption allows to anybody, is Enc(0).
      const zeros = await encryptBatch(engine, publicKey, nothing);
      const turned = others(stage).map((each, index) => ({
        ...each,
        ciphertext: zeros[index]?.bytes ?? each.ciphertext,
      }));
      return [await request(stage, [target(stage), ...turned])];
    },
    takeApart: first,
  },
  {
    name: "replay across blocks: yesterday's contributions of the others",
    adversary: AGGREGATOR,
    guard: "the block under the signature",
    expected: "REQUEST_WRONG_BLOCK",
    requests: async (stage) => [
      await loadRequest(stage, DAY - 1, all(stage, DAY - 1)),
      await request(stage, [target(stage), ...others(stage, DAY - 1)]),
    ],
    // The change from one day to the next, slot by slot.
    takeApart: ([yesterday, mixed]) => minus(mixed, yesterday),
    truth: ({ home }) => minus(wattHoursOf(home(TARGET), DAY), wattHoursOf(home(TARGET), DAY - 1)),
  },
  {
    name: "replay across profiles: corrupt meters add nothing in the other profile",
    adversary: "the aggregator and all meters but the target's",
    guard: "one profile per cohort",
    expected: "REQUEST_MIXED_PROFILES",
    async requests(stage) {
      const { meters } = await readMeters(stage.town.layout);
      const seeds = new Map(meters.map((meter) => [meter.meterId, meter.signingSeed]));
      const corrupt = others(stage).map(async ({ header }) => {
        const id = Buffer.from(header.meterId).toString("hex");
        const signer = await signerFromSeed(fromHex(seeds.get(id) ?? "", 32));
        const values = Array.from({ length: SLOTS }, () => 0n);
        return forge(stage, { ...header, profile: "meter-encrypts" }, values, signer);
      });
      return [await request(stage, [target(stage), ...(await Promise.all(corrupt))])];
    },
    takeApart: first,
  },
];

export const loadAttacks: readonly ActiveAttack[] = attacks.map(
  ({ requests, takeApart, truth, ...attack }) => ({
    ...attack,
    without: PROTOTYPE,
    async control(stage) {
      const asked = await requests(stage);
      const answers = asked.map((each) => slotsOf(stage.decrypt, each));
      const recovered = takeApart(answers, stage);
      return { recovered, truth: truth?.(stage) ?? wattHoursOf(stage.home(TARGET), DAY) };
    },
    async system(stage) {
      const asked = await requests(stage);
      const last = asked.at(-1);
      if (last === undefined) throw new RangeError("an attack asks for something");
      return stage.askTrustee(last, { before: asked.slice(0, -1) });
    },
  }),
);

/** Where every guard lets pass: the honest request of the same stage, or refusals would prove nothing. */
export async function honestIsGranted(stage: Stage): Promise<boolean> {
  const observed = await stage.askTrustee(await request(stage, all(stage)));
  return observed.kind === "succeeded";
}

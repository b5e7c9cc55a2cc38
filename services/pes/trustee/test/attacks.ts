/** Attacks on a release request; each is one change away from a request that is granted. */
import {
  signRequest,
  toHex,
  type Contribution,
  type SignedRequest,
} from "@smarter-metering/protocol";
import { named } from "../../../../test/support/world.ts";
import type { Setting } from "./harness.ts";
import { bytesOf, EPOCH } from "./requests.ts";
import {
  ALL,
  bitmap,
  border,
  corruptRequest,
  exchangeBorders,
  exchangedView,
  defined,
  february,
  forged,
  load,
  scene,
  SIX,
  viewWith,
} from "./stage.ts";

/** One slot of every member of north on day 1, `shift` seconds into it. */
const hours = (shift: number, intervalSeconds = 3600): Promise<Contribution[]> =>
  Promise.all(
    load(1, ...ALL).map(({ header }) => {
      const blockStart = header.blockStart + shift;
      const slot = { count: 1, bitmap: Uint8Array.of(1), intervalSeconds };
      return scene.forge({ ...header, blockStart, ...slot }, [1n]);
    }),
  );

const valueBits = (): number => defined(load(1, 0)[0]).header.valueBits;

/** Borders that the rules would grant. */
const february28 = () => ({
  fromBorder: scene.world.dayStart(0),
  toBorder: scene.world.dayStart(28),
});

/** What is not signed by the operator is no request, though it stands in the log: it gets no answer at all. */
export const NOT_LOGGED = "REQUEST_NOT_LOGGED";

export interface Attack {
  readonly name: string;
  readonly code: string;
  readonly request: () => Promise<SignedRequest>;
  /** Granted before, by the same trustee. */
  readonly before?: () => Promise<SignedRequest>;
  readonly setting?: () => Setting;
  readonly attempt?: number;
}

export const attacks: readonly Attack[] = [
  {
    name: "request signed by another party",
    code: NOT_LOGGED,
    request: () =>
      scene.loadRequest(load(1, ...ALL), { signer: scene.world.parties.opener.signer }),
  },
  {
    name: "contributions exchanged after signing",
    code: NOT_LOGGED,
    async request() {
      const request = await scene.loadRequest(load(1, ...ALL));
      return { ...request, contributions: request.contributions.slice(1) };
    },
  },
  {
    name: "signature of another contribution",
    code: "REQUEST_BAD_SIGNATURE",
    request() {
      const [first, second, ...others] = load(1, ...ALL);
      const swapped = { ...defined(first), signature: defined(second).signature };
      return scene.loadRequest([swapped, defined(second), ...others]);
    },
  },
  {
    name: "ciphertext of another contribution",
    code: "REQUEST_BAD_SIGNATURE",
    request() {
      const [first, second, ...others] = load(1, ...ALL);
      const swapped = { ...defined(first), ciphertext: defined(second).ciphertext };
      return scene.loadRequest([swapped, defined(second), ...others]);
    },
  },
  {
    name: "contribution made by the aggregator itself",
    code: "REQUEST_BAD_SIGNATURE",
    async request() {
      const { header } = defined(load(1, 0)[0]);
      const { signer } = scene.world.parties.aggregator;
      const zero = await scene.forge(header, [0n], signer);
      return scene.loadRequest([zero, ...load(1, 1, 2, 3, 4, 5, 6)]);
    },
  },
  {
    name: "other Paillier key in the request",
    code: "REQUEST_WRONG_KEY",
    request: () => scene.loadRequest(load(1, ...ALL), { paillierKeyId: named("another key") }),
  },
  {
    name: "other Paillier key in a contribution",
    code: "REQUEST_WRONG_KEY",
    request: async () =>
      scene.loadRequest([
        await forged({ paillierKeyId: named("another key") }),
        ...load(1, 1, 2, 3, 4, 5, 6),
      ]),
  },
  {
    name: "product off by one unit",
    code: "REQUEST_WRONG_PRODUCT",
    async request() {
      const { n, n2 } = scene.world.paillier.publicKey;
      const { terms } = await scene.loadRequest(load(1, ...ALL));
      const product = (BigInt(`0x${toHex(terms.product)}`) * (1n + n)) % n2;
      return scene.loadRequest(load(1, ...ALL), { product: bytesOf(scene.world, product) });
    },
  },
  {
    name: "product of a single contribution",
    code: "REQUEST_WRONG_PRODUCT",
    request: () =>
      scene.loadRequest(load(1, ...ALL), { product: defined(load(1, 0)[0]).ciphertext }),
  },
  {
    name: "no contribution at all",
    code: "R1_TOO_FEW_CONTRIBUTORS",
    request: () => scene.loadRequest([], { product: defined(load(1, 0)[0]).ciphertext }),
  },
  {
    name: "a contribution twice",
    code: "REQUEST_DUPLICATE_MEMBER",
    request: () => scene.loadRequest([...load(1, ...ALL), ...load(1, 0)]),
  },
  {
    name: "two contributions of one service point for one slot",
    code: "REQUEST_DUPLICATE_MEMBER",
    request: async () =>
      scene.loadRequest([
        ...load(1, ...ALL),
        await forged({ firstSlot: 3, count: 1, bitmap: Uint8Array.of(1) }),
      ]),
  },
  {
    name: "contribution of another block",
    code: "REQUEST_WRONG_BLOCK",
    request: () =>
      scene.loadRequest([...load(1, 1, 2, 3, 4, 5, 6), ...load(0, 0)], {
        blockStart: scene.world.dayStart(1),
      }),
  },
  {
    name: "contribution with slots after the block",
    code: "REQUEST_WRONG_BLOCK",
    request: async () =>
      scene.loadRequest([await forged({ firstSlot: 1 }), ...load(1, 1, 2, 3, 4, 5, 6)]),
  },
  {
    name: "contribution of another interval",
    code: "REQUEST_WRONG_BLOCK",
    request: async () =>
      scene.loadRequest([await forged({ intervalSeconds: 1800 }), ...load(1, 1, 2, 3, 4, 5, 6)]),
  },
  {
    name: "bill contribution in a load",
    code: "REQUEST_WRONG_STREAM",
    request: () =>
      scene.loadRequest([border(1), ...load(1, 1, 2, 3, 4, 5, 6)], {
        blockStart: scene.world.dayStart(1),
      }),
  },
  {
    name: "export of a cohort without it",
    code: "REQUEST_WRONG_STREAM",
    request: async () =>
      scene.loadRequest([await forged({ stream: "LOAD_EXPORT" })], { stream: "LOAD_EXPORT" }),
  },
  {
    name: "contribution of another cohort's member",
    code: "REQUEST_FOREIGN_CONTRIBUTION",
    request: () => scene.loadRequest(load(1, ...ALL, 7)),
  },
  {
    name: "contribution of an invented service point",
    code: "REQUEST_FOREIGN_CONTRIBUTION",
    request: async () =>
      scene.loadRequest([
        ...load(1, ...ALL),
        await forged({ networkPseudonym: named("sybil", 16) }),
      ]),
  },
  {
    name: "contribution of another's meter",
    code: "REQUEST_FOREIGN_CONTRIBUTION",
    request: async () =>
      scene.loadRequest([
        await forged({ meterId: defined(load(1, 1)[0]).header.meterId }),
        ...load(1, 1, 2, 3, 4, 5, 6),
      ]),
  },
  {
    name: "contribution of a meter that was removed",
    code: "REQUEST_FOREIGN_CONTRIBUTION",
    request: () => scene.loadRequest(load(1, ...ALL)),
    setting: () => ({
      view: viewWith(({ meters }) => ({
        meters: meters.map((meter) => ({ ...meter, to: scene.world.dayStart(1) })),
      })),
    }),
  },
  {
    name: "contribution after the contract's end",
    code: "REQUEST_FOREIGN_CONTRIBUTION",
    request: () => scene.loadRequest(load(1, ...ALL)),
    setting: () => ({ view: viewWith(() => ({ contractEnd: scene.world.dayStart(1) })) }),
  },
  {
    name: "profiles mixed",
    code: "REQUEST_MIXED_PROFILES",
    async request() {
      const { header } = defined(load(1, 0)[0]);
      const own = { ...header, profile: "meter-encrypts" } as const;
      const meter = defined(scene.world.households[0]).meter;
      return scene.loadRequest([await scene.forge(own, [1n], meter), ...load(1, 1, 2, 3, 4, 5, 6)]);
    },
  },
  {
    name: "other packing",
    code: "REQUEST_WRONG_PACKING",
    request: async () =>
      scene.loadRequest([await forged({ slotBits: 58 }), ...load(1, 1, 2, 3, 4, 5, 6)]),
  },
  {
    name: "bitmap with a member who is not there",
    code: "REQUEST_WRONG_MEMBERS",
    request: () => scene.loadRequest(load(1, ...SIX), { members: Uint8Array.of(0x7f) }),
  },
  {
    name: "bitmap without a member who is there",
    code: "REQUEST_WRONG_MEMBERS",
    request: () => scene.loadRequest(load(1, ...ALL), { members: Uint8Array.of(0x3f) }),
  },
  {
    name: "bitmap with bits beyond the cohort",
    code: "REQUEST_WRONG_MEMBERS",
    request: () => scene.loadRequest(load(1, ...ALL), { members: Uint8Array.of(0xff) }),
  },
  {
    name: "unknown cohort",
    code: "REQUEST_WRONG_COHORT",
    request: () => scene.loadRequest(load(1, ...ALL), { cohort: "west" }),
  },
  {
    name: "cohort version not in force yet",
    code: "REQUEST_WRONG_COHORT",
    request: () => scene.loadRequest(load(1, ...SIX), { cohortVersion: 2 }),
  },
  {
    name: "cohort version no longer in force",
    code: "REQUEST_WRONG_COHORT",
    request: () => scene.loadRequest(load(3, ...ALL)),
  },
  {
    name: "registry epoch that never comes",
    code: "REQUEST_FUTURE_EPOCH",
    request: () => scene.loadRequest(load(1, ...ALL), { registryEpoch: EPOCH + 1 }),
    attempt: 60,
  },
  {
    name: "unreadable contribution",
    code: "REQUEST_MALFORMED",
    async request() {
      const request = await scene.loadRequest(load(1, ...ALL));
      const contributions = [...request.contributions, Uint8Array.of(1)];
      return signRequest({ ...request, contributions }, scene.world.parties.aggregator.signer);
    },
  },
  {
    name: "incomplete before the cutoff",
    code: "TIMING_BEFORE_CUTOFF",
    request: () => scene.loadRequest(load(1, ...SIX)),
    setting: () => ({ nowDay: 2 }),
  },
  {
    name: "block that has not ended",
    code: "TIMING_BEFORE_CUTOFF",
    request: () => scene.loadRequest(load(1, ...ALL)),
    setting: () => ({ nowDay: 1 }),
  },
  {
    name: "fewer than k contributors",
    code: "R1_TOO_FEW_CONTRIBUTORS",
    request: () => scene.loadRequest(load(1, 0, 1, 2, 3)),
  },
  {
    name: "fewer than k values in one slot",
    code: "R1_TOO_FEW_CONTRIBUTORS",
    async request() {
      const sparse = load(1, 0, 1, 2).map(({ header }) =>
        scene.forge({ ...header, bitmap: bitmap(24, 11) }, [1n]),
      );
      return scene.loadRequest([...(await Promise.all(sparse)), ...load(1, 3, 4, 5, 6)]);
    },
  },
  {
    name: "a single household as a cohort",
    code: "R1_TOO_FEW_CONTRIBUTORS",
    request: () => scene.loadRequest(load(1, 7), { cohort: "south" }),
  },
  {
    name: "too many members missing",
    code: "R7_INCOMPLETE",
    request: () => scene.loadRequest(load(1, 0, 1, 2, 3, 4)),
  },
  {
    name: "one member fewer in a new version",
    code: "R6_SMALL_CHURN",
    request: () => scene.loadRequest(load(3, ...SIX), { cohortVersion: 2 }),
  },
  {
    name: "differencing: the same block without one member",
    code: "R3_ALREADY_RELEASED",
    before: () => scene.loadRequest(load(1, ...ALL)),
    request: () => scene.loadRequest(load(1, ...SIX)),
  },
  {
    name: "late member: the same block with one more",
    code: "R3_ALREADY_RELEASED",
    before: () => scene.loadRequest(load(1, ...SIX)),
    request: () => scene.loadRequest(load(1, ...ALL)),
  },
  {
    name: "the same contributions in another order",
    code: "R3_ALREADY_RELEASED",
    before: () => scene.loadRequest(load(1, ...ALL)),
    request: () => scene.loadRequest(load(1, 6, 5, 4, 3, 2, 1, 0)),
  },
  {
    name: "an hour inside a day that was released",
    code: "R3_ALREADY_RELEASED",
    before: () => scene.loadRequest(load(1, ...ALL)),
    request: async () => scene.loadRequest(await hours(0), { slotCount: 1 }),
  },
  {
    name: "an hour as a block",
    code: "R3_OFF_BLOCK_GRID",
    request: async () => scene.loadRequest(await hours(0), { slotCount: 1 }),
  },
  {
    name: "a day that starts an hour later",
    code: "R3_OFF_BLOCK_GRID",
    request: async () => scene.loadRequest(await hours(3600), { slotCount: 1 }),
  },
  {
    name: "a shifted day over one that was released",
    code: "R3_ALREADY_RELEASED",
    before: () => scene.loadRequest(load(1, ...ALL)),
    request: async () => scene.loadRequest(await hours(3600), { slotCount: 1 }),
  },
  {
    name: "longer intervals than registered",
    code: "R11_NOT_REGISTERED_INTERVAL",
    request: async () =>
      scene.loadRequest(await hours(0, 7200), { slotCount: 1, intervalSeconds: 7200 }),
  },
  {
    name: "a slot above what its contributors can have",
    code: "RELEASE_CORRUPT",
    request: () => corruptRequest(),
  },
  {
    name: "a slot with energy and fewer values than the energy needs",
    code: "RELEASE_CORRUPT",
    async request() {
      // Below 7 · x_max but above 5 · x_max, in a slot of five values.
      const empty = { bitmap: bitmap(24, 0) };
      const values = [6n * ((1n << BigInt(valueBits())) - 1n)];
      return scene.loadRequest([
        await scene.forge({ ...defined(load(1, 0)[0]).header, ...empty }, values),
        await scene.forge({ ...defined(load(1, 1)[0]).header, ...empty }, [0n]),
        ...load(1, 2, 3, 4, 5, 6),
      ]);
    },
  },
  {
    name: "bill with one border",
    code: "REQUEST_MALFORMED",
    request: () => scene.billRequest([border(-1)], [0, 28], february28()),
  },
  {
    name: "bill with three contributions",
    code: "REQUEST_MALFORMED",
    request: () => scene.billRequest([border(-1), border(27), border(28)], [0, 28]),
  },
  {
    name: "raw register: the last border alone as the product",
    code: "REQUEST_WRONG_PRODUCT",
    request: () =>
      scene.billRequest([border(-1), border(27)], [0, 28], { product: border(27).ciphertext }),
  },
  {
    name: "sum of two registers",
    code: "REQUEST_WRONG_PRODUCT",
    async request() {
      const { n2 } = scene.world.paillier.publicKey;
      const [a, b] = [border(-1), border(27)].map((each) => BigInt(`0x${toHex(each.ciphertext)}`));
      const product = bytesOf(scene.world, (defined(a) * defined(b)) % n2);
      return scene.billRequest([border(-1), border(27)], [0, 28], { product });
    },
  },
  {
    name: "the same border twice",
    code: "SHAPE_INCONSISTENT",
    request: () => scene.billRequest([border(27), border(27)], [0, 28]),
  },
  {
    name: "borders exchanged",
    code: "SHAPE_INCONSISTENT",
    request: () => scene.billRequest([border(27), border(-1)], [0, 28]),
  },
  {
    name: "registers that ran backwards",
    code: "RELEASE_CORRUPT",
    request: async () =>
      scene.billRequest(
        [
          await scene.forge(border(-1).header, [9n, 9n]),
          await scene.forge(border(27).header, [8n, 10n]),
        ],
        [0, 28],
      ),
  },
  {
    name: "a register above its width",
    code: "RELEASE_CORRUPT",
    request: async () =>
      scene.billRequest([border(-1), await scene.forge(border(27).header, [1n << 50n])], [0, 28]),
  },
  {
    name: "border of another service point",
    code: "REQUEST_FOREIGN_CONTRIBUTION",
    request: () => scene.billRequest([border(-1), scene.late[1]], [0, 28]),
  },
  {
    name: "bill of an unknown service point",
    code: "REQUEST_FOREIGN_CONTRIBUTION",
    request: () =>
      scene.billRequest([border(-1), border(27)], [0, 28], {
        networkPseudonym: named("nobody", 16),
      }),
  },
  {
    name: "bill beyond the contract",
    code: "R8_OFF_GRID",
    request: february,
    setting: () => ({ view: viewWith(() => ({ contractEnd: scene.world.dayStart(20) })) }),
  },
  {
    name: "a border beyond the contract",
    code: "REQUEST_FOREIGN_CONTRIBUTION",
    request: () => scene.billRequest([border(-1), border(28)], [0, 28]),
    setting: () => ({ view: viewWith(() => ({ contractEnd: scene.world.dayStart(28) })) }),
  },
  {
    name: "five days to the contract's end",
    code: "R8_WINDOW_TOO_SHORT",
    before: february,
    request: () => scene.billRequest([border(27), border(32)], [28, 33]),
    setting: () => ({ view: viewWith(() => ({ contractEnd: scene.world.dayStart(33) })) }),
  },
  {
    name: "a meter that was exchanged: the registers of both, nothing in between",
    code: "REQUEST_BORDERS_DIFFER",
    setting: () => ({ view: exchangedView() }),
    async request() {
      const [from, , , to] = await exchangeBorders({});
      return scene.billRequest([from, to], [0, 28]);
    },
  },
  {
    name: "an exchange that the registry does not know",
    code: "REQUEST_WRONG_BLOCK",
    request: async () => scene.billRequest(await exchangeBorders({}), [0, 28]),
  },
  {
    name: "an hour cut out at an exchange",
    code: "REQUEST_WRONG_BLOCK",
    setting: () => ({ view: exchangedView() }),
    request: async () => scene.billRequest(await exchangeBorders({ ends: { count: 9 } }), [0, 28]),
  },
  {
    name: "an exchange without an installation",
    code: "REQUEST_WRONG_BLOCK",
    setting: () => ({ view: exchangedView() }),
    request: async () =>
      scene.billRequest(await exchangeBorders({ begins: { count: 14 } }), [0, 28]),
  },
  {
    name: "a day cut out of the window of one meter",
    code: "REQUEST_WRONG_BLOCK",
    request: () => scene.billRequest([border(-1), border(0), border(1), border(27)], [0, 28]),
  },
  {
    name: "the borders of two meters mixed",
    code: "REQUEST_BORDERS_DIFFER",
    setting: () => ({ view: exchangedView() }),
    async request() {
      const [from, ends, begins, to] = await exchangeBorders({});
      return scene.billRequest([from, begins, ends, to], [0, 28]);
    },
  },
  {
    name: "load contributions as borders: a customer's profile by subtraction",
    code: "REQUEST_WRONG_STREAM",
    request: () => scene.billRequest([...load(0, 0), ...load(1, 0)], [0, 28], february28()),
  },
  {
    name: "register bank changed in between",
    code: "REQUEST_BORDERS_DIFFER",
    request: async () =>
      scene.billRequest(
        [
          border(-1),
          await scene.forge({ ...border(27).header, registerBank: named("bank", 8) }, [1n]),
        ],
        [0, 28],
      ),
  },
  {
    name: "border in the middle of a day",
    code: "REQUEST_WRONG_BLOCK",
    request: async () =>
      scene.billRequest(
        [border(-1), await scene.forge({ ...border(28).header, count: 7 }, [1n])],
        [0, 28],
      ),
  },
  {
    name: "border packed otherwise",
    code: "REQUEST_WRONG_PACKING",
    request: async () =>
      scene.billRequest(
        [border(-1), await scene.forge({ ...border(27).header, valueBits: 40 }, [1n])],
        [0, 28],
      ),
  },
  {
    name: "window off the grid",
    code: "R8_OFF_GRID",
    request: () => scene.billRequest([border(-1), border(1)], [0, 2]),
  },
  {
    name: "window of 27 days",
    code: "R8_WINDOW_TOO_SHORT",
    request: () => scene.billRequest(scene.late, [1, 28]),
  },
  {
    name: "window over one that was released",
    code: "R8_OVERLAP",
    before: february,
    request: () => scene.billRequest([border(-1), border(58)], [0, 59]),
  },
  {
    name: "the same window with another border",
    code: "R8_OVERLAP",
    before: february,
    request: () => scene.billRequest([border(-1), border(28)], [0, 28]),
  },
  {
    name: "next window from a border of its own",
    code: "R8_BORDER_NOT_SHARED",
    before: february,
    request: () => scene.billRequest([border(28), border(58)], [28, 59]),
  },
  {
    name: "border four days after its instant",
    code: "R8_BORDER_OUTSIDE_CUTOFF",
    request: () => scene.billRequest([border(-1), border(32)], [0, 28]),
  },
  {
    name: "first window without the installation",
    code: "R8_INSTALLATION_BORDER",
    request: () => scene.billRequest([border(0), border(27)], [0, 28]),
  },
  {
    name: "bill before its border",
    code: "TIMING_BEFORE_CUTOFF",
    request: february,
    setting: () => ({ nowDay: 27 }),
  },
];

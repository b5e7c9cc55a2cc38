import assert from "node:assert/strict";
import { cp, mkdir, mkdtemp, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { parseSecretKey, serializePublicKey, type Engine } from "@smarter-metering/paillier";
import {
  decodeRefusal,
  decodeRelease,
  encodeRequest,
  fromBase64Url,
  indexNetworkView,
  openRelease,
  openToken,
  requestDigest,
  signRequest,
  toHex,
  verifyRefusal,
  verifyRelease,
  type Contribution,
  type ContributionHeader,
  type NetworkView,
  type NetworkViewDocument,
  type ReleaseContent,
  type SignedRequest,
} from "@smarter-metering/protocol";
import {
  createMetrics,
  manualClock,
  openBus,
  openStore,
  silentLogger,
  type Bus,
  type BusMessage,
  type Delivery,
  type Handler,
  type Verdict,
} from "@smarter-metering/runtime";
import { fixedKeysJson } from "../../../../packages/paillier/test/fixed-keys.ts";
import { mutableFeed, named } from "../../../../test/support/world.ts";
import { initialiseLedger, startTrustee, type TrusteeService } from "../src/index.ts";
import { openLedger } from "../src/ledger.ts";
import { bytesOf, EPOCH, makeScene, type Scene } from "./requests.ts";

let scene: Scene;
let folder: string;
before(async () => {
  scene = await makeScene();
  folder = await mkdtemp(join(tmpdir(), "trustee-"));
});
after(async () => {
  await scene.close();
  await rm(folder, { recursive: true });
});

/** A bus of one stream each, as far as a trustee can tell; deliveries are made by hand. */
class HandBus implements Partial<Bus> {
  readonly published = new Map<string, BusMessage[]>();
  /** The next publish fails: the process dies there. */
  dies = false;
  full = false;
  #handle: Handler | undefined;
  #sequence = 0n;

  consume(_stream: string, _consumer: string, _options: unknown, handle: Handler) {
    this.#handle = handle;
    return { stop: () => Promise.resolve(), ended: Promise.resolve(undefined) };
  }

  publish(stream: string, messages: readonly BusMessage[]) {
    if (this.dies) return Promise.reject(new Error("the process died"));
    if (this.full) return Promise.resolve({ full: true } as const);
    this.published.set(stream, [...this.of(stream), ...messages]);
    return Promise.resolve({ accepted: messages.length, duplicates: 0 });
  }

  last(stream: string) {
    const list = this.of(stream);
    const [message] = list.slice(-1);
    if (message === undefined) return Promise.resolve(undefined);
    return Promise.resolve({ ...message, sequence: BigInt(list.length - 1), attempt: 1 });
  }

  read(stream: string, { from }: { from: bigint }) {
    const all = this.of(stream).map((each, i) => ({ ...each, sequence: BigInt(i), attempt: 1 }));
    return Promise.resolve(all.slice(Number(from)));
  }

  of(stream: string): readonly BusMessage[] {
    return this.published.get(stream) ?? [];
  }

  async deliver(body: Uint8Array, attempt: number): Promise<Verdict> {
    const sequence = this.#sequence++;
    const delivery: Delivery = { id: `request ${sequence}`, subject: "", body, sequence, attempt };
    const [verdict] = (await this.#handle?.([delivery])) ?? [];
    assert(verdict !== undefined);
    return verdict;
  }
}

/** Everything any trustee of these tests decrypted, and the products that were stated to it. */
const decrypted: string[] = [];
function spiedEngine(): Engine {
  const { engine } = scene.world;
  return new Proxy(engine, {
    get(target, property: keyof Engine) {
      if (property === "decrypt") {
        return (key: Parameters<Engine["decrypt"]>[0], ciphertexts: Uint8Array) => {
          decrypted.push(toHex(ciphertexts));
          return target.decrypt(key, ciphertexts);
        };
      }
      const value = target[property];
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

interface Setting {
  readonly nowDay?: number;
  readonly view?: NetworkView;
  readonly policyId?: string;
  readonly ledger?: string;
  readonly bus?: HandBus;
}

interface Running {
  readonly trustee: TrusteeService;
  readonly bus: HandBus;
  readonly ledger: string;
  ask(request: SignedRequest, attempt?: number): Promise<Answer>;
}

interface Answer {
  readonly verdict: Verdict;
  readonly release: Uint8Array | undefined;
  readonly codes: readonly string[];
}

let ledgers = 0;
async function freshLedger(): Promise<string> {
  const ledger = join(folder, `ledger ${ledgers}`);
  const keys = join(folder, `keys ${ledgers++}`);
  await mkdir(keys);
  await initialiseLedger(ledger, keys);
  return ledger;
}

async function start(setting: Setting = {}): Promise<Running> {
  const { world } = scene;
  const ledger = setting.ledger ?? (await freshLedger());
  const bus = setting.bus ?? new HandBus();
  const trustee = await startTrustee(
    { policyId: setting.policyId ?? "UNSAFE-test" },
    {
      clock: manualClock(world.dayStart(setting.nowDay ?? 70) * 1000),
      log: silentLogger,
      metrics: createMetrics(),
      bus: bus as unknown as Bus, // as much of one as a trustee uses
      registry: mutableFeed(EPOCH, setting.view ?? scene.view),
      engine: spiedEngine(),
      secretKey: world.paillier.secretKey,
      signer: world.parties.trustee.signer,
      ledgerFolder: ledger,
    },
  );
  const ask = async (request: SignedRequest, attempt = 1): Promise<Answer> => {
    const releases = bus.of("releases").length;
    const refusals = bus.of("refusals").length;
    const verdict = await bus.deliver(encodeRequest(request), attempt);
    const refusal = bus.of("refusals")[refusals]?.body;
    const codes = refusal === undefined ? [] : await codesOf(refusal, request);
    return { verdict, release: bus.of("releases")[releases]?.body, codes };
  };
  return { trustee, bus, ledger, ask };
}

async function codesOf(bytes: Uint8Array, request: SignedRequest): Promise<string[]> {
  const refusal = decodeRefusal(bytes);
  await verifyRefusal(refusal, scene.world.parties.trustee.signer.publicKey);
  assert.deepEqual(refusal.requestDigest, await requestDigest(request));
  for (const { network } of scene.world.households) {
    assert(refusal.reasons.every(({ reason }) => !reason.includes(network)));
  }
  return refusal.reasons.map(({ code }) => code);
}

async function contentOf(bytes: Uint8Array | undefined): Promise<ReleaseContent> {
  assert(bytes !== undefined);
  const release = decodeRelease(bytes);
  await verifyRelease(release, scene.world.parties.trustee.signer.publicKey);
  return openRelease(release, scene.world.mdms.secret);
}

function load(day: number, ...households: number[]): Contribution[] {
  const all = scene.load.get(day) ?? [];
  return households.map((index) => defined(all[index]));
}

const border = (day: number): Contribution => defined(scene.borders.get(day));

function defined<T>(value: T | undefined): T {
  assert(value !== undefined);
  return value;
}

const ALL = [0, 1, 2, 3, 4, 5, 6] as const;
const SIX = [0, 1, 2, 3, 4, 5] as const;
const february = (): Promise<SignedRequest> => scene.billRequest([border(-1), border(27)], [0, 28]);

/** A LOAD contribution like household 0's of day 1, with another header. */
const forged = (changes: Partial<ContributionHeader>, values = 24): Promise<Contribution> =>
  scene.forge(
    { ...defined(load(1, 0)[0]).header, ...changes },
    Array.from({ length: values }, () => 5n),
  );

const bitmap = (count: number, ...missing: number[]): Uint8Array => {
  const bits = new Uint8Array(Math.ceil(count / 8));
  for (let slot = 0; slot < count; slot++) {
    if (!missing.includes(slot)) bits[slot >> 3] = (bits[slot >> 3] ?? 0) | (1 << (slot & 7));
  }
  return bits;
};

/** A view with one service point changed. */
const viewWith = (
  change: (
    point: NetworkViewDocument["servicePoints"][number],
  ) => Partial<NetworkViewDocument["servicePoints"][number]>,
): NetworkView => {
  const [first] = scene.world.households;
  const servicePoints = scene.document.servicePoints.map((point) =>
    point.network === first?.network ? { ...point, ...change(point) } : point,
  );
  return indexNetworkView({ ...scene.document, servicePoints });
};

interface Attack {
  readonly name: string;
  readonly code: string;
  readonly request: () => Promise<SignedRequest>;
  /** Granted before, by the same trustee. */
  readonly before?: () => Promise<SignedRequest>;
  readonly setting?: () => Setting;
  readonly attempt?: number;
}

const attacks: readonly Attack[] = [
  {
    name: "request signed by another party",
    code: "REQUEST_BAD_SIGNATURE",
    request: () =>
      scene.loadRequest(load(1, ...ALL), { signer: scene.world.parties.opener.signer }),
  },
  {
    name: "contributions exchanged after signing",
    code: "REQUEST_BAD_SIGNATURE",
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
    code: "REQUEST_WRONG_PRODUCT",
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
    request: () => scene.loadRequest(hours(0), { slotCount: 1 }),
  },
  {
    name: "an hour as a block",
    code: "R3_OFF_BLOCK_GRID",
    request: () => scene.loadRequest(hours(0), { slotCount: 1 }),
  },
  {
    name: "a day that starts an hour later",
    code: "R3_OFF_BLOCK_GRID",
    request: () => scene.loadRequest(hours(3600), { slotCount: 1 }),
  },
  {
    name: "a shifted day over one that was released",
    code: "R3_ALREADY_RELEASED",
    before: () => scene.loadRequest(load(1, ...ALL)),
    request: () => scene.loadRequest(hours(3600), { slotCount: 1 }),
  },
  {
    name: "longer intervals than registered",
    code: "R11_NOT_REGISTERED_INTERVAL",
    request: () => scene.loadRequest(hours(0, 7200), { slotCount: 1, intervalSeconds: 7200 }),
  },
  {
    name: "a slot above what its contributors can have",
    code: "RELEASE_CORRUPT",
    request: async () => {
      const { header } = defined(load(1, 0)[0]);
      const huge = await scene.forge(header, [1n << 20n]);
      return scene.loadRequest([huge, ...load(1, 1, 2, 3, 4, 5, 6)]);
    },
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
    request: () => scene.billRequest([border(27)], [0, 28]),
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
    code: "REQUEST_FOREIGN_CONTRIBUTION",
    request: february,
    setting: () => ({ view: viewWith(() => ({ contractEnd: scene.world.dayStart(20) })) }),
  },
  {
    name: "load contributions as borders: a customer's profile by subtraction",
    code: "REQUEST_WRONG_STREAM",
    request: () => scene.billRequest([...load(0, 0), ...load(1, 0)], [0, 28]),
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

/** One slot of every member of north on day 1, `shift` seconds into it; filled in before the table runs. */
const hourSets = new Map<string, Contribution[]>();
const hours = (shift: number, intervalSeconds = 3600): Contribution[] =>
  defined(hourSets.get(`${shift} ${intervalSeconds}`));
async function makeHours(shift: number, intervalSeconds: number): Promise<void> {
  const set = load(1, ...ALL).map(({ header }) =>
    scene.forge(
      {
        ...header,
        blockStart: header.blockStart + shift,
        count: 1,
        bitmap: Uint8Array.of(1),
        intervalSeconds,
      },
      [1n],
    ),
  );
  hourSets.set(`${shift} ${intervalSeconds}`, await Promise.all(set));
}

const valueBits = (): number => defined(load(1, 0)[0]).header.valueBits;

describe("attacks on a request are refused, each with its code", () => {
  before(async () => {
    for (const [shift, seconds] of [
      [0, 3600],
      [3600, 3600],
      [0, 7200],
    ] as const) {
      await makeHours(shift, seconds);
    }
  });

  for (const { name, code, request, before, setting, attempt } of attacks) {
    test(`${code}: ${name}`, async () => {
      const { trustee, bus, ask } = await start(setting?.());
      if (before !== undefined) assert((await ask(await before())).release);
      const opened = decrypted.length;
      const released = bus.of("releases").length;
      const answer = await ask(await request(), attempt);
      assert(answer.codes.includes(code), `refused with ${answer.codes.join(", ") || "nothing"}`);
      assert.deepEqual(answer.verdict, { ack: true });
      assert.equal(bus.of("releases").length, released);
      assert.equal(decrypted.length - opened, code === "RELEASE_CORRUPT" ? 1 : 0);
      assert.equal(trustee.status().refused[code], 1);
      await trustee.close();
    });
  }

  test("what is no request at all is set aside", async () => {
    const { trustee, bus } = await start();
    assert.deepEqual(await bus.deliver(Uint8Array.of(1, 2, 3), 1), { dead: "REQUEST_MALFORMED" });
    await trustee.close();
  });
});

describe("releases", () => {
  test("a block: the exact sum, counts per slot, sealed to the MDMS", async () => {
    const { trustee, ask } = await start();
    const content = await contentOf((await ask(await scene.loadRequest(load(1, ...ALL)))).release);
    assert(content.kind === "LOAD");
    const { consumed } = scene;
    const truth = Array.from({ length: 24 }, (_, slot) =>
      ALL.reduce((sum, index) => sum + wattHours(index, slot), 0),
    );
    assert.deepEqual(content.energy_Wh, truth);
    assert.deepEqual(
      content.contributorsPerSlot,
      Array.from({ length: 24 }, () => 7),
    );
    assert.deepEqual(
      [content.contributors, content.members, content.policyId],
      [7, 7, "UNSAFE-test"],
    );
    assert.equal(trustee.status().released, 1);
    await trustee.close();

    /** ⌊R_end/1000⌋ − ⌊R_start/1000⌋ of the cumulative register, from the values alone. */
    function wattHours(index: number, slot: number): number {
      const days = [0, 1].map((day) => defined(consumed.get(day)?.[index]));
      const before = defined(days[0]).reduce((a, b) => a + b, 0);
      const at = (count: number): number =>
        Math.floor(
          (before +
            defined(days[1])
              .slice(0, count)
              .reduce((a, b) => a + b, 0)) /
            1000,
        );
      return at(slot + 1) - at(slot);
    }
  });

  test("bills: exact differences of registers, adjacent windows, the MDMS's own name", async () => {
    const { trustee, ask } = await start();
    const march = await scene.billRequest([border(27), border(58)], [28, 59]);
    for (const [request, from, to] of [
      [await february(), -1, 27],
      [march, 27, 58],
    ] as const) {
      const content = await contentOf((await ask(request)).release);
      assert(content.kind === "BILL");
      const [a, b] = [defined(scene.registers.get(from)), defined(scene.registers.get(to))];
      const truth = b.map((register, index) => String(register - defined(a[index])));
      assert.deepEqual(content.registers_mWh, truth);
      assert(truth.some((register) => register !== "0"));
      const token = fromBase64Url(content.servicePointToken);
      const name = await openToken(scene.world.mdms.secret, token);
      assert.equal(name && toHex(name), defined(scene.world.households[0]).mdms);
      assert(!JSON.stringify(content).includes(defined(scene.world.households[0]).network));
    }
    await trustee.close();
  });

  test("a day in parts counts its service point once", async () => {
    const { trustee, ask } = await start();
    const half = (firstSlot: number): Promise<Contribution> =>
      forged({ firstSlot, count: 12, bitmap: bitmap(12) }, 0);
    const parts = [await half(0), await half(12)];
    const request = await scene.loadRequest([...parts, ...load(1, 1, 2, 3, 4, 5, 6)]);
    const content = await contentOf((await ask(request)).release);
    assert(content.kind === "LOAD");
    assert.equal(content.contributors, 7);
    assert.deepEqual(new Set(content.contributorsPerSlot), new Set([7]));
    await trustee.close();
  });

  test("meter-encrypts: signed by the meters, no opener", async () => {
    const profile = "meter-encrypts" as const;
    const { document, world } = scene;
    const view = indexNetworkView({
      ...document,
      cohorts: document.cohorts.map((cohort) => ({ ...cohort, profile })),
      servicePoints: document.servicePoints.map((point) => ({ ...point, profile })),
    });
    const own = ALL.map((index) => {
      const { header } = defined(load(1, index)[0]);
      const { meter } = defined(world.households[index]);
      return scene.forge({ ...header, profile }, [BigInt(index)], meter);
    });
    const { trustee, ask } = await start({ view });
    const content = await contentOf(
      (await ask(await scene.loadRequest(await Promise.all(own)))).release,
    );
    assert(content.kind === "LOAD");
    assert.equal(content.energy_Wh[0], 21);
    const refused = await ask(await scene.loadRequest(load(0, ...ALL)));
    assert.deepEqual(refused.codes, ["REQUEST_MIXED_PROFILES"]);
    await trustee.close();
  });

  test("the same request has the same answer for ever, byte for byte", async () => {
    const { trustee, ask, ledger, bus } = await start();
    const request = await scene.loadRequest(load(1, ...ALL));
    const first = await ask(request);
    assert.deepEqual((await ask(request)).release, first.release);
    await trustee.close();
    const again = await start({ ledger, bus, nowDay: 400 });
    const opened = decrypted.length;
    assert.deepEqual((await again.ask(request)).release, first.release);
    assert.equal(decrypted.length, opened);
    assert.equal(again.trustee.status().released, 1);
    await again.trustee.close();
  });

  test("a corrupt set is not opened twice, and its block is spent", async () => {
    const { trustee, ask } = await start();
    const { header } = defined(load(1, 0)[0]);
    const huge = await scene.forge(header, [1n << 20n]);
    const request = await scene.loadRequest([huge, ...load(1, 1, 2, 3, 4, 5, 6)]);
    const opened = decrypted.length;
    assert.deepEqual((await ask(request)).codes, ["RELEASE_CORRUPT"]);
    assert.deepEqual((await ask(request)).codes, ["RELEASE_CORRUPT"]);
    assert.equal(decrypted.length, opened + 1);
    const honest = await scene.loadRequest(load(1, ...ALL));
    assert.deepEqual((await ask(honest)).codes, ["R3_ALREADY_RELEASED"]);
    assert.equal(trustee.status().released, 0);
    await trustee.close();
  });

  test("an epoch that is not there yet is waited for; a full bus too", async () => {
    const { trustee, ask, bus } = await start();
    const early = await scene.loadRequest(load(1, ...ALL), { registryEpoch: EPOCH + 1 });
    assert.deepEqual((await ask(early)).verdict, { retryAfterMs: 5_000 });
    bus.full = true;
    const request = await scene.loadRequest(load(1, ...ALL));
    assert.deepEqual((await ask(request)).verdict, { retryAfterMs: 1_000 });
    bus.full = false;
    assert((await ask(request)).release);
    await trustee.close();
  });
});

describe("policy and key are pinned", () => {
  const withPolicy = (changes: object): NetworkView =>
    indexNetworkView({
      ...scene.document,
      policy: { ...(scene.document.policy as object), ...changes },
    });

  test("no start under an UNSAFE policy without a pin, another policy, or another key", async () => {
    const { world } = scene;
    const ledgerFolder = await freshLedger();
    const ports = {
      clock: manualClock(0),
      log: silentLogger,
      metrics: createMetrics(),
      bus: new HandBus() as unknown as Bus,
      registry: mutableFeed(EPOCH, scene.view),
      engine: world.engine,
      secretKey: world.paillier.secretKey,
      signer: world.parties.trustee.signer,
      ledgerFolder,
    };
    const refused = { code: "TRUSTEE_POLICY_REFUSED" };
    await assert.rejects(startTrustee({}, ports), refused);
    await assert.rejects(startTrustee({ policyId: "standard-k100" }, ports), refused);
    await assert.rejects(startTrustee({ policyId: "UNSAFE-other" }, ports), refused);
    const json = defined(fixedKeysJson[1]);
    const paillierKey = serializePublicKey((await parseSecretKey(json)).publicKey);
    const foreign = indexNetworkView({ ...scene.document, paillierKey });
    const rekeyed = { ...ports, registry: mutableFeed(EPOCH, foreign) };
    await assert.rejects(startTrustee({ policyId: "UNSAFE-test" }, rekeyed), {
      code: "TRUSTEE_WRONG_KEY",
    });
    const low = mutableFeed(EPOCH, withPolicy({ id: "lawful" }));
    await assert.rejects(startTrustee({}, { ...ports, registry: low }), {
      code: "POLICY_BELOW_FLOOR",
    });
  });

  test("a registry that moves to another policy later is not served", async () => {
    const { world } = scene;
    const registry = mutableFeed(EPOCH, scene.view);
    const bus = new HandBus();
    const trustee = await startTrustee(
      { policyId: "UNSAFE-test" },
      {
        clock: manualClock(world.dayStart(70) * 1000),
        log: silentLogger,
        metrics: createMetrics(),
        bus: bus as unknown as Bus,
        registry,
        engine: spiedEngine(),
        secretKey: world.paillier.secretKey,
        signer: world.parties.trustee.signer,
        ledgerFolder: await freshLedger(),
      },
    );
    registry.set(EPOCH + 1, withPolicy({ id: "UNSAFE-weaker", contributorsMin: 1 }));
    await bus.deliver(encodeRequest(await scene.loadRequest(load(1, 0))), 1);
    assert.deepEqual(trustee.status(), { released: 0, refused: { REGISTRY_NOT_ACCEPTED: 1 } });
    await trustee.close();
  });
});

describe("the ledger", () => {
  test("a crash between ledger and answer: the same answer after the restart", async () => {
    const running = await start();
    const request = await scene.loadRequest(load(1, ...ALL));
    running.bus.dies = true;
    await assert.rejects(running.ask(request), /the process died/);
    await running.trustee.close();
    const content = await readFile(join(running.ledger, "releases.journal"));
    const again = await start({ ledger: running.ledger });
    const { release } = await again.ask(request);
    assert(content.includes(Buffer.from(defined(release)).toString("base64url")));
    assert.deepEqual((await again.ask(await scene.loadRequest(load(1, ...SIX)))).codes, [
      "R3_ALREADY_RELEASED",
    ]);
    await again.trustee.close();
  });

  test("a record cut at any byte: refused once the head knew it, forgotten before", async () => {
    const running = await start();
    await running.ask(await scene.loadRequest(load(0, ...ALL)));
    const journalPath = join(running.ledger, "releases.journal");
    const headPath = join(running.ledger, "head.json");
    const [first, headBefore] = [await readFile(journalPath), await readFile(headPath)];
    const request = await scene.loadRequest(load(1, ...ALL));
    const answer = await running.ask(request);
    await running.trustee.close();
    const whole = await readFile(journalPath);
    const headAfter = await readFile(headPath);
    const copy = join(folder, "cut");
    await cp(running.ledger, copy, { recursive: true });
    const digest = toHex(await requestDigest(request));
    for (let bytes = first.length; bytes < whole.length; bytes++) {
      const write = (head: Uint8Array): Promise<unknown> =>
        Promise.all([
          writeFile(join(copy, "releases.journal"), whole.subarray(0, bytes)),
          writeFile(join(copy, "head.json"), head),
        ]);
      await write(headAfter);
      await assert.rejects(openLedger(copy), { code: "TRUSTEE_LEDGER_TRUNCATED" });
      await write(headBefore);
      const ledger = await openLedger(copy);
      assert.deepEqual([ledger.releases, ledger.find(digest)], [1, undefined]);
      await ledger.close();
    }
    // Whole, and the head not yet replaced: kept.
    await writeFile(join(copy, "releases.journal"), whole);
    await writeFile(join(copy, "head.json"), headBefore);
    const ledger = await openLedger(copy);
    assert.deepEqual(ledger.find(digest), { kind: "release", bytes: answer.release });
    await ledger.close();
    assert.deepEqual(await readFile(join(copy, "head.json")), headAfter);
  });

  test("lost, shortened, exchanged or older than what was published: no start", async () => {
    const running = await start();
    const older = join(folder, "older");
    await running.ask(await scene.loadRequest(load(0, ...ALL)));
    await running.trustee.close();
    await cp(running.ledger, older, { recursive: true });
    const second = await start({ ledger: running.ledger, bus: running.bus });
    await second.ask(await scene.loadRequest(load(1, ...ALL)));
    await second.trustee.close();

    const other = await start();
    await other.ask(await scene.loadRequest(load(1, ...ALL)));
    await other.trustee.close();

    const damages: [name: string, code: string, (copy: string) => Promise<unknown>][] = [
      ["journal lost", "TRUSTEE_LEDGER_MISSING", (copy) => rm(join(copy, "releases.journal"))],
      ["head lost", "TRUSTEE_LEDGER_MISSING", (copy) => rm(join(copy, "head.json"))],
      ["folder lost", "TRUSTEE_LEDGER_MISSING", (copy) => rm(copy, { recursive: true })],
      [
        "journal emptied",
        "TRUSTEE_LEDGER_TRUNCATED",
        (copy) => truncate(join(copy, "releases.journal"), 0),
      ],
      [
        "journal of before",
        "TRUSTEE_LEDGER_TRUNCATED",
        (copy) => cp(join(older, "releases.journal"), join(copy, "releases.journal")),
      ],
      [
        "journal of another trustee",
        "TRUSTEE_LEDGER_TRUNCATED",
        (copy) => cp(join(other.ledger, "releases.journal"), join(copy, "releases.journal")),
      ],
      [
        "head damaged",
        "TRUSTEE_LEDGER_TRUNCATED",
        (copy) => writeFile(join(copy, "head.json"), "{"),
      ],
      ["all of before", "TRUSTEE_LEDGER_STALE", (copy) => cp(older, copy, { recursive: true })],
    ];
    for (const [name, code, damage] of damages) {
      const copy = join(folder, `damaged ${ledgers++}`);
      await cp(running.ledger, copy, { recursive: true });
      await damage(copy);
      await assert.rejects(start({ ledger: copy, bus: running.bus }), { code }, name);
    }
    // An answer given again last does not hide the newer one.
    const [first] = running.bus.of("releases");
    await running.bus.publish("releases", [defined(first)]);
    await assert.rejects(start({ ledger: older, bus: running.bus }), {
      code: "TRUSTEE_LEDGER_STALE",
    });
  });

  test("is made once: a second beginning over lost records is refused", async () => {
    const keys = await mkdtemp(join(folder, "once-"));
    const ledger = join(keys, "ledger");
    await initialiseLedger(ledger, keys);
    await initialiseLedger(ledger, keys);
    await rm(ledger, { recursive: true });
    await assert.rejects(initialiseLedger(ledger, keys), { code: "TRUSTEE_LEDGER_MISSING" });
  });

  test("belongs to one trustee at a time", async () => {
    const running = await start();
    await assert.rejects(start({ ledger: running.ledger }), { code: "STORE_LOCKED" });
    await running.trustee.close();
  });
});

test("over the real bus: one release, one refusal, nothing left", async () => {
  const { world } = scene;
  const clock = manualClock(world.dayStart(70) * 1000);
  const store = await openStore({ schema: "trustee-test", migrations: [] });
  const streams = [
    { name: "release-requests", consumers: ["trustee"], messagesMax: 10 },
    { name: "releases", consumers: ["mdms"], messagesMax: 10 },
    { name: "refusals", consumers: ["aggregator"], messagesMax: 10 },
  ];
  const bus = await openBus({ store, streams, clock });
  const granted = await scene.loadRequest(load(1, ...ALL));
  const refused = await scene.loadRequest(load(1, ...SIX));
  await bus.publish(
    "release-requests",
    [granted, refused, granted].map((request, index) => ({
      id: String(index),
      subject: "load/north",
      body: encodeRequest(request),
    })),
  );
  const trustee = await startTrustee(
    { policyId: "UNSAFE-test" },
    {
      clock,
      log: silentLogger,
      metrics: createMetrics(),
      bus,
      registry: world.network,
      engine: spiedEngine(),
      secretKey: world.paillier.secretKey,
      signer: world.parties.trustee.signer,
      ledgerFolder: await freshLedger(),
    },
  );
  world.network.set(EPOCH, scene.view);
  await bus.idle();
  const releases = await bus.read("releases", { from: 0n, limit: 10 });
  const refusals = await bus.read("refusals", { from: 0n, limit: 10 });
  assert.deepEqual(
    releases.map(({ id, subject }) => [id, subject]),
    [[toHex(await requestDigest(granted)), "load/north"]],
  );
  assert.deepEqual(await codesOf(defined(refusals[0]).body, refused), ["R3_ALREADY_RELEASED"]);
  assert.equal((await bus.deadLetters()).length, 0);
  await trustee.close();
  await bus.close();
  await store.close();
});

test("no trustee ever decrypted the ciphertext of a contribution", () => {
  const single = new Set(
    [...scene.load.values(), [...scene.borders.values()], scene.late].flatMap((list) =>
      list.map(({ ciphertext }) => toHex(ciphertext)),
    ),
  );
  assert(decrypted.length > 10 && single.size > 20);
  assert(decrypted.every((ciphertext) => !single.has(ciphertext)));
});

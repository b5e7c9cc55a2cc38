/** Requests for the trustee's tests: an honest opener and aggregator, and the means to be dishonest. */
import assert from "node:assert/strict";
import { encryptBatch, pack, type Quorum } from "@smarter-metering/paillier";
import { hasMember, presenceRuns } from "@smarter-metering/policy";
import {
  billPacking,
  concatBytes,
  encodeContribution,
  encodeContributionHeader,
  fromHex,
  indexNetworkView,
  instantOf,
  isLoadStream,
  loadPacking,
  openFrame,
  planContributions,
  signContribution,
  signRequest,
  toHex,
  type BillRequest,
  type Contribution,
  type ContributionHeader,
  type LoadRequest,
  type NetworkView,
  type NetworkViewDocument,
  type PlannedContribution,
  type SignedRequest,
  type Signer,
} from "@smarter-metering/protocol";
import { addLocalDays, isCountedInMeter, stepSecondsOf } from "@smarter-metering/tariff";
import {
  makeWorld,
  type World,
  type WorldHousehold,
  type WorldOptions,
} from "../../../../test/support/world.ts";

export const EPOCH = 5;
const SLOTS = 24;

/** Registers in mWh by household and day of the border. */
export interface Scene {
  readonly world: World;
  readonly document: NetworkViewDocument;
  readonly view: NetworkView;
  /** LOAD by day, then household; and what each consumed, mWh per slot. */
  readonly load: ReadonlyMap<number, readonly Contribution[]>;
  readonly consumed: ReadonlyMap<number, readonly (readonly number[])[]>;
  /** BILL of household 0 by day at whose end it stands (−1: the installation), and its registers. */
  readonly borders: ReadonlyMap<number, Contribution>;
  readonly registers: ReadonlyMap<number, readonly bigint[]>;
  /** COST of household 0 beside its borders, where the tariff has one. */
  readonly costs: ReadonlyMap<number, Contribution>;
  /** STEPS of household 0 by day, of every day to the end of February and one more, where prices are known afterwards. */
  readonly steps: ReadonlyMap<number, Contribution>;
  /** What household 0 consumed in every hour of a day, mWh. */
  hoursOf(day: number): readonly number[];
  /** Installation of household 7 a day later, and its border at the end of February. */
  readonly late: readonly [Contribution, Contribution];
  forge(
    header: ContributionHeader,
    values: readonly bigint[],
    signer?: Signer,
  ): Promise<Contribution>;
  loadRequest(
    contributions: readonly Contribution[],
    changes?: LoadChanges,
  ): Promise<SignedRequest>;
  billRequest(
    borders: readonly Contribution[],
    grid: readonly [fromDay: number, toDay: number],
    changes?: BillChanges,
  ): Promise<SignedRequest>;
  close(): Promise<void>;
}

export type LoadChanges = Partial<Omit<LoadRequest, "kind">> & { readonly signer?: Signer };
export type BillChanges = Partial<Omit<BillRequest, "kind">> & { readonly signer?: Signer };

/**
 * Eight households: seven in cohort north, the eighth alone in south. Version 2 of north lacks one member from day 3 on. LOAD of days 0,
 * 1 (all) and 3 (north), BILL of household 0 at the ends of February and March and some days beside.
 */
export async function makeScene(
  quorum?: Quorum,
  priced: Pick<WorldOptions, "tariff" | "prices" | "profile"> = {},
): Promise<Scene> {
  const world = await makeWorld({
    ...(quorum && { quorum }),
    ...priced,
    households: 8,
    intervalSeconds: 3600,
    loadIntervalSeconds: 3600,
    policy: { contributorsMin: 5, completenessMinBasisPoints: 8000 },
  });
  const document = documentOf(world);
  const load = new Map<number, Contribution[]>();
  const consumed = new Map<number, number[][]>();
  const borders = new Map<number, Contribution>();
  const registers = new Map<number, readonly bigint[]>();
  const costs = new Map<number, Contribution>();
  const steps = new Map<number, Contribution>();
  const isStepped = stepSecondsOf(world.tariff.calendar) !== undefined;
  const ownDays = isStepped
    ? Array.from({ length: 30 }, (_, index) => index - 1)
    : [-1, 0, 1, 3, 27, 28, 32, 58];
  const late: Contribution[] = [];
  for (const [index, household] of world.households.entries()) {
    const install = index === 7 ? 0 : -1;
    const days = index === 0 ? ownDays : [install, 0, 1, 3, 27];
    for (const day of days) {
      if (index > 0 && index < 7 && day === 27) continue;
      if (index === 7 && day === 3) continue;
      const isInstall = day === install && !(index === 7 && late.length > 0);
      const values = isInstall ? [] : valuesOf(index, day, slotsOf(world, day));
      const { contributions, after } = await contribute(world, household, day, values);
      const bill = contributions.find(({ header }) => header.stream === "BILL");
      const loads = contributions.filter(({ header }) => header.stream === "LOAD");
      assert(bill !== undefined);
      const stepped = contributions.find(({ header }) => header.stream === "STEPS");
      if (index === 0 && stepped !== undefined) steps.set(day, stepped);
      if (index === 0) borders.set(day, bill);
      if (index === 0) registers.set(day, after);
      const cost = contributions.find(({ header }) => header.stream === "COST");
      if (index === 0 && cost !== undefined) costs.set(day, cost);
      if (index === 7 && (isInstall || day === 27)) late.push(bill);
      for (const contribution of loads) {
        load.set(day, [...(load.get(day) ?? []), contribution]);
        consumed.set(day, [...(consumed.get(day) ?? []), values]);
      }
    }
  }
  const [installed, february] = late;
  assert(installed !== undefined && february !== undefined);
  return {
    world,
    document,
    view: indexNetworkView(document),
    load,
    consumed,
    borders,
    registers,
    costs,
    steps,
    hoursOf: (day) => valuesOf(0, day, slotsOf(world, day)),
    late: [installed, february],
    forge: (header, values, signer) => forge(world, header, values, signer),
    loadRequest: (contributions, changes) => loadRequest(world, document, contributions, changes),
    billRequest: (pair, [from, to], changes) =>
      billRequest(world, pair, world.dayStart(from), world.dayStart(to), changes),
    close: () => world.close(),
  };
}

function documentOf(world: World): NetworkViewDocument {
  const [north] = world.networkDocument.cohorts;
  assert(north !== undefined);
  const names = world.households.map(({ network }) => network);
  const members = names.slice(0, 7).toSorted();
  const fromBlock = world.dayStart(3);
  return {
    ...world.networkDocument,
    cohorts: [
      { ...north, members },
      { ...north, version: 2, fromBlock, members: members.filter((name) => name !== names[6]) },
      { ...north, id: "south", members: names.slice(7) },
    ],
    servicePoints: world.networkDocument.servicePoints.map((point) =>
      point.network === names[7] ? { ...point, contractStart: world.dayStart(1) } : point,
    ),
  };
}

const slotsOf = (world: World, day: number): number =>
  (addLocalDays(world.dayStart(day), 1, world.zone) - world.dayStart(day)) / 3600;

const valuesOf = (household: number, day: number, slots: number): number[] =>
  Array.from(
    { length: slots },
    (_, slot) => 1_000 * (100 * household + 10 * slot + day) + 7 * slot,
  );

/** What the opener makes of the household's next frame. */
async function contribute(
  world: World,
  household: WorldHousehold,
  day: number,
  values: readonly number[],
): Promise<{ contributions: Contribution[]; after: readonly bigint[] }> {
  const blockStart = world.dayStart(day);
  const header = { blockStart, firstSlot: values.length === 0 ? SLOTS : 0 };
  const { frame, hash } = await household.frames.next(header, { importMilliwattHours: values });
  const body = await openFrame(frame, household.frames.dataKey);
  const [north] = world.networkDocument.cohorts;
  assert(north !== undefined);
  const stepSeconds = stepSecondsOf(world.tariff.calendar);
  const planned = planContributions(frame.header, hash, body, {
    paillierKeyId: fromHex(world.paillier.publicKey.id),
    modulusBits: world.paillier.publicKey.bits,
    blockSeconds: addLocalDays(blockStart, 1, world.zone) - blockStart,
    bandCount: world.tariff.calendar.bands.length,
    hasCost: isCountedInMeter(world.tariff.calendar),
    ...(stepSeconds !== undefined && { stepSeconds }),
    load: { intervalSeconds: 3600, valueBits: north.loadValueBits, exportToo: false },
  });
  const signer = frame.header.profile === "meter-encrypts" ? household.meter : undefined;
  const contributions = await Promise.all(planned.map((each) => encrypt(world, each, signer)));
  return { contributions, after: body.registersMilliwattHours };
}

async function encrypt(
  world: World,
  { header, headerBytes, messages }: PlannedContribution,
  signer = world.parties.opener.signer,
): Promise<Contribution> {
  const plaintexts = messages.map((message) => BigInt(`0x${toHex(message)}`));
  const ciphertexts = await encryptBatch(world.engine, world.paillier.publicKey, plaintexts);
  const bytes = concatBytes(...ciphertexts.map((ciphertext) => ciphertext.bytes));
  return signContribution(headerBytes, header, bytes, signer);
}

/** A contribution of any content, signed by whoever is asked: the opener, unless told otherwise. */
function forge(
  world: World,
  header: ContributionHeader,
  values: readonly bigint[],
  signer?: Signer,
): Promise<Contribution> {
  const { bits } = world.paillier.publicKey;
  const [north] = world.networkDocument.cohorts;
  const packing = isLoadStream(header.stream)
    ? loadPacking(north?.loadValueBits ?? 1, bits)
    : billPacking(bits);
  // Room for values that honest packing refuses.
  const room = { ...packing, valueMax: 1n << BigInt(packing.slotBits) };
  const vectors = header.stream === "STEPS" ? values.map((value) => [value]) : [values];
  const messages = vectors.map((vector) =>
    fromHex(
      pack(room, vector)
        .toString(16)
        .padStart(bits / 4, "0"),
    ),
  );
  const headerBytes = encodeContributionHeader(header);
  return encrypt(world, { header, headerBytes, messages }, signer);
}

const numberOf = ({ ciphertext }: Contribution): bigint => BigInt(`0x${toHex(ciphertext)}`);

export const bytesOf = (world: World, value: bigint): Uint8Array =>
  fromHex(value.toString(16).padStart(world.paillier.publicKey.bits / 2, "0"));

/** The slow way to Π c_t^(w_t) of the steps' ciphertexts: the reference for aggregator and trustee. */
export function weightedProduct(
  world: World,
  steps: readonly Contribution[],
  weights: readonly number[],
): Uint8Array {
  const { n2, bits } = world.paillier.publicKey;
  const each = new RegExp(`.{${bits / 2}}`, "g");
  const ciphertexts = steps.flatMap(({ ciphertext }) => toHex(ciphertext).match(each) ?? []);
  const product = ciphertexts.reduce((all, hex, index) => {
    return (all * power(BigInt(`0x${hex}`), weights[index] ?? 0, n2)) % n2;
  }, 1n);
  return bytesOf(world, product);
}

function power(base: bigint, exponent: number, modulus: bigint): bigint {
  let [result, square] = [1n, base];
  for (let rest = exponent; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result = (result * square) % modulus;
    square = (square * square) % modulus;
  }
  return result;
}

/** Of these contributions of one block, as an honest aggregator would ask. */
export function loadRequest(
  world: World,
  document: NetworkViewDocument,
  contributions: readonly Contribution[],
  { signer, ...changes }: LoadChanges = {},
): Promise<SignedRequest> {
  const { n2, id } = world.paillier.publicKey;
  const cohort = changes.cohort ?? "north";
  const cohortVersion = changes.cohortVersion ?? 1;
  const registered = document.cohorts.find(
    (entry) => entry.id === cohort && entry.version === cohortVersion,
  );
  const all = (registered?.members ?? []).map((member) =>
    contributions.filter(({ header }) => toHex(header.networkPseudonym) === member),
  );
  const { slotCount = SLOTS } = changes;
  const [present] = presenceRuns(1, all.length, (member) => (all[member] ?? []).length > 0);
  const runs = presenceRuns(slotCount, all.length, (member, slot) =>
    (all[member] ?? []).some(({ header: { firstSlot, count, bitmap } }) => {
      const offset = slot - firstSlot;
      return offset >= 0 && offset < count && hasMember(bitmap, offset);
    }),
  );
  const product = contributions.reduce((sum, each) => (sum * numberOf(each)) % n2, 1n);
  const terms: LoadRequest = {
    kind: "LOAD",
    stream: "LOAD",
    registryEpoch: EPOCH,
    cohort,
    cohortVersion,
    blockStart: contributions[0]?.header.blockStart ?? world.dayStart(1),
    intervalSeconds: 3600,
    slotCount,
    members: present?.members ?? new Uint8Array(0),
    runs,
    paillierKeyId: fromHex(id),
    product: bytesOf(world, product),
    ...changes,
  };
  const encoded = contributions.map(encodeContribution);
  return signRequest({ terms, contributions: encoded }, signer ?? world.parties.aggregator.signer);
}

function billRequest(
  world: World,
  borders: readonly Contribution[],
  fromGrid: number,
  toGrid: number,
  { signer, ...changes }: BillChanges = {},
): Promise<SignedRequest> {
  const { n2, id } = world.paillier.publicKey;
  const isStepped = borders.some(({ header }) => header.stream === "STEPS");
  const energies = borders.filter(({ header }) =>
    isStepped ? header.stream === "BILL" : header.stream !== "COST",
  );
  const costs = borders.filter(({ header }) => header.stream === "COST");
  const [from, to] = [energies[0], energies.at(-1)];
  assert(from !== undefined && to !== undefined);
  const quotientOf = (pairs: readonly Contribution[]): Uint8Array => {
    const quotient = pairs.reduce((sum, border, index) => {
      const isFrom = index % 2 === 0;
      return (sum * (isFrom ? inverse(numberOf(border), n2) : numberOf(border))) % n2;
    }, 1n);
    return bytesOf(world, quotient);
  };
  const terms: BillRequest = {
    kind: "BILL",
    registryEpoch: EPOCH,
    networkPseudonym: from.header.networkPseudonym,
    fromGrid,
    toGrid,
    fromBorder: instantOf(from.header),
    toBorder: instantOf(to.header),
    registerBank: from.header.registerBank,
    paillierKeyId: fromHex(id),
    product: quotientOf(energies),
    costProduct: costs.length > 0 ? quotientOf(costs) : new Uint8Array(0),
    ...changes,
  };
  const encoded = borders.map(encodeContribution);
  return signRequest({ terms, contributions: encoded }, signer ?? world.parties.aggregator.signer);
}

/** Extended Euclid; the slow reference for the trustee's quotient. */
function inverse(value: bigint, modulus: bigint): bigint {
  let [a, b] = [value, modulus];
  let [x, y] = [1n, 0n];
  while (b !== 0n) {
    const quotient = a / b;
    [a, b] = [b, a - quotient * b];
    [x, y] = [y, x - quotient * y];
  }
  return ((x % modulus) + modulus) % modulus;
}

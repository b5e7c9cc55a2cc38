/**
 * The terms of a release request, made again from contributions and registry (docs/protocol.md §7, §8.1) as an honest aggregator makes them.
 * Of the logged terms it takes what nothing else says: the kind, the registry epoch and, of a bill, the window on the grid and whether its
 * cost was asked for.
 */
import {
  parsePublicKey,
  product,
  subtract,
  validateCiphertexts,
  type Ciphertext,
  type Engine,
  type PublicKey,
} from "@smarter-metering/paillier";
import {
  ADDITIONS_MAX,
  billPacking,
  encodeContributionHeader,
  fromHex,
  instantOf,
  isLoadStream,
  loadPacking,
  toHex,
  type BillRequest,
  type Contribution,
  type ContributionHeader,
  type LoadRequest,
  type NetworkView,
  type RequestTerms,
} from "@smarter-metering/protocol";
import { addLocalDays } from "@smarter-metering/tariff";
import { BrokenLink } from "./broken-link.ts";
import { presenceOf } from "./presence.ts";
import { weightedProductOf } from "./rebuild-steps.ts";

/** Parts of a day of every member. */
const WEIGHT_MAX = 8 * ADDITIONS_MAX;

/** Throws BrokenLink at `members` or `product`. */
export async function rebuildTerms(
  logged: RequestTerms,
  contributions: readonly Contribution[],
  view: NetworkView,
  engine: Engine,
): Promise<RequestTerms> {
  const key = await parsePublicKey(view.document.paillierKey);
  const headers = contributions.map(({ header }) => header);
  const unsummed =
    logged.kind === "LOAD"
      ? loadTerms(logged, headers, view, key)
      : billTerms(logged, headers, view, key);
  const paillierKeyId = fromHex(key.id, 32);
  if (unsummed.kind === "LOAD") {
    const summed = await product(engine, key, await validated(contributions, engine, key));
    return { ...unsummed, paillierKeyId, product: summed.bytes };
  }
  const borders = bordersIn(logged, headers);
  const [bill, cost] = [contributions.slice(0, borders), contributions.slice(borders)];
  const billed = await difference(await validated(bill, engine, key), engine, key);
  const costProduct = await costProductOf(cost, unsummed, view, engine, key);
  return { ...unsummed, paillierKeyId, product: billed.bytes, costProduct };
}

/** What is behind the borders of a bill is its cost: as many of COST, or all steps between them. */
function bordersIn(logged: RequestTerms, headers: readonly ContributionHeader[]): number {
  if (!hasCost(logged)) return headers.length;
  const steps = headers.findIndex(({ stream }) => stream === "STEPS");
  return steps < 0 ? headers.length / 2 : steps;
}

async function costProductOf(
  cost: readonly Contribution[],
  { networkPseudonym, registerBank, fromBorder, toBorder }: Omit<BillRequest, SummedBill>,
  view: NetworkView,
  engine: Engine,
  key: PublicKey,
): Promise<Uint8Array> {
  const [first] = cost;
  if (first === undefined) return new Uint8Array(0);
  if (first.header.stream !== "STEPS") {
    return (await difference(await validated(cost, engine, key), engine, key)).bytes;
  }
  const span = { fromSeconds: fromBorder, toSeconds: toBorder };
  const bill = { network: toHex(networkPseudonym), registerBank: toHex(registerBank), span };
  return weightedProductOf(cost, bill, view, engine, key);
}

/** What nothing but the ciphertexts says. */
type SummedBill = "paillierKeyId" | "product" | "costProduct";

function loadTerms(
  { kind, registryEpoch }: LoadRequest,
  headers: readonly ContributionHeader[],
  view: NetworkView,
  { bits }: PublicKey,
): Omit<LoadRequest, "paillierKeyId" | "product"> {
  const [first] = headers;
  if (first === undefined) throw foreign("a load without contributions");
  const { stream, blockStart } = first;
  const cohort = view.cohortOf(toHex(first.networkPseudonym), blockStart);
  if (!isLoadStream(stream) || cohort === undefined) {
    throw foreign("contribution 1 is no load of a member of any cohort");
  }
  const { intervalSeconds } = cohort;
  const blockSeconds = addLocalDays(blockStart, 1, cohort.zone) - blockStart;
  const slotCount = Math.floor(blockSeconds / intervalSeconds);
  const packing = loadPacking(cohort.loadValueBits, bits);
  for (const [position, header] of headers.entries()) {
    const fits =
      header.stream === stream &&
      header.blockStart === blockStart &&
      header.intervalSeconds === intervalSeconds &&
      header.firstSlot + header.count <= slotCount &&
      isPackedBy(header, packing) &&
      isServed(header, view) &&
      view.cohortOf(toHex(header.networkPseudonym), blockStart) === cohort;
    if (!fits)
      throw foreign(`contribution ${position + 1} is not of this cohort, block and stream`);
  }
  refuseTwice(headers);
  return {
    kind,
    stream,
    registryEpoch,
    cohort: cohort.id,
    cohortVersion: cohort.version,
    blockStart,
    intervalSeconds,
    slotCount,
    ...presenceOf(headers, cohort.members, slotCount),
  };
}

/** Parts of one service point must not overlap. */
function refuseTwice(headers: readonly ContributionHeader[]): void {
  const taken = new Set<string>();
  for (const [position, { networkPseudonym, firstSlot, count }] of headers.entries()) {
    for (let slot = firstSlot; slot < firstSlot + count; slot++) {
      const name = `${toHex(networkPseudonym)} ${slot}`;
      if (taken.has(name)) {
        const message = `contribution ${position + 1} covers a slot of its service point again`;
        throw new BrokenLink("members", "CONTRIBUTION_TWICE", message);
      }
      taken.add(name);
    }
  }
}

const hasCost = (logged: RequestTerms): boolean =>
  logged.kind === "BILL" && logged.costProduct.length > 0;

function billTerms(
  logged: BillRequest,
  all: readonly ContributionHeader[],
  view: NetworkView,
  { bits }: PublicKey,
): Omit<BillRequest, SummedBill> {
  const { kind, registryEpoch, fromGrid, toGrid } = logged;
  const headers = all.slice(0, bordersIn(logged, all));
  const [from, to] = [headers[0], headers.at(-1)];
  if (from === undefined || to === undefined || headers.length % 2 !== 0) {
    throw foreign(`a bill has two borders for each of its meters, not ${headers.length}`);
  }
  const costs = all.slice(headers.length).filter(({ stream }) => stream !== "STEPS");
  for (const [position, header] of costs.entries()) {
    const border = headers[position];
    const isBeside = border !== undefined && isCostOf(header, border);
    if (isBeside) continue;
    throw foreign(`contribution ${headers.length + position + 1} is no cost of its border's frame`);
  }
  const packing = billPacking(bits);
  for (const [position, header] of headers.entries()) {
    const begins = headers[position - (position % 2)] ?? from;
    const before = headers[position - 1] ?? header;
    const fits =
      header.stream === "BILL" &&
      isPackedBy(header, packing) &&
      isServed(header, view) &&
      sameHex(header.networkPseudonym, from.networkPseudonym) &&
      sameHex(header.meterId, begins.meterId) &&
      sameHex(header.registerBank, from.registerBank) &&
      // From one meter to the next it takes no time.
      (position % 2 === 1 || instantOf(before) === instantOf(header));
    if (!fits) throw foreign(`contribution ${position + 1} is no border of a meter's registers`);
  }
  return {
    kind,
    registryEpoch,
    networkPseudonym: from.networkPseudonym,
    fromGrid,
    toGrid,
    fromBorder: instantOf(from),
    toBorder: instantOf(to),
    registerBank: from.registerBank,
  };
}

const isCostOf = (cost: ContributionHeader, border: ContributionHeader): boolean =>
  sameHex(encodeContributionHeader(cost), encodeContributionHeader({ ...border, stream: "COST" }));

const foreign = (message: string): BrokenLink =>
  new BrokenLink("members", "CONTRIBUTION_FOREIGN", message);

const sameHex = (a: Uint8Array, b: Uint8Array): boolean => toHex(a) === toHex(b);

/** By the meter that it names, when it ended. */
const isServed = (header: ContributionHeader, view: NetworkView): boolean => {
  const [network, meterId] = [toHex(header.networkPseudonym), toHex(header.meterId)];
  return view.meterAt(network, meterId, instantOf(header)) !== undefined;
};

const isPackedBy = (
  header: ContributionHeader,
  { valueBits, slotBits }: Pick<ContributionHeader, "valueBits" | "slotBits">,
): boolean => header.valueBits === valueBits && header.slotBits === slotBits;

async function validated(
  contributions: readonly Contribution[],
  engine: Engine,
  key: PublicKey,
): Promise<Ciphertext[]> {
  const candidates = contributions.map(({ ciphertext }) => ciphertext);
  const verdicts = await validateCiphertexts(engine, key, candidates, { weightMax: WEIGHT_MAX });
  return verdicts.map((verdict, position) => {
    const keyId = contributions[position]?.header.paillierKeyId;
    if (verdict.ok && keyId !== undefined && toHex(keyId) === key.id) return verdict.ciphertext;
    const message = `contribution ${position + 1} holds no ciphertext of the registered key`;
    throw new BrokenLink("product", "CONTRIBUTION_CIPHERTEXT", message);
  });
}

/** Π c_to · (Π c_from)⁻¹ of a bill, or of its cost (§6.1). */
async function difference(
  ciphertexts: readonly Ciphertext[],
  engine: Engine,
  key: PublicKey,
): Promise<Ciphertext> {
  const half = (parity: number): Promise<Ciphertext> =>
    product(
      engine,
      key,
      ciphertexts.filter((_, position) => position % 2 === parity),
    );
  const [quotient] = await subtract(engine, key, [await half(1)], [await half(0)]);
  if (quotient === undefined) throw new RangeError("one difference of two borders");
  return quotient;
}

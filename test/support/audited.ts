/**
 * What a small deployment has to show to those who check it: three households over three days, their contributions, one load and one bill with
 * their requests, the log of it all, partial releases, registry and statement. Made the way the parties make them, in memory.
 */
import assert from "node:assert/strict";
import { recomputeContributions } from "@smarter-metering/customer";
import {
  createQuorum,
  encodeEntry,
  formatHead,
  formatReceipt,
  logKey,
  signHead,
  trusteeKey,
  type NewEntry,
  type SignedHead,
} from "@smarter-metering/log";
import { engineKeyOf } from "@smarter-metering/paillier";
import {
  concatBytes,
  contributionContext,
  decodeContribution,
  documentHash,
  encodeContribution,
  encodeEnvelope,
  encodePartialRelease,
  encodeSignedTerms,
  fromHex,
  GENESIS_HASH,
  instantOf,
  leafHash,
  merkleTree,
  primitives,
  requestDigest,
  sealEnvelope,
  sealPartialRelease,
  signContribution,
  signDocument,
  signedTermsOf,
  signEpoch,
  signRequest,
  signStatement,
  toHex,
  type AggregateTerms,
  type Contribution,
  type MemberRun,
  type RequestTerms,
  type Signer,
} from "@smarter-metering/protocol";
import { priceBill } from "@smarter-metering/tariff";
import type { LedgerContribution, ShownRequest } from "../../cli/src/audit/aggregator-api.ts";
import type { ShownLog } from "../../cli/src/audit/audit-log.ts";
import type { BillMaterial } from "../../cli/src/audit/bill-evidence.ts";
import type { ReplayEvidence } from "../../cli/src/audit/replay.ts";
import { makeWorld, type MadeFrame, type World, type WorldHousehold } from "./world.ts";

const DAYS = 3;
const SLOTS = 24;
/** The day whose load was released. */
const LOAD_DAY = 1;

interface Metered {
  readonly household: WorldHousehold;
  /** The installation, then a frame for each day. */
  readonly frames: readonly MadeFrame[];
  readonly registers: readonly (readonly bigint[])[];
  readonly contributions: readonly Uint8Array[];
}

export interface Audited {
  readonly world: World;
  /** Of the first household's bill over all days. */
  readonly bill: BillMaterial;
  readonly log: ShownLog;
  /** As encoded, in order. */
  readonly entries: readonly Uint8Array[];
  readonly replays: Readonly<Record<"LOAD" | "BILL", ReplayEvidence>>;
  /** A note over the first entries, signed by the operator and the first trustees. */
  readonly headOf: (
    entries: readonly Uint8Array[],
    cosigners: number,
    timeSeconds?: number,
  ) => Promise<string>;
  close(): Promise<void>;
}

export async function makeAudited(profile: "pes-encrypts" | "meter-encrypts"): Promise<Audited> {
  const world = await makeWorld({
    households: 3,
    intervalSeconds: 3600,
    loadIntervalSeconds: 3600,
    profile,
    quorum: { threshold: 2, trustees: 3 },
  });
  const homes: Metered[] = [];
  for (const household of world.households) homes.push(await meter(world, household));
  const [own] = homes;
  assert(own !== undefined);
  const loads = await loadRequest(world, homes);
  const bill = await billRequest(world, own);
  const { entries, timeSeconds } = await logOf(world, homes, [loads, bill]);
  const receipts = await receiptsOf(world, entries, timeSeconds);
  const receiptOf = (entry: NewEntry): string => {
    const name = toHex(encodeEntry({ ...entry, timeSeconds }));
    const receipt = receipts.get(name);
    assert(receipt !== undefined, "it is in the log");
    return receipt;
  };
  const shownRequest = ({ terms, contributions }: Requested): ShownRequest => ({
    terms,
    contributions: [...contributions],
    receipt: receiptOf({ kind: "release-request", body: terms }),
    state: "RELEASED",
  });
  const registry = await registryOf(world);
  const replayOf = async (requested: Requested): Promise<ReplayEvidence> => ({
    ...registry,
    digest: toHex(requested.digest),
    request: shownRequest(requested),
    answers: { release: null, partials: await partialsOf(world, requested) },
  });
  const headOf = (shown: readonly Uint8Array[], cosigners: number, at = timeSeconds) =>
    signedHead(world, shown, cosigners, at).then(formatHead);
  const replays = { LOAD: await replayOf(loads), BILL: await replayOf(bill) };
  const shown = await Promise.all(
    own.contributions.map(async (encoded): Promise<LedgerContribution> => {
      const body = await primitives.sha256(encoded);
      return { encoded, receipt: receiptOf({ kind: "contribution", body }) };
    }),
  );
  return {
    world,
    bill: {
      ...(await statementOf(world, own, bill.digest)),
      rootKey: registry.rootKey,
      epochs: registry.epochs,
      networkView: await registry.networkView(0),
      contributions: shown,
      request: shownRequest(bill),
      answers: replays.BILL.answers,
    },
    log: {
      head: await headOf(entries, 0),
      standing: await headOf(entries, 3),
      read: (from, limit) => Promise.resolve(entries.slice(from, from + limit)),
    },
    entries,
    replays,
    headOf,
    close: () => world.close(),
  };
}

/** What a household used in a day, mWh by the hour. */
const used = (household: number, day: number): number[] =>
  Array.from({ length: SLOTS }, (_, slot) => 100_000 * (household + 1) + 7001 * slot + 13 * day);

async function meter(world: World, household: WorldHousehold): Promise<Metered> {
  const index = world.households.indexOf(household);
  const frames: MadeFrame[] = [];
  const registers: bigint[][] = [];
  const contributions: Uint8Array[] = [];
  for (let day = -1; day < DAYS; day++) {
    const header = { blockStart: world.dayStart(day), firstSlot: day < 0 ? SLOTS : 0 };
    const values = { importMilliwattHours: day < 0 ? [] : used(index, day) };
    const made = await household.frames.next(header, values);
    frames.push(made);
    registers.push([...household.frames.registers]);
    contributions.push(...(await contributed(world, household, made)));
  }
  return { household, frames, registers, contributions };
}

/** The meter's own, or what the opener makes of the frame. */
async function contributed(
  world: World,
  household: WorldHousehold,
  { frame, contributions }: MadeFrame,
): Promise<readonly Uint8Array[]> {
  if (frame.header.profile === "meter-encrypts") return contributions;
  const { view } = world.network.current();
  const point = view.servicePoint(household.network);
  assert(point !== undefined);
  const context = await contributionContext(view, point, frame.header, 3600 * SLOTS);
  const key = engineKeyOf(world.paillier.publicKey);
  const made = await recomputeContributions(
    frame,
    household.frames.dataKey,
    context,
    (message, blinding) => world.engine.encrypt(key, message, blinding),
  );
  return Promise.all(
    made.map(async ({ header, headerBytes, ciphertext }) => {
      const { signer } = world.parties.opener;
      return encodeContribution(await signContribution(headerBytes, header, ciphertext, signer));
    }),
  );
}

/** A request with the contributions it is of. */
interface Requested {
  readonly digest: Uint8Array;
  readonly terms: Uint8Array;
  readonly contributions: readonly Uint8Array[];
  /** What trustees say of it. */
  readonly said: AggregateTerms;
}

async function requested(
  world: World,
  terms: RequestTerms,
  contributions: readonly Uint8Array[],
  say: (digest: string) => AggregateTerms,
): Promise<Requested> {
  const request = await signRequest({ terms, contributions }, world.parties.aggregator.signer);
  const digest = await requestDigest(request);
  const signed = encodeSignedTerms(await signedTermsOf(request));
  return { digest, terms: signed, contributions, said: say(toHex(digest)) };
}

const ciphertextsOf = (contributions: readonly Contribution[]): Uint8Array =>
  concatBytes(...contributions.map(({ ciphertext }) => ciphertext));

async function loadRequest(world: World, homes: readonly Metered[]): Promise<Requested> {
  const blockStart = world.dayStart(LOAD_DAY);
  const contributions = homes
    .toSorted((a, b) => (a.household.network < b.household.network ? -1 : 1))
    .flatMap((home) => home.contributions)
    .filter((encoded) => {
      const { header } = decodeContribution(encoded);
      return header.stream === "LOAD" && header.blockStart === blockStart;
    });
  const key = engineKeyOf(world.paillier.publicKey);
  const members = Uint8Array.of(0b111);
  const runs: MemberRun[] = [{ slotCount: SLOTS, members }];
  const flat = ciphertextsOf(contributions.map(decodeContribution));
  const block = {
    kind: "LOAD",
    stream: "LOAD",
    cohort: "north",
    cohortVersion: 1,
    blockStart,
    intervalSeconds: 3600,
  } as const;
  const product = await world.engine.product(key, flat, [homes.length]);
  const paillierKeyId = fromHex(key.id, 32);
  const terms = {
    ...block,
    registryEpoch: 0,
    slotCount: SLOTS,
    members,
    runs,
    paillierKeyId,
    product,
  };
  return requested(world, terms, contributions, (digest) => ({
    ...block,
    contributors: homes.length,
    members: homes.length,
    contributorsPerSlot: Array.from({ length: SLOTS }, () => homes.length),
    policyId: String(world.policy["id"]),
    registryEpoch: 0,
    paillierKeyId: key.id,
    requestDigest: digest,
    loadValueBits: world.networkDocument.cohorts[0]?.loadValueBits ?? 1,
  }));
}

async function billRequest(world: World, own: Metered): Promise<Requested> {
  const borders = own.contributions.filter((encoded) => {
    const { stream, blockStart } = decodeContribution(encoded).header;
    return stream === "BILL" && [-1, DAYS - 1].some((day) => world.dayStart(day) === blockStart);
  });
  const [from, to] = borders.map(decodeContribution);
  assert(from !== undefined && to !== undefined && borders.length === 2);
  const key = engineKeyOf(world.paillier.publicKey);
  const window = {
    fromGrid: world.dayStart(0),
    toGrid: world.dayStart(DAYS),
    fromBorder: instantOf(from.header),
    toBorder: instantOf(to.header),
  };
  const terms: RequestTerms = {
    kind: "BILL",
    registryEpoch: 0,
    networkPseudonym: from.header.networkPseudonym,
    ...window,
    registerBank: from.header.registerBank,
    paillierKeyId: fromHex(key.id, 32),
    product: await world.engine.subtract(key, to.ciphertext.slice(), from.ciphertext.slice()),
    costProduct: new Uint8Array(0),
  };
  return requested(world, terms, borders, (digest) => ({
    kind: "BILL",
    servicePointToken: "AA",
    ...window,
    registerBank: toHex(from.header.registerBank),
    hasCost: false,
    policyId: String(world.policy["id"]),
    registryEpoch: 0,
    paillierKeyId: key.id,
    requestDigest: digest,
  }));
}

/** Two of three trustees answer; whether their shares decrypt is the MDMS' to check. */
function partialsOf(world: World, { said }: Requested): Promise<Uint8Array[]> {
  const answering = world.shareHolders.slice(0, 2).map(async ({ signer, share }, sequence) => {
    const content = { terms: said, product: new Uint8Array(4), partial: new Uint8Array(8) };
    const numbers = { sequence, trustee: share.trustee };
    const { recipient } = world.mdms;
    return encodePartialRelease(await sealPartialRelease(content, numbers, recipient, signer));
  });
  return Promise.all(answering);
}

async function logOf(world: World, homes: readonly Metered[], requests: readonly Requested[]) {
  const timeSeconds = world.dayStart(DAYS) + 3600;
  const hashed = homes.flatMap(({ contributions }) =>
    contributions.map(async (encoded): Promise<NewEntry> => {
      return { kind: "contribution", body: await primitives.sha256(encoded) };
    }),
  );
  const asked = requests.map(({ terms: body }): NewEntry => ({ kind: "release-request", body }));
  const all = [...(await Promise.all(hashed)), ...asked];
  return { entries: all.map((entry) => encodeEntry({ ...entry, timeSeconds })), timeSeconds };
}

/** By encoded entry, hex. */
async function receiptsOf(
  world: World,
  entries: readonly Uint8Array[],
  timeSeconds: number,
): Promise<ReadonlyMap<string, string>> {
  const head = await signedHead(world, entries, 3, timeSeconds);
  const { paths } = await merkleTree(await Promise.all(entries.map((entry) => leafHash(entry))));
  const receipts = entries.map((entry, index) => {
    const proof = paths[index] ?? [];
    return [toHex(entry), formatReceipt({ index, timeSeconds, proof, head })] as const;
  });
  return new Map(receipts);
}

export const quorumIn = (world: World): ReturnType<typeof createQuorum> =>
  createQuorum(
    world.parties.aggregator.signer.publicKey,
    world.shareHolders.map(({ signer }) => signer.publicKey),
    2,
  );

async function signedHead(
  world: World,
  entries: readonly Uint8Array[],
  cosigners: number,
  timeSeconds: number,
): Promise<SignedHead> {
  const operator = world.parties.aggregator.signer;
  const key = await logKey(operator.publicKey);
  const leaves = await Promise.all(entries.map((entry) => leafHash(entry)));
  const { root } = await merkleTree(leaves);
  const head = { origin: key.name, size: entries.length, root };
  const signatures = [await signHead(head, timeSeconds, key, operator)];
  for (const { signer } of world.shareHolders.slice(0, cosigners)) {
    signatures.push(await signHead(head, timeSeconds, await trusteeKey(signer.publicKey), signer));
  }
  return { ...head, signatures };
}

async function registryOf(
  world: World,
): Promise<Pick<ReplayEvidence, "rootKey" | "epochs" | "networkView">> {
  const text = JSON.stringify(world.networkDocument);
  const hash = toHex(await documentHash(text));
  const none = GENESIS_HASH;
  const views = { network: hash, mdms: none, ucs: none, public: none };
  const epoch = { epoch: 0, previous: GENESIS_HASH, issuedAt: world.startSeconds, views };
  const epochs = [await signEpoch(epoch, world.root)];
  return { rootKey: world.root.publicKey, epochs, networkView: () => Promise.resolve(text) };
}

async function statementOf(world: World, own: Metered, digest: Uint8Array) {
  const { household, frames, registers } = own;
  const [first, last] = [registers[0], registers.at(-1)];
  const [high = 0n, low = 0n] = [0, 1].map((band) => (last?.[band] ?? 0n) - (first?.[band] ?? 0n));
  const window = { from: world.dayStart(0), to: world.dayStart(DAYS) };
  const bill = priceBill({
    tariff: world.tariff,
    zone: world.zone,
    fromSeconds: window.from,
    toSeconds: window.to,
    registersMilliwattHours: [high, low],
    exportMilliwattHours: 0n,
  });
  const { mdms, "tariff-signer": tariffSigner } = world.parties;
  const statement = {
    servicePoint: household.mdms,
    ...window,
    zone: world.zone,
    registers_mWh: { high: String(high), low: String(low) },
    export_mWh: "0",
    energy_mWh: String(high + low),
    tariff: world.tariff.tariff,
    tariffVersion: bill.version,
    lines: bill.lines.map(({ kind, amountE16 }) => {
      return { text: kind, quantity: "", price: "", amountE16: String(amountE16) };
    }),
    amount: bill.amount,
    currency: bill.currency,
    estimated: false,
    requestDigest: toHex(digest),
  };
  const meterKey = household.meter.publicKey;
  const networkPseudonym = fromHex(household.network, 16);
  const meterId = fromHex(household.meterId, 16);
  return {
    servicePoint: household.mdms,
    window,
    span: window,
    meters: [{ networkPseudonym, meterId, meterKey, statementSecret: new Uint8Array(32) }],
    secret: world.customer.secret,
    frames: frames.map(({ bytes }) => bytes),
    envelopes: [await envelopeOf(world, household)],
    statement: await signStatement(statement, mdms.signer),
    tariff: await signTariff(world, tariffSigner.signer),
  };
}

const signTariff = (world: World, signer: Signer): Promise<string> =>
  signDocument("smarter-metering/tariff", world.tariff, signer);

async function envelopeOf(world: World, household: WorldHousehold): Promise<Uint8Array> {
  const { keyEpoch, dataKey } = household.frames;
  const context = {
    recipient: "customer",
    networkPseudonym: fromHex(household.network, 16),
    meterId: fromHex(household.meterId, 16),
    keyEpoch,
  } as const;
  const { recipient } = world.customer;
  return encodeEnvelope(await sealEnvelope(context, dataKey, recipient, household.meter));
}

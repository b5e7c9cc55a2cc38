/** One customer's complete evidence for one bill, made the way the parties make it: registry, meter, opener, log, MDMS. */
import { createPortableEngine, engineKeyOf } from "@smarter-metering/paillier";
import {
  checkReceipt,
  createQuorum,
  encodeEntry,
  formatReceipt,
  parseReceipt,
  signHead,
  type NewEntry,
} from "@smarter-metering/log";
import {
  decodeContribution,
  decodeFrame,
  encodeContribution,
  encodeEnvelope,
  encodeFrame,
  encodePartialRelease,
  encodeRelease,
  encodeSignedTerms,
  frameHash,
  fromHex,
  generateRecipient,
  GENESIS_HASH,
  keyCommitment,
  documentHash,
  leafHash,
  merkleTree,
  primitives,
  recipientFromSpki,
  recipientSecret,
  registerBankOf,
  requestDigest,
  sealEnvelope,
  sealFrame,
  sealPartialRelease,
  sealRelease,
  signContribution,
  signDocument,
  signEpoch,
  signRequest,
  signedTermsOf,
  signerFromSeed,
  signStatement,
  toHex,
  type BillRelease,
  type BillRequest,
  type ContributionContext,
  type FrameBody,
  type FrameHeader,
  type MdmsView,
  type Signer,
  type Statement,
  type UnsealedHeader,
} from "@smarter-metering/protocol";
import { addLocalDays, bandsOf, priceBill, type Tariff } from "@smarter-metering/tariff";
import { recomputeContributions, type BillEvidence } from "@smarter-metering/customer";
import { loadTestKey2048 } from "../../paillier/test/fixed-keys.ts";
import { tariffDocument, zone } from "./tariff.ts";

export const filled = (length: number, value: number): Uint8Array =>
  new Uint8Array(length).fill(value);

export { tariffDocument, zone };
export const meterId = filled(16, 0xa1);
export const networkPseudonym = filled(16, 0xb2);
export const servicePoint = "77".repeat(16);
export const [root, meter, opener, mdms, tariffSigner, stranger, aggregator, ...trustees] =
  await Promise.all([1, 2, 3, 4, 5, 6, 7, 8, 9].map((value) => signerFromSeed(filled(32, value))));

export const signTariff = (document: unknown, signer: Signer = must(tariffSigner)) =>
  signDocument("smarter-metering/tariff", document, signer);

export function must<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("the fixture lacks this");
  return value;
}

// The meter: installed at a local midnight, a frame a day, restarted in between; the fourth day has 25 hours.

/** 2018-10-24T22:00:00Z. */
export const contractStart = 1_540_418_400;
export const DAYS = 9;
export const midnight = (day: number): number => addLocalDays(contractStart, day, zone);
/** The bill is over days 1 to 7: the contract's first day is not in it, so that a frame makes its border. */
export const window = { from: midnight(1), to: midnight(8) };
const RESTART_DAY = 5;
const epochs = [
  { keyEpoch: 1_540_000_000, dataKey: filled(32, 0xc3) },
  { keyEpoch: 1_540_900_000, dataKey: filled(32, 0xc4) },
];
const epochOf = (day: number) => must(epochs[day < RESTART_DAY ? 0 : 1]);

interface MadeFrame {
  readonly header: FrameHeader;
  readonly bytes: Uint8Array;
  readonly body: FrameBody;
  readonly dataKey: Uint8Array;
}

export class Meter {
  readonly made: MadeFrame[] = [];
  readonly #registers = [1_000_000n, 2_000_000n, 500n, 0n, 0n, 0n, 0n, 0n];
  #counter = 0;
  #keyEpoch = 0;
  #previous: Uint8Array = filled(32, 0);

  /** `count` quarters from `firstSlot` of a day. */
  async frame(day: number, firstSlot: number, count: number, changes: Partial<FrameHeader> = {}) {
    const { keyEpoch, dataKey } = epochOf(day);
    if (keyEpoch !== this.#keyEpoch) this.#counter = 0;
    this.#keyEpoch = keyEpoch;
    const header: UnsealedHeader = {
      profile: "pes-encrypts",
      kind: "BLOCK",
      networkPseudonym,
      meterId,
      keyEpoch,
      keyCommitment: await keyCommitment(meterId, keyEpoch, dataKey),
      counter: this.#counter++,
      blockStart: midnight(day),
      firstSlot,
      count,
      intervalSeconds: 900,
      registerBank: await registerBankOf(tariffDocument.calendar),
      previousFrameHash: this.#previous,
      ...changes,
    };
    const values = Array.from({ length: count }, (_, slot) => 150_000 + 997 * slot + 31 * day);
    const start = header.blockStart + 900 * firstSlot;
    const bands = bandsOf(tariffDocument.calendar, start, 900, count, zone);
    if (header.kind === "BLOCK") {
      for (const [slot, value] of values.entries()) this.#count(must(bands[slot]), value);
      for (let slot = 0; slot < count; slot++) this.#count(2, slot % 3);
    }
    const body = {
      importMilliwattHours: Uint32Array.from(values),
      exportMilliwattHours: Uint32Array.from(values, (_, slot) => slot % 3),
      quality: new Uint8Array(count),
      registersMilliwattHours: [...this.#registers],
    };
    return this.seal(header, body);
  }

  async seal(unsealed: UnsealedHeader, body: FrameBody): Promise<Uint8Array> {
    const { dataKey } = must(epochs.find(({ keyEpoch }) => keyEpoch === unsealed.keyEpoch));
    const frame = await sealFrame(unsealed, body, dataKey, must(meter));
    this.#previous = await frameHash(frame);
    const bytes = encodeFrame(frame);
    this.made.push({ header: frame.header, bytes, body, dataKey });
    return bytes;
  }

  #count(register: number, value: number): void {
    this.#registers[register] = must(this.#registers[register]) + BigInt(value);
  }
}

export const slotsOf = (day: number): number => (midnight(day + 1) - midnight(day)) / 900;

export const source = new Meter();
await source.frame(-1, slotsOf(-1), 0); // The installation.
for (let day = 0; day < DAYS; day++) {
  await source.frame(day, 0, 4, { kind: "LIVE" });
  await source.frame(day, 0, slotsOf(day));
}
/** In the order of the chain: the installation, then a LIVE and a BLOCK for each day. */
export const frames = source.made.map(({ bytes }) => bytes);
export const livePosition = (day: number): number => 1 + 2 * day;
export const blockPosition = (day: number): number => 2 + 2 * day;

// The customer and his envelopes.

const pair = await generateRecipient();
export const secret = await recipientSecret(pair.spki, pair.pkcs8);
const customer = await recipientFromSpki(pair.spki);
export const envelopes = await Promise.all(
  epochs.map(async ({ keyEpoch, dataKey }) => {
    const context = { recipient: "customer", networkPseudonym, meterId, keyEpoch } as const;
    return encodeEnvelope(await sealEnvelope(context, dataKey, customer, must(meter)));
  }),
);

// The registry: two epochs, the MDMS' view standing for any.

const partyOf = (role: MdmsView["parties"][number]["role"], signer: Signer | undefined) => ({
  role,
  signingKey: toHex(must(signer).publicKey),
});
export const view: MdmsView = {
  kind: "smarter-metering/mdms-view",
  parties: [
    partyOf("opener", opener),
    partyOf("aggregator", aggregator),
    ...trustees.map((trustee) => partyOf("trustee", trustee)),
    partyOf("mdms", mdms),
    partyOf("tariff-signer", tariffSigner),
  ],
  policy: {},
  tariffs: [],
  cohorts: [],
  servicePoints: [],
};

/** A registry of two epochs with this text for any view. */
export async function registryOf(text: string) {
  const hash = toHex(await documentHash(text));
  const views = { network: hash, mdms: hash, ucs: hash, public: hash };
  const signed = (epoch: number, previous: string) =>
    signEpoch({ epoch, previous, issuedAt: contractStart + epoch, views }, must(root));
  const first = await signed(0, GENESIS_HASH);
  const epochs = [first, await signed(1, toHex(await documentHash(first)))];
  return { rootKey: must(root).publicKey, epochs, view: { name: "mdms", text } as const };
}

// The opener: the contributions of three days.

const { publicKey } = await loadTestKey2048();
const engine = createPortableEngine();
const engineKey = engineKeyOf(publicKey);
const ciphertexts = new Map<string, Promise<Uint8Array>>();
/** Remembers, so that a test may verify a thousand times. */
const encrypt = (message: Uint8Array, blinding: Uint8Array): Promise<Uint8Array> => {
  const name = `${toHex(message)} ${toHex(blinding)}`;
  const known = ciphertexts.get(name) ?? engine.encrypt(engineKey, message.slice(), blinding);
  ciphertexts.set(name, known);
  return known;
};
export const CONTRIBUTED_DAY = 3;
/** A day inside, and the two that end at the window's borders. */
export const contributedDays = [0, CONTRIBUTED_DAY, 7];
const contextOf = ({ blockStart }: FrameHeader): Promise<ContributionContext | undefined> => {
  const day = contributedDays.find((one) => blockStart === midnight(one));
  if (day === undefined) return Promise.resolve(undefined);
  return Promise.resolve({
    paillierKeyId: fromHex(publicKey.id, 32),
    modulusBits: publicKey.bits,
    blockSeconds: midnight(day + 1) - midnight(day),
    bandCount: 2,
    load: { intervalSeconds: 1800, valueBits: 15, exportToo: false },
  });
};

export async function contributionsOf(
  { header, bytes, dataKey }: MadeFrame,
  signer: Signer = must(opener),
): Promise<Uint8Array[]> {
  const made = await recomputeContributions(
    decodeFrame(bytes),
    dataKey,
    must(await contextOf(header)),
    encrypt,
  );
  return Promise.all(
    made.map(async ({ header: own, headerBytes, ciphertext }) =>
      encodeContribution(await signContribution(headerBytes, own, ciphertext, signer)),
    ),
  );
}

const frameOf = (day: number): MadeFrame => must(source.made[blockPosition(day)]);
/** LOAD and BILL of each day. */
export const contributed = (
  await Promise.all(contributedDays.map((day) => contributionsOf(frameOf(day))))
).flat();
export const [borderAtStart, borderAtEnd] = [must(contributed[1]), must(contributed[5])];

// The aggregator's request, and the trustee's answer: sealed to the customer, as it is opened by nobody here.

const ciphertextOf = (bytes: Uint8Array): Uint8Array => decodeContribution(bytes).ciphertext;

export async function requestOf(
  borders: readonly Uint8Array[],
  changes: Partial<BillRequest> = {},
) {
  const [from, to] = borders.map(ciphertextOf);
  const terms: BillRequest = {
    kind: "BILL",
    registryEpoch: 1,
    networkPseudonym,
    fromGrid: window.from,
    toGrid: window.to,
    fromBorder: window.from,
    toBorder: window.to,
    registerBank: await registerBankOf(tariffDocument.calendar),
    paillierKeyId: fromHex(publicKey.id, 32),
    product: await engine.subtract(engineKey, must(to).slice(), must(from).slice()),
    costProduct: new Uint8Array(0),
    ...changes,
  };
  const request = await signRequest({ terms, contributions: borders }, must(aggregator));
  const digest = await requestDigest(request);
  return { digest, terms: encodeSignedTerms(await signedTermsOf(request)) };
}
export const request = await requestOf([borderAtStart, borderAtEnd]);

/** What a release of these registers says. */
const releaseContent = (digest: Uint8Array): BillRelease => ({
  kind: "BILL",
  servicePointToken: "AA",
  fromGrid: window.from,
  toGrid: window.to,
  fromBorder: window.from,
  toBorder: window.to,
  registerBank: "00".repeat(8),
  registers_mWh: Array.from({ length: 8 }, () => "0"),
  policyId: "default-v1",
  registryEpoch: 1,
  paillierKeyId: publicKey.id,
  requestDigest: toHex(digest),
});
export const releaseTo = async (digest: Uint8Array, trustee: Signer = must(trustees[0])) =>
  encodeRelease(await sealRelease(releaseContent(digest), 0, digest, customer, trustee));

/** The answer of a trustee that holds a share; whether it decrypts is the MDMS' to check. */
export async function shareOf(signer: Signer, trustee: number) {
  const { registers_mWh: _, ...named } = releaseContent(request.digest);
  const terms = { ...named, hasCost: false };
  const content = { terms, product: filled(512, 1), partial: filled(64, 2) };
  const numbers = { sequence: 0, trustee };
  return encodePartialRelease(await sealPartialRelease(content, numbers, customer, signer));
}

// The MDMS: what the registers of the meter give.

export function registersBetween(fromDay: number, toDay: number): bigint[] {
  const at = (day: number): readonly bigint[] =>
    must(source.made[day === 0 ? 0 : blockPosition(day - 1)]).body.registersMilliwattHours;
  return [0, 1, 2].map((index) => must(at(toDay)[index]) - must(at(fromDay)[index]));
}

export function statementOf(
  [day = 0n, night = 0n, exported = 0n]: readonly bigint[],
  span: { readonly from: number; readonly to: number } = window,
  tariff: Tariff = tariffDocument,
): Statement {
  const bill = priceBill({
    tariff,
    zone,
    fromSeconds: span.from,
    toSeconds: span.to,
    registersMilliwattHours: [day, night],
    exportMilliwattHours: exported,
  });
  return {
    servicePoint,
    ...span,
    zone,
    registers_mWh: { day: String(day), night: String(night) },
    export_mWh: String(exported),
    energy_mWh: String(day + night),
    tariff: tariff.tariff,
    tariffVersion: bill.version,
    lines: bill.lines.map(({ kind, amountE16 }) => ({
      text: kind,
      quantity: "",
      price: "",
      amountE16: String(amountE16),
    })),
    amount: bill.amount,
    currency: bill.currency,
    estimated: false,
    requestDigest: toHex(request.digest),
  };
}
export const honestStatement = statementOf(registersBetween(1, 8));
export const sign = (statement: Statement, signer: Signer = must(mdms)) =>
  signStatement(statement, signer);

// The log, which the aggregator operates.

const quorum = await createQuorum(
  must(aggregator).publicKey,
  trustees.map((trustee) => trustee.publicKey),
  2,
);

/** The receipts of all entries of a log that has these and no others. */
async function receiptsOf(bodies: readonly NewEntry[], cosigners: number): Promise<string[]> {
  const timeSeconds = window.to;
  const leaves = bodies.map((entry) => leafHash(encodeEntry({ ...entry, timeSeconds })));
  const { root, paths } = await merkleTree(await Promise.all(leaves));
  const head = { origin: quorum.log.name, size: bodies.length, root };
  const signatures = await Promise.all(
    [quorum.log, ...quorum.trustees.slice(0, cosigners)].map((key, at) =>
      signHead(head, timeSeconds, key, must([must(aggregator), ...trustees][at])),
    ),
  );
  const signed = { ...head, signatures };
  return paths.map((proof, index) => formatReceipt({ index, timeSeconds, proof, head: signed }));
}

/** Contributions and a request, with their receipts. */
export async function logged(
  contributions: readonly Uint8Array[],
  terms = request.terms,
  cosigners = 2,
) {
  const hashes = await Promise.all(contributions.map((bytes) => primitives.sha256(bytes)));
  const entries = [
    ...hashes.map((body) => ({ kind: "contribution", body }) as const),
    { kind: "release-request", body: terms } as const,
  ];
  const receipts = await receiptsOf(entries, cosigners);
  return {
    shown: contributions.map((contribution, at) => ({ contribution, receipt: must(receipts[at]) })),
    request: { terms, receipt: must(receipts.at(-1)) },
  };
}
const inLog = await logged(contributed);

export const evidence: BillEvidence &
  Required<Pick<BillEvidence, "contributions" | "release" | "checkReceipt">> = {
  registry: await registryOf(JSON.stringify(view)),
  meters: [
    {
      networkPseudonym,
      meterId,
      meterKey: must(meter).publicKey,
      statementSecret: new Uint8Array(32),
    },
  ],
  secret,
  envelopes,
  frames,
  servicePoint,
  window,
  statement: await sign(honestStatement),
  tariff: await signTariff(tariffDocument),
  contributions: { shown: inLog.shown, contextOf, encrypt },
  release: { ...inLog.request, answers: { release: await releaseTo(request.digest) } },
  checkReceipt: async (entry, receipt) => checkReceipt(parseReceipt(receipt), entry, quorum),
};

/** One customer's complete evidence for one bill, made the way the parties make it: registry, meter, opener, log, MDMS. */
import { createPortableEngine, engineKeyOf } from "@smarter-metering/paillier";
import {
  checkReceipt,
  createQuorum,
  encodeEntry,
  formatReceipt,
  leafHash,
  logKey,
  nodeHash,
  parseReceipt,
  signHead,
} from "@smarter-metering/log";
import {
  decodeFrame,
  encodeContribution,
  encodeEnvelope,
  encodeFrame,
  frameHash,
  fromHex,
  generateRecipient,
  GENESIS_HASH,
  keyCommitment,
  documentHash,
  primitives,
  recipientFromSpki,
  recipientSecret,
  registerBankOf,
  sealEnvelope,
  sealFrame,
  signContribution,
  signDocument,
  signEpoch,
  signerFromSeed,
  signStatement,
  toHex,
  type ContributionContext,
  type FrameBody,
  type FrameHeader,
  type MdmsView,
  type Signer,
  type Statement,
} from "@smarter-metering/protocol";
import {
  addLocalDays,
  bandsOf,
  parseTariff,
  priceBill,
  type Tariff,
} from "@smarter-metering/tariff";
import { recomputeContributions, type BillEvidence } from "@smarter-metering/customer";
import { loadTestKey2048 } from "../../paillier/test/fixed-keys.ts";

export const filled = (length: number, value: number): Uint8Array =>
  new Uint8Array(length).fill(value);

export const zone = "Europe/Luxembourg";
export const meterId = filled(16, 0xa1);
export const networkPseudonym = filled(16, 0xb2);
export const servicePoint = "77".repeat(16);
export const [root, meter, opener, mdms, tariffSigner, stranger, logSigner, ...trustees] =
  await Promise.all([1, 2, 3, 4, 5, 6, 7, 8, 9].map((value) => signerFromSeed(filled(32, value))));

export const tariffDocument: Tariff = parseTariff({
  kind: "smarter-metering/tariff",
  tariff: "day-night",
  currency: "EUR",
  minorDigits: 2,
  calendar: {
    id: "day-night",
    bands: ["day", "night"],
    rules: [{ weekdays: [1, 2, 3, 4, 5, 6, 7], from: "06:00", to: "22:00", band: "day" }],
    defaultBand: "night",
  },
  versions: [
    {
      version: 1,
      validFrom: "2018-01-01",
      pricesMicroPerKilowattHour: { day: 250_000, night: 150_000 },
      feedInMicroPerKilowattHour: 80_000,
      standingChargeMicroPerDay: 120_000,
      taxBasisPoints: 800,
    },
  ],
});
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
    const header: FrameHeader = {
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

  async seal(header: FrameHeader, body: FrameBody): Promise<Uint8Array> {
    const { dataKey } = must(epochs.find(({ keyEpoch }) => keyEpoch === header.keyEpoch));
    const frame = await sealFrame(header, body, dataKey, must(meter));
    this.#previous = await frameHash(frame);
    const bytes = encodeFrame(frame);
    this.made.push({ header, bytes, body, dataKey });
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
  const views = { network: hash, mdms: hash, ucs: hash };
  const signed = (epoch: number, previous: string) =>
    signEpoch({ epoch, previous, issuedAt: contractStart + epoch, views }, must(root));
  const first = await signed(0, GENESIS_HASH);
  const epochs = [first, await signed(1, toHex(await documentHash(first)))];
  return { rootKey: must(root).publicKey, epochs, view: { name: "mdms", text } as const };
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
    requestDigest: "55".repeat(32),
  };
}
export const honestStatement = statementOf(registersBetween(1, 8));
export const sign = (statement: Statement, signer: Signer = must(mdms)) =>
  signStatement(statement, signer);

// The opener and the log: the contributions of one day, with their receipts.

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
const contextOf = (header: FrameHeader): Promise<ContributionContext | undefined> =>
  Promise.resolve(
    header.blockStart === midnight(CONTRIBUTED_DAY)
      ? {
          paillierKeyId: fromHex(publicKey.id, 32),
          modulusBits: publicKey.bits,
          blockSeconds: midnight(CONTRIBUTED_DAY + 1) - midnight(CONTRIBUTED_DAY),
          bandCount: 2,
          load: { intervalSeconds: 1800, valueBits: 15, exportToo: false },
        }
      : undefined,
  );

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

const quorum = await createQuorum(
  must(logSigner).publicKey,
  trustees.map((trustee) => trustee.publicKey),
  2,
);
/** A log of two entries. */
export async function logged(contributions: readonly Uint8Array[]) {
  const entries = await Promise.all(
    contributions.map(async (bytes) => ({
      kind: "contribution" as const,
      body: await primitives.sha256(bytes),
      timeSeconds: window.to,
    })),
  );
  const [left, right] = await Promise.all(entries.map((entry) => leafHash(encodeEntry(entry))));
  const { name: origin } = await logKey(must(logSigner).publicKey);
  const head = { origin, size: 2, root: await nodeHash(must(left), must(right)) };
  const signatures = await Promise.all(
    [quorum.log, ...quorum.trustees].map((key, at) =>
      signHead(head, window.to, key, must([must(logSigner), ...trustees][at])),
    ),
  );
  return contributions.map((contribution, index) => {
    const proof = [must(index === 0 ? right : left)];
    const signed = { ...head, signatures };
    const receipt = formatReceipt({ index, timeSeconds: window.to, proof, head: signed });
    return { contribution, receipt };
  });
}
export const contributedFrame = must(source.made[blockPosition(CONTRIBUTED_DAY)]);
export const shown = await logged(await contributionsOf(contributedFrame));

export const evidence: BillEvidence & Required<Pick<BillEvidence, "contributions">> = {
  registry: await registryOf(JSON.stringify(view)),
  meters: [{ networkPseudonym, meterId, meterKey: must(meter).publicKey }],
  secret,
  envelopes,
  frames,
  servicePoint,
  window,
  statement: await sign(honestStatement),
  tariff: await signTariff(tariffDocument),
  contributions: {
    shown,
    contextOf,
    encrypt,
    checkReceipt: async (entry, receipt) => checkReceipt(parseReceipt(receipt), entry, quorum),
  },
};

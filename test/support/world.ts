/**
 * A small world for tests: every party's keys, a signed registry, meters that make real frames. In memory, 2048-bit Paillier TEST
 * keys, fixed RSA TEST keys; signing keys follow from names, so that a failing run can be repeated.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import {
  engineKeyOf,
  serializePublicKey,
  serializeVerificationKey,
  openEngine,
  type Engine,
  type KeyPair,
  type Quorum,
  type SecretShare,
} from "@smarter-metering/paillier";
import {
  blindingOf,
  encodeContribution,
  encodeEnvelope,
  encodeFrame,
  encodeUplinkItem,
  encryptContributions,
  frameHash,
  fromBase64Url,
  fromHex,
  indexNetworkView,
  keyCommitment,
  loadValueBits,
  planContributions,
  ProtocolError,
  recipientFromSpki,
  recipientSecret,
  registerBankOf,
  sealEnvelope,
  sealFrame,
  sealToken,
  signContribution,
  signerFromSeed,
  signDocument,
  signOpenerKeys,
  statementKeys,
  statementSecret,
  toBase64Url,
  toHex,
  type ContributionContext,
  type FrameBody,
  type MdmsView,
  type NetworkView,
  type NetworkViewDocument,
  type Party,
  type Profile,
  type Recipient,
  type RecipientSecret,
  type RegistryFeed,
  type RegistrySnapshot,
  type Role,
  type SealedFrame,
  type Signer,
  type StatementKeys,
  type UcsView,
  type UnsealedHeader,
} from "@smarter-metering/protocol";
import {
  addLocalDays,
  bandsOf,
  costOf,
  dayStartOf,
  isCountedInMeter,
  parseTariff,
  stepSecondsOf,
  wrapCost,
  type DynamicPrices,
  type Tariff,
} from "@smarter-metering/tariff";
import { loadTestKey2048, loadTestKey3072 } from "../../packages/paillier/test/fixed-keys.ts";
import { dealTestKey, undivided } from "../../packages/paillier/test/threshold-keys.ts";

/** 16 or 32 bytes that follow from a name. */
export const named = (name: string, length = 32): Uint8Array =>
  new Uint8Array(createHash("sha256").update(name).digest().subarray(0, length));

export const worldTariff: Tariff = parseTariff({
  kind: "smarter-metering/tariff",
  tariff: "household-tou",
  currency: "CHF",
  minorDigits: 2,
  calendar: {
    id: "high-low",
    bands: ["high", "low"],
    rules: [{ weekdays: [1, 2, 3, 4, 5, 6], from: "07:00", to: "21:00", band: "high" }],
    defaultBand: "low",
  },
  versions: [
    {
      version: 1,
      validFrom: "2010-01-01",
      pricesMicroPerKilowattHour: { high: 285_000, low: 217_000 },
      feedInMicroPerKilowattHour: 96_000,
      standingChargeMicroPerDay: 320_000,
      taxBasisPoints: 810,
    },
  ],
});

const OPENER_KEY_PERIOD = { from: 0, to: 2 ** 33 };

/** A ring of one key, as `startOpener` takes it. */
export const ringOf = (secret: RecipientSecret) => ({
  find: (keyId: Uint8Array) =>
    Promise.resolve(toHex(keyId) === toHex(secret.keyId) ? secret : undefined),
  destroyDue: () => Promise.resolve([]),
  size: 1,
});

export interface WorldOptions {
  /** Households; default 4, all members of cohort "north". */
  readonly households?: number;
  readonly zone?: string;
  /** First local day, YYYY-MM-DD; contracts start at its midnight. */
  readonly startDate?: string;
  readonly intervalSeconds?: number;
  readonly loadIntervalSeconds?: number;
  readonly profile?: Profile;
  readonly exportLoad?: boolean;
  /** Trustees with shares of the key; by default one holds all of it. */
  readonly quorum?: Quorum;
  /** Of the Paillier modulus; default 2048. */
  readonly paillierBits?: 2048 | 3072;
  /** Default: of two bands. */
  readonly tariff?: Tariff;
  /** What its cost counts by, if it has one. */
  readonly prices?: readonly DynamicPrices[];
  /** Overrides of the policy document; by default an UNSAFE policy with k = 3, without R2 and R5. */
  readonly policy?: Readonly<Record<string, unknown>>;
}

export interface WorldHousehold {
  readonly label: string;
  readonly network: string;
  readonly mdms: string;
  readonly meterId: string;
  readonly meter: Signer;
  readonly seed: Uint8Array;
  readonly enrolmentCode: Uint8Array;
  /** Of the code. */
  readonly statements: StatementKeys;
  readonly frames: FrameMaker;
}

export interface WorldParty {
  readonly signer: Signer;
  readonly recipient?: Recipient;
  readonly secret?: RecipientSecret;
}

export interface ShareHolder {
  readonly signer: Signer;
  readonly share: SecretShare;
}

export interface World {
  readonly zone: string;
  readonly startSeconds: number;
  readonly tariff: Tariff;
  readonly policy: Record<string, unknown>;
  /** With a quorum, what nobody holds: the whole of the shared key. */
  readonly paillier: KeyPair;
  /** In the order of their numbers; empty without a quorum. */
  readonly shareHolders: readonly ShareHolder[];
  readonly engine: Engine;
  readonly root: Signer;
  readonly parties: Readonly<Record<Role, WorldParty>>;
  /** Its one key, which holds for as long as any test goes on. */
  readonly opener: { readonly recipient: Recipient; readonly secret: RecipientSecret };
  readonly mdms: { readonly recipient: Recipient; readonly secret: RecipientSecret };
  readonly customer: { readonly recipient: Recipient; readonly secret: RecipientSecret };
  readonly households: readonly WorldHousehold[];
  readonly networkDocument: NetworkViewDocument;
  readonly network: MutableFeed<NetworkView>;
  readonly mdmsFeed: MutableFeed<MdmsView>;
  readonly ucsFeed: MutableFeed<UcsView>;
  /** What a meter's provisioning says of its profile: the opener's key, or what it contributes itself. */
  readonly meterTerms: object;
  /** Start of local day `day` after the first. */
  dayStart(day: number): number;
  close(): Promise<void>;
}

/** A registry feed whose snapshot a test can replace. */
export interface MutableFeed<View> extends RegistryFeed<View> {
  set(epoch: number, view: View): void;
}

export function mutableFeed<View>(epoch: number, view: View): MutableFeed<View> {
  const snapshotOf = (number: number, of: View): RegistrySnapshot<View> => {
    const hash = number.toString(16).padStart(64, "0");
    return { epoch: number, hash, issuedAt: 0, view: of };
  };
  let snapshot = snapshotOf(epoch, view);
  const known = new Map([[epoch, snapshot]]);
  return {
    current: () => snapshot,
    refresh: () => Promise.resolve(false),
    at: (number) => Promise.resolve(known.get(number)),
    set(nextEpoch, nextView) {
      snapshot = snapshotOf(nextEpoch, nextView);
      known.set(nextEpoch, snapshot);
    },
  };
}

/** The RSA test key pair of that name, from `test-recipients.json`. */
export async function testRecipient(
  name: "opener" | "mdms" | "customer" | "other",
): Promise<{ recipient: Recipient; secret: RecipientSecret; spki: Uint8Array; pkcs8: Uint8Array }> {
  const file = new URL("test-recipients.json", import.meta.url);
  const keys = JSON.parse(readFileSync(file, "utf8")) as Record<
    string,
    { spki: string; pkcs8: string }
  >;
  const entry = keys[name];
  assert(entry !== undefined);
  const spki = fromBase64Url(entry.spki);
  const pkcs8 = fromBase64Url(entry.pkcs8);
  return {
    recipient: await recipientFromSpki(spki),
    secret: await recipientSecret(spki, pkcs8),
    spki,
    pkcs8,
  };
}

/** What a household consumed in one frame; registers follow. */
export interface FrameValues {
  readonly importMilliwattHours: readonly number[];
  readonly exportMilliwattHours?: readonly number[];
  readonly quality?: readonly number[];
}

export interface MadeFrame {
  readonly frame: SealedFrame;
  readonly bytes: Uint8Array;
  readonly hash: Uint8Array;
  /** The uplink item with the opener's envelope, or with the meter's own contributions. */
  readonly item: Uint8Array;
  readonly openerEnvelope: Uint8Array;
  readonly contributions: readonly Uint8Array[];
}

/** Makes one meter's frames in order: chain, counter, registers, key epochs. */
export class FrameMaker {
  readonly registers: bigint[] = Array.from({ length: 8 }, () => 0n);
  keyEpoch = 1;
  dataKey: Uint8Array;
  #counter = 0;
  #previous: Uint8Array = new Uint8Array(32);
  readonly #make: (
    maker: FrameMaker,
    header: Partial<UnsealedHeader>,
    values: FrameValues,
  ) => Promise<MadeFrame>;

  constructor(
    label: string,
    make: (
      maker: FrameMaker,
      header: Partial<UnsealedHeader>,
      values: FrameValues,
    ) => Promise<MadeFrame>,
  ) {
    this.dataKey = named(`data key 1 of ${label}`);
    this.#make = make;
  }

  /** The next frame; its counter and predecessor follow from the last, unless `header` overrides them. */
  async next(
    header: Partial<UnsealedHeader> & { readonly blockStart: number },
    values: FrameValues,
  ): Promise<MadeFrame> {
    const chain = { counter: this.#counter, previousFrameHash: this.#previous };
    const made = await this.#make(this, { ...chain, ...header }, values);
    this.#counter += 1;
    this.#previous = made.hash;
    return made;
  }

  /** A restart of the meter: new key epoch, counter 0. */
  restart(label: string): void {
    this.keyEpoch += 1;
    this.dataKey = named(`data key ${this.keyEpoch} of ${label}`);
    this.#counter = 0;
  }
}

export async function makeWorld(options: WorldOptions = {}): Promise<World> {
  const zone = options.zone ?? "Europe/Zurich";
  const startSeconds = dayStartOf(options.startDate ?? "2025-02-01", zone);
  const intervalSeconds = options.intervalSeconds ?? 900;
  const loadIntervalSeconds = options.loadIntervalSeconds ?? 900;
  const profile = options.profile ?? "pes-encrypts";
  const bits = options.paillierBits ?? 2048;
  const ceremony = options.quorum && (await dealTestKey({ bits, ...options.quorum }));
  const paillier = ceremony
    ? { publicKey: ceremony.publicKey, secretKey: await undivided(ceremony) }
    : await (bits === 2048 ? loadTestKey2048() : loadTestKey3072());
  const verificationKey = ceremony && serializeVerificationKey(ceremony.verification);
  const [opener, mdms, customer] = await Promise.all([
    testRecipient("opener"),
    testRecipient("mdms"),
    testRecipient("customer"),
  ]);
  const signer = (name: string): Promise<Signer> => signerFromSeed(named(name));
  const root = await signer("root");
  const parties: Record<Role, WorldParty> = {
    concentrator: { signer: await signer("concentrator") },
    opener: { signer: await signer("opener"), ...opener },
    aggregator: { signer: await signer("aggregator") },
    trustee: { signer: await signer("trustee") },
    mdms: { signer: await signer("mdms"), ...mdms },
    ucs: { signer: await signer("ucs") },
    "tariff-signer": { signer: await signer("tariff-signer") },
  };
  const shareHolders = await Promise.all(
    (ceremony?.shares ?? []).map(async (share): Promise<ShareHolder> => {
      return { share, signer: await signer(`trustee ${share.trustee}`) };
    }),
  );
  const { engine } = await openEngine();
  const { tariff = worldTariff, prices = [] } = options;
  const { calendar } = tariff;
  const bank = await registerBankOf(calendar);
  const stepSeconds = stepSecondsOf(calendar);
  const steps = stepSeconds !== undefined && { stepSeconds };
  const fuse = { amps: 63, phases: 3 };
  const loadTerms = {
    intervalSeconds: loadIntervalSeconds,
    valueBits: loadValueBits(fuse, loadIntervalSeconds),
    exportToo: options.exportLoad ?? false,
  };
  const make = async (
    household: Omit<WorldHousehold, "frames">,
    maker: FrameMaker,
    overrides: Partial<UnsealedHeader>,
    values: FrameValues,
  ): Promise<MadeFrame> => {
    const meterId = fromHex(household.meterId);
    const networkPseudonym = fromHex(household.network);
    const count = values.importMilliwattHours.length;
    const blockStart = overrides.blockStart ?? startSeconds;
    const header: UnsealedHeader = {
      profile,
      kind: "BLOCK",
      networkPseudonym,
      meterId,
      keyEpoch: maker.keyEpoch,
      keyCommitment: await keyCommitment(meterId, maker.keyEpoch, maker.dataKey),
      counter: 0,
      blockStart,
      firstSlot: 0,
      count,
      intervalSeconds,
      registerBank: bank,
      previousFrameHash: new Uint8Array(32),
      ...overrides,
    };
    if (header.kind === "BLOCK") advanceRegisters(maker, header, values, { tariff, prices, zone });
    const body = {
      importMilliwattHours: Uint32Array.from(values.importMilliwattHours),
      exportMilliwattHours: Uint32Array.from(
        values.exportMilliwattHours ?? values.importMilliwattHours.map(() => 0),
      ),
      quality: Uint8Array.from(values.quality ?? values.importMilliwattHours.map(() => 0)),
      registersMilliwattHours: [...maker.registers],
      ...(contributes(header) && {
        blindingSeed: named(`blinding ${household.label} ${header.keyEpoch} ${header.counter}`),
      }),
    };
    const frame = await sealFrame(header, body, maker.dataKey, household.meter);
    const context = { recipient: "opener", networkPseudonym, meterId, keyEpoch: header.keyEpoch };
    const envelope = await sealEnvelope(
      { ...context, recipient: "opener" },
      maker.dataKey,
      opener.recipient,
      household.meter,
    );
    const openerEnvelope =
      header.kind === "BLOCK" && profile === "pes-encrypts"
        ? encodeEnvelope(envelope)
        : new Uint8Array(0);
    const bytes = encodeFrame(frame);
    const contributions = contributes(header)
      ? await contributionsOf(frame, body, maker.dataKey, household.meter)
      : [];
    const item = contributes(header)
      ? encodeUplinkItem({ kind: "CONTRIBUTED_FRAME", frame: bytes, contributions })
      : encodeUplinkItem({ kind: "FRAME", frame: bytes, openerEnvelope });
    return { frame, bytes, hash: await frameHash(frame), item, openerEnvelope, contributions };
  };

  /** What a meter makes of its own frame; nothing of one that the opener would refuse. */
  const contributionsOf = async (
    frame: SealedFrame,
    body: FrameBody,
    dataKey: Uint8Array,
    meter: Signer,
  ): Promise<Uint8Array[]> => {
    const { header } = frame;
    const { id, bits } = paillier.publicKey;
    const context: ContributionContext = {
      paillierKeyId: fromHex(id, 32),
      modulusBits: bits,
      blockSeconds: addLocalDays(header.blockStart, 1, zone) - header.blockStart,
      bandCount: calendar.bands.length,
      hasCost: isCountedInMeter(calendar),
      ...steps,
      load: loadTerms,
    };
    try {
      const planned = planContributions(header, await frameHash(frame), body, context);
      const encrypted = await encryptContributions(planned, async (plan) => {
        const blinding = await blindingOf(plan, { dataKey, ...body }, bits);
        return engine.encrypt(engineKeyOf(paillier.publicKey), plan.message, blinding);
      });
      const signed = encrypted.map(({ header: own, headerBytes, ciphertext }) =>
        signContribution(headerBytes, own, ciphertext, meter),
      );
      return (await Promise.all(signed)).map(encodeContribution);
    } catch (error) {
      if (error instanceof ProtocolError) return [];
      throw error;
    }
  };

  const households: WorldHousehold[] = [];
  for (let index = 0; index < (options.households ?? 4); index++) {
    const label = `household ${index}`;
    const household = {
      label,
      network: toHex(named(`network ${index}`, 16)),
      mdms: toHex(named(`mdms ${index}`, 16)),
      meterId: toHex(named(`meter ${index}`, 16)),
      meter: await signer(`meter ${index}`),
      seed: named(`meter ${index}`),
      enrolmentCode: named(`code ${index}`, 16),
      statements: await statementKeys(await statementSecret(named(`code ${index}`, 16))),
    };
    const frames = new FrameMaker(label, (maker, header, values) =>
      make(household, maker, header, values),
    );
    households.push({ ...household, frames });
  }

  const policy: Record<string, unknown> = {
    kind: "smarter-metering/policy",
    id: "UNSAFE-test",
    contributorsMin: 3,
    contributorsMinFine: 500,
    // A handful of households: one is more than 15 % of any sum, and an audit for five hides nobody.
    dominanceMaxBasisPoints: 10_000,
    auditMembersMin: 1,
    intervalSecondsMin: 900,
    completenessMinBasisPoints: 9000,
    churnMin: 5,
    billWindowDaysMin: 28,
    billGrid: { unit: "month" },
    registersMax: 8,
    loadCutoffSeconds: 21_600,
    billCutoffSeconds: 259_200,
    ...options.policy,
  };
  const sharing = shareHolders.map(({ share, signer: own }): Party => {
    const signingKey = toHex(own.publicKey);
    return { role: "trustee", signingKey, trusteeIndex: share.trustee };
  });
  const lone = Object.entries(parties).filter(
    ([role]) => role !== "trustee" || sharing.length === 0,
  );
  const partyList = lone.map(([role, party]): Party => {
    const signingKey = toHex(party.signer.publicKey);
    const entry = { role: role as Role, signingKey };
    return party.recipient === undefined
      ? entry
      : { ...entry, encryptionKey: toBase64Url(party.recipient.spki) };
  });
  partyList.push(...sharing);
  const contract = { contractStart: startSeconds, contractEnd: null };
  const meterOf = (household: WorldHousehold) => ({
    meterId: household.meterId,
    signingKey: toHex(household.meter.publicKey),
  });
  const openerKeys = await signOpenerKeys(
    { version: 1, keys: [{ spki: toBase64Url(opener.recipient.spki), ...OPENER_KEY_PERIOD }] },
    root,
  );
  const signedPrices = prices.length > 0 && {
    prices: await Promise.all(
      prices.map((document) => signDocument("smarter-metering/prices", document, root)),
    ),
  };
  const networkDocument: NetworkViewDocument = {
    kind: "smarter-metering/network-view",
    parties: partyList,
    openerKeys,
    paillierKey: serializePublicKey(paillier.publicKey),
    ...(verificationKey && { verificationKey }),
    policy,
    calendars: { [toHex(bank)]: calendar },
    ...signedPrices,
    consumptionClasses: { household: 4500 },
    cohorts: [
      {
        id: "north",
        version: 1,
        fromBlock: startSeconds,
        zone,
        intervalSeconds: loadIntervalSeconds,
        profile,
        exportLoad: options.exportLoad ?? false,
        loadValueBits: loadValueBits(fuse, loadIntervalSeconds),
        members: households.map(({ network }) => network).toSorted(),
      },
    ],
    servicePoints: await Promise.all(
      households.map(async (household) => ({
        network: household.network,
        zone,
        fuse,
        consumptionClass: "household",
        profile,
        intervalSeconds,
        ...contract,
        registerBank: toHex(bank),
        bandCount: calendar.bands.length,
        ...(calendar.cost && { prices: calendar.cost.prices }),
        ...steps,
        mdmsToken: toBase64Url(await sealToken(mdms.recipient, fromHex(household.mdms))),
        meters: [{ ...meterOf(household), from: addLocalDays(startSeconds, -1, zone), to: null }],
      })),
    ),
  };
  const tariffSigner = parties["tariff-signer"].signer;
  const tariffJws = await signDocument("smarter-metering/tariff", tariff, tariffSigner);
  const mdmsView: MdmsView = {
    kind: "smarter-metering/mdms-view",
    parties: partyList,
    policy,
    ...(verificationKey && { verificationKey }),
    tariffs: [tariffJws],
    ...signedPrices,
    cohorts: networkDocument.cohorts.map((cohort) => ({
      id: cohort.id,
      version: cohort.version,
      fromBlock: cohort.fromBlock,
      zone,
      intervalSeconds: cohort.intervalSeconds,
      members: cohort.members.length,
    })),
    servicePoints: households.map((household) => ({
      servicePoint: household.mdms,
      zone,
      tariff: tariff.tariff,
      ...contract,
      statements: {
        mailbox: toHex(household.statements.mailbox),
        key: toHex(household.statements.key),
      },
    })),
  };
  const ucsView: UcsView = {
    kind: "smarter-metering/ucs-view",
    parties: partyList,
    servicePoints: households.map((household) => ({
      network: household.network,
      ...contract,
      meters: [meterOf(household)],
    })),
  };
  return {
    zone,
    startSeconds,
    tariff,
    policy,
    paillier,
    shareHolders,
    engine,
    root,
    parties,
    opener,
    mdms,
    customer,
    households,
    networkDocument,
    network: mutableFeed(0, indexNetworkView(networkDocument)),
    mdmsFeed: mutableFeed(0, mdmsView),
    ucsFeed: mutableFeed(0, ucsView),
    meterTerms:
      profile === "pes-encrypts"
        ? { profile, opener: { registryRootKey: toHex(root.publicKey), keys: openerKeys } }
        : {
            profile,
            contribution: {
              paillierKey: networkDocument.paillierKey,
              load: [{ fromBlock: startSeconds, ...loadTerms }],
            },
          },
    dayStart: (day) => addLocalDays(startSeconds, day, zone),
    close: () => engine.close(),
  };
}

const contributes = ({ kind, profile }: UnsealedHeader): boolean =>
  kind === "BLOCK" && profile === "meter-encrypts";

function advanceRegisters(
  maker: FrameMaker,
  header: UnsealedHeader,
  values: FrameValues,
  { tariff, prices, zone }: Required<Pick<WorldOptions, "tariff" | "prices" | "zone">>,
): void {
  const { calendar } = tariff;
  const first = header.blockStart + header.firstSlot * header.intervalSeconds;
  const count = values.importMilliwattHours.length;
  const bands = bandsOf(calendar, first, header.intervalSeconds, count, zone);
  for (const [index, value] of values.importMilliwattHours.entries()) {
    const band = bands[index] ?? 0;
    maker.registers[band] = (maker.registers[band] ?? 0n) + BigInt(value);
  }
  const exportRegister = calendar.bands.length;
  for (const value of values.exportMilliwattHours ?? []) {
    maker.registers[exportRegister] = (maker.registers[exportRegister] ?? 0n) + BigInt(value);
  }
  if (!isCountedInMeter(calendar)) return;
  const counted = costOf(prices, {
    energiesMilliwattHours: values.importMilliwattHours,
    fromSeconds: first,
    intervalSeconds: header.intervalSeconds,
  });
  const costRegister = exportRegister + 1;
  maker.registers[costRegister] = wrapCost((maker.registers[costRegister] ?? 0n) + counted);
}

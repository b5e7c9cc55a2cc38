/** One message of every kind from fixed seeds: what the vectors are made of and what the tests change. */
import {
  encodeContribution,
  encodeContributionHeader,
  encodeEnrolmentAnswer,
  encodeEnrolmentRequest,
  encodeFrame,
  encodeOffer,
  encodeRefusal,
  encodeRequest,
  customerMac,
  frameHash,
  keyCommitment,
  meterMac,
  primitives,
  sealFrame,
  signContribution,
  signEnrolmentAnswer,
  signerFromSeed,
  signOffer,
  signRefusal,
  signRequest,
  slotsRoot,
  Writer,
  type ContributionHeader,
  type EnrolmentContext,
  type FrameBody,
  type FrameHeader,
  type LoadRelease,
  type PartialContent,
  type SealedFrame,
  type Signer,
} from "@smarter-metering/protocol";
import { encodeBody } from "../src/frame-body.ts";
import { encodeFrameHeader } from "../src/frame.ts";
import { signedBytes } from "../src/signature.ts";

/** `length` bytes, each of value `value`: easy to find in a dump. */
export const filled = (length: number, value: number): Uint8Array =>
  new Uint8Array(length).fill(value);

export interface Signers {
  readonly meter: Signer;
  readonly opener: Signer;
  readonly aggregator: Signer;
  readonly trustee: Signer;
  readonly stranger: Signer;
}

export async function signers(): Promise<Signers> {
  return {
    meter: await signerFromSeed(filled(32, 1)),
    opener: await signerFromSeed(filled(32, 2)),
    aggregator: await signerFromSeed(filled(32, 3)),
    trustee: await signerFromSeed(filled(32, 4)),
    stranger: await signerFromSeed(filled(32, 5)),
  };
}

export const meterId = filled(16, 0xa1);
export const networkPseudonym = filled(16, 0xb2);
export const dataKey = filled(32, 0xc3);
export const keyEpoch = 1_540_000_000;
/** 2018-10-27T22:00:00Z: local midnight in Luxembourg, of the day that has 25 hours. */
export const blockStart = 1_540_677_600;

export async function frameHeader(changes: Partial<FrameHeader> = {}): Promise<FrameHeader> {
  return {
    profile: "pes-encrypts",
    kind: "BLOCK",
    networkPseudonym,
    meterId,
    keyEpoch,
    keyCommitment: await keyCommitment(meterId, keyEpoch, dataKey),
    counter: 7,
    blockStart,
    firstSlot: 0,
    count: 2,
    intervalSeconds: 900,
    registerBank: filled(8, 0xd4),
    previousFrameHash: filled(32, 0xe5),
    slotsRoot: filled(32, 0xf6), // Of no body: sealing computes it.
    ...changes,
  };
}

export const frameBody: FrameBody = {
  importMilliwattHours: Uint32Array.of(123_456, 0xffffffff),
  exportMilliwattHours: Uint32Array.of(0, 1),
  quality: Uint8Array.of(0, 4),
  registersMilliwattHours: [2n ** 48n - 1n, 5n, 1n, 0n, 0n, 0n, 0n, 0n],
};

/** What a meter could sign that seals `frameBody` and commits to any root. */
export async function sealedUnder(root: Uint8Array, key = dataKey): Promise<SealedFrame> {
  const { meter } = await signers();
  const header = { ...(await frameHeader()), slotsRoot: root };
  const headerBytes = encodeFrameHeader(header);
  const nonce = new Writer().u32(header.keyEpoch).u64(header.counter).finish();
  const plaintext = encodeBody(frameBody, header);
  const body = await primitives.aesGcmSeal(key, nonce, headerBytes, plaintext);
  const signed = await signedBytes("smarter-metering/frame/v1", headerBytes, body);
  return { header, headerBytes, body, signature: await meter.sign(signed) };
}

/** Frames under the meter's good signature that `dataKey` must not open. */
export async function unopenableFrames(): Promise<Record<string, Uint8Array>> {
  const header = await frameHeader();
  const { importMilliwattHours, exportMilliwattHours, quality } = frameBody;
  const [register = 0n, ...registers] = frameBody.registersMilliwattHours;
  const otherRoot = (body: Partial<FrameBody>, name: Partial<FrameHeader> = {}, key = dataKey) =>
    slotsRoot({ ...header, ...name }, { ...frameBody, ...body }, key);
  const otherKey = filled(32, 0xc4);
  const frames = {
    otherImport: sealedUnder(
      await otherRoot({ importMilliwattHours: importMilliwattHours.with(0, 123_457) }),
    ),
    otherExport: sealedUnder(
      await otherRoot({ exportMilliwattHours: exportMilliwattHours.with(1, 2) }),
    ),
    otherQuality: sealedUnder(await otherRoot({ quality: quality.with(0, 1) })),
    otherRegister: sealedUnder(
      await otherRoot({ registersMilliwattHours: [register - 1n, ...registers] }),
    ),
    rootOfOtherCounter: sealedUnder(await otherRoot({}, { counter: 8 })),
    rootOfOtherEpoch: sealedUnder(await otherRoot({}, { keyEpoch: 1 })),
    rootOfFewerSlots: sealedUnder(await otherRoot({}, { count: 1 })),
    rootUnderOtherKey: sealedUnder(await otherRoot({}, {}, otherKey)),
    noRoot: sealedUnder(filled(32, 0)),
    otherKey: sealedUnder(await otherRoot({}), otherKey),
  };
  const encoded = Object.entries(frames).map(
    async ([name, frame]) => [name, encodeFrame(await frame)] as const,
  );
  return Object.fromEntries(await Promise.all(encoded));
}

/** Of a BLOCK in `meter-encrypts`. */
export const seededBody: FrameBody = { ...frameBody, blindingSeed: filled(32, 0x99) };

export const contributionHeader = (
  changes: Partial<ContributionHeader> = {},
): ContributionHeader => ({
  profile: "pes-encrypts",
  stream: "LOAD",
  paillierKeyId: filled(32, 0x11),
  networkPseudonym,
  meterId,
  blockStart,
  firstSlot: 3,
  count: 10,
  intervalSeconds: 900,
  registerBank: filled(8, 0xd4),
  valueBits: 14,
  slotBits: 24,
  bitmap: Uint8Array.of(0xff, 0x02),
  frameHash: filled(32, 0x22),
  ...changes,
});

export const enrolmentCode = Uint8Array.from({ length: 16 }, (_, index) => 17 * index);
export const enrolmentContext: EnrolmentContext = {
  meterId,
  networkPseudonym,
  account: "änne@example.org",
  customerSpki: filled(40, 0x33),
  nonce: filled(16, 0x44),
};

export const releaseContent: LoadRelease = {
  kind: "LOAD",
  stream: "LOAD",
  cohort: "C-01",
  cohortVersion: 1,
  blockStart,
  intervalSeconds: 900,
  contributors: 120,
  members: 121,
  contributorsPerSlot: [120, 119],
  energy_Wh: [4711, 4712],
  policyId: "default-1",
  registryEpoch: 3,
  paillierKeyId: "11".repeat(32),
  requestDigest: "55".repeat(32),
};

const { energy_Wh: _, ...loadTerms } = releaseContent;
export const partialContent: PartialContent = {
  terms: { ...loadTerms, loadValueBits: 14 },
  product: filled(8, 0x77),
  partial: filled(40, 0x78),
};

async function contribution(header: ContributionHeader, signer: Signer): Promise<Uint8Array> {
  const bytes = encodeContributionHeader(header);
  return encodeContribution(await signContribution(bytes, header, filled(8, 0x66), signer));
}

/** The messages without randomness of their own: equal seeds, equal bytes. */
export async function deterministicMessages(): Promise<Record<string, Uint8Array>> {
  const { meter, opener, aggregator, trustee } = await signers();
  const frame = await sealFrame(await frameHeader(), frameBody, dataKey, meter);
  const own = await frameHeader({ profile: "meter-encrypts" });
  const byOpener = await contribution(
    contributionHeader({ frameHash: await frameHash(frame) }),
    opener,
  );
  const bill = { stream: "BILL", bitmap: filled(0, 0), valueBits: 48, slotBits: 58 } as const;
  const byMeter = await contribution(
    contributionHeader({ ...bill, profile: "meter-encrypts" }),
    meter,
  );
  const keys = { registryEpoch: 3, paillierKeyId: filled(32, 0x11), product: filled(8, 0x77) };
  const loadRequest = await signRequest(
    {
      terms: {
        kind: "LOAD",
        stream: "LOAD_EXPORT",
        cohort: "C-01",
        cohortVersion: 1,
        blockStart,
        intervalSeconds: 900,
        slotCount: 100,
        members: Uint8Array.of(7),
        runs: [
          { slotCount: 40, members: Uint8Array.of(7) },
          { slotCount: 60, members: Uint8Array.of(5) },
        ],
        ...keys,
      },
      contributions: [byOpener, byOpener, byMeter],
    },
    aggregator,
  );
  const grid = { fromGrid: blockStart, toGrid: blockStart + 30 * 86_400 };
  const borders = { fromBorder: grid.fromGrid, toBorder: grid.toGrid + 86_400 };
  const billTerms = {
    kind: "BILL",
    networkPseudonym,
    ...grid,
    ...borders,
    registerBank: filled(8, 0x22),
    ...keys,
    costProduct: new Uint8Array(0),
  } as const;
  const billRequest = await signRequest(
    { terms: billTerms, contributions: [byMeter, byMeter] },
    aggregator,
  );
  const cost = await contribution(
    contributionHeader({ ...bill, stream: "COST", profile: "meter-encrypts" }),
    meter,
  );
  const costlyRequest = await signRequest(
    {
      terms: { ...billTerms, costProduct: filled(8, 0x79) },
      contributions: [byMeter, byMeter, cost, cost],
    },
    aggregator,
  );
  const reasons = [{ code: "R1", reason: "12 of 100 contributors" }];
  const { nonce, account, customerSpki } = enrolmentContext;
  const pair = { networkPseudonym, meterId, nonce };
  const mac = await meterMac(enrolmentCode, enrolmentContext, meter.publicKey);
  const accepted = { ...pair, accepted: true, mac };
  const refused = { ...pair, accepted: false, mac: filled(32, 0) };
  return {
    frame: encodeFrame(frame),
    frameOfMeter: encodeFrame(await sealFrame(own, seededBody, dataKey, meter)),
    contributionByOpener: byOpener,
    contributionByMeter: byMeter,
    loadRequest: encodeRequest(loadRequest),
    contributionOfCost: cost,
    billRequest: encodeRequest(billRequest),
    billRequestWithCost: encodeRequest(costlyRequest),
    refusal: encodeRefusal(
      await signRefusal({ requestDigest: filled(32, 0x55), reasons }, trustee),
    ),
    enrolmentOffer: encodeOffer(await signOffer(pair, meter)),
    enrolmentRequest: encodeEnrolmentRequest({
      ...pair,
      account,
      customerSpki,
      mac: await customerMac(enrolmentCode, enrolmentContext),
    }),
    enrolmentAnswer: encodeEnrolmentAnswer(await signEnrolmentAnswer(accepted, meter)),
    enrolmentRefusal: encodeEnrolmentAnswer(await signEnrolmentAnswer(refused, meter)),
  };
}

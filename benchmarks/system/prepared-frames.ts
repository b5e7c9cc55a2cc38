/**
 * Frames of synthetic meters, sealed and signed before a measurement begins: what meters do is not what is measured. Everything in them is
 * real (keys, envelopes, chains, slot commitments, signatures) but the readings, which a generator of pseudorandom numbers makes.
 */
import type { MeterProvisioning } from "@smarter-metering/registry";
import {
  encodeEnvelope,
  encodeFrame,
  encodeUplinkItem,
  frameHash,
  fromBase64Url,
  fromHex,
  keyCommitment,
  openerKeyAt,
  primitives,
  recipientFromSpki,
  registerBankOf,
  REGISTERS,
  sealEnvelope,
  sealFrame,
  signerFromSeed,
  verifyOpenerKeys,
  type Recipient,
  type Signer,
  type UnsealedHeader,
} from "@smarter-metering/protocol";
import { addLocalDays, bandsOf, localDayStart, parseCalendar } from "@smarter-metering/tariff";
import { readMeters } from "../../cli/src/deployment/meters-file.ts";
import type { Layout } from "../../cli/src/deployment/layout.ts";

export interface PreparedFrame {
  /** Encoded, as the uplink takes it. */
  readonly item: Uint8Array;
  readonly hash: Uint8Array;
}

/** Below a fuse's 25 % overcurrent, and above nothing: 0 to 800 Wh in a quarter of an hour. */
const MILLIWATT_HOURS_MAX = 800_000;

/** One meter's chain, one frame after the other. */
export class SyntheticMeter {
  readonly terms: MeterProvisioning;
  readonly #signer: Signer;
  readonly #dataKey = primitives.randomBytes(32);
  readonly #opener: Recipient;
  readonly #bank: Uint8Array;
  readonly #registers: bigint[] = Array.from({ length: REGISTERS }, () => 0n);
  #envelope: Uint8Array | undefined;
  #counter = 0;
  #previous: Uint8Array = new Uint8Array(32);
  #state: number;

  constructor(
    terms: MeterProvisioning,
    signer: Signer,
    opener: Recipient,
    bank: Uint8Array,
    seed: number,
  ) {
    this.terms = terms;
    this.#signer = signer;
    this.#opener = opener;
    this.#bank = bank;
    this.#state = seed | 1;
  }

  /** The frame that stands at the contract's start and has no readings. */
  installation(): Promise<PreparedFrame> {
    const { contractStart, zone, intervalSeconds } = this.terms;
    const blockStart = localDayStart(contractStart - 1, zone);
    const firstSlot = (contractStart - blockStart) / intervalSeconds;
    return this.#seal({ kind: "BLOCK", blockStart, firstSlot, count: 0 }, new Uint32Array(0));
  }

  /** The day that begins at `blockStart`; days come in their order. */
  day(blockStart: number): Promise<PreparedFrame> {
    const { zone, intervalSeconds } = this.terms;
    const count = (addLocalDays(blockStart, 1, zone) - blockStart) / intervalSeconds;
    const readings = Uint32Array.from({ length: count }, () => this.#next());
    const bands = bandsOf(
      parseCalendar(this.terms.calendar),
      blockStart,
      intervalSeconds,
      count,
      zone,
    );
    for (const [slot, energy] of readings.entries()) {
      const band = bands[slot] ?? 0;
      this.#registers[band] = (this.#registers[band] ?? 0n) + BigInt(energy);
    }
    return this.#seal({ kind: "BLOCK", blockStart, firstSlot: 0, count }, readings);
  }

  /** The newest interval of a day, for the customer alone; it carries the registers of the last block. */
  live(blockStart: number, firstSlot: number): Promise<PreparedFrame> {
    const readings = Uint32Array.from([this.#next()]);
    return this.#seal({ kind: "LIVE", blockStart, firstSlot, count: 1 }, readings);
  }

  /** Marsaglia, "Xorshift RNGs" (2003): the full-period triple 13, 17, 5. */
  #next(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return (x >>> 0) % MILLIWATT_HOURS_MAX;
  }

  async #seal(
    place: Pick<UnsealedHeader, "kind" | "blockStart" | "firstSlot" | "count">,
    importMilliwattHours: Uint32Array,
  ): Promise<PreparedFrame> {
    const { profile, intervalSeconds } = this.terms;
    const meterId = fromHex(this.terms.meterId, 16);
    const networkPseudonym = fromHex(this.terms.networkPseudonym, 16);
    const keyEpoch = 1;
    const header: UnsealedHeader = {
      ...place,
      profile,
      networkPseudonym,
      meterId,
      keyEpoch,
      keyCommitment: await keyCommitment(meterId, keyEpoch, this.#dataKey),
      counter: this.#counter,
      intervalSeconds,
      registerBank: this.#bank,
      previousFrameHash: this.#previous,
    };
    const body = {
      importMilliwattHours,
      exportMilliwattHours: new Uint32Array(place.count),
      quality: new Uint8Array(place.count),
      registersMilliwattHours: [...this.#registers],
    };
    const frame = await sealFrame(header, body, this.#dataKey, this.#signer);
    const context = { recipient: "opener", networkPseudonym, meterId, keyEpoch } as const;
    this.#envelope ??= encodeEnvelope(
      await sealEnvelope(context, this.#dataKey, this.#opener, this.#signer),
    );
    const openerEnvelope = place.kind === "BLOCK" ? this.#envelope : new Uint8Array(0);
    const hash = await frameHash(frame);
    this.#counter += 1;
    this.#previous = hash;
    const item = encodeUplinkItem({ kind: "FRAME", frame: encodeFrame(frame), openerEnvelope });
    return { item, hash };
  }
}

/** The meters of a deployment's `meters.json`, in its order. */
export async function syntheticMeters(layout: Layout): Promise<SyntheticMeter[]> {
  const { meters, provisioning, opener } = await readMeters(layout);
  if (opener === undefined) throw new Error("these meters seal to no opener");
  const seeds = new Map(meters.map(({ meterId, signingSeed }) => [meterId, signingSeed]));
  const keys = await verifyOpenerKeys(opener.keys, fromHex(opener.registryRootKey, 32));
  const [first] = provisioning;
  if (first === undefined) return [];
  const bank = await registerBankOf(parseCalendar(first.calendar));
  const key = openerKeyAt(keys, first.contractStart);
  if (key === undefined) throw new Error("no key of the opener is current when contracts start");
  const recipient = await recipientFromSpki(fromBase64Url(key.spki));
  return Promise.all(
    provisioning.map(async (terms, index) => {
      const signer = await signerFromSeed(fromHex(seeds.get(terms.meterId) ?? "", 32));
      return new SyntheticMeter(terms, signer, recipient, bank, 2_654_435_761 * (index + 1));
    }),
  );
}

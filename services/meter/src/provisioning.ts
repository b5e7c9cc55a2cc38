/**
 * What is put into a meter when it is installed: who it is, its secret, its contract, and whom it
 * seals to. The enrolment code is in it and in the customer's letter, nowhere else.
 */
import { engineKeyOf, parsePublicKey, type EngineKey } from "@smarter-metering/paillier";
import {
  fromHex,
  parseEnrolmentCode,
  registerBankOf,
  signerFromSeed,
  type ContributionContext,
  type Profile,
  type Signer,
} from "@smarter-metering/protocol";
import {
  assertZone,
  isCountedInMeter,
  localDayStart,
  parseCalendar,
  type Calendar,
  type CostTerms,
} from "@smarter-metering/tariff";
import { z } from "zod";
import { MeterError } from "./error.ts";
import { readOpenerKeys, type KnownOpenerKeys } from "./opener-desk.ts";

/** Bands and the export register fit into the 8 registers of a frame. */
const BANDS_MAX = 7;
/** Changes of the cohort's terms over a contract's life. */
const LOAD_TERMS_MAX = 1024;
const FUSE_AMPS_MAX = 10_000;
const VOLTS = 230;
const OVERCURRENT = 1.25;
export const OPENER_KEYS_CHARACTERS_MAX = 16_384;

const document = z.strictObject({
  label: z.string().min(1).max(128),
  networkPseudonym: z.string().regex(/^[0-9a-f]{32}$/),
  meterId: z.string().regex(/^[0-9a-f]{32}$/),
  /** Ed25519 seed, 32 bytes, hex. */
  signingSeed: z.string().regex(/^[0-9a-f]{64}$/),
  zone: z.string(),
  intervalSeconds: z.number().int().min(60).max(3600),
  profile: z.enum(["pes-encrypts", "meter-encrypts"]),
  /** The calendar of the tariff, as in the tariff document. */
  calendar: z.unknown(),
  /** A local midnight. */
  contractStart: z.number().int().nonnegative(),
  /** Of a meter that took another's place: the instant of the exchange. Else the contract's start. */
  installedAt: z.number().int().nonnegative().optional(),
  /** When the meter is taken away; its last frame ends there. */
  servedUntil: z.number().int().nonnegative().optional(),
  /** Of the connection, as the registry has it; without it the meter does not check it. */
  fuse: z
    .strictObject({
      amps: z.number().positive().max(FUSE_AMPS_MAX),
      phases: z.number().int().min(1).max(3),
    })
    .optional(),
  /** Of `pes-encrypts`: the opener's keys as they were at installation, and who signs them. */
  opener: z
    .strictObject({
      /** Ed25519, hex: pinned here. */
      registryRootKey: z.string().regex(/^[0-9a-f]{64}$/),
      /** A JWS (docs/protocol.md §3.3). */
      keys: z.string().max(OPENER_KEYS_CHARACTERS_MAX),
    })
    .optional(),
  /** Of a calendar whose cost the meter counts: who signs its prices. */
  prices: z
    .strictObject({
      /** Ed25519, hex: pinned here. */
      registryRootKey: z.string().regex(/^[0-9a-f]{64}$/),
    })
    .optional(),
  /** Of `meter-encrypts`: what the meter contributes, and under which key. */
  contribution: z
    .strictObject({
      /** As serialised by packages/paillier: pinned here, as the registry had it. */
      paillierKey: z.unknown(),
      /**
       * LOAD terms of the service point's cohort, each from a block on, in ascending order; none
       * before the first: then BILL alone is contributed.
       */
      load: z
        .array(
          z.strictObject({
            fromBlock: z.number().int().nonnegative(),
            intervalSeconds: z.number().int().positive(),
            valueBits: z.number().int().min(1).max(48),
            exportToo: z.boolean(),
          }),
        )
        .max(LOAD_TERMS_MAX),
    })
    .optional(),
  /** As in the customer's letter. */
  enrolmentCode: z.string(),
  /** How many codes of this contract the registry has made void by this one. */
  recodes: z.number().int().nonnegative().max(0xffff_ffff).default(0),
  /**
   * Where the frames go, such as http://127.0.0.1:8080 or mqtt://127.0.0.1:1883; for the one who
   * makes the uplink.
   */
  concentrator: z.url(),
});
export type ProvisioningDocument = z.infer<typeof document>;

export interface ContributionTerms {
  readonly key: EngineKey;
  /** `key.id` in bytes. */
  readonly keyId: Uint8Array;
  /** Undefined while the service point waits for a cohort. */
  loadAt(blockStart: number): ContributionContext["load"];
  /** Some of the terms have export. */
  readonly exportToo: boolean;
}

/** Whom a meter believes which key is the opener's, and the list that it was installed with. */
export interface OpenerTerms {
  readonly rootKey: Uint8Array;
  readonly installed: KnownOpenerKeys;
}

/** Whom a meter believes what a kWh costs, and what its register counts by (docs/protocol.md §6.6). */
export interface PriceTerms {
  readonly rootKey: Uint8Array;
  readonly terms: CostTerms;
}

export interface Provisioning {
  readonly label: string;
  readonly networkPseudonym: Uint8Array;
  readonly meterId: Uint8Array;
  /** `meterId` in hex. */
  readonly meterName: string;
  readonly signer: Signer;
  readonly zone: string;
  readonly intervalSeconds: number;
  readonly profile: Profile;
  readonly calendar: Calendar;
  readonly registerBank: Uint8Array;
  readonly contractStart: number;
  /** The installation frame stands there: the contract's start, or an exchange. */
  readonly installedAt: number;
  /** The last frame ends there. */
  readonly servedUntil: number | undefined;
  /** More cannot flow through the connection: its fuse with 25 % overcurrent; infinite if not known. */
  readonly powerWattsMax: number;
  /** In `pes-encrypts`, and nowhere else. */
  readonly opener: OpenerTerms | undefined;
  /** Where the meter counts its calendar's cost, and nowhere else. */
  readonly prices: PriceTerms | undefined;
  /** In `meter-encrypts`, and nowhere else. */
  readonly contribution: ContributionTerms | undefined;
  readonly enrolmentCode: Uint8Array;
  /** The code's number within the contract, from 0. */
  readonly recodes: number;
  readonly concentrator: string;
}

/** Throws METER_PROVISIONING; says which part is wrong and repeats none of it. */
export async function parseProvisioning(value: unknown): Promise<Provisioning> {
  const parsed = document.safeParse(value);
  if (!parsed.success) {
    const paths = parsed.error.issues.map(({ path }) => path.join(".")).join(", ");
    throw new MeterError("METER_PROVISIONING", `not a meter's provisioning: ${paths}`);
  }
  const { data } = parsed;
  try {
    assertZone(data.zone);
    const calendar = parseCalendar(data.calendar);
    if (calendar.bands.length > BANDS_MAX) throw new RangeError("too many bands");
    if (localDayStart(data.contractStart, data.zone) !== data.contractStart) {
      throw new RangeError("a contract starts at a local midnight");
    }
    const installedAt = data.installedAt ?? data.contractStart;
    const { servedUntil } = data;
    for (const instant of [installedAt, servedUntil ?? installedAt]) {
      const sinceMidnight = instant - localDayStart(instant, data.zone);
      if (instant < data.contractStart || sinceMidnight % data.intervalSeconds !== 0) {
        throw new RangeError("a meter serves within its contract, between two of its intervals");
      }
    }
    const isOpened = data.profile === "pes-encrypts";
    if (isOpened === (data.opener === undefined)) {
      throw new RangeError("an opener's keys go with pes-encrypts and nothing else");
    }
    if (isOpened !== (data.contribution === undefined)) {
      throw new RangeError("contribution terms go with meter-encrypts and nothing else");
    }
    return {
      label: data.label,
      networkPseudonym: fromHex(data.networkPseudonym, 16),
      meterId: fromHex(data.meterId, 16),
      meterName: data.meterId,
      signer: await signerFromSeed(fromHex(data.signingSeed, 32)),
      zone: data.zone,
      intervalSeconds: data.intervalSeconds,
      profile: data.profile,
      calendar,
      registerBank: await registerBankOf(calendar),
      contractStart: data.contractStart,
      installedAt,
      servedUntil,
      powerWattsMax:
        data.fuse === undefined
          ? Infinity
          : data.fuse.amps * data.fuse.phases * VOLTS * OVERCURRENT,
      opener: data.opener && (await openerTerms(data.opener)),
      prices: priceTerms(data, calendar),
      contribution: data.contribution && (await contributionTerms(data.contribution)),
      enrolmentCode: parseEnrolmentCode(data.enrolmentCode),
      recodes: data.recodes,
      concentrator: data.concentrator,
    };
  } catch (cause) {
    throw new MeterError("METER_PROVISIONING", `meter ${data.meterId} is badly provisioned`, cause);
  }
}

async function openerTerms({
  registryRootKey,
  keys,
}: NonNullable<ProvisioningDocument["opener"]>): Promise<OpenerTerms> {
  const rootKey = fromHex(registryRootKey, 32);
  return { rootKey, installed: await readOpenerKeys(keys, rootKey) };
}

function priceTerms(
  { prices, intervalSeconds, contractStart }: ProvisioningDocument,
  calendar: Calendar,
): PriceTerms | undefined {
  const { cost: terms } = calendar;
  if (isCountedInMeter(calendar) !== (prices !== undefined)) {
    throw new RangeError("whose prices are believed goes with a calendar whose cost is counted");
  }
  if (terms === undefined) return undefined;
  if (terms.stepSeconds % intervalSeconds !== 0 || contractStart % intervalSeconds !== 0) {
    throw new RangeError("a price changes inside an interval of the meter");
  }
  return prices && { rootKey: fromHex(prices.registryRootKey, 32), terms };
}

/** By identity: the meters of a fleet are often given one object, and parsing a key costs much. */
const keys = new WeakMap<object, Promise<EngineKey>>();

function paillierKeyOf(serialized: unknown): Promise<EngineKey> {
  if (typeof serialized !== "object" || serialized === null) throw new RangeError("no key");
  let key = keys.get(serialized);
  if (key === undefined) {
    key = parsePublicKey(serialized).then(engineKeyOf);
    keys.set(serialized, key);
  }
  return key;
}

async function contributionTerms({
  paillierKey,
  load,
}: NonNullable<ProvisioningDocument["contribution"]>): Promise<ContributionTerms> {
  if (load.some(({ fromBlock }, index) => fromBlock <= (load[index - 1]?.fromBlock ?? -1))) {
    throw new RangeError("LOAD terms are not in ascending order");
  }
  const key = await paillierKeyOf(paillierKey);
  return {
    key,
    keyId: fromHex(key.id, 32),
    loadAt: (blockStart) => load.findLast(({ fromBlock }) => fromBlock <= blockStart),
    exportToo: load.some(({ exportToo }) => exportToo),
  };
}

/**
 * The registry's own record (docs/protocol.md §9): the one place where a service point's three names stand together. Run by the
 * registry; nobody else may read its files (state-files.ts). It holds no reading and no ciphertext.
 *
 * A state is a value: changes make a new one (changes.ts), which is durable before its epoch is published.
 */
import { parsePolicy, type ReleasePolicy } from "@smarter-metering/policy";
import { ROLES } from "@smarter-metering/protocol";
import { z } from "zod";
import { RegistryError } from "./error.ts";

const hex16 = z.string().regex(/^[0-9a-f]{32}$/);
const hex32 = z.string().regex(/^[0-9a-f]{64}$/);
const base64url = z.string().regex(/^[A-Za-z0-9_-]+$/);
const seconds = z.number().int().nonnegative();
export const profile = z.enum(["pes-encrypts", "meter-encrypts"]);
export const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/);
/** What the operator calls a service point or account: shown in letters, never in a view. */
export const label = z.string().min(1).max(128);
export const fuse = z.strictObject({
  amps: z.number().positive().max(10_000),
  phases: z.number().int().min(1).max(3),
});

export const consumptionClass = z.string().min(1).max(64);

const party = z.strictObject({
  role: z.enum(ROLES),
  signingKey: hex32,
  encryptionKey: base64url.optional(),
  trusteeIndex: z.number().int().min(1).max(255).optional(),
});

export const neighbourhood = z.strictObject({
  id: name,
  zone: z.string(),
  /** LOAD interval of its cohort. */
  intervalSeconds: z.number().int().positive(),
  profile,
  exportLoad: z.boolean(),
});
export type Neighbourhood = z.infer<typeof neighbourhood>;

const cohortVersion = z.strictObject({
  id: name,
  version: z.number().int().positive(),
  fromBlock: seconds,
  zone: z.string(),
  intervalSeconds: z.number().int().positive(),
  profile,
  exportLoad: z.boolean(),
  loadValueBits: z.number().int().min(1).max(48),
  members: z.array(hex16),
});
export type CohortVersion = z.infer<typeof cohortVersion>;

const meter = z.strictObject({
  meterId: hex16,
  signingKey: hex32,
  from: seconds,
  to: seconds.nullable(),
});

export type MeterRecord = z.infer<typeof meter>;

const servicePoint = z.strictObject({
  label,
  /** Pseudonym on the network and at the UCS. */
  network: hex16,
  /** Pseudonym at the MDMS. */
  mdms: hex16,
  /** The MDMS pseudonym sealed to the MDMS: sealed once and kept, for sealing is randomised and views are not. */
  mdmsToken: base64url,
  neighbourhood: name,
  fuse,
  consumptionClass,
  intervalSeconds: z.number().int().positive(),
  contractStart: seconds,
  contractEnd: seconds.nullable(),
  tariff: name,
  meters: z.array(meter).min(1),
  /** 16 bytes; null once the contract ends. */
  enrolmentCode: hex16.nullable(),
  /** Where its customer's bills go, and under which key (docs/protocol.md §11.5): of the newest code, and kept when that is forgotten. */
  statements: z.strictObject({ mailbox: hex16, key: hex32 }),
  /** How many codes of this contract a new one has made void. */
  recodes: z.number().int().nonnegative().default(0),
});
export type ServicePointRecord = z.infer<typeof servicePoint>;

/** Documents of prices in one state: ten series of a document a day, for the 400 days that they stay. */
export const PRICE_DOCUMENTS_MAX = 4096;
/** Of one as a JWS: a year of quarters at the largest prices. */
export const PRICES_CHARACTERS_MAX = 1024 * 1024;

export const registryState = z.strictObject({
  kind: z.literal("smarter-metering/registry-state"),
  parties: z.array(party),
  /** Where there is an opener; the version rises with every change. */
  openerKeys: z
    .strictObject({
      version: z.number().int().positive(),
      keys: z.array(z.strictObject({ spki: base64url, from: seconds, to: seconds })),
    })
    .optional(),
  paillierKey: z.unknown(),
  /** Where trustees hold shares of the key. */
  verificationKey: z.unknown().optional(),
  policy: z.unknown(),
  /** A policy that is announced, and when it may be put in force (docs/protocol.md §9.4). */
  policyNotice: z.strictObject({ policy: z.unknown(), inForceFrom: seconds }).optional(),
  /** Typical consumption of a class in kWh a year: what trustees weigh its members by (docs/protocol.md §8.3, R2). */
  consumptionClasses: z.record(consumptionClass, z.number().positive()),
  /** The newest document of each tariff, as JWS by a tariff signer. */
  tariffs: z.array(z.string()),
  /** Documents of prices, in the order in which they came, as JWS by a tariff signer. A state from before there were any has none. */
  prices: z.array(z.string().max(PRICES_CHARACTERS_MAX)).max(PRICE_DOCUMENTS_MAX).default([]),
  neighbourhoods: z.array(neighbourhood),
  /** Which cohort a neighbourhood belongs to: decided once, before its first block. */
  cohortOf: z.record(name, name),
  /** Every version there ever was. */
  cohorts: z.array(cohortVersion),
  servicePoints: z.array(servicePoint),
  /** The newest epoch; from it and the rest of the state the epoch can be made again, bit for bit. */
  issued: z
    .strictObject({ epoch: seconds, previous: hex32, issuedAt: seconds, hash: hex32 })
    .nullable(),
});
export type RegistryState = z.infer<typeof registryState>;

/** The release policy of a state or of its notice. Throws REGISTRY_INVALID_CHANGE. */
export function policyOf(state: Pick<RegistryState, "policy">): ReleasePolicy {
  try {
    return parsePolicy(state.policy);
  } catch (cause) {
    throw new RegistryError("REGISTRY_INVALID_CHANGE", "the release policy is not valid", cause);
  }
}

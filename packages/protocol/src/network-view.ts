/**
 * The registry's view for concentrator, opener, aggregator and trustee (docs/protocol.md §9): service points under their network
 * pseudonyms, meters' keys, cohorts, parties' keys, the Paillier public key and the release policy.
 */
import { z } from "zod";
import { ProtocolError } from "./error.ts";
import { parseJson } from "./jws.ts";
import { ROLES, type Role } from "./roles.ts";

const hex16 = z.string().regex(/^[0-9a-f]{32}$/);
const hex32 = z.string().regex(/^[0-9a-f]{64}$/);
const bank = z.string().regex(/^[0-9a-f]{16}$/);
const seconds = z.number().int().nonnegative();
const profile = z.enum(["pes-encrypts", "meter-encrypts"]);

export const party = z.strictObject({
  role: z.enum(ROLES),
  /** Ed25519, raw, hex. */
  signingKey: hex32,
  /** RSA SubjectPublicKeyInfo, base64url; of the MDMS, and of trustees that hold a share. The opener's are listed apart. */
  encryptionKey: z.string().optional(),
  /** Of a trustee that holds a share: its number in the key ceremony. */
  trusteeIndex: z.number().int().min(1).max(255).optional(),
});
export type Party = z.infer<typeof party>;

const strictlyAscending = (list: readonly string[]): boolean =>
  list.every((entry, index) => index === 0 || (list[index - 1] ?? "") < entry);

const cohort = z.strictObject({
  id: z.string().min(1).max(64),
  version: z.number().int().positive(),
  /** First block of this version; it holds until the next version's. */
  fromBlock: seconds,
  zone: z.string(),
  /** LOAD interval. */
  intervalSeconds: z.number().int().positive(),
  profile,
  exportLoad: z.boolean(),
  /** v of the LOAD packing (§5), from the largest fuse among the members. */
  loadValueBits: z.number().int().min(1).max(48),
  /** Network pseudonyms in ascending order: the order of every member bitmap. */
  members: z.array(hex16).refine(strictlyAscending, "members are not in ascending order"),
});
export type Cohort = z.infer<typeof cohort>;

const meter = z.strictObject({
  meterId: hex16,
  signingKey: hex32,
  from: seconds,
  to: seconds.nullable(),
});

const servicePoint = z.strictObject({
  network: hex16,
  zone: z.string(),
  fuse: z.strictObject({ amps: z.number().positive(), phases: z.number().int().min(1).max(3) }),
  /** One of the view's `consumptionClasses`. */
  consumptionClass: z.string(),
  profile,
  /** The meter's own interval. */
  intervalSeconds: z.number().int().positive(),
  /** A local midnight. */
  contractStart: seconds,
  contractEnd: seconds.nullable(),
  registerBank: bank,
  bandCount: z.number().int().min(1).max(7),
  /** Where the calendar has a cost: the prices that it is counted by (§6.6). */
  prices: z.string().optional(),
  /** Where those are known only afterwards, and no register counts them: the length of their steps. */
  stepSeconds: z.literal(3600).optional(),
  /** base64url; sealed to the MDMS, opaque to everyone who reads this view. */
  mdmsToken: z.string(),
  meters: z.array(meter).min(1),
});
export type ServicePoint = z.infer<typeof servicePoint>;

const networkView = z.strictObject({
  kind: z.literal("smarter-metering/network-view"),
  parties: z.array(party),
  /** Where there is an opener: its keys and their periods (§3.3), as the JWS that meters believe. */
  openerKeys: z.string().optional(),
  /** As serialised by packages/paillier. */
  paillierKey: z.unknown(),
  /** Where trustees hold shares of the key: as serialised by packages/paillier. */
  verificationKey: z.unknown().optional(),
  /** As parsed by packages/policy. */
  policy: z.unknown(),
  /** A policy that is announced (§9.4): as parsed by packages/policy. */
  policyNotice: z.strictObject({ policy: z.unknown(), inForceFrom: seconds }).optional(),
  /** By register bank (§2.1), as parsed by packages/tariff. A bank that was ever used stays: past bills are read by it. */
  calendars: z.record(bank, z.unknown()),
  /** Documents of prices (§6.6) as the JWS that meters believe: those of 400 days and of the days to come. */
  prices: z.array(z.string()).optional(),
  /** Typical consumption of a class in kWh a year. */
  consumptionClasses: z.record(z.string().min(1).max(64), z.number().positive()),
  cohorts: z.array(cohort),
  servicePoints: z.array(servicePoint),
});
export type NetworkViewDocument = z.infer<typeof networkView>;

/** An indexed, immutable network view. */
export interface NetworkView {
  readonly document: NetworkViewDocument;
  servicePoint(network: string): ServicePoint | undefined;
  /** The service point that `meterId` serves at `instant`, if `network` is its pseudonym. */
  meterAt(network: string, meterId: string, instant: number): { signingKey: string } | undefined;
  /** The service points that the meter ever served: those of one contract after the other. */
  contractsOf(meterId: string): readonly ServicePoint[];
  cohort(id: string, version: number): Cohort | undefined;
  /** The version of the cohort in force for the block that starts at `blockStart`. */
  cohortAt(id: string, blockStart: number): Cohort | undefined;
  /** The cohort version that has `network` as a member in that block. */
  cohortOf(network: string, blockStart: number): Cohort | undefined;
  /** Every cohort version that ever had `network` as a member, in order of versions. */
  cohortsOf(network: string): readonly Cohort[];
  /** Every version of the cohort, in order. */
  versionsOf(id: string): readonly Cohort[];
  parties(role: Role): readonly Party[];
}

/** Throws REGISTRY_INVALID when the text is not a network view. */
export function parseNetworkView(text: string): NetworkView {
  const parsed = networkView.safeParse(parseJson(text));
  if (!parsed.success) {
    throw new ProtocolError("REGISTRY_INVALID", "not a network view", parsed.error);
  }
  return indexNetworkView(parsed.data);
}

function push<T>(index: Map<string, T[]>, key: string, value: T): void {
  const list = index.get(key);
  if (list === undefined) index.set(key, [value]);
  else list.push(value);
}

export function indexNetworkView(document: NetworkViewDocument): NetworkView {
  const servicePoints = new Map(document.servicePoints.map((point) => [point.network, point]));
  const versions = new Map<string, Cohort[]>();
  const memberships = new Map<string, Cohort[]>();
  const contracts = new Map<string, ServicePoint[]>();
  for (const point of document.servicePoints) {
    for (const { meterId } of point.meters) push(contracts, meterId, point);
  }
  for (const entry of document.cohorts.toSorted((a, b) => a.version - b.version)) {
    push(versions, entry.id, entry);
    for (const member of entry.members) push(memberships, member, entry);
  }
  const inForce = (id: string, blockStart: number): Cohort | undefined =>
    versions.get(id)?.findLast((entry) => entry.fromBlock <= blockStart);
  return {
    document,
    servicePoint: (network) => servicePoints.get(network),
    meterAt: (network, meterId, instant) =>
      servicePoints
        .get(network)
        ?.meters.find(
          (entry) =>
            entry.meterId === meterId &&
            entry.from <= instant &&
            (entry.to === null || instant <= entry.to),
        ),
    contractsOf: (meterId) => contracts.get(meterId) ?? [],
    cohort: (id, version) => versions.get(id)?.find((entry) => entry.version === version),
    cohortAt: inForce,
    cohortOf: (network, blockStart) =>
      memberships.get(network)?.find((entry) => inForce(entry.id, blockStart) === entry),
    cohortsOf: (network) => memberships.get(network) ?? [],
    versionsOf: (id) => versions.get(id) ?? [],
    parties: (role) => document.parties.filter((entry) => entry.role === role),
  };
}

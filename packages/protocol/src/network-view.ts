/**
 * The registry's view for concentrator, opener, aggregator and trustee (docs/protocol.md §9): service points under their network
 * pseudonyms, meters' keys, cohorts, parties' keys, the Paillier public key and the release policy.
 */
import { z } from "zod";
import { LEAF_ENTRIES, NetworkIndex } from "./network-index.ts";
import { ROLES, type Role } from "./roles.ts";
import { documentReader, type ViewReader } from "./view-reader.ts";
import { readViewText } from "./view-text.ts";

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

const networkDocument = documentReader<NetworkViewDocument>({
  name: "network",
  document: (value) => networkView.parse(value),
  lists: {
    cohorts: (leaf) => networkView.shape.cohorts.parse(leaf),
    servicePoints: (leaf) => networkView.shape.servicePoints.parse(leaf),
    prices: (leaf) => networkView.shape.prices.unwrap().parse(leaf),
  },
});

const indexes = new WeakMap<NetworkView, NetworkIndex>();

/** Reads network views; one shares with another what the two have in common. */
export const networkReader: ViewReader<NetworkView> = {
  ...networkDocument,
  builder(leaves, earlier) {
    const known = earlier && indexes.get(earlier);
    const index = (known ?? NetworkIndex.empty(leaves * LEAF_ENTRIES)).edit();
    const document = networkDocument.builder(leaves);
    return {
      add: (leaf) => index.add(leaf),
      remove: (leaf) => index.remove(leaf),
      finish(head, inOrder) {
        const read = document.finish(head, inOrder);
        // What stands in the head is no leaf, and there is no telling what of it is new.
        const inHead = (["cohorts", "servicePoints"] as const).filter(
          (list) => !head.lists.has(list),
        );
        return inHead.length > 0 ? indexNetworkView(read) : indexedView(read, index.done());
      },
    };
  },
};

/** Throws REGISTRY_INVALID when the text (view-text.ts) is not a network view. */
export const parseNetworkView = (text: string): NetworkView => readViewText(networkReader, text);

export function indexNetworkView(document: NetworkViewDocument): NetworkView {
  const { servicePoints, cohorts } = document;
  const index = NetworkIndex.empty(servicePoints.length).edit();
  index.add({ list: "servicePoints", entries: servicePoints });
  index.add({ list: "cohorts", entries: cohorts });
  return indexedView(document, index.done());
}

function indexedView(document: NetworkViewDocument, index: NetworkIndex): NetworkView {
  const versionsOf = (id: string): readonly Cohort[] => index.versions.get(id) ?? [];
  const cohortsOf = (network: string): readonly Cohort[] => index.memberships.get(network) ?? [];
  const inForce = (id: string, blockStart: number): Cohort | undefined =>
    versionsOf(id).findLast((entry) => entry.fromBlock <= blockStart);
  const view: NetworkView = {
    document,
    servicePoint: (network) => index.servicePoints.get(network),
    meterAt: (network, meterId, instant) =>
      index.servicePoints
        .get(network)
        ?.meters.find(
          (entry) =>
            entry.meterId === meterId &&
            entry.from <= instant &&
            (entry.to === null || instant <= entry.to),
        ),
    contractsOf: (meterId) => index.contracts.get(meterId) ?? [],
    cohort: (id, version) => versionsOf(id).find((entry) => entry.version === version),
    cohortAt: inForce,
    cohortOf: (network, blockStart) =>
      cohortsOf(network).find((entry) => inForce(entry.id, blockStart) === entry),
    cohortsOf,
    versionsOf,
    parties: (role) => document.parties.filter((entry) => entry.role === role),
  };
  indexes.set(view, index);
  return view;
}

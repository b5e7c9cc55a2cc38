/**
 * The registry's view for everybody (docs/protocol.md §9.1): who the parties are, under which policy, key, calendars, tariffs and prices
 * they work, and how large cohorts are. No service point, no member, no pseudonym: a customer's browser verifies all else by it.
 */
import { fromHex } from "./bytes.ts";
import { parseJson } from "./jws.ts";
import { ROLES, type Role } from "./roles.ts";
import {
  anything,
  flag,
  integer,
  list,
  object,
  oneOf,
  optional,
  partOf,
  readShape,
  table,
  text,
  type ShapeOf,
} from "./shape.ts";
import { documentReader } from "./view-reader.ts";
import { headOfText, readViewText } from "./view-text.ts";

const party = object({
  role: oneOf(...ROLES),
  signingKey: text(/^[0-9a-f]{64}$/),
  encryptionKey: optional(text()),
  trusteeIndex: optional(integer(1, 255)),
});
const parties = list(party);

const prices = list(text());
const cohorts = list(
  object({
    id: text(/^.{1,64}$/),
    version: integer(1),
    fromBlock: integer(0),
    zone: text(),
    intervalSeconds: integer(1),
    profile: oneOf("pes-encrypts", "meter-encrypts"),
    exportLoad: flag,
    loadValueBits: integer(1, 48),
    /** How many; who they are is the network view's. */
    members: integer(0),
  }),
);

const publicView = object({
  kind: oneOf("smarter-metering/public-view"),
  parties,
  /** Where there is an opener: its keys and their periods (§3.3). */
  openerKeys: optional(text()),
  /** As serialised by packages/paillier. */
  paillierKey: anything,
  verificationKey: optional(anything),
  /** As parsed by packages/policy. */
  policy: anything,
  policyNotice: optional(object({ policy: anything, inForceFrom: integer(0) })),
  /** By register bank, as parsed by packages/tariff. */
  calendars: table(/^[0-9a-f]{16}$/, anything),
  /** JWS by a tariff signer. */
  tariffs: list(text()),
  /** Documents of prices (§6.6), JWS by the root. */
  prices: optional(prices),
  cohorts,
});
export type PublicView = ShapeOf<typeof publicView>;

const publicReader = documentReader<PublicView>({
  name: "public",
  document: (value) => readShape(publicView, value, "a public view"),
  lists: {
    cohorts: (leaf) => readShape(cohorts, leaf, "cohorts"),
    prices: (leaf) => readShape(prices, leaf, "prices"),
  },
});

/** Of one text (view-text.ts). Throws REGISTRY_INVALID. */
export const parsePublicView = (text: string): PublicView => readViewText(publicReader, text);

/** The Ed25519 keys of a role in the text of any view, in its order. Throws PROTOCOL_MALFORMED. */
export function partyKeys(view: string): (role: Role) => Uint8Array[] {
  const document = readShape(partOf({ parties }), parseJson(headOfText(view)), "a view");
  return (role) =>
    document.parties
      .filter((entry) => entry.role === role)
      .map(({ signingKey }) => fromHex(signingKey, 32));
}

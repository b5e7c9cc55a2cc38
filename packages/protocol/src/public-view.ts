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

const party = object({
  role: oneOf(...ROLES),
  signingKey: text(/^[0-9a-f]{64}$/),
  encryptionKey: optional(text()),
  trusteeIndex: optional(integer(1, 255)),
});
const parties = list(party);

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
  prices: optional(list(text())),
  cohorts: list(
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
  ),
});
export type PublicView = ShapeOf<typeof publicView>;

/** Throws PROTOCOL_MALFORMED. */
export function parsePublicView(document: string): PublicView {
  return readShape(publicView, parseJson(document), "a public view");
}

/** The Ed25519 keys of a role in any view, in its order. Throws PROTOCOL_MALFORMED. */
export function partyKeys(view: string): (role: Role) => Uint8Array[] {
  const document = readShape(partOf({ parties }), parseJson(view), "a view");
  return (role) =>
    document.parties
      .filter((entry) => entry.role === role)
      .map(({ signingKey }) => fromHex(signingKey, 32));
}

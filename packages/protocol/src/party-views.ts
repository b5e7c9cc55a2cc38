/** The registry's views for the MDMS and the UCS (docs/protocol.md §9.1): the same service points under other names. */
import { z } from "zod";
import { party } from "./network-view.ts";
import { documentReader } from "./view-reader.ts";
import { readViewText } from "./view-text.ts";

const hex16 = z.string().regex(/^[0-9a-f]{32}$/);
const hex32 = z.string().regex(/^[0-9a-f]{64}$/);
const seconds = z.number().int().nonnegative();

const mdmsView = z.strictObject({
  kind: z.literal("smarter-metering/mdms-view"),
  parties: z.array(party),
  policy: z.unknown(),
  /** One that is announced (§9.4), and when it may be put in force. */
  policyNotice: z.strictObject({ policy: z.unknown(), inForceFrom: seconds }).optional(),
  /** Where trustees hold shares of the Paillier key: as serialised by packages/paillier. */
  verificationKey: z.unknown().optional(),
  /** Tariffs as JWS by a tariff signer. */
  tariffs: z.array(z.string()),
  /** Documents of prices (§6.6), as in the network view: for customers who count their costs again. */
  prices: z.array(z.string()).optional(),
  cohorts: z.array(
    z.strictObject({
      id: z.string(),
      version: z.number().int().positive(),
      fromBlock: seconds,
      zone: z.string(),
      intervalSeconds: z.number().int().positive(),
      members: z.number().int().nonnegative(),
    }),
  ),
  servicePoints: z.array(
    z.strictObject({
      /** The MDMS pseudonym. */
      servicePoint: hex16,
      zone: z.string(),
      tariff: z.string(),
      contractStart: seconds,
      contractEnd: seconds.nullable(),
      /** Where its customer's bills go, and under which key (§11.5), hex. */
      statements: z.strictObject({ mailbox: hex16, key: hex32 }),
    }),
  ),
});
export type MdmsView = z.infer<typeof mdmsView>;

const ucsView = z.strictObject({
  kind: z.literal("smarter-metering/ucs-view"),
  parties: z.array(party),
  /** A release policy that is announced (§9.4), and what it changes, in words for customers. */
  policyNotice: z
    .strictObject({
      policyId: z.string().max(64),
      inForceFrom: seconds,
      changes: z.array(z.string().max(200)).max(32),
    })
    .optional(),
  servicePoints: z.array(
    z.strictObject({
      network: hex16,
      contractStart: seconds,
      contractEnd: seconds.nullable(),
      meters: z.array(z.strictObject({ meterId: hex16, signingKey: hex32 })),
    }),
  ),
});
export type UcsView = z.infer<typeof ucsView>;

export const mdmsReader = documentReader<MdmsView>({
  name: "mdms",
  document: (value) => mdmsView.parse(value),
  lists: {
    cohorts: (leaf) => mdmsView.shape.cohorts.parse(leaf),
    servicePoints: (leaf) => mdmsView.shape.servicePoints.parse(leaf),
    prices: (leaf) => mdmsView.shape.prices.unwrap().parse(leaf),
  },
});

export const ucsReader = documentReader<UcsView>({
  name: "ucs",
  document: (value) => ucsView.parse(value),
  lists: { servicePoints: (leaf) => ucsView.shape.servicePoints.parse(leaf) },
});

/** Of one text (view-text.ts). Throws REGISTRY_INVALID. */
export const parseMdmsView = (text: string): MdmsView => readViewText(mdmsReader, text);

/** Of one text (view-text.ts). Throws REGISTRY_INVALID. */
export const parseUcsView = (text: string): UcsView => readViewText(ucsReader, text);

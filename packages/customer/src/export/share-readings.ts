/**
 * Sharing readings of a time with a third party's public key (docs/protocol.md §11.6): a compact JWE (RFC 7516) that he alone opens. Runs
 * on the customer's device; who carries the file sees for which key it is and how long.
 */
import { CompactEncrypt } from "jose";
import { ProtocolError, type RecipientSecret } from "@smarter-metering/protocol";
import { assertZone } from "@smarter-metering/tariff";
import type { Span } from "../bill-window.ts";
import { discloseReadings } from "../disclose.ts";
import { readDisputePacket, type DisputePacket } from "../dispute-packet.ts";
import { CustomerError } from "../error.ts";
import type { Sealed } from "../open-frames.ts";
import type { PinnedMeter } from "../pinned-meters.ts";
import type { Reading } from "../readings.ts";
import type { ShareRecipient } from "./share-key.ts";
import {
  encodeShared,
  PURPOSE_CHARACTERS_MAX,
  SHARED_KIND,
  SHARED_READINGS_MAX,
} from "./shared-readings.ts";

/** The `typ` of the JWE, so that no other can be taken for it. */
export const SHARED_TYPE = "smarter-metering/shared-readings";

/** What proves readings: the frames that they came in. */
export interface ShareEvidence extends Sealed {
  readonly meters: readonly PinnedMeter[];
  readonly secret: RecipientSecret;
}

export interface ShareOptions extends Span {
  /** More may be given: those that lie wholly in [from, to) are shared. */
  readonly readings: readonly Reading[];
  readonly zone: string;
  readonly recipient: ShareRecipient;
  /** In the customer's words; at most 500 characters. */
  readonly purpose: string;
  /** Epoch seconds. */
  readonly nowSeconds: number;
  /** Until when the third party may keep it, epoch seconds. */
  readonly deleteBy: number;
  /** JWS. */
  readonly tariff?: string;
  /** Absent: the third party has only the customer's word. It shows him the service point's network pseudonym. */
  readonly evidence?: ShareEvidence;
}

/**
 * The JWE. Throws CUSTOMER_EXPORT_EMPTY when nothing lies in the time, CUSTOMER_SHARE_TOO_LARGE for more than 50,000 readings or a longer
 * purpose, TariffError ZONE_UNKNOWN.
 */
export async function shareReadings(options: ShareOptions): Promise<string> {
  const { from, to, zone, recipient, purpose, nowSeconds: madeAt, deleteBy } = options;
  assertZone(zone);
  const readings = options.readings.filter(
    ({ startSeconds, intervalSeconds }) =>
      startSeconds >= from && startSeconds + intervalSeconds <= to,
  );
  if (readings.length === 0) {
    const message = "there are no readings in this time: nothing to share";
    throw new CustomerError("CUSTOMER_EXPORT_EMPTY", message);
  }
  if (readings.length > SHARED_READINGS_MAX) throw tooLarge();
  if (purpose.length > PURPOSE_CHARACTERS_MAX) {
    const message = `a purpose has at most ${PURPOSE_CHARACTERS_MAX} characters; say it shorter`;
    throw new CustomerError("CUSTOMER_SHARE_TOO_LARGE", message);
  }
  const { tariff = null, evidence } = options;
  const proof = evidence === undefined ? null : await proofOf(evidence, { from, to });
  const kind = SHARED_KIND;
  const told = { kind, madeAt, from, to, zone, purpose, deleteBy } as const;
  const plaintext = encodeShared({ ...told, readings, tariff, proof });
  return new CompactEncrypt(plaintext)
    .setProtectedHeader({ alg: recipient.algorithm, enc: "A256GCM", typ: SHARED_TYPE })
    .encrypt(recipient.key);
}

async function proofOf(evidence: ShareEvidence, span: Span): Promise<DisputePacket> {
  const { meters, secret, ...sealed } = evidence;
  const disclosure = { spans: [span], withRegisters: false };
  const packet = await discloseReadings(meters, secret, sealed, disclosure);
  try {
    readDisputePacket(packet);
    return packet;
  } catch (cause) {
    // Frames of its own making, and more than a packet may have.
    if (cause instanceof ProtocolError) throw tooLarge(cause);
    throw cause;
  }
}

function tooLarge(cause?: unknown): CustomerError {
  const message = `more than ${SHARED_READINGS_MAX} readings, or frames of 400 days; share a shorter time`;
  return new CustomerError("CUSTOMER_SHARE_TOO_LARGE", message, { cause });
}

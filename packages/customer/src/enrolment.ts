/**
 * Enrolment, the customer's side (docs/protocol.md §10.1): both proofs hang on the code from the letter, which the portal between customer
 * and meter does not know. The result pins the meter's key.
 */
import {
  customerMac,
  decodeEnrolmentAnswer,
  decodeOffer,
  encodeEnrolmentRequest,
  equalBytes,
  meterMac,
  primitives,
  verifyOffer,
  type EnrolmentAnswer,
  type EnrolmentContext,
} from "@smarter-metering/protocol";
import { CustomerError } from "./error.ts";
import type { OpenVault } from "./vault.ts";

/** A meter whose key was proven by the enrolment code. Keep it on the device. */
export interface PinnedMeter {
  readonly networkPseudonym: Uint8Array;
  readonly meterId: Uint8Array;
  /** Ed25519, raw. */
  readonly meterKey: Uint8Array;
}

function failed(what: string, cause?: unknown): CustomerError {
  return new CustomerError("CUSTOMER_ENROLMENT_FAILED", `enrolment failed: ${what}`, { cause });
}

/**
 * The request for an offer. Throws CUSTOMER_ENROLMENT_FAILED for an offer that is not this service point's or not by the key shown,
 * before the code is used.
 */
export async function prepareEnrolment(
  code: Uint8Array,
  networkPseudonym: Uint8Array,
  vault: Pick<OpenVault, "login" | "spki">,
  offered: { readonly offer: Uint8Array; readonly meterKey: Uint8Array },
): Promise<{ context: EnrolmentContext; request: Uint8Array }> {
  const offer = await checkedOffer(networkPseudonym, offered);
  const { meterId, nonce } = offer;
  const context = {
    meterId,
    networkPseudonym,
    account: vault.login,
    customerSpki: vault.spki,
    nonce,
  };
  const request = encodeEnrolmentRequest({ ...context, mac: await customerMac(code, context) });
  return { context, request };
}

async function checkedOffer(
  networkPseudonym: Uint8Array,
  { offer: bytes, meterKey }: { readonly offer: Uint8Array; readonly meterKey: Uint8Array },
) {
  try {
    const offer = decodeOffer(bytes);
    await verifyOffer(offer, meterKey);
    if (equalBytes(offer.networkPseudonym, networkPseudonym)) return offer;
  } catch (cause) {
    throw failed("the meter's offer is not valid", cause);
  }
  throw failed("the offer is for another service point");
}

/** Throws CUSTOMER_ENROLMENT_FAILED unless the answer proves that the meter knows the code and has this very key. */
export async function finishEnrolment(
  code: Uint8Array,
  context: EnrolmentContext,
  answerBytes: Uint8Array,
): Promise<PinnedMeter> {
  const answer = decodedAnswer(answerBytes);
  const { networkPseudonym, meterId } = context;
  const proof = await meterMac(code, context, answer.meterKey);
  // The MAC covers service point, meter and nonce as we know them; what the answer says of them is not used.
  if (!answer.accepted || !primitives.equalSecret(proof, answer.mac)) {
    throw failed("the meter refused, or did not prove that it knows the code");
  }
  return { networkPseudonym, meterId, meterKey: answer.meterKey };
}

function decodedAnswer(bytes: Uint8Array): EnrolmentAnswer {
  try {
    return decodeEnrolmentAnswer(bytes);
  } catch (cause) {
    throw failed("the meter's answer is not one", cause);
  }
}

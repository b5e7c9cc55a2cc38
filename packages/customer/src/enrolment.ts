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
  statementSecret,
  verifyOffer,
  type EnrolmentAnswer,
  type EnrolmentContext,
} from "@smarter-metering/protocol";
import { CustomerError } from "./error.ts";
import type { PinnedMeter } from "./pinned-meters.ts";
import type { OpenVault } from "./vault.ts";

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
): Promise<Uint8Array> {
  const offer = await checkedOffer(networkPseudonym, offered);
  const context = contextOf(vault, networkPseudonym, offer);
  return encodeEnrolmentRequest({ ...context, mac: await customerMac(code, context) });
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

/**
 * The meter that an answer proves: it knows the code, has this very key and accepted this account and its key. The nonce is the answer's
 * own: whenever the meter gave it, before a crash or on another device, it is as good a proof. Undefined when it proves none of that.
 */
export async function provenMeter(
  code: Uint8Array,
  networkPseudonym: Uint8Array,
  vault: Pick<OpenVault, "login" | "spki">,
  answerBytes: Uint8Array,
): Promise<PinnedMeter | undefined> {
  const answer = decodedAnswer(answerBytes);
  if (answer?.accepted !== true) return undefined;
  const { meterId, meterKey } = answer;
  const proof = await meterMac(code, contextOf(vault, networkPseudonym, answer), meterKey);
  // The MAC covers meter and nonce; service point, account and key are as we know them, never as the answer says.
  if (!primitives.equalSecret(proof, answer.mac)) return undefined;
  return {
    networkPseudonym,
    meterId,
    meterKey,
    statementSecret: await statementSecret(code),
  };
}

const contextOf = (
  { login, spki }: Pick<OpenVault, "login" | "spki">,
  networkPseudonym: Uint8Array,
  { meterId, nonce }: Pick<EnrolmentContext, "meterId" | "nonce">,
): EnrolmentContext => ({ meterId, networkPseudonym, account: login, customerSpki: spki, nonce });

function decodedAnswer(bytes: Uint8Array): EnrolmentAnswer | undefined {
  try {
    return decodeEnrolmentAnswer(bytes);
  } catch {
    return undefined; // Not an answer: it proves nothing, as any other that is wrong.
  }
}

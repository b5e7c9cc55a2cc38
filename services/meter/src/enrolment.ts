/**
 * The meter's side of enrolment (docs/protocol.md §10.1): one decision per request, pure but for
 * its fresh nonce. A code is used once; a failed MAC costs the nonce, and five failures a day are
 * enough for anyone.
 */
import {
  customerMac,
  encodeEnrolmentAnswer,
  equalBytes,
  meterMac,
  primitives,
  ProtocolError,
  recipientFromSpki,
  signEnrolmentAnswer,
  type EnrolmentRequest,
} from "@smarter-metering/protocol";
import type { MeterMemory } from "./memory.ts";
import type { Provisioning } from "./provisioning.ts";
import type { EnrolmentRecord } from "./records.ts";

const FAILURES_PER_DAY_MAX = 5;
const DAY_SECONDS = 86_400;
const NONCE_BYTES = 16;
const NO_MAC = new Uint8Array(32);

export type Random = (bytes: number) => Uint8Array;

export const isEnrolled = (enrolment: EnrolmentRecord | undefined): boolean =>
  enrolment !== undefined && enrolment.customerSpki.length > 0;

/** The state of a meter that nobody has enrolled with. */
export function firstEnrolment(random: Random): EnrolmentRecord {
  const none = new Uint8Array(0);
  return {
    kind: "ENROLMENT",
    nonce: random(NONCE_BYTES),
    failureDay: 0,
    failures: 0,
    account: "",
    customerSpki: none,
    answeredNonce: none,
    answer: none,
  };
}

export type Decision =
  /** No answer: not for this meter, or too many failures today. */
  | { readonly outcome: "ignored" }
  /** Answer and change nothing: a request seen before, or a nonce that is not on offer. */
  | { readonly outcome: "repeated" | "stale"; readonly answer: Uint8Array }
  /** Write `state` before the answer goes out. */
  | {
      readonly outcome: "enrolled" | "refused";
      readonly answer: Uint8Array;
      readonly state: EnrolmentRecord;
    };

/** Of a meter that has made its first offer. */
export interface EnrolmentState extends Pick<MeterMemory, "isCodeUsed"> {
  readonly enrolment: EnrolmentRecord;
}

export async function decide(
  request: EnrolmentRequest,
  { enrolment: state, isCodeUsed }: EnrolmentState,
  meter: Provisioning,
  nowSeconds: number,
  random: Random,
): Promise<Decision> {
  const { meterId, networkPseudonym, signer } = meter;
  if (
    !equalBytes(request.meterId, meterId) ||
    !equalBytes(request.networkPseudonym, networkPseudonym)
  ) {
    return { outcome: "ignored" };
  }
  const { nonce: asked } = request;
  const answer = async (accepted: boolean, mac: Uint8Array): Promise<Uint8Array> => {
    const terms = { networkPseudonym, meterId, nonce: asked, accepted, mac };
    return encodeEnrolmentAnswer(await signEnrolmentAnswer(terms, signer));
  };
  if (equalBytes(asked, state.answeredNonce)) {
    return { outcome: "repeated", answer: state.answer };
  }
  if (!equalBytes(asked, state.nonce)) {
    return { outcome: "stale", answer: await answer(false, NO_MAC) };
  }
  const failureDay = Math.floor(nowSeconds / DAY_SECONDS);
  const failures = state.failureDay === failureDay ? state.failures : 0;
  if (failures >= FAILURES_PER_DAY_MAX) return { outcome: "ignored" };
  const nonce = random(NONCE_BYTES);
  if (isCodeUsed || !(await isProven(request, meter))) {
    const refusal = { ...state, nonce, failureDay, failures: failures + 1 };
    return { outcome: "refused", answer: await answer(false, NO_MAC), state: refusal };
  }
  const mac = await meterMac(meter.enrolmentCode, request, signer.publicKey);
  const accepted = await answer(true, mac);
  const enrolled: EnrolmentRecord = {
    ...state,
    nonce,
    account: request.account,
    customerSpki: request.customerSpki,
    answeredNonce: asked,
    answer: accepted,
  };
  return { outcome: "enrolled", answer: accepted, state: enrolled };
}

/** The customer knows the code, and his key is one that can be sealed to. */
async function isProven(request: EnrolmentRequest, meter: Provisioning): Promise<boolean> {
  const mac = await customerMac(meter.enrolmentCode, request);
  if (!primitives.equalSecret(mac, request.mac)) return false;
  try {
    await recipientFromSpki(request.customerSpki);
    return true;
  } catch (error) {
    if (error instanceof ProtocolError) return false;
    throw error;
  }
}

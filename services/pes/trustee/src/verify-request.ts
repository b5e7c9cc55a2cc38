/**
 * What is verified of a request before any rule is asked (docs/protocol.md §8.2), for a whole batch. Run by the trustee; it sees
 * ciphertexts, signatures and its own registry, and nothing of what was answered before.
 */
import assert from "node:assert/strict";
import type { Engine } from "@smarter-metering/paillier";
import {
  contributionsOf,
  fromHex,
  ProtocolError,
  toHex,
  verifyRequest,
  type Contribution,
  type SignedRequest,
} from "@smarter-metering/protocol";
import { verifyBills, type BillToVerify, type VerifiedBill } from "./bill-request.ts";
import { fault, type Faulty } from "./fault.ts";
import { verifyLoad, type LoadToVerify, type VerifiedLoad } from "./load-request.ts";
import type { RegistryContext } from "./registry-context.ts";

export type Verified = VerifiedLoad | VerifiedBill | Faulty;

/**
 * One result for each request, in order; a fault of one is nothing to the others. The bills make one batch for the engine, a LOAD request
 * is a batch of its own.
 */
export async function verifyRequests(
  requests: readonly SignedRequest[],
  context: RegistryContext,
  engine: Engine,
): Promise<Verified[]> {
  const read = await Promise.all(requests.map((request) => readRequest(request, context)));
  const bills = read.flatMap((one) => ("kind" in one && one.kind === "BILL" ? [one] : []));
  const verifiedBills = (await verifyBills(bills, context, engine)).values();
  const verified: Verified[] = [];
  for (const one of read) {
    if ("fault" in one) verified.push(one);
    else if (one.kind === "LOAD") verified.push(await verifyLoad(one, context, engine));
    else {
      const next = verifiedBills.next();
      assert(next.done !== true, "one result for each bill");
      verified.push(next.value);
    }
  }
  return verified;
}

async function readRequest(
  request: SignedRequest,
  context: RegistryContext,
): Promise<LoadToVerify | BillToVerify | Faulty> {
  const { terms } = request;
  if (!(await isFromAggregator(request, context))) {
    return { fault: fault("REQUEST_BAD_SIGNATURE", "the request is not signed by the aggregator") };
  }
  if (toHex(terms.paillierKeyId) !== context.publicKey.id) {
    return { fault: fault("REQUEST_WRONG_KEY", "the request is about another Paillier key") };
  }
  const contributions = decodeAll(request);
  if (contributions === undefined) {
    return { fault: fault("REQUEST_MALFORMED", "a contribution cannot be read") };
  }
  return terms.kind === "LOAD"
    ? { kind: "LOAD", terms, contributions }
    : { kind: "BILL", terms, contributions };
}

async function isFromAggregator(
  request: SignedRequest,
  { view }: RegistryContext,
): Promise<boolean> {
  for (const { signingKey } of view.parties("aggregator")) {
    try {
      await verifyRequest(request, fromHex(signingKey));
      return true;
    } catch (error) {
      if (!(error instanceof ProtocolError) || error.code !== "PROTOCOL_BAD_SIGNATURE") throw error;
    }
  }
  return false;
}

function decodeAll(request: SignedRequest): Contribution[] | undefined {
  try {
    return contributionsOf(request);
  } catch (error) {
    if (error instanceof ProtocolError && error.code === "PROTOCOL_MALFORMED") return undefined;
    throw error;
  }
}

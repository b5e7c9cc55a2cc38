/**
 * What is verified of a granted request before it is answered (docs/protocol.md §8.2), for a whole batch: that its contributions bear out
 * the terms that stand in the log. Run by the trustee; it sees ciphertexts, signatures and its own registry.
 */
import assert from "node:assert/strict";
import type { Engine } from "@smarter-metering/paillier";
import {
  contributionsOf,
  ProtocolError,
  type Contribution,
  type SignedRequest,
} from "@smarter-metering/protocol";
import { billAggregateTerms, type BillTerms } from "./bill-terms.ts";
import { verifyBills } from "./bill-request.ts";
import { fault, type Faulty } from "./fault.ts";
import { readTerms } from "./judge-batch.ts";
import { verifyLoad } from "./load-request.ts";
import { loadAggregateTerms, type LoadTerms } from "./load-terms.ts";
import type { Verified } from "./make-answers.ts";
import type { RegistryContext } from "./registry-context.ts";

/** A request, and its digest in hex. */
export interface Asked {
  readonly request: SignedRequest;
  readonly digest: string;
}

interface Read<Terms> {
  readonly read: Terms;
  readonly contributions: readonly Contribution[];
  readonly digest: string;
}

/**
 * One result for each request, in order; a fault of one is nothing to the others. The bills make one batch for the engine, a LOAD request
 * is a batch of its own.
 */
export async function verifyRequests(
  requests: readonly Asked[],
  context: RegistryContext,
  engine: Engine,
): Promise<(Verified | Faulty)[]> {
  const read = requests.map((one) => readRequest(one, context));
  const bills = read.flatMap((one) => (isBill(one) ? [one] : []));
  const toVerify = bills.map(({ read: bill, contributions }) => ({ bill, contributions }));
  const verifiedBills = (await verifyBills(toVerify, context, engine)).values();
  const verified: (Verified | Faulty)[] = [];
  for (const one of read) {
    if ("fault" in one) {
      verified.push(one);
    } else if (isBill(one)) {
      const next = verifiedBills.next();
      assert(next.done !== true, "one result for each bill");
      const aggregates = next.value;
      const terms = billAggregateTerms(one.read, context, one.digest);
      verified.push("fault" in aggregates ? aggregates : { ...aggregates, terms });
    } else if (isLoad(one)) {
      const aggregate = await verifyLoad(one.read, one.contributions, context, engine);
      const terms = loadAggregateTerms(one.read, context, one.digest);
      verified.push("fault" in aggregate ? aggregate : { aggregate, terms });
    }
  }
  return verified;
}

function readRequest(
  { request, digest }: Asked,
  context: RegistryContext,
): Read<LoadTerms | BillTerms> | Faulty {
  const read = readTerms(request.terms, context);
  if ("fault" in read) return read;
  try {
    return { read, contributions: contributionsOf(request), digest };
  } catch (error) {
    if (!(error instanceof ProtocolError) || error.code !== "PROTOCOL_MALFORMED") throw error;
    return { fault: fault("REQUEST_MALFORMED", "a contribution cannot be read") };
  }
}

const isBill = (one: Read<LoadTerms | BillTerms> | Faulty): one is Read<BillTerms> =>
  "read" in one && one.read.kind === "BILL";
const isLoad = (one: Read<LoadTerms | BillTerms> | Faulty): one is Read<LoadTerms> =>
  "read" in one && one.read.kind === "LOAD";

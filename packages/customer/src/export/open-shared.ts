/**
 * What was shared, opened and judged by the third party (docs/protocol.md §11.6): what the meter's signatures prove, what the customer only
 * says, and what contradicts. Runs at the third party, with his private key; a view of the registry makes proofs of it.
 */
import { compactDecrypt } from "jose";
import { fromBase64Url, fromUtf8 } from "@smarter-metering/protocol";
import { CustomerError } from "../error.ts";
import type { Reading } from "../readings.ts";
import type { RegistryEvidence } from "../registered.ts";
import { verifyDisputePacket, type DisputeReport } from "../verify-dispute.ts";
import type { ShareSecret } from "./share-key.ts";
import { SHARED_TYPE } from "./share-readings.ts";
import { decodeShared, type SharedReadings } from "./shared-readings.ts";

/** With its proof: a year of quarters has some 30 MB. */
const SHARE_CHARACTERS_MAX = 128 * 1024 * 1024;

/** How far the readings may be believed. */
export type ShareProof =
  /** The customer sent none. */
  | { readonly status: "none" }
  /** There is one, and no registry to check it against. */
  | { readonly status: "not-checked" }
  | {
      /** `proven`: every reading is one that a registered meter signed, and no link of the proof is broken. */
      readonly status: "proven" | "in-part" | "broken";
      readonly report: DisputeReport;
      /** Readings that the meter signed as they stand. */
      readonly proven: number;
      /** Readings that the proof does not have: the customer's word. */
      readonly unproven: number;
      /** Readings of which the meter signed something else. */
      readonly contradicted: number;
    };

export interface OpenedShare {
  readonly shared: SharedReadings;
  readonly proof: ShareProof;
}

/**
 * Throws CUSTOMER_SHARE_UNOPENABLE for every cause in the cryptography, CUSTOMER_SHARE_MALFORMED for what is inside. Never says who sent
 * it: a JWE has no sender.
 */
export async function openShared(
  jwe: string,
  secret: ShareSecret,
  registry?: RegistryEvidence,
): Promise<OpenedShare> {
  const shared = decodeShared(await decrypted(jwe.trim(), secret));
  if (shared.proof === null) return { shared, proof: { status: "none" } };
  if (registry === undefined) return { shared, proof: { status: "not-checked" } };
  const report = await verifyDisputePacket(shared.proof, registry);
  return { shared, proof: judge(shared.readings, report) };
}

async function decrypted(jwe: string, { algorithm, key }: ShareSecret): Promise<Uint8Array> {
  try {
    if (jwe.length > SHARE_CHARACTERS_MAX || !isShare(jwe)) throw new RangeError("no share");
    const { plaintext } = await compactDecrypt(jwe, key, {
      keyManagementAlgorithms: [algorithm],
      contentEncryptionAlgorithms: ["A256GCM"],
    });
    return plaintext;
  } catch (cause) {
    const message = "this cannot be opened: it is for another key, or was changed on its way";
    throw new CustomerError("CUSTOMER_SHARE_UNOPENABLE", message, { cause });
  }
}

/** Authenticated with the rest: a JWE of another kind to the same key is none. */
function isShare(jwe: string): boolean {
  const header = JSON.parse(fromUtf8(fromBase64Url(jwe.slice(0, jwe.indexOf("."))))) as unknown;
  return (
    typeof header === "object" && header !== null && "typ" in header && header.typ === SHARED_TYPE
  );
}

function judge(readings: readonly Reading[], report: DisputeReport): ShareProof {
  const signed = new Map(
    report.disclosed.flatMap(({ readings: own }) =>
      own.map((reading) => [reading.startSeconds, reading] as const),
    ),
  );
  let [proven, unproven, contradicted] = [0, 0, 0];
  for (const reading of readings) {
    const own = signed.get(reading.startSeconds);
    if (own === undefined) unproven += 1;
    else if (isSame(own, reading)) proven += 1;
    else contradicted += 1;
  }
  const isBroken = contradicted > 0 || report.links.some(({ status }) => status === "broken");
  const status = isBroken ? "broken" : unproven > 0 ? "in-part" : "proven";
  return { status, report, proven, unproven, contradicted };
}

const isSame = (a: Reading, b: Reading): boolean =>
  a.intervalSeconds === b.intervalSeconds &&
  a.importMilliwattHours === b.importMilliwattHours &&
  a.exportMilliwattHours === b.exportMilliwattHours &&
  a.quality === b.quality;

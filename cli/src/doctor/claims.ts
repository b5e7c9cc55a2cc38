/** What may be claimed of a deployment (SECURITY.md), in sentences for its operator. */
import { isUnsafe, parsePolicy } from "@smarter-metering/policy";
import { networkReader, type NetworkViewDocument } from "@smarter-metering/protocol";
import { parsePublicKey } from "@smarter-metering/paillier";
import { loadDeployment } from "../deployment/deployment-file.ts";
import type { Layout } from "../deployment/layout.ts";
import { newestView, readEpochs } from "../serve/registry-access.ts";
import { isHere, partiesElsewhere } from "./parties-here.ts";

/** From the registry's folder; elsewhere nothing can be said. */
export async function claimsOf(layout: Layout): Promise<string[]> {
  if (!isHere(layout, "registry")) {
    return ["The registry is on another machine: doctor says there what may be claimed."];
  }
  if ((await readEpochs(layout)).length === 0) {
    return ["No registry epoch yet: nothing can be claimed."];
  }
  const { document } = (await newestView(layout, networkReader)).view;
  const policy = parsePolicy(document.policy);
  const { bits } = await parsePublicKey(document.paillierKey);
  const lines = [
    ...profileClaims(document),
    holdingClaim(document, bits, loadDeployment(layout).quorum),
  ];
  if (partiesElsewhere(layout).length === 0) {
    lines.push(
      "All folders lie on this machine: whoever owns it owns every key. Give each party its own machine for the separation to hold.",
    );
  }
  if (isUnsafe(policy)) {
    lines.push(`UNSAFE policy ${policy.id}: releases may say much about single households.`);
  }
  return lines;
}

function holdingClaim(
  { verificationKey }: NetworkViewDocument,
  bits: number,
  quorum: { readonly threshold: number; readonly trustees: number } | undefined,
): string {
  if (verificationKey === undefined || quorum === undefined) {
    return `One trustee holds the whole ${bits}-bit Paillier secret: with the aggregator's ciphertexts it could open single contributions.`;
  }
  const { threshold, trustees } = quorum;
  return `${trustees} trustees hold shares of the ${bits}-bit Paillier secret: with the aggregator's ciphertexts any ${threshold} of them together could open single contributions, fewer nothing.`;
}

/** Profiles of the neighbourhoods at hand; both, where some have moved on. */
function profileClaims({ servicePoints, parties }: NetworkViewDocument): string[] {
  const profiles = new Set(servicePoints.map(({ profile }) => profile));
  const lines: string[] = [];
  if (profiles.has("pes-encrypts")) {
    lines.push(
      "Profile pes-encrypts: nobody keeps fine-grained readings, and nobody but the opener ever holds them, a batch at a time.",
    );
  }
  if (profiles.has("meter-encrypts")) {
    const opener = parties.some(({ role }) => role === "opener") ? "" : " No opener exists.";
    lines.push(
      `Profile meter-encrypts: nobody but the customer sees fine-grained readings, unless the holder of the Paillier secret opens single contributions.${opener}`,
    );
  }
  return lines;
}

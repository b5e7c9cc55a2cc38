/**
 * What every contribution in a request must satisfy, whatever its stream (docs/protocol.md §6.2, §8.2): right key, right profile, a meter
 * of the registry at that time, and the signature of whoever encrypted it. In `pes-encrypts` that shows that a frame exists and the
 * opener vouches for the ciphertext, not that the ciphertext contains it.
 */
import {
  fromHex,
  instantOf,
  isRegisterStream,
  ProtocolError,
  toHex,
  verifyContribution,
  type Contribution,
  type Profile,
} from "@smarter-metering/protocol";
import { fault, type Fault } from "./fault.ts";
import type { RegistryContext } from "./registry-context.ts";

/** The fault of the first contribution that has one. Signatures are verified side by side, on the thread pool. */
export async function contributionsFault(
  contributions: readonly Contribution[],
  profile: Profile,
  context: RegistryContext,
): Promise<Fault | undefined> {
  const faults = contributions.map((each) => contributionFault(each, profile, context));
  return (await Promise.all(faults)).find((found) => found !== undefined);
}

async function contributionFault(
  contribution: Contribution,
  profile: Profile,
  { view, publicKey }: RegistryContext,
): Promise<Fault | undefined> {
  const { header } = contribution;
  if (toHex(header.paillierKeyId) !== publicKey.id) {
    return fault("REQUEST_WRONG_KEY", "a contribution is under another Paillier key");
  }
  if (header.profile !== profile) {
    return fault("REQUEST_MIXED_PROFILES", `a contribution is not of profile ${profile}`);
  }
  const network = toHex(header.networkPseudonym);
  const point = view.servicePoint(network);
  const start = header.blockStart + header.firstSlot * header.intervalSeconds;
  const instant = instantOf(header);
  const meterId = toHex(header.meterId);
  const meter = view.meterAt(network, meterId, instant);
  const underContract =
    point !== undefined &&
    point.contractStart <= (isRegisterStream(header.stream) ? instant : start) &&
    (point.contractEnd === null || instant <= point.contractEnd);
  if (meter === undefined || !view.meterAt(network, meterId, start) || !underContract) {
    return fault("REQUEST_FOREIGN_CONTRIBUTION", "a contribution is of no registered meter");
  }
  const keys =
    profile === "meter-encrypts"
      ? [meter.signingKey]
      : view.parties("opener").map(({ signingKey }) => signingKey);
  for (const key of keys) if (await isSigned(contribution, key)) return undefined;
  return fault("REQUEST_BAD_SIGNATURE", "a contribution's signature is not valid");
}

async function isSigned(contribution: Contribution, key: string): Promise<boolean> {
  try {
    await verifyContribution(contribution, fromHex(key));
    return true;
  } catch (error) {
    if (error instanceof ProtocolError && error.code === "PROTOCOL_BAD_SIGNATURE") return false;
    throw error;
  }
}

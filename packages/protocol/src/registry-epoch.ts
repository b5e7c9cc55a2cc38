/** The registry's signed, hash-chained epochs (docs/protocol.md §9.1). Each party pins the root key and the last epoch it saw. */
import { toHex } from "./bytes.ts";
import { ProtocolError } from "./error.ts";
import { documentHash, signDocument, unverifiedDocument, verifyDocument } from "./jws.ts";
import { integer, object, readShape, text, type ShapeOf } from "./shape.ts";
import type { Signer } from "./signature.ts";

const hash = text(/^[0-9a-f]{64}$/);

export const VIEW_NAMES = ["network", "mdms", "ucs", "public"] as const;
export type ViewName = (typeof VIEW_NAMES)[number];

const registryEpoch = object({
  epoch: integer(0),
  /** SHA-256 of the previous epoch's JWS; 64 zeros for epoch 0. */
  previous: hash,
  issuedAt: integer(0),
  /** SHA-256 of each view's head (view-parts.ts). */
  views: object({ network: hash, mdms: hash, ucs: hash, public: hash }),
});
export type RegistryEpoch = ShapeOf<typeof registryEpoch>;

/** What a party remembers durably: a registry that shows less, or something else, is refused. */
export interface EpochPin {
  readonly epoch: number;
  /** SHA-256 of that epoch's JWS, hex. */
  readonly hash: string;
}

export const GENESIS_HASH = "0".repeat(64);

export async function signEpoch(epoch: RegistryEpoch, root: Signer): Promise<string> {
  const document = readShape(registryEpoch, epoch, "a registry epoch");
  return signDocument("smarter-metering/registry-epoch", document, root);
}

/** A link of a verified chain. */
export interface EpochLink {
  readonly epoch: RegistryEpoch;
  /** SHA-256 of its JWS, hex. */
  readonly hash: string;
}

/**
 * Verifies a whole chain, epoch 0 first, and returns its links and the last of them. Throws REGISTRY_INVALID for a broken or badly signed chain and
 * REGISTRY_ROLLBACK for one that is shorter than the pin or does not contain it.
 */
export async function verifyEpochChain(
  chain: readonly string[],
  rootKey: Uint8Array,
  pin?: EpochPin,
): Promise<{ latest: RegistryEpoch; pin: EpochPin; links: readonly EpochLink[] }> {
  let previous = GENESIS_HASH;
  const links: EpochLink[] = [];
  for (const [index, jws] of chain.entries()) {
    const link = await verifiedEpoch(jws, rootKey);
    if (link.epoch !== index || link.previous !== previous) {
      throw new ProtocolError("REGISTRY_INVALID", `registry epoch ${index} breaks the chain`);
    }
    previous = toHex(await documentHash(jws));
    links.push({ epoch: link, hash: previous });
    if (pin?.epoch === index && pin.hash !== previous) {
      throw new ProtocolError("REGISTRY_ROLLBACK", `registry epoch ${index} differs from the pin`);
    }
  }
  const latest = links.at(-1)?.epoch;
  if (latest === undefined) throw new ProtocolError("REGISTRY_INVALID", "the registry is empty");
  if (pin !== undefined && latest.epoch < pin.epoch) {
    const message = `the registry shows epoch ${latest.epoch}, but ${pin.epoch} was seen before`;
    throw new ProtocolError("REGISTRY_ROLLBACK", message);
  }
  return { latest, pin: { epoch: latest.epoch, hash: previous }, links };
}

/** What the JWS of an epoch says that is one's own, or verified already. Throws PROTOCOL_MALFORMED. */
export function unverifiedEpoch(jws: string): RegistryEpoch {
  const document = unverifiedDocument("smarter-metering/registry-epoch", jws);
  return readShape(registryEpoch, document, "a registry epoch");
}

async function verifiedEpoch(jws: string, rootKey: Uint8Array): Promise<RegistryEpoch> {
  try {
    const document = await verifyDocument("smarter-metering/registry-epoch", jws, rootKey);
    return readShape(registryEpoch, document, "a registry epoch");
  } catch (cause) {
    throw new ProtocolError(
      "REGISTRY_INVALID",
      "a registry epoch is not signed by the root",
      cause,
    );
  }
}

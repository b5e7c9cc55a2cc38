/**
 * What the registry vouches for (docs/protocol.md §9.1): the chain of epochs under the pinned root key, the newest one's view, and in it
 * the parties' keys. Checked by the customer, and by a third party that he shows readings to.
 */
import {
  partyKeys,
  ProtocolError,
  verifyEpochChain,
  verifyView,
  type EpochPin,
  type Role,
  type ViewName,
} from "@smarter-metering/protocol";
import type { LinkBook } from "./link.ts";

export interface RegistryEvidence {
  /** Ed25519, raw; known from installation, not from the registry. */
  readonly rootKey: Uint8Array;
  /** The newest epoch seen before, if any was. */
  readonly pin?: EpochPin;
  /** Every epoch's JWS, epoch 0 first. */
  readonly epochs: readonly string[];
  /** Any of the newest epoch's views: each lists the parties. */
  readonly view: { readonly name: ViewName; readonly text: string };
}

export interface Registered {
  readonly epoch: number;
  /** To be remembered, for the next time. */
  readonly pin: EpochPin;
  /** The view, verified. */
  readonly view: RegistryEvidence["view"];
  keysOf(role: Role): readonly Uint8Array[];
}

/** Undefined, and the broken link in the book, unless the root vouches for all of it. */
export async function checkRegistry(
  evidence: RegistryEvidence,
  book: LinkBook,
): Promise<Registered | undefined> {
  const { epochs, rootKey, pin, view } = evidence;
  try {
    const { latest, pin: newest } = await verifyEpochChain(epochs, rootKey, pin);
    try {
      await verifyView(latest, view.name, view.text);
    } catch (error) {
      protocolError(error);
      book.broken("REGISTRY_VIEW", `view ${view.name} of epoch ${latest.epoch}`);
      return undefined;
    }
    const keysOf = partyKeys(view.text);
    book.ok("registry", `${epochs.length} epochs, view ${view.name} of epoch ${latest.epoch}`);
    return { epoch: latest.epoch, pin: newest, view, keysOf };
  } catch (error) {
    const rollback = protocolError(error).code === "REGISTRY_ROLLBACK";
    const code = rollback ? "REGISTRY_ROLLBACK" : "REGISTRY_INVALID";
    book.broken(code, await firstBroken(evidence));
    return undefined;
  }
}

/** Which epoch it is: the chain up to the one before still verifies. */
async function firstBroken({ epochs, rootKey, pin, view }: RegistryEvidence): Promise<string> {
  for (let length = 1; length <= epochs.length; length++) {
    try {
      await verifyEpochChain(epochs.slice(0, length), rootKey);
    } catch (error) {
      protocolError(error);
      return `epoch ${length - 1}`;
    }
  }
  if (pin !== undefined) return `epoch ${pin.epoch}, seen before`;
  return epochs.length === 0 ? "no epoch at all" : `view ${view.name}`;
}

/** What a peer's bytes may cause; anything else is a fault of this program and goes on. */
function protocolError(error: unknown): ProtocolError {
  if (error instanceof ProtocolError) return error;
  throw error;
}

/** What the first of `keys` verifies that fits. */
export async function verifiedByAny<Result>(
  keys: readonly Uint8Array[],
  verify: (key: Uint8Array) => Promise<Result>,
): Promise<Result | undefined> {
  for (const key of keys) {
    try {
      return await verify(key);
    } catch (error) {
      protocolError(error);
    }
  }
  return undefined;
}

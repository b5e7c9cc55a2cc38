/**
 * Follows the registry for one party (docs/protocol.md §9.1): fetches epochs and the party's own view, verifies them against the
 * pinned root key and the last epoch seen, and hands out the newest. Transport and the pin's file are handed in.
 */
import { ProtocolError } from "./error.ts";
import {
  verifyEpochChain,
  verifyView,
  type EpochPin,
  type RegistryEpoch,
  type ViewName,
} from "./registry-epoch.ts";

export interface RegistryTransport {
  /** Every epoch's JWS, epoch 0 first. */
  epochs(): Promise<readonly string[]>;
  view(name: ViewName, epoch: number): Promise<string>;
}

export interface PinStore {
  load(): Promise<EpochPin | undefined>;
  /** Resolves when durable. */
  save(pin: EpochPin): Promise<void>;
}

export interface RegistrySnapshot<View> {
  readonly epoch: number;
  /** SHA-256 of the epoch's JWS, hex. */
  readonly hash: string;
  /** Epoch seconds. */
  readonly issuedAt: number;
  readonly view: View;
}

export interface RegistryFeed<View> {
  /** The newest verified snapshot. */
  current(): RegistrySnapshot<View>;
  /** An epoch of the verified chain, fetched anew; undefined for one that does not exist yet. Throws like `refresh`. */
  at(epoch: number): Promise<RegistrySnapshot<View> | undefined>;
  /** Looks for a newer epoch; true when there was one. Throws REGISTRY_INVALID or REGISTRY_ROLLBACK and keeps the old. */
  refresh(): Promise<boolean>;
}

export interface RegistryFeedOptions<View> {
  readonly rootKey: Uint8Array;
  readonly viewName: ViewName;
  readonly parse: (text: string) => View;
  readonly transport: RegistryTransport;
  readonly pins: PinStore;
}

/** Throws REGISTRY_INVALID or REGISTRY_ROLLBACK when there is no acceptable first snapshot. */
export async function followRegistry<View>(
  options: RegistryFeedOptions<View>,
): Promise<RegistryFeed<View>> {
  let snapshot: RegistrySnapshot<View> | undefined;
  const readChain = async () => {
    const chain = await options.transport.epochs();
    return verifyEpochChain(chain, options.rootKey, await options.pins.load());
  };
  const read = async (epoch: RegistryEpoch, hash: string): Promise<RegistrySnapshot<View>> => {
    const text = await options.transport.view(options.viewName, epoch.epoch);
    const view = options.parse(await verifyView(epoch, options.viewName, text));
    return { epoch: epoch.epoch, hash, issuedAt: epoch.issuedAt, view };
  };
  const refresh = async (): Promise<boolean> => {
    const { latest, pin } = await readChain();
    if (snapshot?.epoch === latest.epoch) return false;
    const newest = await read(latest, pin.hash);
    const known = await options.pins.load();
    if (known?.epoch !== pin.epoch) await options.pins.save(pin);
    snapshot = newest;
    return true;
  };
  await refresh();
  return {
    current() {
      if (snapshot === undefined) throw new ProtocolError("REGISTRY_INVALID", "no registry epoch");
      return snapshot;
    },
    refresh,
    async at(epoch) {
      if (snapshot?.epoch === epoch) return snapshot;
      const link = (await readChain()).links[epoch];
      return link && read(link.epoch, link.hash);
    },
  };
}

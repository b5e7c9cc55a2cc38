/**
 * Follows the registry for one party (docs/protocol.md §9.1): fetches epochs and the party's own view, verifies them against the
 * pinned root key and the last epoch seen, and hands out the newest. Transport and the pin's file are handed in.
 */
import { ProtocolError } from "./error.ts";
import { verifyEpochChain, verifyView, type EpochPin, type ViewName } from "./registry-epoch.ts";

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
  readonly view: View;
}

export interface RegistryFeed<View> {
  /** The newest verified snapshot. */
  current(): RegistrySnapshot<View>;
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
  const refresh = async (): Promise<boolean> => {
    const chain = await options.transport.epochs();
    const known = await options.pins.load();
    const { latest, pin } = await verifyEpochChain(chain, options.rootKey, known);
    if (snapshot?.epoch === latest.epoch) return false;
    const text = await options.transport.view(options.viewName, latest.epoch);
    const view = options.parse(await verifyView(latest, options.viewName, text));
    if (known?.epoch !== pin.epoch) await options.pins.save(pin);
    snapshot = { epoch: latest.epoch, view };
    return true;
  };
  await refresh();
  return {
    current() {
      if (snapshot === undefined) throw new ProtocolError("REGISTRY_INVALID", "no registry epoch");
      return snapshot;
    },
    refresh,
  };
}

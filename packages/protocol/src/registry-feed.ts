/**
 * Follows the registry for one party (docs/protocol.md §9.1): fetches epochs and the party's own view, verifies them against the
 * pinned root key and the last epoch seen, and hands out the newest. Transport and the pin's file are handed in.
 */
import { ProtocolError } from "./error.ts";
import { verifyEpochChain, type EpochPin, type RegistryEpoch } from "./registry-epoch.ts";
import { fetchView, type FetchedView, type RegistryTransport } from "./view-fetch.ts";
import type { ViewReader } from "./view-reader.ts";

/** Views that are held at a time, the newest among them: an epoch that somebody asks for again is not built again. */
const VIEWS_HELD_MAX = 4;

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
  /** An epoch of the verified chain; undefined for one that does not exist yet. Throws like `refresh`. */
  at(epoch: number): Promise<RegistrySnapshot<View> | undefined>;
  /** Looks for a newer epoch; true when there was one. Throws REGISTRY_INVALID or REGISTRY_ROLLBACK and keeps the old. */
  refresh(): Promise<boolean>;
}

export interface RegistryFeedOptions<View> {
  readonly rootKey: Uint8Array;
  /** Whose view it is, and what is made of it. */
  readonly reader: ViewReader<View>;
  readonly transport: RegistryTransport;
  readonly pins: PinStore;
}

interface Held<View> {
  readonly fetched: FetchedView<View>;
  readonly snapshot: RegistrySnapshot<View>;
}

/** Throws REGISTRY_INVALID or REGISTRY_ROLLBACK when there is no acceptable first snapshot. */
export async function followRegistry<View>(
  options: RegistryFeedOptions<View>,
): Promise<RegistryFeed<View>> {
  const { reader, transport, rootKey, pins } = options;
  /** The newest first, then those asked for, the last of them first. */
  let held: readonly Held<View>[] = [];
  const readChain = async () =>
    verifyEpochChain(await transport.epochs(), rootKey, await pins.load());
  const read = async (epoch: RegistryEpoch, hash: string): Promise<Held<View>> => {
    const views = held.map(({ fetched }) => fetched);
    const fetched = await fetchView(reader, transport, epoch, views);
    const { issuedAt } = epoch;
    return { fetched, snapshot: { epoch: epoch.epoch, hash, issuedAt, view: fetched.view } };
  };
  const refresh = async (): Promise<boolean> => {
    const { latest, pin } = await readChain();
    if (held[0]?.snapshot.epoch === latest.epoch) return false;
    const newest = await read(latest, pin.hash);
    const known = await pins.load();
    if (known?.epoch !== pin.epoch) await pins.save(pin);
    held = [newest, ...held].slice(0, VIEWS_HELD_MAX);
    return true;
  };
  await refresh();
  return {
    current() {
      const [newest] = held;
      if (newest === undefined) throw new ProtocolError("REGISTRY_INVALID", "no registry epoch");
      return newest.snapshot;
    },
    refresh,
    async at(epoch) {
      // A chain without an epoch that was seen in it is refused by the next refresh.
      const known = held.find(({ snapshot }) => snapshot.epoch === epoch);
      if (known !== undefined) return known.snapshot;
      const link = (await readChain()).links[epoch];
      if (link === undefined) return undefined;
      const asked = await read(link.epoch, link.hash);
      held = [...held.slice(0, 1), asked, ...held.slice(1)].slice(0, VIEWS_HELD_MAX);
      return asked.snapshot;
    },
  };
}

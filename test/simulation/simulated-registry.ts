/** The registry of a history: it issues an epoch now and then, which says the same as the last. */
import type { RegistryFeed, RegistrySnapshot } from "@smarter-metering/protocol";

export class SimulatedRegistry<View extends object> implements RegistryFeed<View> {
  readonly #snapshots: RegistrySnapshot<View>[];

  constructor(first: RegistryFeed<View>) {
    this.#snapshots = [first.current()];
  }

  current(): RegistrySnapshot<View> {
    const newest = this.#snapshots.at(-1);
    if (newest === undefined) throw new RangeError("a registry has a first epoch");
    return newest;
  }

  at(epoch: number): Promise<RegistrySnapshot<View> | undefined> {
    return Promise.resolve(this.#snapshots.find((each) => each.epoch === epoch));
  }

  refresh(): Promise<boolean> {
    return Promise.resolve(false);
  }

  issue(nowSeconds: number): void {
    const { epoch: last, view } = this.current();
    const epoch = last + 1;
    const hash = epoch.toString(16).padStart(64, "0");
    // Another view, not the same one: parties keep what they made of a view with it.
    this.#snapshots.push({ epoch, hash, issuedAt: nowSeconds, view: { ...view } });
  }
}

/** A party's way to the registry: it looks now and then, may be cut off from it, and then acts under the epoch that it has. */
import type { RegistryFeed, RegistrySnapshot } from "@smarter-metering/protocol";
import type { Faults, Traveller } from "./faults.ts";

export function faultyRegistry<View>(
  who: Traveller,
  registry: RegistryFeed<View>,
  faults: Faults,
): RegistryFeed<View> {
  let seen: RegistrySnapshot<View> = registry.current();
  const ask = <T>(what: string, work: () => Promise<T>): Promise<T> =>
    who.life.run(`registry ${what}`, () => faults.way(who, "registry", what, work));
  return {
    current: () => seen,
    refresh: () =>
      ask("refresh", async () => {
        const isNew = registry.current().epoch > seen.epoch;
        seen = registry.current();
        return isNew;
      }),
    at: async (epoch) => (epoch > seen.epoch ? undefined : registry.at(epoch)),
  };
}

/** A registry that is a file, under the real registry's rule: what a rotation speaks to in tests. */
import { readFileSync } from "node:fs";
import type { KeyRegistry } from "@smarter-metering/opener";
import type { OpenerKeys } from "@smarter-metering/protocol";
import { writeFileAtomic } from "@smarter-metering/runtime";
import { withOpenerKey } from "../../../registry/src/opener-keys.ts";
import type { RegistryState } from "../../../registry/src/state.ts";

export const NOW = 1_000_000;
export const WEEK = 7 * 86_400;

export function fileRegistry(path: string): KeyRegistry {
  const listed = (): OpenerKeys => JSON.parse(readFileSync(path, "utf8")) as OpenerKeys;
  return {
    list: () => Promise.resolve(listed().keys),
    async add(key) {
      const parties = [{ role: "opener", signingKey: "" }];
      // The rule looks at nothing else of a state.
      const state = { parties, openerKeys: listed() } as unknown as RegistryState;
      const { openerKeys } = await withOpenerKey(state, key, NOW);
      await writeFileAtomic(path, JSON.stringify(openerKeys));
    },
  };
}

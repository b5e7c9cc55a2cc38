/** What the API and the pages work with. */
import type { Store } from "@smarter-metering/runtime";
import type { Guard } from "./access/guard.ts";
import type { RegistryContext } from "./registry-context.ts";

export interface WebPorts {
  readonly store: Store;
  readonly guard: Guard;
  /** The registry's newest epoch. */
  readonly context: () => Promise<RegistryContext>;
}

/**
 * The registry as a request names it (docs/protocol.md §8.2): requests of the log are judged under exactly the epoch that they name, so
 * that all trustees judge alike. Run by the trustee.
 */
import type { NetworkView, RegistryFeed, RegistrySnapshot } from "@smarter-metering/protocol";
import type { Clock } from "@smarter-metering/runtime";
import { TrusteeError } from "./error.ts";
import type { PolicyLineage } from "./policy-lineage.ts";
import { registryContext, type Pins, type RegistryContext } from "./registry-context.ts";

/** Epochs kept ready. */
const CONTEXTS_MAX = 8;
/** How long after a newer epoch was seen a request may name the one before: it may have been made under it. */
const GRACE_MS = 24 * 3_600_000;
/** An announced policy is to be seen also while nobody asks for anything. */
const WATCH_MS = 3_600_000;

/** An epoch that is not there yet, and may come. */
export const UNKNOWN_EPOCH = "unknown epoch" as const;
/** An epoch whose policy or key is not this trustee's. */
export const UNACCEPTED_EPOCH = "unaccepted epoch" as const;
export type EpochTrouble = typeof UNKNOWN_EPOCH | typeof UNACCEPTED_EPOCH;

export class RegistryContexts {
  readonly #registry: RegistryFeed<NetworkView>;
  readonly #pins: Pins;
  readonly #policies: PolicyLineage;
  readonly #clock: Clock;
  readonly #contexts = new Map<number, RegistryContext | typeof UNACCEPTED_EPOCH>();
  /** When this process saw an epoch first, by epoch. */
  readonly #seenMs = new Map<number, number>();

  constructor(
    registry: RegistryFeed<NetworkView>,
    terms: { readonly pins: Pins; readonly policies: PolicyLineage },
    clock: Clock,
  ) {
    this.#registry = registry;
    this.#pins = terms.pins;
    this.#policies = terms.policies;
    this.#clock = clock;
  }

  /** Looks at the newest epoch every hour until the returned function is called. */
  watch(): () => void {
    return this.#clock.every(WATCH_MS, async () => {
      // A registry that cannot be read is tried again in an hour; requests meet the failure themselves.
      await this.at(this.#registry.current().epoch).catch(() => undefined);
    });
  }

  /** Rejects when the registry cannot be read: ask again. */
  async at(epoch: number): Promise<RegistryContext | EpochTrouble> {
    const known = this.#contexts.get(epoch);
    if (known !== undefined) return known;
    if (epoch > this.#registry.current().epoch) await this.#registry.refresh();
    const snapshot = await this.#registry.at(epoch);
    if (snapshot === undefined) return UNKNOWN_EPOCH;
    const context = await this.#contextOf(snapshot);
    if (context === undefined) return UNACCEPTED_EPOCH;
    this.#contexts.set(epoch, context);
    const [oldest] = this.#contexts.keys();
    if (this.#contexts.size > CONTEXTS_MAX && oldest !== undefined) this.#contexts.delete(oldest);
    return context;
  }

  /** Undefined for a policy that is looser than the one before and may be served when it was announced for long enough. */
  async #contextOf(
    snapshot: RegistrySnapshot<NetworkView>,
  ): Promise<RegistryContext | typeof UNACCEPTED_EPOCH | undefined> {
    try {
      const context = await registryContext(snapshot, this.#pins);
      await this.#policies.admit(context);
      return context;
    } catch (error) {
      if (!(error instanceof TrusteeError)) throw error;
      return error.code === "TRUSTEE_POLICY_LOOSENED" ? undefined : UNACCEPTED_EPOCH;
    }
  }

  /** Whether a newer epoch has been known for so long that no honest request names this one. */
  isSuperseded(epoch: number): boolean {
    const current = this.#registry.current().epoch;
    if (!this.#seenMs.has(current)) this.#seenMs.set(current, this.#clock.nowMs());
    const newer = [...this.#seenMs].filter(([seen]) => seen > epoch).map(([, seenMs]) => seenMs);
    return newer.length > 0 && this.#clock.nowMs() - Math.min(...newer) > GRACE_MS;
  }
}

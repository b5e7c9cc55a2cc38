/**
 * The release policies that this trustee has served, and those it saw announced (docs/protocol.md §9.4). The root's signature is not enough
 * to loosen one: what loosens is served when this trustee saw it announced, by its own clock, for the whole period. Public documents alone.
 */
import {
  comparePolicies,
  isSamePolicy,
  needsNotice,
  parsePolicy,
  POLICY_NOTICE_SECONDS,
  PolicyError,
  type ReleasePolicy,
} from "@smarter-metering/policy";
import { fromUtf8, utf8 } from "@smarter-metering/protocol";
import type { Clock, DurableFile } from "@smarter-metering/runtime";
import { TrusteeError } from "./error.ts";
import type { RegistryContext } from "./registry-context.ts";

/** A trustee may look at the registry that much later than it was published, and still serves when the others do. */
const SLACK_SECONDS = 86_400;
/** The newest are kept; of epochs before the first that is remembered nothing is promised. */
const POLICIES_MAX = 64;

interface Served {
  readonly fromEpoch: number;
  readonly policy: ReleasePolicy;
}
interface Announced {
  readonly policy: ReleasePolicy;
  readonly seenSeconds: number;
}
interface Known {
  /** In the order of epochs. */
  readonly served: readonly Served[];
  readonly announced: readonly Announced[];
}

export class PolicyLineage {
  readonly #file: DurableFile;
  readonly #clock: Clock;
  #known: Known;
  /** One write after the other: an older state must not be the last. */
  #saved: Promise<void> = Promise.resolve();

  private constructor(file: DurableFile, clock: Clock, known: Known) {
    this.#file = file;
    this.#clock = clock;
    this.#known = known;
  }

  /** Without a file the policy in force now is the first. Throws TRUSTEE_LEDGER_VERSION for a file that is not ours. */
  static async open(file: DurableFile, clock: Clock): Promise<PolicyLineage> {
    const bytes = await file.load();
    return new PolicyLineage(file, clock, bytes === undefined ? NONE : parseKnown(bytes));
  }

  /**
   * Takes note of what an epoch announces, and of its policy. Throws TRUSTEE_POLICY_LOOSENED, which passes with time when the policy is
   * announced. Resolves when what was noted is durable.
   */
  async admit({ epoch, view, policy }: Pick<RegistryContext, "epoch" | "view" | "policy">) {
    await this.#note(view.document.policyNotice?.policy);
    const { served } = this.#known;
    const before = served.findLast(({ fromEpoch }) => fromEpoch <= epoch);
    if (before === undefined && served.length > 0) return;
    if (before !== undefined && isSamePolicy(before.policy, policy)) return;
    if (before !== undefined) this.#checkNotice(epoch, before.policy, policy);
    const next = [...served, { fromEpoch: epoch, policy }];
    const inOrder = next.toSorted((a, b) => a.fromEpoch - b.fromEpoch);
    await this.#keep({ ...this.#known, served: inOrder.slice(-POLICIES_MAX) });
  }

  /** The first sight counts, however often it is announced. */
  async #note(document: unknown): Promise<void> {
    const policy = document === undefined ? undefined : readPolicy(document);
    if (policy === undefined || this.#announcedAt(policy) !== undefined) return;
    const announced = [...this.#known.announced, { policy, seenSeconds: this.#nowSeconds() }];
    await this.#keep({ ...this.#known, announced: announced.slice(-POLICIES_MAX) });
  }

  #checkNotice(epoch: number, before: ReleasePolicy, policy: ReleasePolicy): void {
    if (!needsNotice(comparePolicies(before, policy))) return;
    const seen = this.#announcedAt(policy);
    const needed = POLICY_NOTICE_SECONDS - SLACK_SECONDS;
    if (seen !== undefined && this.#nowSeconds() - seen >= needed) return;
    const when = seen === undefined ? "never" : `on ${new Date(1000 * seen).toISOString()}`;
    const message = `registry epoch ${epoch} loosens policy ${before.id} to ${policy.id}, which this trustee saw announced ${when}`;
    throw new TrusteeError("TRUSTEE_POLICY_LOOSENED", message);
  }

  #announcedAt(policy: ReleasePolicy): number | undefined {
    return this.#known.announced.find((one) => isSamePolicy(one.policy, policy))?.seenSeconds;
  }

  #keep(known: Known): Promise<void> {
    this.#known = known;
    const bytes = utf8(JSON.stringify({ kind: KIND, ...known }));
    this.#saved = this.#saved.catch(() => undefined).then(() => this.#file.save(bytes));
    return this.#saved;
  }

  #nowSeconds(): number {
    return Math.floor(this.#clock.nowMs() / 1000);
  }
}

const KIND = "smarter-metering/trustee-policies";
const NONE: Known = { served: [], announced: [] };

/** Written by this program alone; a trustee that cannot read it has to be looked at. */
function parseKnown(bytes: Uint8Array): Known {
  try {
    const document = JSON.parse(fromUtf8(bytes)) as Known & { readonly kind?: unknown };
    if (document.kind !== KIND) throw new Error("another kind of file");
    const { served, announced } = document;
    return {
      served: served.map(({ fromEpoch, policy }) => ({ fromEpoch, policy: parsePolicy(policy) })),
      announced: announced.map(({ policy, seenSeconds }) => {
        return { policy: parsePolicy(policy), seenSeconds };
      }),
    };
  } catch (cause) {
    const message = "the policies that were served cannot be read; restore policies.json";
    throw new TrusteeError("TRUSTEE_LEDGER_VERSION", message, cause);
  }
}

/** What is no policy announces nothing. */
function readPolicy(document: unknown): ReleasePolicy | undefined {
  try {
    return parsePolicy(document);
  } catch (error) {
    if (error instanceof PolicyError) return undefined;
    throw error;
  }
}

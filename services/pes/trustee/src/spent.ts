/**
 * What answers have spent for ever (docs/protocol.md §8.3, R3, R4, R5 and R8): blocks of cohorts, and windows of service points. Held by
 * the trustee; times and names alone, no energy.
 */
import { overlaps, type BillWindowFacts, type TimeSpan } from "@smarter-metering/policy";

export type LoadStream = "LOAD" | "LOAD_EXPORT";

export interface LoadClaim extends TimeSpan {
  readonly kind: "LOAD";
  readonly stream: LoadStream;
  readonly cohort: string;
  readonly cohortVersion: number;
  readonly intervalSeconds: number;
  /** Consecutive slots with a value from the same members: a bitmap over the cohort version's, in hex. */
  readonly runs: readonly { readonly slotCount: number; readonly members: string }[];
}

export interface BillClaim extends BillWindowFacts {
  readonly kind: "BILL";
  /** Network pseudonym, hex. */
  readonly servicePoint: string;
  readonly registerBank: string;
  /** A cost register (R9) is among the registers. */
  readonly hasCost: boolean;
}

/** What one answer spends. */
export type Claim = LoadClaim | BillClaim;

export class Spent {
  /** Claims by cohort and stream, by stream and UTC day, and by service point. */
  readonly #blocks = new Map<string, LoadClaim[]>();
  readonly #days = new Map<string, LoadClaim[]>();
  readonly #windows = new Map<string, BillClaim[]>();
  readonly #before: Spent | undefined;

  /** Adds to what `before` holds, without changing it. */
  constructor(before?: Spent) {
    this.#before = before;
  }

  add(claim: Claim): void {
    if (claim.kind === "BILL") return push(this.#windows, claim.servicePoint, claim);
    push(this.#blocks, `${claim.stream}/${claim.cohort}`, claim);
    for (const day of daysOf(claim)) push(this.#days, `${claim.stream}/${day}`, claim);
  }

  blocks(cohort: string, stream: LoadStream): readonly LoadClaim[] {
    const own = this.#blocks.get(`${stream}/${cohort}`) ?? [];
    return [...(this.#before?.blocks(cohort, stream) ?? []), ...own];
  }

  /** Blocks of every cohort that share an instant with `span`. */
  blocksOver(span: TimeSpan, stream: LoadStream): readonly LoadClaim[] {
    const near = daysOf(span).flatMap((day) => this.#days.get(`${stream}/${day}`) ?? []);
    const own = [...new Set(near)].filter((claim) => overlaps(claim, span));
    return [...(this.#before?.blocksOver(span, stream) ?? []), ...own];
  }

  windows(servicePoint: string): readonly BillClaim[] {
    const own = this.#windows.get(servicePoint) ?? [];
    return [...(this.#before?.windows(servicePoint) ?? []), ...own];
  }
}

const DAY_SECONDS = 86_400;

/** UTC days that a block touches: two or three. */
function daysOf({ startSeconds, endSeconds }: TimeSpan): number[] {
  const first = Math.floor(startSeconds / DAY_SECONDS);
  const count = Math.ceil(endSeconds / DAY_SECONDS) - first;
  return Array.from({ length: count }, (_, index) => first + index);
}

function push<T>(index: Map<string, T[]>, key: string, value: T): void {
  const list = index.get(key);
  if (list === undefined) index.set(key, [value]);
  else list.push(value);
}

/**
 * What answers have spent for ever (docs/protocol.md §8.3, R3 and R8): blocks of cohorts, and windows of service points. Held by the
 * trustee; times and names alone, no energy.
 */
import type { BillWindowFacts, TimeSpan } from "@smarter-metering/policy";

export type LoadStream = "LOAD" | "LOAD_EXPORT";

/** What one answer spends. Service points are network pseudonyms in hex. */
export type Claim =
  | ({ readonly kind: "LOAD"; readonly stream: LoadStream; readonly cohort: string } & TimeSpan)
  | ({ readonly kind: "BILL"; readonly servicePoint: string } & BillWindowFacts);

export class Spent {
  /** Claims by cohort and stream, or by service point. */
  readonly #blocks = new Map<string, TimeSpan[]>();
  readonly #windows = new Map<string, BillWindowFacts[]>();
  readonly #before: Spent | undefined;

  /** Adds to what `before` holds, without changing it. */
  constructor(before?: Spent) {
    this.#before = before;
  }

  add(claim: Claim): void {
    if (claim.kind === "LOAD") push(this.#blocks, blockKey(claim.cohort, claim.stream), claim);
    else push(this.#windows, claim.servicePoint, claim);
  }

  blocks(cohort: string, stream: LoadStream): readonly TimeSpan[] {
    const own = this.#blocks.get(blockKey(cohort, stream)) ?? [];
    return [...(this.#before?.blocks(cohort, stream) ?? []), ...own];
  }

  windows(servicePoint: string): readonly BillWindowFacts[] {
    const own = this.#windows.get(servicePoint) ?? [];
    return [...(this.#before?.windows(servicePoint) ?? []), ...own];
  }
}

const blockKey = (cohort: string, stream: LoadStream): string => `${stream}/${cohort}`;

function push<T>(index: Map<string, T[]>, key: string, value: T): void {
  const list = index.get(key);
  if (list === undefined) index.set(key, [value]);
  else list.push(value);
}

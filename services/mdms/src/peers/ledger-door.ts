/**
 * The aggregator's ledger as the MDMS may see it (docs/protocol.md §7.5): LOAD sets of cohorts in full, BILL windows as numbers. Through a
 * door that shows nothing else; no network pseudonym comes through it.
 */
import { z } from "@smarter-metering/runtime";
import type { Peer } from "./peer.ts";
import type { Asked } from "./registry-desk.ts";

export const SET_STATES = ["OPEN", "SEALED", "REQUESTED", "RELEASED", "SUPPRESSED"] as const;
export const STREAMS = ["LOAD", "LOAD_EXPORT"] as const;

const seconds = z.number().int();
const count = z.number().int().nonnegative();
const state = z.enum(SET_STATES);
const stream = z.enum(STREAMS);
const trustees = z.array(z.number().int());

const block = z.object({
  cohort: z.string(),
  cohortVersion: z.number().int(),
  stream,
  blockStart: seconds,
  blockEnd: seconds,
  members: count,
  contributors: count,
  slotCount: count,
  slotsCovered: count,
  slotsValued: count,
  state,
  codes: z.array(z.string()),
  requestDigest: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .nullable(),
  sealedAt: seconds.nullable(),
  log: z
    .object({
      entry: z.number().int().nullable(),
      needed: count,
      cosigned: trustees,
      silent: trustees,
    })
    .nullable(),
  trustees: z
    .object({ threshold: count, answered: trustees, refused: trustees, silent: trustees })
    .nullable(),
  answers: z.array(z.object({ trustee: z.number().int(), codes: z.array(z.string()) })),
});
export type LedgerBlock = z.infer<typeof block>;

const blocks = z.object({ blocks: z.array(block), next: z.string().nullable() });
const bills = z.object({
  bills: z.array(
    z.object({
      fromGrid: seconds,
      toGrid: seconds,
      state,
      code: z.string().nullable(),
      costCode: z.string().nullable(),
      windows: count,
    }),
  ),
  more: z.boolean(),
});
const summary = z.object({
  sets: z.array(
    z.object({
      cohort: z.string(),
      stream,
      state,
      code: z.string().nullable(),
      blocks: count,
    }),
  ),
  contributions: z.record(z.string(), z.record(z.string(), count)),
});

/** Epoch seconds, half-open. */
export interface LedgerRange {
  readonly from: number;
  readonly to: number;
}
export interface BlockQuery extends LedgerRange {
  readonly cohort?: string | undefined;
  readonly state?: string | undefined;
  readonly code?: string | undefined;
  readonly stream?: string | undefined;
  readonly limit: number;
  /** `next` of the page before. */
  readonly cursor?: string | undefined;
}

/** Every method throws MDMS_PEER_UNREACHABLE. */
export class LedgerDoor {
  readonly #peer: Peer;

  constructor(peer: Peer) {
    this.#peer = peer;
  }

  /** Blocks that begin in the range, newest first. */
  blocks(query: BlockQuery): Promise<Asked<z.infer<typeof blocks>>> {
    return this.#ask(blocks, "/v1/ledger/blocks", query);
  }

  bills(range: LedgerRange): Promise<Asked<z.infer<typeof bills>>> {
    return this.#ask(bills, "/v1/ledger/bills", range);
  }

  summary(range: LedgerRange): Promise<Asked<z.infer<typeof summary>>> {
    return this.#ask(summary, "/v1/ledger/summary", range);
  }

  async #ask<T>(schema: z.ZodType<T>, path: string, query: object): Promise<Asked<T>> {
    const given = Object.entries(query).filter(([, value]) => value !== undefined);
    const params = new URLSearchParams(given.map(([key, value]) => [key, String(value)]));
    const answer = await this.#peer(`${path}?${params}`);
    return answer.ok ? { value: schema.parse(answer.body) } : { refusal: answer.refusal };
  }
}

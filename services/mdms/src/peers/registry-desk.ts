/**
 * What the MDMS may ask of the registry (docs/protocol.md §9.6): plans in numbers, proposals that a clerk of the registry decides, and
 * documents that a tariff signer has signed. It names service points by its own pseudonyms and hears no other name.
 */
import { z } from "@smarter-metering/runtime";
import type { Peer, PeerRefusal } from "./peer.ts";

const hex16 = z.string().regex(/^[0-9a-f]{32}$/);
const seconds = z.number().int().nonnegative();
const count = z.number().int().nonnegative();

const order = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("move-out"), servicePoint: hex16, contractEnd: seconds }),
  z.object({
    kind: z.literal("move-in"),
    servicePoint: hex16,
    contractStart: seconds,
    tariff: z.string(),
    consumptionClass: z.string(),
  }),
  z.object({ kind: z.literal("meter-exchange"), servicePoint: hex16, at: seconds }),
]);
/** Times are epoch seconds. */
export type ProposedOrder = z.infer<typeof order>;

export const PROPOSAL_STATES = ["open", "approved", "declined", "withdrawn", "expired"] as const;
const proposal = z.object({
  id: hex16,
  proposedBy: z.string(),
  order,
  proposedAt: seconds,
  expiresAt: seconds,
  state: z.enum(PROPOSAL_STATES),
  decidedAt: seconds.nullable(),
  reason: z.string().nullable(),
});
export type Proposal = z.infer<typeof proposal>;

const plan = z.object({
  merged: z.array(
    z.object({ neighbourhood: z.string(), cohort: z.string(), members: count, needed: count }),
  ),
  versions: z.array(
    z.object({ id: z.string(), version: count, fromBlock: seconds, members: count }),
  ),
  waiting: z.array(z.object({ where: z.string(), joiners: count, leavers: count, needed: count })),
});
export type CohortPlan = z.infer<typeof plan>;

/** An answer of the registry, or its no. */
export type Asked<T> = { readonly value: T } | { readonly refusal: PeerRefusal };

export interface NewProposal {
  /** 16 bytes, hex: the same again is the same proposal. */
  readonly id: string;
  readonly proposedBy: string;
  readonly order: ProposedOrder;
}

/** Every method throws MDMS_PEER_UNREACHABLE. */
export class RegistryDesk {
  readonly #peer: Peer;

  constructor(peer: Peer) {
    this.#peer = peer;
  }

  plan(): Promise<Asked<CohortPlan>> {
    return this.#ask(plan, "/v1/cohort-plan");
  }

  /** As it would be with an open proposal. */
  proposedPlan(id: string): Promise<Asked<CohortPlan>> {
    return this.#ask(plan, `/v1/proposals/${id}/cohort-plan`);
  }

  /** The newest first. */
  proposals(): Promise<Asked<{ readonly proposals: readonly Proposal[] }>> {
    return this.#ask(z.object({ proposals: z.array(proposal) }), "/v1/proposals");
  }

  propose(filed: NewProposal): Promise<Asked<Proposal>> {
    return this.#ask(proposal, "/v1/proposals", filed);
  }

  withdraw(id: string): Promise<Asked<Proposal>> {
    return this.#ask(proposal, `/v1/proposals/${id}/withdraw`, {});
  }

  /** The epoch in which it stands. */
  publish(kind: "tariffs" | "prices", jws: string): Promise<Asked<{ readonly epoch: number }>> {
    return this.#ask(z.object({ epoch: count }), `/v1/${kind}`, { jws });
  }

  async #ask<T>(schema: z.ZodType<T>, path: string, body?: unknown): Promise<Asked<T>> {
    const answer = await this.#peer(path, body);
    return answer.ok ? { value: schema.parse(answer.body) } : { refusal: answer.refusal };
  }
}

/**
 * What the MDMS may propose (docs/protocol.md §9.6) and what comes of it. Run by the registry: the MDMS names a service point by its own
 * pseudonym and never learns another name of it; nothing changes until the registry's clerk has decided. Pure.
 */
import { toHex } from "@smarter-metering/protocol";
import { z } from "zod";
import { withServicePoints, type NewServicePoint } from "./changes.ts";
import { RegistryError } from "./error.ts";
import { withExchange, type Exchange } from "./exchange.ts";
import { withMoveOut, type MoveOut } from "./move-out.ts";
import {
  consumptionClass,
  label,
  name,
  type RegistryState,
  type ServicePointRecord,
} from "./state.ts";

const seconds = z.number().int().nonnegative();
export const proposalId = z.string().regex(/^[0-9a-f]{32}$/);
const servicePoint = z.string().regex(/^[0-9a-f]{32}$/);

/** Times are epoch seconds; `servicePoint` is an MDMS pseudonym. */
const order = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("move-out"), servicePoint, contractEnd: seconds }),
  z.strictObject({
    kind: z.literal("move-in"),
    /** Whose contract has ended there: the new one takes over neighbourhood, fuse and meter. */
    servicePoint,
    contractStart: seconds,
    tariff: name,
    consumptionClass,
  }),
  z.strictObject({ kind: z.literal("meter-exchange"), servicePoint, at: seconds }),
]);
export type ProposedOrder = z.infer<typeof order>;

export const newProposal = z.strictObject({
  /** Of the proposer's choice: sent again it is the same proposal. */
  id: proposalId,
  /** The MDMS login that asks. */
  proposedBy: z.string().regex(/^[a-z0-9][a-z0-9._-]{1,63}$/),
  order,
});
export type NewProposal = z.infer<typeof newProposal>;

const decision = z.strictObject({
  outcome: z.enum(["approved", "declined", "withdrawn"]),
  at: seconds,
  reason: z.string().max(200).nullable(),
});
export type Decision = z.infer<typeof decision>;

export const proposal = newProposal.extend({
  proposedAt: seconds,
  expiresAt: seconds,
  decision: decision.nullable(),
});
export type Proposal = z.infer<typeof proposal>;

/** What a clerk adds to approve: the letter's name of who moves in, or the meter that takes the other's place. */
export const approval = z.strictObject({
  label: label.optional(),
  meter: z
    .strictObject({
      meterId: z.string().regex(/^[0-9a-f]{32}$/),
      signingKey: z.string().regex(/^[0-9a-f]{64}$/),
    })
    .optional(),
});
export type Approval = z.infer<typeof approval>;

/** What approving a proposal does at the registry. */
export type ProposedChange =
  | { readonly kind: "move-out"; readonly moveOut: MoveOut }
  | { readonly kind: "move-in"; readonly servicePoint: NewServicePoint }
  | { readonly kind: "meter-exchange"; readonly exchange: Exchange };

/** When the order is to take effect, epoch seconds. */
export function instantOf(proposed: ProposedOrder): number {
  if (proposed.kind === "move-out") return proposed.contractEnd;
  return proposed.kind === "move-in" ? proposed.contractStart : proposed.at;
}

/** Throws REGISTRY_UNKNOWN. */
export function proposedPoint(
  { servicePoints }: Pick<RegistryState, "servicePoints">,
  { servicePoint: mdms }: ProposedOrder,
): ServicePointRecord {
  const point = servicePoints.find((entry) => entry.mdms === mdms);
  if (point !== undefined) return point;
  throw new RegistryError("REGISTRY_UNKNOWN", `no service point ${mdms}`);
}

/** Throws REGISTRY_UNKNOWN; REGISTRY_INVALID_CHANGE without what the clerk has to add, or for a move into a contract that runs. */
export function changeOf(
  state: RegistryState,
  proposed: ProposedOrder,
  { label: newLabel, meter }: Approval,
): ProposedChange {
  const point = proposedPoint(state, proposed);
  if (proposed.kind === "move-out") {
    const moveOut = { label: point.label, contractEnd: proposed.contractEnd };
    return { kind: "move-out", moveOut };
  }
  if (proposed.kind === "meter-exchange") {
    if (meter === undefined) throw invalid("an exchange is approved with the new meter");
    const exchange = { label: point.label, at: proposed.at, meter };
    return { kind: "meter-exchange", exchange };
  }
  const stays = point.meters.at(-1);
  if (newLabel === undefined) throw invalid("a move-in is approved with a label for the letter");
  if (point.contractEnd === null || stays === undefined) {
    throw invalid(`${point.label}: somebody moves in where a contract has ended, or is to end`);
  }
  const { contractStart, tariff, consumptionClass } = proposed;
  const { neighbourhood, fuse, intervalSeconds } = point;
  const terms = { neighbourhood, fuse, intervalSeconds, consumptionClass, contractStart, tariff };
  const { meterId, signingKey } = stays;
  const next = { label: newLabel, ...terms, meter: { meterId, signingKey } };
  return { kind: "move-in", servicePoint: next };
}

/**
 * The state as it would be. Its service points are labelled by their MDMS pseudonyms, so that a refusal says nothing that the MDMS does
 * not know. Throws what the change would throw.
 */
export async function stateIfApproved(
  state: RegistryState,
  proposed: ProposedOrder,
  nowSeconds: number,
  random: (length: number) => Uint8Array,
): Promise<RegistryState> {
  const servicePoints = state.servicePoints.map((point) => ({ ...point, label: point.mdms }));
  const named = { ...state, servicePoints };
  // A meter that nobody has stands for the new one.
  const meter = { meterId: toHex(random(16)), signingKey: toHex(random(32)) };
  const change = changeOf(named, proposed, { label: "the new contract", meter });
  if (change.kind === "move-out") return withMoveOut(named, change.moveOut, nowSeconds);
  if (change.kind === "meter-exchange") {
    return withExchange(named, change.exchange, nowSeconds, random);
  }
  return withServicePoints(named, { servicePoints: [change.servicePoint] }, random);
}

export type ProposalState = "open" | "expired" | Decision["outcome"];

export function stateOf(
  { decision: decided, expiresAt }: Proposal,
  nowSeconds: number,
): ProposalState {
  if (decided !== null) return decided.outcome;
  return nowSeconds >= expiresAt ? "expired" : "open";
}

const invalid = (what: string): RegistryError => new RegistryError("REGISTRY_INVALID_CHANGE", what);

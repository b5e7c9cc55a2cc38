/**
 * The desk between MDMS and registry (docs/protocol.md §9.6): proposals are filed with the login that asks, and decided by the registry's
 * clerk, another party's employee. Run by the registry. The MDMS gets states and reasons here, never a label or another pseudonym.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { systemCode, writeFileAtomic } from "@smarter-metering/runtime";
import { z } from "zod";
import { RegistryError } from "./error.ts";
import type { Admitted } from "./letters.ts";
import {
  changeOf,
  instantOf,
  proposal,
  proposedPoint,
  stateIfApproved,
  stateOf,
  type Approval,
  type Decision,
  type NewProposal,
  type Proposal,
  type ProposalState,
  type ProposedChange,
} from "./proposals.ts";
import type { RegistryState } from "./state.ts";

/** An order nobody has decided in this time is not what anybody waits for. */
const OPEN_SECONDS = 14 * 86_400;
/** Open at once; beyond, REGISTRY_PROPOSALS_FULL until the clerk has decided some. */
const OPEN_MAX = 200;
/** Filed in a day: a plan is shown of what was filed, so this bounds how many moves can be tried out. */
const FILED_A_DAY_MAX = 100;
const DAY_SECONDS = 86_400;
/** When full, the oldest that are not open go. */
const KEPT_MAX = 2000;

const fileDocument = z.strictObject({
  kind: z.literal("smarter-metering/registry-proposals"),
  proposals: z.array(proposal).max(KEPT_MAX),
});

/** A proposal as it stands. */
export interface ShownProposal extends Omit<Proposal, "decision"> {
  readonly state: ProposalState;
  readonly decidedAt: number | null;
  readonly reason: string | null;
}

export interface DeskPorts {
  readonly folder: string;
  readonly nowSeconds: () => number;
  readonly random: (length: number) => Uint8Array;
  readonly state: () => RegistryState;
  /** As the commands for the same changes do it. */
  readonly execute: (change: ProposedChange) => Promise<Admitted>;
}

/** Throws REGISTRY_DAMAGED for a file that is not the desk's; without one nothing was ever proposed. */
export async function openProposalDesk(ports: DeskPorts): Promise<ProposalDesk> {
  const path = join(ports.folder, "proposals.json");
  return new ProposalDesk(ports, path, await readProposals(path));
}

export class ProposalDesk {
  readonly #ports: DeskPorts;
  readonly #path: string;
  #proposals: readonly Proposal[];
  #last: Promise<unknown> = Promise.resolve();

  constructor(ports: DeskPorts, path: string, proposals: readonly Proposal[]) {
    this.#ports = ports;
    this.#path = path;
    this.#proposals = proposals;
  }

  /** The newest first. */
  list(): ShownProposal[] {
    return this.#proposals.toReversed().map((entry) => this.#shown(entry));
  }

  /** What the registry calls the place of a proposal: for the clerk alone. */
  labelOf({ order }: Pick<Proposal, "order">): string {
    return proposedPoint(this.#ports.state(), order).label;
  }

  /**
   * Durable when it resolves; the same again is the same proposal. Throws REGISTRY_TAKEN for another under that id,
   * REGISTRY_PROPOSALS_FULL, and what the registry would refuse the change with.
   */
  file(filed: NewProposal): Promise<ShownProposal> {
    return this.#inTurn(async () => {
      const { nowSeconds, random, state } = this.#ports;
      const now = nowSeconds();
      const known = this.#proposals.find(({ id }) => id === filed.id);
      if (known !== undefined) {
        if (JSON.stringify(known.order) === JSON.stringify(filed.order)) return this.#shown(known);
        throw new RegistryError("REGISTRY_TAKEN", `proposal ${filed.id} is another one already`);
      }
      this.#checkRoom(now);
      await stateIfApproved(state(), filed.order, now, random);
      const instant = filed.order.kind === "move-in" ? Infinity : instantOf(filed.order);
      const expiresAt = Math.min(now + OPEN_SECONDS, instant);
      const added = { ...filed, proposedAt: now, expiresAt, decision: null };
      await this.#save([...this.#proposals, added]);
      return this.#shown(added);
    });
  }

  /** The state as it would be with an open proposal, and when. Throws REGISTRY_UNKNOWN, REGISTRY_PROPOSAL_DECIDED. */
  async stateWith(id: string): Promise<{ readonly state: RegistryState; readonly at: number }> {
    const { nowSeconds, random, state } = this.#ports;
    const { order } = this.#open(id);
    const changed = await stateIfApproved(state(), order, nowSeconds(), random);
    return { state: changed, at: instantOf(order) };
  }

  /** Does what was proposed. Throws REGISTRY_UNKNOWN, REGISTRY_PROPOSAL_DECIDED, and what the change throws. */
  approve(id: string, added: Approval): Promise<Admitted> {
    return this.#inTurn(async () => {
      const { order } = this.#open(id);
      // The change first: it may be made again after a crash, and then is none.
      const admitted = await this.#ports.execute(changeOf(this.#ports.state(), order, added));
      await this.#decide(id, "approved", null);
      return admitted;
    });
  }

  /** Throws REGISTRY_UNKNOWN, REGISTRY_PROPOSAL_DECIDED. */
  decline(id: string, reason: string): Promise<ShownProposal> {
    return this.#inTurn(() => this.#decide(id, "declined", reason));
  }

  /** By the MDMS itself. Throws like `decline`. */
  withdraw(id: string): Promise<ShownProposal> {
    return this.#inTurn(() => this.#decide(id, "withdrawn", null));
  }

  async #decide(
    id: string,
    outcome: Decision["outcome"],
    reason: string | null,
  ): Promise<ShownProposal> {
    const open = this.#open(id);
    const decided = { ...open, decision: { outcome, at: this.#ports.nowSeconds(), reason } };
    await this.#save(this.#proposals.map((entry) => (entry === open ? decided : entry)));
    return this.#shown(decided);
  }

  #open(id: string): Proposal {
    const found = this.#proposals.find((entry) => entry.id === id);
    if (found === undefined) throw new RegistryError("REGISTRY_UNKNOWN", `no proposal ${id}`);
    const state = stateOf(found, this.#ports.nowSeconds());
    if (state === "open") return found;
    throw new RegistryError("REGISTRY_PROPOSAL_DECIDED", `proposal ${id} is ${state} already`);
  }

  #checkRoom(now: number): void {
    const open = this.#proposals.filter((entry) => stateOf(entry, now) === "open").length;
    const today = this.#proposals.filter(({ proposedAt }) => proposedAt > now - DAY_SECONDS).length;
    if (open < OPEN_MAX && today < FILED_A_DAY_MAX) return;
    const message = `${open} proposals are open and ${today} were filed within a day; at most ${OPEN_MAX} and ${FILED_A_DAY_MAX} may be`;
    throw new RegistryError("REGISTRY_PROPOSALS_FULL", message);
  }

  async #save(proposals: readonly Proposal[]): Promise<void> {
    const now = this.#ports.nowSeconds();
    const spare = proposals.length - KEPT_MAX;
    const closed = proposals.filter((entry) => stateOf(entry, now) !== "open");
    const gone = new Set(closed.slice(0, Math.max(0, spare)));
    const kept = proposals.filter((entry) => !gone.has(entry));
    const document = { kind: "smarter-metering/registry-proposals", proposals: kept };
    await writeFileAtomic(this.#path, JSON.stringify(fileDocument.parse(document)));
    this.#proposals = kept;
  }

  #shown({ decision, ...rest }: Proposal): ShownProposal {
    const state = stateOf({ decision, ...rest }, this.#ports.nowSeconds());
    return { ...rest, state, decidedAt: decision?.at ?? null, reason: decision?.reason ?? null };
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work, work);
    this.#last = done.catch(() => undefined); // Whoever asked has the error.
    return done;
  }
}

async function readProposals(path: string): Promise<readonly Proposal[]> {
  try {
    return fileDocument.parse(JSON.parse(await readFile(path, "utf8"))).proposals;
  } catch (cause) {
    if (systemCode(cause) === "ENOENT") return [];
    const message = `${path} does not hold proposals; restore it, or take it away to begin with none`;
    throw new RegistryError("REGISTRY_DAMAGED", message, cause);
  }
}

/**
 * From a state to a signed epoch (docs/protocol.md §9.1). Run by the registry, the only holder of the root key. Ed25519 signs the same
 * bytes the same way every time, so an epoch lost between the state and its file is made again, bit for bit.
 */
import assert from "node:assert/strict";
import {
  GENESIS_HASH,
  hashOf,
  signEpoch,
  signOpenerKeys,
  type Signer,
} from "@smarter-metering/protocol";
import { RegistryError } from "./error.ts";
import { currentPrices, signedPrices } from "./price-list.ts";
import type { RegistryState, ServicePointRecord } from "./state.ts";
import { ViewMaker, type Views } from "./views.ts";

export interface IssuedEpoch {
  /** The state that this epoch publishes, `issued` included. */
  readonly state: RegistryState;
  readonly jws: string;
  readonly views: Views;
}

/** Of one registry: an epoch costs what is new in it. */
export class EpochIssuer {
  readonly #root: Signer;
  readonly #views = new ViewMaker();

  constructor(root: Signer) {
    this.#root = root;
  }

  /** The epoch after `state.issued`, at `issuedAt` (epoch seconds). */
  issue(state: RegistryState, issuedAt: number): Promise<IssuedEpoch> {
    const { issued } = state;
    const epoch = issued === null ? 0 : issued.epoch + 1;
    return this.#make(state, { epoch, previous: issued?.hash ?? GENESIS_HASH, issuedAt });
  }

  /** The epoch that `state.issued` names, again. Throws REGISTRY_DAMAGED when it is not the same. */
  async reissue(state: RegistryState): Promise<IssuedEpoch> {
    assert(state.issued !== null, "no epoch was issued");
    const issued = await this.#make(state, state.issued);
    if (issued.state.issued?.hash === state.issued.hash) return issued;
    const message = `epoch ${state.issued.epoch} is missing and does not follow from the state`;
    throw new RegistryError("REGISTRY_DAMAGED", message);
  }

  async #make(
    state: RegistryState,
    link: { readonly epoch: number; readonly previous: string; readonly issuedAt: number },
  ): Promise<IssuedEpoch> {
    const { epoch, previous, issuedAt } = link;
    const root = this.#root;
    const openerKeys = state.openerKeys && (await signOpenerKeys(state.openerKeys, root));
    const prices = await signedPrices(state, root, issuedAt);
    const views = await this.#views.viewsOf(state, { openerKeys, prices });
    const hashes = {
      network: await hashOf(views.network.head),
      mdms: await hashOf(views.mdms.head),
      ucs: await hashOf(views.ucs.head),
      public: await hashOf(views.public.head),
    };
    const jws = await signEpoch({ epoch, previous, issuedAt, views: hashes }, root);
    const issued = { epoch, previous, issuedAt, hash: await hashOf(jws) };
    return { state: { ...state, prices: currentPrices(state, issuedAt), issued }, jws, views };
  }
}

/**
 * What no epoch may change of those before it: names, tokens, cohort versions, assignments, ends of contracts, prices; and a profile
 * moves towards `meter-encrypts` alone. Throws REGISTRY_REWRITES_PAST, REGISTRY_PROFILE_DOWNGRADE.
 */
export function checkSuccession(before: RegistryState, after: RegistryState): void {
  const same = (a: unknown, b: unknown): boolean =>
    a === b || JSON.stringify(a) === JSON.stringify(b);
  const goesOn = (old: readonly unknown[], now: readonly unknown[]): boolean =>
    old.every((entry, index) => same(entry, now[index]));
  const rewrites = (what: string): never => {
    throw new RegistryError("REGISTRY_REWRITES_PAST", `an epoch may not change ${what}`);
  };
  if (!goesOn(before.cohorts, after.cohorts)) rewrites("earlier cohort versions");
  if (!goesOn(before.prices, after.prices)) rewrites("earlier prices");
  if (Object.entries(before.cohortOf).some(([id, cohort]) => after.cohortOf[id] !== cohort)) {
    rewrites("which cohort a neighbourhood belongs to");
  }
  for (const [index, old] of before.servicePoints.entries()) {
    const point = after.servicePoints[index];
    if (point === old) continue;
    const lasting = ({
      label,
      network,
      mdms,
      mdmsToken,
      neighbourhood,
      contractStart,
    }: typeof old) =>
      JSON.stringify([label, network, mdms, mdmsToken, neighbourhood, contractStart]);
    if (point === undefined || lasting(point) !== lasting(old)) rewrites("who a service point is");
    if (point === undefined || !keepsMeters(old, point)) rewrites("which meter served when");
    if (old.contractEnd !== null && point?.contractEnd !== old.contractEnd) {
      rewrites("the end of a contract");
    }
  }
  const neighbourhoods = new Map(after.neighbourhoods.map((entry) => [entry.id, entry]));
  for (const old of before.neighbourhoods) {
    const now = neighbourhoods.get(old.id);
    if (now === undefined || !same({ ...now, profile: old.profile }, old)) {
      rewrites(`the terms of neighbourhood ${old.id}`);
    }
    if (old.profile === "meter-encrypts" && now?.profile !== "meter-encrypts") {
      const message = `neighbourhood ${old.id} cannot go back to pes-encrypts`;
      throw new RegistryError("REGISTRY_PROFILE_DOWNGRADE", message);
    }
  }
}

/** Meters are added, and the last one may be given its end; nothing else changes. */
function keepsMeters(
  { meters: before }: ServicePointRecord,
  { meters }: ServicePointRecord,
): boolean {
  return before.every((old, index) => {
    const now = meters[index];
    const isLast = index === before.length - 1;
    const to = isLast && old.to === null ? now?.to : old.to;
    return JSON.stringify({ ...old, to }) === JSON.stringify(now);
  });
}

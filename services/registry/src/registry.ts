/**
 * The registry (docs/protocol.md §9): a party of its own that signs who is who and never sees a reading. It alone holds the root key
 * and the map between a service point's names.
 *
 * Order of a change: new state on disk, then views and epoch on disk, then the answer. The state is the commit point; an epoch that a
 * crash kept from its file is made again from it at the next start.
 */
import assert from "node:assert/strict";
import type { OpenerKey, Profile, RegistryTransport, Signer } from "@smarter-metering/protocol";
import { errorFields, lockFolder, runtimeLogFields } from "@smarter-metering/runtime";
import type { App, Clock, FolderLock, LogFields, Logger, Metrics } from "@smarter-metering/runtime";
import { openArchive, type Archive } from "./archive.ts";
import type { RegistryTokens } from "./bearer.ts";
import { withProfile, withServicePoints, type Admission } from "./changes.ts";
import { countedPlan, type CohortPlan, type CountedPlan } from "./cohort-plan.ts";
import { damaged, RegistryError } from "./error.ts";
import { withExchange, type Exchange } from "./exchange.ts";
import { makeApp } from "./http.ts";
import { checkSuccession, EpochIssuer } from "./issue.ts";
import { lettersOf, type Admitted } from "./letters.ts";
import { withMoveOut, type MoveOut } from "./move-out.ts";
import { withOpenerKey } from "./opener-keys.ts";
import { withPolicy, withPolicyNotice } from "./policy-change.ts";
import { withPrices } from "./price-list.ts";
import { openProposalDesk, type ProposalDesk } from "./proposal-desk.ts";
import type { ProposedChange } from "./proposals.ts";
import { withRecode, type Recode } from "./recode.ts";
import { addRegistryMetrics } from "./registry-metrics.ts";
import { planOf, systemRandom, withPlan } from "./state-plan.ts";
import { policyOf, type RegistryState } from "./state.ts";
import { StateFiles } from "./state-files.ts";
import { withPublishedTariff } from "./tariff-list.ts";

/** Waiting joiners are looked at this often: a version in the future may have come into force. */
const PLAN_PERIOD_MS = 3_600_000;
/** Changes that wait for the one before them; beyond, REGISTRY_INVALID_CHANGE tells the operator to slow down. */
const CHANGES_WAITING_MAX = 32;

/** What the registry logs: no labels, no pseudonyms. */
export const registryLogFields: LogFields = { ...runtimeLogFields, epoch: "number" };

export interface RegistryConfig {
  readonly tokens: RegistryTokens;
}

export interface RegistryPorts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Holds `state.json`, `state-parts/`, `epochs/` and `views/`; nobody but the registry reads it. */
  readonly folder: string;
  readonly rootSigner: Signer;
  /** Default: the platform's. */
  readonly random?: (length: number) => Uint8Array;
}

export interface RegistryService {
  /** HTTP face, to be mounted by the wiring. */
  readonly app: App;
  /** The same for parties in this process; it hands out every view, so hand it out with care. */
  transport(): RegistryTransport;
  /** New service points in one new epoch. */
  admit(request: Admission): Promise<Admitted>;
  publishTariff(jws: string): Promise<void>;
  /** The next prices of a series that a tariff is billed by, as signed by a tariff signer. */
  publishPrices(jws: string): Promise<void>;
  /** The end of a contract; what its meter is to be told. */
  moveOut(moveOut: MoveOut): Promise<Admitted>;
  /** Another meter from an instant on that is still to come; what both are to be told. */
  exchangeMeter(order: Exchange): Promise<Admitted>;
  /** A new enrolment code for a contract that runs; the letter, and what its meters are to be told. */
  recode(order: Recode): Promise<Admitted>;
  raiseProfile(neighbourhood: string, profile: Profile): Promise<void>;
  /** The opener's next key, or one that replaces a lost or stolen one at once. */
  addOpenerKey(key: OpenerKey): Promise<void>;
  /** A release policy that is to hold in 30 days; the one in force takes a notice back. */
  announcePolicy(policy: unknown): Promise<void>;
  /** A release policy that only tightens, or was announced for 30 days. */
  changePolicy(policy: unknown): Promise<void>;
  /** What the next epoch would do to cohorts; with a move-out, as it would be once that has taken place. */
  cohortPlan(moveOut?: MoveOut): Promise<CohortPlan>;
  /** The same in numbers, for whoever may not know members. */
  countedPlan(moveOut?: MoveOut): Promise<CountedPlan>;
  /** What the MDMS proposes, and what becomes of it. */
  readonly desk: ProposalDesk;
  /** The plan as it would be with an open proposal. Throws REGISTRY_UNKNOWN, REGISTRY_PROPOSAL_DECIDED. */
  proposedPlan(id: string): Promise<CountedPlan>;
  status(): RegistryStatus;
  close(): Promise<void>;
}

export interface RegistryStatus {
  readonly epoch: number;
  readonly servicePoints: number;
  readonly cohorts: number;
}

/** Throws REGISTRY_DAMAGED when state and published epochs do not fit together, STORE_LOCKED when another process runs here. */
export async function startRegistry(
  config: RegistryConfig,
  ports: RegistryPorts,
): Promise<RegistryService> {
  const lock = lockFolder(ports.folder);
  let registry: Registry | undefined;
  try {
    const archive = await openArchive(ports.folder, ports.rootSigner.publicKey);
    const files = new StateFiles(ports.folder);
    const state = await files.load();
    await files.sweep();
    registry = new Registry(config, ports, { archive, files, state, lock });
    await registry.recover();
    await registry.openDesk();
    return registry;
  } catch (error) {
    if (registry === undefined) lock.release();
    await registry?.close();
    throw error;
  }
}

interface OpenedFolder {
  readonly archive: Archive;
  readonly files: StateFiles;
  readonly state: RegistryState;
  readonly lock: FolderLock;
}

class Registry implements RegistryService {
  readonly app: App;
  readonly #ports: RegistryPorts;
  readonly #archive: Archive;
  readonly #files: StateFiles;
  readonly #issuer: EpochIssuer;
  readonly #lock: FolderLock;
  readonly #cancelPlan: () => void;
  #state: RegistryState;
  #desk: ProposalDesk | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(config: RegistryConfig, ports: RegistryPorts, opened: OpenedFolder) {
    this.#ports = ports;
    this.#archive = opened.archive;
    this.#files = opened.files;
    this.#issuer = new EpochIssuer(ports.rootSigner);
    this.#state = opened.state;
    this.#lock = opened.lock;
    this.app = makeApp(this, config.tokens, ports);
    addRegistryMetrics(ports.metrics, () => this.#state);
    this.#cancelPlan = ports.clock.every(PLAN_PERIOD_MS, () =>
      this.#change((current) => current).catch((error: unknown) => {
        ports.log.error("cohorts could not be planned", errorFields(error));
      }),
    );
  }

  /** The archive is as long as the state says; the newest epoch alone may have to be written again. */
  async recover(): Promise<void> {
    const { issued } = this.#state;
    const archived = this.#archive.epochs().length;
    if (issued === null) {
      if (archived > 0) throw damaged("epochs were published, but the state knows of none");
      await this.#publish(this.#state);
    } else if (archived === issued.epoch) {
      const { jws, views } = await this.#issuer.reissue(this.#state);
      await this.#archive.append(jws, views);
    } else if (archived !== issued.epoch + 1) {
      throw damaged(`${issued.epoch + 1} epochs were published, ${archived} are there`);
    }
  }

  async openDesk(): Promise<void> {
    this.#desk = await openProposalDesk({
      folder: this.#ports.folder,
      nowSeconds: () => this.#nowSeconds(),
      random: this.#ports.random ?? systemRandom,
      state: () => this.#state,
      execute: (change) => this.#execute(change),
    });
  }

  get desk(): ProposalDesk {
    assert(this.#desk !== undefined, "opened before the registry is handed out");
    return this.#desk;
  }

  #execute(change: ProposedChange): Promise<Admitted> {
    if (change.kind === "move-out") return this.moveOut(change.moveOut);
    if (change.kind === "meter-exchange") return this.exchangeMeter(change.exchange);
    return this.admit({ servicePoints: [change.servicePoint] });
  }

  transport(): RegistryTransport {
    return {
      epochs: () => Promise.resolve(this.#archive.epochs()),
      head: (name, epoch) => this.#archive.head(name, epoch),
      parts: (name, hashes) => this.#archive.parts(name, hashes),
    };
  }

  async admit(request: Admission): Promise<Admitted> {
    const random = this.#ports.random ?? systemRandom;
    await this.#change((state) => withServicePoints(state, request, random));
    const labels = request.servicePoints.map(({ label }) => label);
    return this.#lettersOf(labels);
  }

  publishTariff(jws: string): Promise<void> {
    return this.#change((state) => withPublishedTariff(state, jws, this.#nowSeconds()));
  }

  publishPrices(jws: string): Promise<void> {
    return this.#change((state) => withPrices(state, jws, this.#nowSeconds()));
  }

  async moveOut(moveOut: MoveOut): Promise<Admitted> {
    await this.#change((state) => withMoveOut(state, moveOut, this.#nowSeconds()));
    return this.#lettersOf([moveOut.label]);
  }

  async exchangeMeter(order: Exchange): Promise<Admitted> {
    const random = this.#ports.random ?? systemRandom;
    await this.#change((state) => withExchange(state, order, this.#nowSeconds(), random));
    return this.#lettersOf([order.label]);
  }

  async recode(order: Recode): Promise<Admitted> {
    const random = this.#ports.random ?? systemRandom;
    await this.#change((state) => withRecode(state, order, random));
    return this.#lettersOf([order.label]);
  }

  raiseProfile(neighbourhood: string, profile: Profile): Promise<void> {
    return this.#change((state) => withProfile(state, neighbourhood, profile));
  }

  addOpenerKey(key: OpenerKey): Promise<void> {
    return this.#change((state) => withOpenerKey(state, key, this.#nowSeconds()));
  }

  announcePolicy(policy: unknown): Promise<void> {
    return this.#change((state) => withPolicyNotice(state, policy, this.#nowSeconds()));
  }

  changePolicy(policy: unknown): Promise<void> {
    return this.#change((state) => withPolicy(state, policy, this.#nowSeconds()));
  }

  async cohortPlan(moveOut?: MoveOut): Promise<CohortPlan> {
    return (await this.#planWith(moveOut)).plan;
  }

  async countedPlan(moveOut?: MoveOut): Promise<CountedPlan> {
    const { state, plan } = await this.#planWith(moveOut);
    return countedPlan(state, plan, policyOf(state));
  }

  async proposedPlan(id: string): Promise<CountedPlan> {
    const { state, at } = await this.desk.stateWith(id);
    const plan = await planOf(state, Math.max(this.#nowSeconds(), at));
    return countedPlan(state, plan, policyOf(state));
  }

  async #planWith(moveOut?: MoveOut): Promise<{ state: RegistryState; plan: CohortPlan }> {
    const now = this.#nowSeconds();
    if (moveOut === undefined) return { state: this.#state, plan: await planOf(this.#state, now) };
    const state = withMoveOut(this.#state, moveOut, now);
    return { state, plan: await planOf(state, Math.max(now, moveOut.contractEnd)) };
  }

  status(): RegistryStatus {
    const { issued, servicePoints, cohortOf } = this.#state;
    const cohorts = new Set(Object.values(cohortOf)).size;
    return { epoch: issued?.epoch ?? 0, servicePoints: servicePoints.length, cohorts };
  }

  async close(): Promise<void> {
    this.#cancelPlan();
    await this.#last.catch(() => undefined); // Whoever asked for the change has its error.
    this.#lock.release();
  }

  /** One change after the other: change, plan cohorts, check against the past, publish if anything is new. */
  #change(change: (state: RegistryState) => RegistryState | Promise<RegistryState>): Promise<void> {
    if (this.#waiting >= CHANGES_WAITING_MAX) {
      const message = "too many changes wait; try again in a moment";
      return Promise.reject(new RegistryError("REGISTRY_INVALID_CHANGE", message));
    }
    const run = async (): Promise<void> => {
      const before = this.#state;
      const changed = await change(before);
      const plan = await planOf(changed, this.#nowSeconds());
      const same = changed === before && plan.versions.length === 0;
      if (same && Object.keys(plan.cohortOf).every((id) => id in before.cohortOf)) return;
      const after = withPlan(changed, plan);
      checkSuccession(before, after);
      await this.#publish(after);
    };
    this.#waiting += 1;
    const done = this.#last.then(run, run).finally(() => (this.#waiting -= 1));
    this.#last = done;
    return done;
  }

  async #publish(state: RegistryState): Promise<void> {
    const issued = await this.#issuer.issue(state, this.#nowSeconds());
    await this.#files.save(issued.state);
    await this.#archive.append(issued.jws, issued.views);
    this.#state = issued.state;
    this.#ports.log.info("registry epoch issued", { epoch: this.status().epoch });
  }

  #lettersOf(labels: readonly string[]): Promise<Admitted> {
    return lettersOf(this.#state, labels, this.#ports.rootSigner.publicKey);
  }

  #nowSeconds(): number {
    return Math.floor(this.#ports.clock.nowMs() / 1000);
  }
}

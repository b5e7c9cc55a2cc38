/**
 * The aggregator (docs/protocol.md §7): keeps the ledger of contributions, seals sets, operates the
 * log (§13), asks for releases. Holds public keys and ciphertexts; it must never see a reading, a
 * secret key or the content of a release. Several over one database share the recording; one of them
 * leads and does the rest (docs/decisions/0029-sharing-the-aggregation.md).
 */
import { LogError, type DurableFile } from "@smarter-metering/log";
import { LogReader, migrateLog } from "@smarter-metering/log/store";
import type { Engine } from "@smarter-metering/paillier";
import type { NetworkView, RegistryFeed, Signer } from "@smarter-metering/protocol";
import {
  assignPartitions,
  errorFields,
  hasCode,
  joinGroup,
  partitionNames,
  RuntimeError,
  runtimeLogFields,
  type App,
  type Bus,
  type Clock,
  type Group,
  type GroupView,
  type LogFields,
  type Logger,
  type Metrics,
  type Store,
} from "@smarter-metering/runtime";
import { addBacklogMetrics } from "./backlog-metrics.ts";
import { HeadKeeper } from "./head-keeper.ts";
import { aggregatorApp } from "./http.ts";
import { ledgerApp } from "./http-ledger.ts";
import { Leading } from "./leading.ts";
import { createMeters, type Meters } from "./meters.ts";
import { Recording } from "./recording.ts";
import { registryContext, type RegistryContext } from "./registry-context.ts";
import { askDue, blockProgress, loadStatus, type AggregatorStatus, type Asked } from "./report.ts";

/** How often a member that shares says that it lives; it is taken for dead after 10 s. */
const BEAT_MILLISECONDS = 2_500;
const PARTITION_NAMES = partitionNames();

export interface AggregatorConfig {
  /** How often cutoffs are looked at and unpublished requests are published; default 10,000. */
  readonly tickMs?: number;
}

export interface AggregatorPorts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly bus: Pick<Bus, "publish" | "consume" | "pending" | "last">;
  /** Opened with `aggregatorMigrations`. */
  readonly store: Store;
  readonly registry: RegistryFeed<NetworkView>;
  readonly engine: Engine;
  /** Also the log's key. */
  readonly signer: Signer;
  /** The log's newest head that has left this process: a file beside the store, never restored with it. */
  readonly published: DurableFile;
  /** Where several aggregators have one database; absent: it is alone. */
  readonly sharing?: Sharing;
}

export interface Sharing {
  /** This aggregator's name among them, the same at each start. */
  readonly member: string;
  /** The machine's own, whatever `clock` replays: it says who is taken for dead. */
  readonly clock: Clock;
}

export interface SharingView extends Pick<GroupView, "members" | "leader"> {
  readonly leads: boolean;
  readonly partitions: readonly string[];
}

export interface AggregatorService {
  /** The API; the wiring listens. */
  readonly http: App;
  /** The MDMS's own door, which opens with `token`; the wiring listens. */
  ledgerHttp(token: string): App;
  status(): Promise<AggregatorStatus>;
  /**
   * What a tick does, at once: seals what is past its cutoff, decides bills, logs what happened,
   * publishes the requests that stand under the quorum. Nothing, while another member leads.
   */
  tick(): Promise<void>;
  /**
   * Asks for what is due now, of one cohort or one service point; says what was requested by this
   * call, and what is not due and why (at most 200 entries each). Rejects with GROUP_NOT_LEADER while
   * another member leads.
   */
  askDue(of: { readonly cohort: string } | { readonly servicePoint: string }): Promise<Asked>;
  /**
   * Members of the cohort in that block, and how many of them have every LOAD slot in the ledger.
   */
  blockProgress(
    cohort: string,
    block: number,
  ): Promise<{ readonly members: number; readonly complete: number }>;
  /**
   * Contributions settled by this process since it said `mark` (0: since its start); costs nothing.
   */
  contributionsSince(mark: number): number;
  /** Who shares the work and who leads, as this member sees it, and which partitions it takes. */
  sharing(): SharingView;
  /** Takes no more messages and finishes those in hand. Idempotent; the store stays open. */
  close(): Promise<void>;
}

/**
 * What the aggregator logs beside the runtime's fields: message ids (frame hash and stream) and
 * codes.
 */
export const aggregatorLogFields: LogFields = {
  ...runtimeLogFields,
  contribution: "text",
  code: "text",
};

/**
 * Resolves when contributions are being taken. Rejects with PaillierError, PolicyError or LogError
 * for a bad registry epoch, and with LogError when going on would fork the log: LOG_TRUNCATED,
 * LOG_FORKED, LOG_STATE_MISSING, LOG_HEAD_ORIGIN.
 */
export async function startAggregator(
  config: AggregatorConfig,
  ports: AggregatorPorts,
): Promise<AggregatorService> {
  await registryContext(ports.registry.current());
  await migrateLog(ports.store);
  const { member, clock } = ports.sharing ?? { member: ALONE, clock: ports.clock };
  const keeper = await HeadKeeper.open(ports, member);
  const group = await joinGroup(ports.store, clock, { group: "aggregator", member });
  const aggregator = new Aggregator(ports, group, keeper);
  try {
    await aggregator.start(config.tickMs ?? 10_000);
    return aggregator;
  } catch (error) {
    await aggregator.close();
    throw error;
  }
}

/** The member's name where nobody shares. */
const ALONE = "1";

class Aggregator implements AggregatorService {
  readonly http: App;
  readonly #ports: AggregatorPorts;
  readonly #group: Group;
  readonly #keeper: HeadKeeper;
  readonly #log: LogReader;
  readonly #meters: Meters;
  readonly #recording: Recording;
  /** While this member leads and the log is open. */
  #leading: { readonly term: bigint; readonly work: Leading } | undefined;
  #partitions: readonly string[] = [];
  /** Ends when the last beat has: beats come one after the other. */
  #beats: Promise<unknown> = Promise.resolve();
  /** Of leads that were lost, until they have ended. */
  readonly #ending = new Set<Promise<void>>();
  readonly #timers: (() => void)[] = [];
  #closing: Promise<void> | undefined;

  constructor(ports: AggregatorPorts, group: Group, keeper: HeadKeeper) {
    this.#ports = ports;
    this.#group = group;
    this.#keeper = keeper;
    this.#log = new LogReader(ports.store);
    this.#meters = createMeters(ports.metrics);
    addBacklogMetrics(ports.metrics, ports.store, ports.clock);
    this.#recording = new Recording(ports, this.#meters, () => this.#leading?.work.requestSoon());
    this.http = aggregatorApp(this, ports, this.#log);
  }

  ledgerHttp(token: string): App {
    return ledgerApp(this.#ports, this.#log, token);
  }

  /** Rejects where the log must not go on; whatever else is in its way is tried again by each tick. */
  async start(tickMs: number): Promise<void> {
    const { clock, log, sharing } = this.#ports;
    await this.#follow(this.#group.view).catch((error: unknown) => {
      if (error instanceof LogError) throw error;
      log.warn("the lead cannot be taken yet", errorFields(error));
    });
    const repeat = (what: string, work: () => Promise<unknown>) => async (): Promise<void> => {
      await work().catch((error: unknown) => log.error(`${what} failed`, errorFields(error)));
    };
    this.#timers.push(
      clock.every(
        tickMs,
        repeat("a tick", () => this.tick()),
      ),
    );
    if (sharing === undefined) return;
    this.#timers.push(
      sharing.clock.every(
        BEAT_MILLISECONDS,
        repeat("a beat", () => this.#beat()),
      ),
    );
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    for (const cancel of this.#timers) cancel();
    await this.#beats;
    this.#endLead();
    await Promise.all([this.#recording.stop(), ...this.#ending]);
    await this.#group
      .leave()
      .catch((error: unknown) => this.#ports.log.warn("left without a word", errorFields(error)));
  }

  status(): Promise<AggregatorStatus> {
    return loadStatus(this.#ports.store);
  }

  sharing(): SharingView {
    const { members, leader, term } = this.#group.view;
    return { members, leader, leads: term !== undefined, partitions: this.#partitions };
  }

  contributionsSince(mark: number): number {
    return this.#recording.settled - mark;
  }

  blockProgress(cohort: string, block: number): ReturnType<AggregatorService["blockProgress"]> {
    const { store, registry } = this.#ports;
    return blockProgress(store, registry.current().view, cohort, block);
  }

  async askDue(of: Parameters<AggregatorService["askDue"]>[0]): Promise<Asked> {
    const { store, clock } = this.#ports;
    await this.#beat();
    const { term, leader } = this.#group.view;
    if (term === undefined) {
      throw new RuntimeError("GROUP_NOT_LEADER", `${leader ?? "nobody"} leads: ask there`);
    }
    const registry: RegistryContext = await registryContext(this.#ports.registry.current());
    const nowSeconds = Math.floor(clock.nowMs() / 1000);
    return askDue({ store, log: this.#log, registry }, of, nowSeconds, () => this.tick());
  }

  async tick(): Promise<void> {
    await this.#beat();
    await this.#leading?.work.tick();
  }

  #beat(): Promise<void> {
    const beaten = this.#beats.then(() => this.#beatNow());
    this.#beats = beaten.catch(() => undefined);
    return beaten;
  }

  async #beatNow(): Promise<void> {
    if (this.#closing !== undefined) return;
    try {
      await this.#follow(await this.#group.beat());
    } catch (error) {
      // Another has this one's name, or the database is not the one that was worked with.
      if (hasCode(error, "GROUP_REPLACED") || error instanceof LogError) this.#takeNothing();
      throw error;
    }
  }

  /** Does what follows from who lives and who leads. */
  async #follow({ members, term }: GroupView): Promise<void> {
    this.#meters.leads.set(term === undefined ? 0 : 1);
    this.#meters.members.set(members.length);
    let trouble: unknown;
    await (term === undefined ? this.#keepHead() : this.#lead(term)).catch((error: unknown) => {
      if (error instanceof LogError) throw error;
      trouble = error;
    });
    this.#take(assignPartitions(members, PARTITION_NAMES).get(this.#group.member) ?? []);
    if (trouble !== undefined) throw trouble;
  }

  async #lead(term: bigint): Promise<void> {
    if (this.#leading?.term === term) return;
    this.#endLead();
    const ports = { ...this.#ports, store: this.#group.storeOf(term) };
    this.#leading = { term, work: await Leading.open(ports, this.#meters) };
  }

  async #keepHead(): Promise<void> {
    this.#endLead();
    await this.#keeper.follow();
  }

  #take(partitions: readonly string[]): void {
    this.#partitions = partitions;
    this.#recording.take(partitions);
  }

  #takeNothing(): void {
    this.#endLead();
    this.#take([]);
  }

  /** Without waiting: a step that is under way can write nothing any more. */
  #endLead(): void {
    if (this.#leading === undefined) return;
    const ended = this.#leading.work.stop().finally(() => this.#ending.delete(ended));
    this.#leading = undefined;
    this.#ending.add(ended);
  }
}

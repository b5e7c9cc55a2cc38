/** All parties of one history: the real services over a database and disks that last, a bus that can crash, and ports that die with each life. */
import { mkdirSync } from "node:fs";
import { stat, truncate } from "node:fs/promises";
import { join } from "node:path";
import { startAggregator } from "@smarter-metering/aggregator";
import { startConcentrator } from "@smarter-metering/concentrator";
import { startMdms } from "@smarter-metering/mdms";
import { startFleet, type Fleet, type FleetMember } from "@smarter-metering/meter";
import { startOpener } from "@smarter-metering/opener";
import type { Engine } from "@smarter-metering/paillier";
import { encodeEnrolmentCode, toHex, type RegistryFeed } from "@smarter-metering/protocol";
import { createMetrics, durableFile, silentLogger, type Disk } from "@smarter-metering/runtime";
import { initialiseLedger, startTrustee, type TrusteeService } from "@smarter-metering/trustee";
import { ringOf, type World } from "../support/world.ts";
import { Chance } from "./chance.ts";
import { Faults, type Traveller } from "./faults.ts";
import { BusHost, partyBus } from "./faulty-bus.ts";
import { faultyRegistry } from "./faulty-registry.ts";
import { faultyStore } from "./faulty-store.ts";
import { faultyUplink, type Network } from "./faulty-uplink.ts";
import type { Life } from "./life.ts";
import type { Measurements } from "./measurements.ts";
import { FLEETS, type FleetName, type PartyName, type Plan, type ProcessName } from "./plan.ts";
import { Process, type Closable } from "./process.ts";
import { Schedule } from "./schedule.ts";
import { partyClock, type SimulatedTime } from "./simulated-clock.ts";
import type { SimulatedDatabase } from "./simulated-database.ts";
import { SimulatedDisk } from "./simulated-disk.ts";
import { SimulatedRegistry } from "./simulated-registry.ts";
import { streamsOf } from "./streams.ts";

const log = silentLogger;
/** The aggregator is told when to tick; on its own it does every twelve hours. */
const TICK_MS = 12 * 3_600_000;

export interface CityOptions {
  readonly plan: Plan;
  readonly world: World;
  readonly database: SimulatedDatabase;
  readonly engine: Engine;
  /** Empty; for journals and the trustees' ledgers. */
  readonly folder: string;
  readonly time: SimulatedTime;
  readonly measurements: Measurements;
  /** Told of everything that happens, in order. */
  readonly onEvent: (event: string) => void;
}

export type City = Awaited<ReturnType<typeof foundCity>>;

export async function foundCity(options: CityOptions) {
  const { plan, world, database, engine, folder, time } = options;
  const chance = new Chance(plan.seed);
  const startSeconds = time.nowMs() / 1000;
  const faults = new Faults(plan, chance, () => time.nowMs() / 1000 - startSeconds);
  const schedule = new Schedule(chance, options.onEvent);
  const bus = new BusHost({ kind: plan.bus, streams: streamsOf(plan), database, schedule, time });
  await schedule.drive(bus.start());

  /** Whose disk was full: what they write to it fails until they are started again. */
  const failed = new Set<string>();
  const disks = new Map<ProcessName, SimulatedDisk>();
  const diskOf = (name: ProcessName): SimulatedDisk => {
    const isFull = (): boolean => {
      const result = faults.isDiskFull(name);
      if (result) failed.add(name);
      return result;
    };
    const disk = disks.get(name) ?? new SimulatedDisk(isFull);
    disks.set(name, disk);
    return disk;
  };
  /** Processes whose next death is one of the whole machine. */
  const losesPower = new Set<ProcessName>();
  /** Bytes that the next crash of a fleet takes from its journal. */
  const journalBytesLost = new Map<FleetName, number>();
  const folderOf = (name: ProcessName): string => join(folder, name);
  const travellerOf = <Name extends ProcessName>(
    name: Name,
    life: Life,
  ): Traveller & { readonly name: Name; readonly disk: Disk } => {
    const offsetMs = (): number => faults.offsetsMs.get(name) ?? 0;
    const clock = partyClock(time, offsetMs, () => !life.isOver);
    const disk: Disk = diskOf(name).of((what) => life.run(what, () => Promise.resolve()));
    return { name, life, clock, disk };
  };
  const network = new SimulatedRegistry(world.network);
  const mdmsView = new SimulatedRegistry(world.mdmsFeed);
  const registries = [network, mdmsView];
  const feeds = new Map<string, { refresh(): Promise<boolean> }>();
  const feedOf = <View>(who: Traveller, registry: RegistryFeed<View>): RegistryFeed<View> => {
    const feed = faultyRegistry(who, registry, faults);
    feeds.set(who.name, feed);
    return feed;
  };
  const ports = (name: PartyName, life: Life) => {
    const who = travellerOf(name, life);
    return {
      clock: who.clock,
      disk: who.disk,
      log,
      metrics: createMetrics(),
      bus: partyBus(bus, who, chance, faults),
      store: faultyStore(who, database, faults),
      engine,
      registry: feedOf(who, network),
    };
  };
  const process = <S extends Closable>(
    name: ProcessName,
    start: (life: Life) => Promise<S>,
  ): Process<S> => {
    mkdirSync(folderOf(name), { recursive: true });
    const onCrash = async (): Promise<void> => {
      if (losesPower.delete(name) && diskOf(name).losePower(chance) > 0) faults.count("power loss");
      const lost = name === "east" || name === "west" ? journalBytesLost.get(name) : undefined;
      if (lost !== undefined) await cutEnd(join(folderOf(name), "meters.journal"), lost);
      if (name === "east" || name === "west") journalBytesLost.delete(name);
    };
    const isFinal = (error: unknown): boolean => isDefect(error) && !failed.has(name);
    return new Process({ name, schedule, time, start, onCrash, isFinal });
  };

  const concentrator = process("concentrator", (life) =>
    startConcentrator(
      {
        uplinkItemsMax: 256,
        futureToleranceSeconds: 300,
        http: { host: "127.0.0.1", port: 0 },
        mqtt: null,
      },
      ports("concentrator", life),
    ),
  );
  const openers = plan.openers.map((name) =>
    process(name, (life) =>
      startOpener(
        {},
        {
          ...ports(name, life),
          signer: world.parties.opener.signer,
          keys: ringOf(world.opener.secret),
        },
      ),
    ),
  );
  const aggregator = process("aggregator", (life) => {
    const own = ports("aggregator", life);
    const published = durableFile(join(folderOf("aggregator"), "log.head"), own.disk);
    const { signer } = world.parties.aggregator;
    return startAggregator({ tickMs: TICK_MS }, { ...own, signer, published });
  });
  const trustees: Process<TrusteeService>[] = [];
  for (const [index, name] of plan.trustees.entries()) {
    const ledgerFolder = join(folderOf(name), "ledger");
    const held = world.shareHolders[index];
    const secretKey = held?.share ?? world.paillier.secretKey;
    const signer = held?.signer ?? world.parties.trustee.signer;
    const policyId = String(world.policy["id"]);
    const trustee = process(name, (life) =>
      startTrustee({ policyId }, { ...ports(name, life), secretKey, signer, ledgerFolder }),
    );
    await initialiseLedger(ledgerFolder, folderOf(name));
    trustees.push(trustee);
  }
  const mdms = process("mdms", (life) => {
    const own = ports("mdms", life);
    return startMdms(
      {},
      {
        ...own,
        registry: feedOf(travellerOf("mdms", life), mdmsView),
        signer: world.parties.mdms.signer,
        recipientSecret: world.mdms.secret,
        rootKey: world.root.publicKey,
        totpKey: new Uint8Array(32),
      },
    );
  });

  const uplinks: Network = {
    fates: new Map(),
    chance,
    faults,
    time,
    concentrator: () => concentrator.service,
  };
  const fleet = (name: FleetName): Process<Fleet> =>
    process(name, (life) => {
      const who = travellerOf(name, life);
      return startFleet(
        { meters: FLEETS[name].map((index) => fleetMember(index, options)) },
        {
          clock: who.clock,
          disk: who.disk,
          log,
          journalFolder: folderOf(name),
          uplink: faultyUplink(uplinks, who),
          random: (bytes) => chance.bytes(`${name} random`, bytes),
          engine,
        },
      );
    });
  const fleets = { east: fleet("east"), west: fleet("west") };
  const parties = [concentrator, ...openers, aggregator, ...trustees, mdms];
  const processes: readonly Process<Closable>[] = [...parties, fleets.east, fleets.west];
  return {
    ...options,
    chance,
    faults,
    schedule,
    bus,
    network: uplinks,
    registries,
    concentrator,
    aggregator,
    trustees,
    mdms,
    fleets,
    processes,
    feeds,
    failed,
    losesPower,
    journalBytesLost,
  };
}

/** What a start can only say because of a defect; never a fault of the simulation. */
function isDefect(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return /^(TRUSTEE|METER|JOURNAL|LOG|POLICY|ERR_ASSERTION|STORE_MIGRATION)/.test(code);
}

/** A journal as a failed disk leaves it. */
async function cutEnd(path: string, bytes: number): Promise<void> {
  const { size } = await stat(path);
  await truncate(path, Math.max(0, size - bytes));
}

/** A household's meter. Readings of a late day are not there before their time. */
function fleetMember(index: number, { plan, world, time, measurements }: CityOptions): FleetMember {
  const household = world.households[index];
  if (household === undefined) throw new RangeError(`no household ${index}`);
  const isThere = (blockStart: number, blockEnd: number): boolean =>
    plan.late.every(
      ({ household: who, day, seconds }) =>
        who !== index ||
        world.dayStart(day) !== blockStart ||
        time.nowMs() >= (blockEnd + seconds) * 1000,
    );
  return {
    provisioning: {
      label: household.label,
      networkPseudonym: household.network,
      meterId: household.meterId,
      signingSeed: toHex(household.seed),
      zone: world.zone,
      intervalSeconds: plan.intervalSeconds,
      calendar: world.tariff.calendar,
      contractStart: world.startSeconds,
      ...world.meterTerms,
      enrolmentCode: encodeEnrolmentCode(household.enrolmentCode),
      concentrator: "http://127.0.0.1",
    },
    source: {
      day: (from, to) => (isThere(from, to) ? measurements.readings(index, from, to) : undefined),
      live: () => undefined,
    },
  };
}

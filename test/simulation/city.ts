/** All parties of one history: the real services over a store that lasts, a bus that can crash, and ports that die with each life. */
import { mkdir, stat, truncate } from "node:fs/promises";
import { join } from "node:path";
import { aggregatorMigrations, startAggregator } from "@smarter-metering/aggregator";
import { startConcentrator } from "@smarter-metering/concentrator";
import { migrations as mdmsMigrations, startMdms } from "@smarter-metering/mdms";
import { startFleet, type FleetMember } from "@smarter-metering/meter";
import { startOpener } from "@smarter-metering/opener";
import type { Engine } from "@smarter-metering/paillier";
import { encodeEnrolmentCode, toHex } from "@smarter-metering/protocol";
import {
  createMetrics,
  durableFile,
  migrate,
  silentLogger,
  type Store,
} from "@smarter-metering/runtime";
import { initialiseLedger, startTrustee } from "@smarter-metering/trustee";
import { ringOf, type World } from "../support/world.ts";
import { Chance } from "./chance.ts";
import { BusHost, partyBus } from "./faulty-bus.ts";
import { faultyStore } from "./faulty-store.ts";
import { faultyUplink, type FrameFates, type Network } from "./faulty-uplink.ts";
import { Activity, type Life } from "./life.ts";
import type { Measurements } from "./measurements.ts";
import { FLEETS, type FleetName, type PartyName, type Plan } from "./plan.ts";
import { Process } from "./process.ts";
import type { SimulatedClock } from "./simulated-clock.ts";

const log = silentLogger;
/** The aggregator is told when to tick; on its own it does every twelve hours. */
const TICK_MS = 12 * 3_600_000;

export interface CityOptions {
  readonly plan: Plan;
  readonly world: World;
  readonly store: Store;
  readonly engine: Engine;
  /** Empty; for journals and the trustee's ledger. */
  readonly folder: string;
  readonly clock: SimulatedClock;
  readonly measurements: Measurements;
}

export type City = Awaited<ReturnType<typeof foundCity>>;

export async function foundCity(options: CityOptions) {
  const { plan, world, store, engine, folder, clock } = options;
  await migrate(store, "aggregator", aggregatorMigrations);
  await migrate(store, "mdms", mdmsMigrations);
  const activity = new Activity();
  const chance = new Chance(plan.seed);
  const bus = new BusHost(store, clock, activity);
  await bus.start();
  const ledgerFolder = join(folder, "ledger");
  await mkdir(join(folder, "trustee-keys"));
  await initialiseLedger(ledgerFolder, join(folder, "trustee-keys"));

  const ports = (name: PartyName, life: Life) => ({
    clock: life.clock(clock),
    log,
    metrics: createMetrics(),
    bus: partyBus(bus, name, life, chance, clock, activity),
    store: faultyStore(store, life, chance, name),
    engine,
    registry: world.network,
    signer: world.parties[name].signer,
  });
  const process = <S extends { close(): Promise<unknown> }>(
    name: PartyName | FleetName,
    start: (life: Life) => Promise<S>,
  ): Process<S> => new Process(name, activity, clock, start);

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
  const opener = process("opener", (life) =>
    startOpener({}, { ...ports("opener", life), keys: ringOf(world.opener.secret) }),
  );
  /** Where meters encrypt for themselves, nobody starts one. */
  const openers = plan.profile === "pes-encrypts" ? { opener } : {};
  const aggregator = process("aggregator", (life) =>
    startAggregator(
      { tickMs: TICK_MS },
      { ...ports("aggregator", life), published: durableFile(join(folder, "log.head")) },
    ),
  );
  const trustee = process("trustee", (life) =>
    startTrustee(
      { policyId: String(world.policy["id"]) },
      { ...ports("trustee", life), secretKey: world.paillier.secretKey, ledgerFolder },
    ),
  );
  const mdms = process("mdms", (life) =>
    startMdms(
      {},
      {
        ...ports("mdms", life),
        registry: world.mdmsFeed,
        recipientSecret: world.mdms.secret,
        rootKey: world.root.publicKey,
        totpKey: new Uint8Array(32),
      },
    ),
  );

  const fates: FrameFates = new Map();
  const url = (): string | undefined => concentrator.service?.url;
  const network: Network = { fates, chance, clock, activity, url };
  /** Fleets whose way to the concentrator is cut. */
  const cut = new Set<FleetName>();
  /** Bytes that the next crash of a fleet takes from its journal. */
  const journalBytesLost = new Map<FleetName, number>();
  const fleet = (name: FleetName) => {
    const journalFolder = join(folder, name);
    return process(name, async (life) => {
      await mkdir(journalFolder, { recursive: true });
      const bytesLost = journalBytesLost.get(name) ?? 0;
      journalBytesLost.delete(name);
      if (bytesLost > 0) await cutEnd(join(journalFolder, "meters.journal"), bytesLost);
      return startFleet(
        { meters: FLEETS[name].map((index) => fleetMember(index, options)) },
        {
          clock: life.clock(activity.pausing(clock)),
          log,
          journalFolder,
          uplink: faultyUplink(network, name, life, () => cut.has(name)),
          random: (bytes) => chance.bytes(`${name} random`, bytes),
          engine,
        },
      );
    });
  };
  const fleets = { east: fleet("east"), west: fleet("west") };
  const parties = { concentrator, ...openers, aggregator, trustee, mdms };
  return { ...options, activity, chance, bus, network, parties, fleets, cut, journalBytesLost };
}

/** A journal as a failed disk leaves it. */
async function cutEnd(path: string, bytes: number): Promise<void> {
  const { size } = await stat(path);
  await truncate(path, Math.max(0, size - bytes));
}

/** A household's meter. Readings of a late day are not there before their time. */
function fleetMember(
  index: number,
  { plan, world, clock, measurements }: CityOptions,
): FleetMember {
  const household = world.households[index];
  if (household === undefined) throw new RangeError(`no household ${index}`);
  const isThere = (blockStart: number, blockEnd: number): boolean =>
    plan.late.every(
      ({ household: who, day, seconds }) =>
        who !== index ||
        world.dayStart(day) !== blockStart ||
        clock.nowMs() >= (blockEnd + seconds) * 1000,
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

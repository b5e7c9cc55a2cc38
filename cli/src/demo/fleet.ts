/** The simulated meters of a demonstration, each fed by its household's readings, sending to the concentrator over HTTP. */
import {
  httpUplink,
  startFleet,
  type Fleet,
  type MeterSource,
  type SendWindows,
} from "@smarter-metering/meter";
import { openEngine, type Engine } from "@smarter-metering/paillier";
import { primitives } from "@smarter-metering/protocol";
import {
  lockFolder,
  type Clock,
  type FolderLock,
  type LogFields,
  type Logger,
} from "@smarter-metering/runtime";
import { loadDeployment } from "../deployment/deployment-file.ts";
import type { Layout } from "../deployment/layout.ts";
import { readMeters } from "../deployment/meters-file.ts";
import { CliError } from "../cli-error.ts";
import type { Door } from "../serve/door.ts";
import { waitingInRealTime } from "../serve/waiting-clock.ts";
import type { HouseholdAccess } from "./access.ts";
import type { HouseholdData } from "./household-data.ts";

/** What the meters log beside the runtime's fields. */
export const meterLogFields: LogFields = {
  servicePoint: "text",
  meterId: "text",
  outcome: "text",
};

export interface FleetOptions {
  readonly layout: Layout;
  readonly households: readonly HouseholdData[];
  readonly access: ReadonlyMap<string, HouseholdAccess>;
  /** The concentrator's. */
  readonly door: Door;
  readonly clock: Clock;
  readonly log: Logger;
  /** The label of the one household whose meter runs; default: all of the deployment. */
  readonly only?: string;
  /** When meters send; by default at once. */
  readonly windows?: SendWindows;
}

export interface DemoFleet {
  readonly fleet: Fleet;
  close(): Promise<void>;
}

/** Of the meters' engine, where they encrypt for themselves: as many as an opener has. */
const ENGINE_THREADS = 2;

/**
 * Throws METERS_FILE_INVALID, DEMO_HOUSEHOLD_UNKNOWN, STORE_LOCKED when another process runs meters of this deployment, and what
 * `startFleet` throws.
 */
export async function startDemoFleet(options: FleetOptions): Promise<DemoFleet> {
  const { layout, households, access, door, clock, log } = options;
  const file = await readMeters(layout);
  const data = new Map(households.map((household) => [household.label, household]));
  const secrets = new Map(file.meters.map((secret) => [secret.meterId, secret]));
  const { only } = options;
  const chosen = file.provisioning.filter(({ label }) => only === undefined || label === only);
  const meters = chosen.map(({ registerBank: _, ...terms }) => {
    const household = data.get(terms.label);
    const secret = secrets.get(terms.meterId);
    const enrolmentCode = access.get(terms.label)?.enrolmentCode;
    if (household === undefined || secret === undefined || enrolmentCode === undefined) {
      const message = `no readings or keys for household ${terms.label}; is it the same source?`;
      throw new CliError("DEMO_HOUSEHOLD_UNKNOWN", message);
    }
    const { signingSeed } = secret;
    const { opener, paillierKey } = file;
    const { contribution } = terms;
    return {
      provisioning: {
        ...terms,
        signingSeed,
        ...(contribution === undefined
          ? { opener }
          : { contribution: { ...contribution, paillierKey } }),
        enrolmentCode,
        concentrator: door.url,
      },
      source: sourceOf(household),
    };
  });
  const encrypts = chosen.some(({ contribution }) => contribution !== undefined);
  const engine = encrypts ? (await openEngine({ threads: ENGINE_THREADS })).engine : undefined;
  // Two fleets would each put its own journal in place of the other's.
  const lock = lockFolder(layout.folder("meters"));
  // A replayed clock is the parties' own, and may lag a step behind them here: there is nothing to compare.
  const uplink = httpUplink(door);
  const starting = startFleet(
    { meters, ...(options.windows && { windows: options.windows }) },
    {
      clock: waitingInRealTime(clock),
      log,
      journalFolder: layout.folder("meters"),
      uplink: loadDeployment(layout).clock === "replay" ? { ...uplink, time: undefined } : uplink,
      random: (length) => primitives.randomBytes(length),
      ...(engine && { engine }),
    },
  );
  return closing(starting, engine, lock);
}

async function closing(
  starting: Promise<Fleet>,
  engine: Engine | undefined,
  lock: FolderLock,
): Promise<DemoFleet> {
  try {
    const fleet = await starting;
    return {
      fleet,
      async close() {
        await fleet.close();
        await engine?.close();
        lock.release();
      },
    };
  } catch (error) {
    await engine?.close();
    lock.release();
    throw error;
  }
}

const sourceOf = (household: HouseholdData): MeterSource => ({
  day: (from, to) => household.window(from, to),
  live: (from, to) => household.window(from, to),
});

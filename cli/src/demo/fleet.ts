/** The simulated meters of a demonstration, each fed by its household's readings, sending to the concentrator over HTTP. */
import { httpUplink, startFleet, type Fleet, type MeterSource } from "@smarter-metering/meter";
import { primitives } from "@smarter-metering/protocol";
import type { Clock, LogFields, Logger } from "@smarter-metering/runtime";
import type { Layout } from "../deployment/layout.ts";
import { readMeters } from "../deployment/meters-file.ts";
import { CliError } from "../cli-error.ts";
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
  readonly concentratorUrl: string;
  /** Default: the platform's; another may look up where the concentrator is now. */
  readonly fetch?: typeof fetch;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Throws METERS_FILE_INVALID, DEMO_HOUSEHOLD_UNKNOWN, and what `startFleet` throws. */
export async function startDemoFleet(options: FleetOptions): Promise<Fleet> {
  const { layout, households, access, concentratorUrl, clock, log } = options;
  const file = await readMeters(layout);
  const data = new Map(households.map((household) => [household.label, household]));
  const secrets = new Map(file.meters.map((secret) => [secret.meterId, secret]));
  const meters = file.provisioning.map(({ registerBank: _, ...terms }) => {
    const household = data.get(terms.label);
    const secret = secrets.get(terms.meterId);
    const enrolmentCode = access.get(terms.label)?.enrolmentCode;
    if (household === undefined || secret === undefined || enrolmentCode === undefined) {
      const message = `no readings or keys for household ${terms.label}; is it the same source?`;
      throw new CliError("DEMO_HOUSEHOLD_UNKNOWN", message);
    }
    const { signingSeed } = secret;
    const { openerKey } = file;
    return {
      provisioning: {
        ...terms,
        signingSeed,
        openerKey,
        enrolmentCode,
        concentrator: concentratorUrl,
      },
      source: sourceOf(household),
    };
  });
  return startFleet(
    { meters },
    {
      clock: waitingInRealTime(clock),
      log,
      journalFolder: layout.folder("meters"),
      uplink: httpUplink({ url: concentratorUrl, fetch: options.fetch ?? globalThis.fetch }),
      random: (length) => primitives.randomBytes(length),
    },
  );
}

const sourceOf = (household: HouseholdData): MeterSource => ({
  day: (from, to) => household.window(from, to),
  live: (from, to) => household.window(from, to),
});

/** A real meter of the town, started again at the adversary's: its secrets, a journal of its own, and a wire that he holds both ends of. */
import { startFleet, type Fleet, type Uplink, type UplinkAnswer } from "@smarter-metering/meter";
import { decodeUplinkItem, primitives, type UplinkItem } from "@smarter-metering/protocol";
import { manualClock, silentLogger } from "@smarter-metering/runtime";
import { CliError } from "../cli-error.ts";
import { readMeters } from "../deployment/meters-file.ts";
import type { Stage } from "./stage.ts";
import { DAYS } from "./town.ts";
import { instantOfDay, SLOT_SECONDS, START_SECONDS } from "./town-homes.ts";

/** The uplink as a concentrator that says yes to everything, keeps all, and hands down what he likes. */
export class Wire implements Uplink {
  readonly items: UplinkItem[] = [];
  /** As the meter encoded them. */
  readonly encoded: Uint8Array[] = [];
  /** An enrolment request for the meter's next contact. */
  request: Uint8Array | undefined;

  send(entries: Parameters<Uplink["send"]>[0]): Promise<UplinkAnswer> {
    for (const { item } of entries) {
      this.encoded.push(item);
      this.items.push(decodeUplinkItem(item));
    }
    const [first] = entries;
    const message = this.request;
    this.request = undefined;
    const downlink =
      message === undefined || first === undefined ? [] : [{ meterId: first.meterId, message }];
    return Promise.resolve({ verdicts: entries.map(() => ({ status: "accepted" })), downlink });
  }

  close = (): Promise<void> => Promise.resolve();

  /** Messages of a kind, oldest first. */
  messages(kind: "ENVELOPE" | "ENROLMENT_OFFER" | "ENROLMENT_ANSWER"): Uint8Array[] {
    return this.items.flatMap((item) =>
      "message" in item && item.kind === kind ? [item.message] : [],
    );
  }

  frames(): Uint8Array[] {
    return this.items.flatMap((item) => ("frame" in item ? [item.frame] : []));
  }
}

export interface StagedMeter {
  readonly fleet: Fleet;
  readonly wire: Wire;
}

/** The meter of a home; `journalFolder` is its memory, `changes` what its installer would have to change. */
export async function startMeter(
  stage: Stage,
  index: number,
  journalFolder: string,
  changes: object = {},
): Promise<StagedMeter> {
  const { meters, provisioning, opener } = await readMeters(stage.town.layout);
  const home = stage.home(index);
  const terms = provisioning.find(({ label }) => label === home.label);
  const secret = meters.find(({ meterId }) => meterId === terms?.meterId);
  if (terms === undefined || secret === undefined) {
    throw new CliError("METERS_FILE_INVALID", `no meter of ${home.label}`);
  }
  const { registerBank: _, ...known } = terms;
  const { enrolmentCode } = stage.town.access.get(home.label) ?? { enrolmentCode: "" };
  const wire = new Wire();
  const fleet = await startFleet(
    {
      meters: [
        {
          provisioning: {
            ...known,
            signingSeed: secret.signingSeed,
            opener,
            enrolmentCode,
            concentrator: "http://127.0.0.1:1",
            ...changes,
          },
          source: { day: readingsOf, live: readingsOf },
        },
      ],
    },
    {
      clock: manualClock(1000 * instantOfDay(DAYS + 1)),
      log: silentLogger,
      journalFolder,
      uplink: wire,
      random: (length) => primitives.randomBytes(length),
      engine: stage.engine,
    },
  );
  return { fleet, wire };

  function readingsOf(from: number, to: number) {
    const slots = [from, to].map((instant) => (instant - START_SECONDS) / SLOT_SECONDS);
    const values = home.milliwattHours.slice(...slots);
    const nothing = values.map(() => 0);
    return {
      importMilliwattHours: values,
      exportMilliwattHours: nothing,
      quality: nothing,
    };
  }
}

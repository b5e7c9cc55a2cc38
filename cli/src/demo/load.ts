/**
 * Plays past days through every party. Time stands at the end of a day until all of its contributions are in the aggregator's ledger: the
 * cut-offs are the real ones, so a clock that ran ahead of the work would make readings late.
 */
import type { Fleet } from "@smarter-metering/meter";
import { addLocalDays } from "@smarter-metering/tariff";
import { CliError } from "../cli-error.ts";
import { trusteeFolders } from "../deployment/layout.ts";
import type { LoadControl } from "../serve/control.ts";

/** A frame may be judged only after its end; a meter's clock and the concentrator's differ by seconds. */
const SETTLE_SECONDS = 30;
/** A minute past the cut-off of a day's load: incomplete sets are sealed, and the next day has not ended. */
const PAST_CUTOFF_SECONDS = 6 * 3600 + 60;
const LOOK_AGAIN_MS = 10;
const UNANSWERED_MS = 100;

type Hop = readonly [stream: string, consumer: string];
const TO_THE_LEDGER: readonly Hop[] = [
  ["frames", "opener"],
  ["contributions", "aggregator"],
];
const toTheEnd = (quorum: LoadOptions["quorum"]): readonly Hop[] => [
  ...trusteeFolders(quorum).map((trustee): Hop => ["log", trustee]),
  ["cosignatures", "aggregator"],
  ...trusteeFolders(quorum).map((trustee): Hop => ["release-requests", trustee]),
  ["releases", "mdms"],
  ["releases", "aggregator"],
  ["partial-releases", "mdms"],
  ["partial-releases", "aggregator"],
  ["refusals", "aggregator"],
  ["sealed", "ucs"],
  ["customer-keys", "ucs"],
];

export interface LoadOptions {
  readonly fleet: Fleet;
  readonly control: LoadControl;
  /** Makes up the next day's readings while the parties are busy with this one. */
  readonly prepareDay: (startSeconds: number, endSeconds: number) => Promise<void>;
  readonly zone: string;
  readonly contractStart: number;
  /** Where trustees hold shares of the Paillier key. */
  readonly quorum: { readonly trustees: number } | undefined;
  readonly days: number;
  readonly progress: (done: number) => void;
  readonly signal: AbortSignal;
}

/** Sends every day that is not settled yet. Throws LOAD_STOPPED when a meter is held back or `signal` aborts. */
export async function loadDays(options: LoadOptions): Promise<void> {
  const { fleet, control, zone, contractStart, days, signal } = options;
  for (let day = 0; day < days; day++) {
    const end = addLocalDays(contractStart, day + 1, zone);
    if (fleet.nextBlock() < end) {
      await control.advanceTo(1000 * (end + SETTLE_SECONDS));
      const report = await fleet.sendDay(end);
      if (signal.aborted) throw stopped();
      if (!report.complete) {
        const codes = [...new Set(report.held.values())].join(", ") || "a meter has no data";
        throw new CliError("LOAD_STOPPED", `the load of day ${day + 1} did not finish: ${codes}`);
      }
      const next = addLocalDays(contractStart, day + 2, zone);
      const preparing = day + 1 < days ? options.prepareDay(end, next) : undefined;
      await settled(control, TO_THE_LEDGER, signal);
      await preparing;
    }
    options.progress(day + 1);
  }
}

/** Lets the last day's cut-off strike and waits until every party has worked off what there is. */
export async function finishLoad(options: LoadOptions): Promise<void> {
  const { control, zone, contractStart, quorum, days, signal } = options;
  await settled(control, TO_THE_LEDGER, signal);
  await settled(control, toTheEnd(quorum), signal);
  const end = addLocalDays(contractStart, days, zone);
  await control.advanceTo(1000 * (end + PAST_CUTOFF_SECONDS));
  // Between log, cosignatures and requests there are moments without a message.
  while (await control.hasUnanswered()) await lookAgain(signal, UNANSWERED_MS);
  await settled(control, toTheEnd(quorum), signal);
}

async function settled(
  control: LoadControl,
  hops: readonly Hop[],
  signal: AbortSignal,
): Promise<void> {
  for (const [stream, consumer] of hops) {
    while ((await control.pending(stream, consumer)) > 0) await lookAgain(signal);
  }
}

async function lookAgain(signal: AbortSignal, afterMs = LOOK_AGAIN_MS): Promise<void> {
  if (signal.aborted) throw stopped();
  await new Promise((resolve) => setTimeout(resolve, afterMs));
}

const stopped = (): CliError => new CliError("LOAD_STOPPED", "stopped; run it again to go on");

/** What a demonstration has shown: released numbers held against the truth, and what each party received. */
import type { Quorum } from "@smarter-metering/paillier";
import {
  parseNetworkView,
  wholeView,
  type NetworkView,
  type Profile,
} from "@smarter-metering/protocol";
import type { DeadLetter } from "@smarter-metering/runtime";
import { plainDoor } from "../serve/door.ts";
import { openMdms } from "../serve/mdms-session.ts";
import { engineInUse } from "../serve/party-engine.ts";
import {
  readLoads,
  readStatements,
  secondsOf,
  type LoadEntry,
  type StatementEntry,
} from "../serve/released.ts";
import { checkCustomers } from "./customer-check.ts";
import type { JoinedCustomer } from "./customers.ts";
import { tariffOf } from "./demo-tariff.ts";
import { isUnsafeDemo, policyOf } from "./prepare.ts";
import type { RunningDemo } from "./run-demo.ts";
import {
  checkLoads,
  statementDifference,
  type ReleasedStatement,
  type TruthHousehold,
} from "./truth.ts";
import { addLocalDays } from "@smarter-metering/tariff";

export interface DemoReport {
  readonly meters: number;
  readonly intervals: number;
  readonly energyMilliwattHours: bigint;
  readonly loads: readonly LoadEntry[];
  readonly statements: readonly StatementEntry[];
  readonly blocksSuppressed: number;
  /** Refusal and suppression codes of blocks and windows, with counts. */
  readonly refusals: Readonly<Record<string, number>>;
  readonly statementDifferenceMilliwattHours: bigint;
  readonly lost: number;
  readonly doubled: number;
  readonly customersChecked: number;
  /** Signed statements that their customers have re-computed from their own readings, and how many of them to the last cent. */
  readonly billsRecomputed: number;
  readonly billsExact: number;
  /** Σ |own readings − source| over all customers' exports, mWh. */
  readonly customerDifferenceMilliwattHours: bigint;
  readonly deadLetters: readonly DeadLetter[];
  readonly engine: string;
  readonly keyBits: number;
  readonly profile: Profile;
  /** Where trustees hold shares of the Paillier key. */
  readonly quorum: Quorum | undefined;
  /** Absent where no opener exists. */
  readonly openerPlaintext: OpenerPlaintext | undefined;
  readonly contributions: number;
  readonly releases: number;
  readonly policyId: string;
  readonly unsafe: boolean;
}

/** What the opener held in plaintext: at most so many readings at once, 99 % of the frames for less than so long. */
export interface OpenerPlaintext {
  readonly readingsMax: number;
  readonly msP99: number;
}

export async function reportOf(
  running: RunningDemo,
  customers: readonly JoinedCustomer[],
): Promise<DemoReport> {
  const { demo, everything } = running;
  const { options, layout, households } = demo;
  const { contractStart, zone } = options;
  const mdms = await openMdms(plainDoor(everything.urls["mdms"]), layout);
  const loads = await readLoads(mdms);
  const statements = await readStatements(mdms);
  const transport = everything.registry.service.transport();
  const epoch = (await transport.epochs()).length - 1;
  const view = parseNetworkView(await wholeView(transport, "network", epoch));
  const truth = truthOf(running, view);
  const loadCheck = checkLoads(
    loads.map(({ cohort, start, intervalSeconds, energy_Wh }) => ({
      cohort,
      start: secondsOf(start),
      intervalSeconds,
      energyWattHours: energy_Wh,
    })),
    truth,
    contractStart,
  );
  const { calendar } = tariffOf(options);
  const difference = statementDifference(statements.map(releasedOf), truth, calendar, zone);
  const end = addLocalDays(contractStart, options.days, zone);
  const total = totals(running, contractStart, end);
  const opener = everything.opener?.service.status();
  const aggregator = await everything.aggregator.service.status();
  const { name: engine } = await engineInUse();
  const policy = policyOf(options);
  // They answer all requests alike.
  const first = everything.trustees[0]?.service.status();
  return {
    meters: households.length,
    ...total,
    loads,
    statements,
    blocksSuppressed: aggregator.sets.SUPPRESSED ?? 0,
    refusals: first?.refused ?? {},
    statementDifferenceMilliwattHours: difference,
    lost: loadCheck.lost,
    doubled: loadCheck.doubled,
    ...(await checkCustomers(running, customers, mdms, statements, end)),
    deadLetters: await everything.bus.service.deadLetters(),
    engine,
    keyBits: options.keyBits,
    profile: options.profile,
    openerPlaintext: opener && {
      readingsMax: opener.openerPlaintextReadingsSeenMax,
      msP99: opener.openerPlaintextMsP99,
    },
    contributions: Object.values(aggregator.contributions).reduce((all, of) => all + sum(of), 0),
    releases: first?.released ?? 0,
    quorum: options.quorum,
    policyId: policy.id,
    unsafe: isUnsafeDemo(options),
  };
}

const sum = (outcomes: Readonly<Record<string, number>> | undefined): number =>
  outcomes?.["accepted"] ?? 0;

/** A statement as the MDMS shows it, for the comparison with the truth. */
export function releasedOf(entry: StatementEntry): ReleasedStatement {
  const registers = Object.entries(entry.registers_mWh);
  return {
    servicePoint: entry.servicePoint,
    from: secondsOf(entry.from),
    to: secondsOf(entry.to),
    registersMilliwattHours: Object.fromEntries(
      registers.map(([band, value]) => [band, BigInt(value)] as const),
    ),
    exportMilliwattHours: BigInt(entry.export_mWh),
  };
}

/** Each household's readings with its names; which cohort it is in, the registry says. */
export function truthOf(
  { demo, access }: Pick<RunningDemo, "demo" | "access">,
  view: NetworkView,
): TruthHousehold[] {
  return demo.households.flatMap((data) => {
    const names = access.get(data.label);
    if (names === undefined) return [];
    const cohort = view.cohortOf(names.networkPseudonym, demo.options.contractStart)?.id;
    return [{ data, servicePoint: names.servicePoint, cohort }];
  });
}

function totals(
  { demo }: RunningDemo,
  from: number,
  to: number,
): { intervals: number; energyMilliwattHours: bigint } {
  let intervals = 0;
  let energy = 0n;
  for (const household of demo.households) {
    const values = household.window(from, to)?.importMilliwattHours ?? [];
    let total = 0;
    for (let index = 0; index < values.length; index++) total += values[index] ?? 0;
    intervals += values.length;
    energy += BigInt(total);
  }
  return { intervals, energyMilliwattHours: energy };
}

/** Makes the deployment of a demonstration: households from a file or made up, one tariff, cohorts of a size that the policy allows. */
import { existsSync } from "node:fs";
import {
  defaultPolicy,
  isUnsafe,
  unsafePolicy,
  type ReleasePolicy,
} from "@smarter-metering/policy";
import type { Quorum } from "@smarter-metering/paillier";
import type { Profile } from "@smarter-metering/protocol";
import { readSource, describeReport, UNITS, type Unit } from "@smarter-metering/readings";
import type { Letter, Neighbourhood } from "@smarter-metering/registry";
import {
  addLocalDays,
  arePricesKnown,
  localDayStart,
  localDaysBetween,
  type DynamicPrices,
  type Tariff,
} from "@smarter-metering/tariff";
import type { ClockKind } from "../deployment/deployment-file.ts";
import { CliError } from "../cli-error.ts";
import { initDeployment } from "../deployment/init.ts";
import { layoutOf, type Layout } from "../deployment/layout.ts";
import type { Plan } from "../deployment/plan.ts";
import type { Terminal } from "../terminal.ts";
import { createAccess } from "./access.ts";
import { loadDemo, saveDemo, type DemoOptions } from "./demo-options.ts";
import { tariffOf } from "./demo-tariff.ts";
import { seriesData, syntheticData, type HouseholdData } from "./household-data.ts";

const LOAD_INTERVAL_SECONDS = 900;
/** 3 × 63 A: a house connection. */
export const FUSE = { amps: 63, phases: 3 };
/** Members of a cohort for each contributor that the policy asks for: room for meters that are late. */
const COHORT_HEADROOM = 1.2;
/** First of the nine ports of a deployment that lives in real time. */
const BASE_PORT = 7400;

export interface Demo {
  readonly layout: Layout;
  readonly options: DemoOptions;
  readonly households: readonly HouseholdData[];
  /** True when the folder held this demonstration already. */
  readonly resumed: boolean;
}

/** What the command line asks for; what is absent comes from the source or from the folder. */
export interface DemoRequest {
  readonly root: string;
  /** `replay` for a demonstration; `system` for a deployment that lives in real time. */
  readonly clock: ClockKind;
  readonly file:
    { readonly path: string; readonly unit?: Unit; readonly strict: boolean } | undefined;
  readonly tariff?: Tariff | undefined;
  readonly prices?: readonly DynamicPrices[];
  readonly zone: string | undefined;
  readonly households: number | undefined;
  readonly days: number | undefined;
  readonly intervalSeconds: number | undefined;
  readonly customers: number | undefined;
  readonly contributorsMin: number | undefined;
  readonly unsafePolicy: boolean;
  readonly profile: Profile;
  readonly startDate: string;
  readonly seed: string;
  readonly keyBits: number;
  readonly quorum?: Quorum | undefined;
  /** Of a deployment that lives in real time: names and addresses by party or server. */
  readonly hosts?: Readonly<Record<string, readonly string[]>>;
  readonly plan?: Plan | undefined;
}

/** The demonstration that `layout` holds. Throws DEMO_MISSING, DEMO_FILE_INVALID, ReadingsError. */
export async function openDemo(layout: Layout, terminal: Terminal): Promise<Demo> {
  const options = await loadDemo(layout);
  if (options === undefined || !existsSync(layout.deployment)) {
    const message = `${layout.root} holds no simulated households; make it with: smarter-metering init --dir ${layout.root}`;
    throw new CliError("DEMO_MISSING", message);
  }
  return { layout, options, households: await householdsOf(options, terminal), resumed: true };
}

/** Throws ReadingsError, PolicyError, DEPLOYMENT_EXISTS, DEMO_FILE_INVALID, HOLDER_UNKNOWN, HOST_INVALID. */
export async function prepareDemo(request: DemoRequest, terminal: Terminal): Promise<Demo> {
  const layout = layoutOf(request.root);
  if (existsSync(layout.demo) && existsSync(layout.deployment)) {
    terminal.note(`going on with the demonstration in ${request.root}`);
    return openDemo(layout, terminal);
  }
  const { options, households } = await planDemo(request, terminal);
  checkPrices(options);
  const policy = policyOf(options);
  const neighbourhoods = neighbourhoodsOf(options, policy);
  const letters = await initDeployment({
    root: request.root,
    clock: request.clock,
    policy,
    tariff: tariffOf(options),
    prices: options.prices,
    keyBits: options.keyBits,
    quorum: options.quorum,
    ceremonyProgress: (done, total) => terminal.progress("key ceremony", done, total),
    neighbourhoods,
    households: households.map(({ label, intervalSeconds }, index) => ({
      label,
      neighbourhood: neighbourhoods[index % neighbourhoods.length]?.id ?? "",
      intervalSeconds,
      fuse: FUSE,
    })),
    contractStart: options.contractStart,
    basePort: request.clock === "replay" ? 0 : BASE_PORT,
    openerPlaintextReadingsMax: 768,
    hosts: request.hosts,
    plan: request.plan,
  });
  await createAccess(layout, letters, options.customers);
  await saveDemo(layout, options);
  return { layout, options, households, resumed: false };
}

/** Meters would wait for prices that nobody gave. Throws PRICES_MISSING, and PRICES_FOREIGN for those that are known only afterwards. */
function checkPrices({ tariff, prices, contractStart, days, zone }: DemoOptions): void {
  const end = addLocalDays(contractStart, days, zone);
  if (tariff?.calendar.cost === undefined) return;
  if (tariff.calendar.cost.known !== undefined) {
    const message = `the prices of ${tariff.calendar.cost.prices} are published afterwards; a demonstration has its prices from the start`;
    throw new CliError("PRICES_FOREIGN", message);
  }
  if (arePricesKnown(prices, { fromSeconds: contractStart, toSeconds: end })) return;
  const [from, to] = [contractStart, end].map((at) => new Date(1000 * at).toISOString());
  const message = `the prices of ${tariff.calendar.cost.prices} do not cover ${from} to ${to} without a gap; give --prices for all of it`;
  throw new CliError("PRICES_MISSING", message);
}

export type { Letter };

/** One of fewer equal contributors is more than 15 % of them. */
const DOMINATED_BELOW = 7;
/** In a cohort of fewer nobody has the four others that an audit asks for, once one of them is billed. */
const AUDITED_FROM = 6;

/** The release policy a demonstration runs under. Throws POLICY_BELOW_FLOOR, which names --unsafe-policy. */
export function policyOf(options: DemoOptions): ReleasePolicy {
  const { contributorsMin, days } = options;
  if (!options.unsafePolicy) return defaultPolicy({ contributorsMin });
  const windowDays = Math.min(28, days);
  return unsafePolicy({
    contributorsMin,
    ...(contributorsMin < DOMINATED_BELOW && { dominanceMaxBasisPoints: 10_000 }),
    ...(contributorsMin < AUDITED_FROM && { auditMembersMin: 1 }),
    billWindowDaysMin: windowDays,
    ...(days < 28 && {
      billGrid: { unit: "day" as const, days: windowDays },
      bandIntervalsMin: 2 * windowDays,
    }),
  });
}

export const isUnsafeDemo = (options: DemoOptions): boolean => isUnsafe(policyOf(options));

const NAMES = ["north", "south", "east", "west", "hill", "lake", "mill", "park"];

function neighbourhoodsOf(options: DemoOptions, policy: ReleasePolicy): Neighbourhood[] {
  const size = COHORT_HEADROOM * policy.contributorsMin;
  const count = Math.max(1, Math.floor(options.households / size));
  return Array.from({ length: count }, (_, index) => ({
    id: NAMES[index] ?? `cohort-${index + 1}`,
    zone: options.zone,
    intervalSeconds: LOAD_INTERVAL_SECONDS,
    profile: options.profile,
    exportLoad: false,
  }));
}

async function planDemo(
  request: DemoRequest,
  terminal: Terminal,
): Promise<{ options: DemoOptions; households: HouseholdData[] }> {
  const common = {
    kind: "smarter-metering/demo" as const,
    contributorsMin: request.contributorsMin ?? 100,
    unsafePolicy: request.unsafePolicy,
    profile: request.profile,
    keyBits: request.keyBits,
    quorum: request.quorum,
    tariff: request.tariff,
    prices: [...(request.prices ?? [])],
  };
  if (request.file === undefined) {
    const zone = request.zone ?? "Europe/Zurich";
    const households = request.households ?? 240;
    const options: DemoOptions = {
      ...common,
      source: { kind: "synthetic", seed: request.seed, startDate: request.startDate },
      zone,
      households,
      days: request.days ?? 31,
      intervalSeconds: request.intervalSeconds ?? LOAD_INTERVAL_SECONDS,
      customers: Math.min(request.customers ?? 12, households),
      contractStart: firstMidnight(request, zone),
    };
    return { options, households: await householdsOf(options, terminal) };
  }
  const { path, unit, strict } = request.file;
  const { series, report } = await readFileSource(
    { path, unit, strict, zone: request.zone },
    terminal,
  );
  const zone = request.zone ?? report.zone ?? "UTC";
  const chosen = series.slice(0, request.households ?? series.length);
  const contractStart = localDayStart(report.firstStartSeconds, zone);
  const lastDayEnd = addLocalDays(localDayStart(report.lastEndSeconds - 1, zone), 1, zone);
  const available = localDaysBetween(contractStart, lastDayEnd, zone);
  const options: DemoOptions = {
    ...common,
    source: { kind: "file", path, ...(unit === undefined ? {} : { unit }), strict },
    zone,
    households: chosen.length,
    days: Math.min(request.days ?? available, available),
    intervalSeconds: chosen[0]?.intervalSeconds ?? LOAD_INTERVAL_SECONDS,
    customers: Math.min(request.customers ?? 12, chosen.length),
    contractStart,
  };
  return { options, households: chosen.map((entry) => seriesData(entry, zone)) };
}

/** Of the demonstration's month, or the next one to come. */
function firstMidnight({ clock, startDate }: DemoRequest, zone: string): number {
  if (clock === "replay") return localDayStart(Date.parse(`${startDate}T12:00:00Z`) / 1000, zone);
  return addLocalDays(localDayStart(Math.floor(Date.now() / 1000), zone), 1, zone);
}

async function readFileSource(
  source: { path: string; unit: Unit | undefined; strict: boolean; zone: string | undefined },
  terminal: Terminal,
) {
  const { path, unit, zone, strict } = source;
  const read = await readSource(path, {
    ...(unit === undefined ? {} : { unit }),
    ...(zone === undefined ? {} : { zone }),
    strict,
    progress: ({ bytes, bytesTotal }) => terminal.progress("reading", bytes, bytesTotal),
  });
  for (const line of describeReport(read.report)) terminal.note(line);
  return read;
}

/** The households' readings of a demonstration that was prepared before. */
async function householdsOf(options: DemoOptions, terminal: Terminal): Promise<HouseholdData[]> {
  const { source, zone, intervalSeconds, contractStart } = options;
  if (source.kind === "synthetic") {
    return Array.from({ length: options.households }, (_, index) =>
      syntheticData({ seed: source.seed, index, zone, intervalSeconds, contractStart }),
    );
  }
  const unit = UNITS.find((candidate) => candidate === source.unit);
  const { series } = await readFileSource({ ...source, unit, zone }, terminal);
  return series.slice(0, options.households).map((entry) => seriesData(entry, zone));
}

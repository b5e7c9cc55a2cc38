/**
 * Own readings and bills as a Green Button feed (NAESB ESPI 4.0 in Atom, RFC 4287), in chunks: a year of minutes is some 80 MB, which a
 * browser makes a Blob of piece by piece. Runs on the customer's device, the only place that may see what is in it. No pseudonym, meter or
 * name goes into the feed: its ids are hashes of its own readings.
 */
import { primitives, utf8, type Statement } from "@smarter-metering/protocol";
import { roundExact } from "@smarter-metering/tariff";
import type { Span } from "../bill-window.ts";
import { CustomerError } from "../error.ts";
import type { Quality, Reading } from "../readings.ts";
import type { CostPlan } from "../series/cost-plan.ts";
import { intervalCost } from "../series/interval-cost.ts";
import { currencyNumber, currencyOfPlans } from "./currency.ts";
import { localTimeParameters, type LocalTimeParameters } from "./dst-rules.ts";
import { AMOUNT_DIGITS, usageSummary } from "./green-button-bill.ts";
import { localDays, type LocalDay } from "./local-days.ts";
import { nameUuid } from "./name-uuid.ts";
import { elements, xmlText } from "./xml-text.ts";

export interface GreenButtonOptions {
  /** In order of time, each interval once. */
  readonly readings: readonly Reading[];
  /** IANA: blocks are its local days, and the feed says its rules for the clocks. */
  readonly zone: string;
  /** Shown by whatever reads the feed. */
  readonly title?: string;
  /** Give each interval that begins in a plan's window its cost, and the lines of bills their kinds. In one currency. */
  readonly plans?: readonly CostPlan[];
  /** Verified; those of the time exported. */
  readonly statements?: readonly Statement[];
}

const ESPI = 'xmlns="http://naesb.org/espi"';
/** Addresses within the feed: it comes from no server. */
const ROOT = "espi/1_1/resource";
const POINT = `${ROOT}/UsagePoint/1`;

/** Codes of the schema. */
const ELECTRICITY = 1;
const INTERVAL_DELTA = 4;
const NORMAL = 12;
const ENERGY = 12;
const WATT_HOURS = 72;
/** Values are whole milliwatt-hours. */
const MILLI = -3;
const FLOWS = { import: 1, export: 19 } as const;
/** QualityOfReading. A meter estimates by the course between two registers: interpolation. Missing is left out: a gap. */
const QUALITY_CODES: Readonly<Record<Exclude<Quality, "valid" | "missing">, number>> = {
  estimated: 9,
  edited: 7,
  questionable: 10,
};

/** One MeterReading of the feed. */
interface Channel {
  readonly number: number;
  readonly direction: keyof typeof FLOWS;
  readonly intervalSeconds: number;
}

interface Feed {
  readonly zone: string;
  readonly plans: readonly CostPlan[];
  readonly currency: number | undefined;
  readonly updated: string;
  readonly uuid: (name: string) => Promise<string>;
}

/**
 * The feed: one usage point with the zone's clock; for each length of intervals a meter reading of import, and one of export unless all of
 * it is 0; a block a local day; a summary for each statement. The same options give the same bytes.
 *
 * Cost of an interval: its energy at its price with levies and taxes, as `spanCost` has it, without what is of days or windows (standing
 * charges, minimums, tiers, credits); what export is paid is negative. In 10⁻⁵ of the currency, as the standard counts. What rounding
 * leaves goes to the next interval of the block: each is at most one unit off, and a block adds up to its exact cost rounded once, half-even.
 *
 * Throws CUSTOMER_EXPORT_EMPTY without readings, CUSTOMER_EXPORT_UNSUPPORTED for a zone or currency that the standard has no words for, or
 * plans in several currencies, TariffError ZONE_UNKNOWN.
 */
export async function* greenButtonXml(options: GreenButtonOptions): AsyncGenerator<string> {
  const { zone, plans = [], statements = [], title = "Electricity readings" } = options;
  const readings = options.readings.filter(({ quality }) => quality !== "missing");
  const span = spanOfReadings(readings);
  const clock = clockOf(span, zone);
  const currency = currencyOf(currencyOfPlans(plans) ?? statements[0]?.currency);
  const seed = await digestOf(readings, zone);
  const uuid = (name: string): Promise<string> => nameUuid(seed, name);
  const updated = new Date(1000 * span.to).toISOString().replace(".000Z", "Z");
  const feed: Feed = { zone, plans, currency, updated, uuid };
  const channels = channelsOf(readings);

  yield `<?xml version="1.0" encoding="UTF-8"?>
<feed xmlns="http://www.w3.org/2005/Atom">
<id>${await uuid("feed")}</id>
<title>${xmlText(title)}</title>
<updated>${updated}</updated>
<author><name>Smarter Metering</name></author>
${link("self", `${ROOT}/Batch`)}
`;
  yield await usagePoint(feed, statements.length > 0);
  yield await localTime(feed, clock);
  for (const channel of channels) {
    yield await readingType(feed, channel);
    yield await meterReading(feed, channel);
    yield* intervalBlocks(feed, channel, readings);
  }
  for (const [index, statement] of statements.entries()) {
    yield await billSummary(feed, statement, index + 1);
  }
  yield "</feed>\n";
}

function spanOfReadings(readings: readonly Reading[]): Span {
  const [first, last] = [readings[0], readings.at(-1)];
  if (first !== undefined && last !== undefined) {
    return { from: first.startSeconds, to: last.startSeconds + last.intervalSeconds };
  }
  const message = "there are no readings in this time: nothing to export";
  throw new CustomerError("CUSTOMER_EXPORT_EMPTY", message);
}

function clockOf(span: Span, zone: string): LocalTimeParameters {
  const clock = localTimeParameters(span, zone);
  if (clock !== undefined) return clock;
  const message = `Green Button cannot say when clocks change in ${zone} in these years; export one calendar year, or the time between two changes`;
  throw new CustomerError("CUSTOMER_EXPORT_UNSUPPORTED", message);
}

function currencyOf(code: string | undefined): number | undefined {
  const number = code === undefined ? undefined : currencyNumber(code);
  if ((code === undefined) === (number === undefined)) return number;
  const message = `the number of the currency ${code} is not known here; export without costs and bills`;
  throw new CustomerError("CUSTOMER_EXPORT_UNSUPPORTED", message);
}

/** SHA-256 chained over local days: what makes this feed's ids its own. */
async function digestOf(readings: readonly Reading[], zone: string): Promise<Uint8Array> {
  let digest = await primitives.sha256(utf8(`smarter-metering/green-button/v1 ${zone}`));
  for (const day of localDays(readings, zone)) {
    const rows = day.readings.map((reading) => {
      const { startSeconds, intervalSeconds, quality } = reading;
      const { importMilliwattHours, exportMilliwattHours } = reading;
      return `${startSeconds} ${intervalSeconds} ${importMilliwattHours} ${exportMilliwattHours} ${quality}\n`;
    });
    digest = await primitives.sha256(digest, utf8(rows.join("")));
  }
  return digest;
}

/** Export that never came is a direction that the household does not have. */
function channelsOf(readings: readonly Reading[]): Channel[] {
  const lengths = [...new Set(readings.map(({ intervalSeconds }) => intervalSeconds))];
  const hasExport = readings.some(({ exportMilliwattHours }) => exportMilliwattHours > 0);
  const directions = hasExport ? (["import", "export"] as const) : (["import"] as const);
  return lengths
    .toSorted((a, b) => a - b)
    .flatMap((intervalSeconds) => directions.map((direction) => ({ direction, intervalSeconds })))
    .map((channel, index) => ({ ...channel, number: index + 1 }));
}

function usagePoint(feed: Feed, hasBills: boolean): Promise<string> {
  const content = elements([["ServiceCategory", elements([["kind", 0]])]]);
  return entry(feed, POINT, {
    title: "Electricity",
    up: `${ROOT}/UsagePoint`,
    related: [
      `${POINT}/MeterReading`,
      ...(hasBills ? [`${POINT}/UsageSummary`] : []),
      `${ROOT}/LocalTimeParameters/1`,
    ],
    content: `<UsagePoint ${ESPI}>${content}</UsagePoint>`,
  });
}

function localTime(feed: Feed, clock: LocalTimeParameters): Promise<string> {
  const content = elements([
    ["dstEndRule", clock.dstEndRule],
    ["dstOffset", clock.dstOffsetSeconds],
    ["dstStartRule", clock.dstStartRule],
    ["tzOffset", clock.tzOffsetSeconds],
  ]);
  return entry(feed, `${ROOT}/LocalTimeParameters/1`, {
    title: feed.zone,
    up: `${ROOT}/LocalTimeParameters`,
    content: `<LocalTimeParameters ${ESPI}>${content}</LocalTimeParameters>`,
  });
}

const typeAddress = ({ number }: Channel): string => `${ROOT}/ReadingType/${number}`;
const readingAddress = ({ number }: Channel): string => `${POINT}/MeterReading/${number}`;

function readingType(feed: Feed, channel: Channel): Promise<string> {
  const content = elements([
    ["accumulationBehaviour", INTERVAL_DELTA],
    ["commodity", ELECTRICITY],
    ["currency", feed.plans.length === 0 ? undefined : feed.currency],
    ["dataQualifier", NORMAL],
    ["defaultQuality", 0],
    ["flowDirection", FLOWS[channel.direction]],
    ["intervalLength", channel.intervalSeconds],
    ["kind", ENERGY],
    ["powerOfTenMultiplier", MILLI],
    ["uom", WATT_HOURS],
  ]);
  return entry(feed, typeAddress(channel), {
    title: `Energy, ${channel.direction}`,
    up: `${ROOT}/ReadingType`,
    content: `<ReadingType ${ESPI}>${content}</ReadingType>`,
  });
}

function meterReading(feed: Feed, channel: Channel): Promise<string> {
  const address = readingAddress(channel);
  return entry(feed, address, {
    title: `Intervals of ${channel.intervalSeconds} s, ${channel.direction}`,
    up: `${POINT}/MeterReading`,
    related: [typeAddress(channel), `${address}/IntervalBlock`],
    content: `<MeterReading ${ESPI}/>`,
  });
}

async function* intervalBlocks(
  feed: Feed,
  channel: Channel,
  readings: readonly Reading[],
): AsyncGenerator<string> {
  const up = `${readingAddress(channel)}/IntervalBlock`;
  const own = readings.filter(({ intervalSeconds }) => intervalSeconds === channel.intervalSeconds);
  let number = 0;
  for (const day of localDays(own, feed.zone)) {
    number += 1;
    const content = intervalBlock(feed, channel, day);
    yield await entry(feed, `${up}/${number}`, { title: "", up, content });
  }
}

/** The local day, and its last interval if that reaches beyond. */
function intervalBlock({ plans }: Feed, channel: Channel, day: LocalDay<Reading>): string {
  const lastStart = day.readings.at(-1)?.startSeconds ?? day.from;
  const to = Math.max(day.to, lastStart + channel.intervalSeconds);
  const costs = roundedCosts(
    day.readings.map((reading) => intervalCost(plans, reading)?.[`${channel.direction}E16`]),
  );
  const rows = day.readings.map((reading, index) =>
    intervalReading(reading, channel.direction, costs[index]),
  );
  return `<IntervalBlock ${ESPI}><interval><duration>${to - day.from}</duration><start>${day.from}</start></interval>
${rows.join("\n")}
</IntervalBlock>`;
}

function intervalReading(
  reading: Reading,
  direction: Channel["direction"],
  amount: bigint | undefined,
): string {
  const { startSeconds, intervalSeconds, quality } = reading;
  const value = reading[`${direction}MilliwattHours`];
  const cost = amount === undefined ? "" : `<cost>${amount}</cost>`;
  const code =
    quality === "valid" || quality === "missing"
      ? ""
      : `<ReadingQuality><quality>${QUALITY_CODES[quality]}</quality></ReadingQuality>`;
  return `<IntervalReading>${cost}${code}<timePeriod><duration>${intervalSeconds}</duration><start>${startSeconds}</start></timePeriod><value>${value}</value></IntervalReading>`;
}

/** In 10⁻⁵ of the currency: by how much each raises the rounded sum of those up to it. */
function roundedCosts(costsE16: readonly (bigint | undefined)[]): (bigint | undefined)[] {
  let sumE16 = 0n;
  let rounded = 0n;
  return costsE16.map((costE16) => {
    if (costE16 === undefined) return undefined;
    const before = rounded;
    sumE16 += costE16;
    rounded = roundExact(sumE16, AMOUNT_DIGITS);
    return rounded - before;
  });
}

function billSummary(feed: Feed, statement: Statement, number: number): Promise<string> {
  const up = `${POINT}/UsageSummary`;
  const plan = feed.plans.find(({ window }) => window.from === statement.from);
  const content = usageSummary(statement, currencyOf(statement.currency) ?? 0, plan?.tariff);
  return entry(feed, `${up}/${number}`, { title: "Bill", up, content });
}

const link = (relation: string, href: string): string => `<link rel="${relation}" href="${href}"/>`;

async function entry(
  { updated, uuid }: Feed,
  self: string,
  parts: {
    readonly title: string;
    readonly up: string;
    readonly related?: readonly string[];
    readonly content: string;
  },
): Promise<string> {
  const { title, up, related = [], content } = parts;
  const links = [link("self", self), link("up", up), ...related.map((to) => link("related", to))];
  return `<entry>
<id>${await uuid(self)}</id>
${links.join("\n")}
<title>${xmlText(title)}</title>
<content type="application/xml">${content}</content>
<published>${updated}</published>
<updated>${updated}</updated>
</entry>
`;
}

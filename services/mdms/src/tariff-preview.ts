/**
 * What a tariff's newest version would have made of past windows (docs/protocol.md §11): of released registers alone, which stand in
 * statements already; nothing finer is asked for or comes out. Pure.
 */
import { formatMinor, priceBill, TariffError, type Tariff } from "@smarter-metering/tariff";
import type { StatementRecord } from "./statement-query.ts";

export interface BillDifference {
  readonly beforeMinor: bigint;
  readonly afterMinor: bigint;
}

export interface PreviewSummary {
  readonly bills: number;
  /** Statements that these registers cannot be priced of: no cost was released, or the version does not fit the window. */
  readonly unpriced: number;
  /** Decimal text in the tariff's currency; before: as billed, without credit notes. */
  readonly before: string;
  readonly after: string;
  /** Of `after` − `before`, a bill at a time; null of no bills. */
  readonly differences: Quartiles | null;
  readonly dearer: number;
  readonly cheaper: number;
}

export interface Quartiles {
  readonly min: string;
  readonly lowerQuartile: string;
  readonly median: string;
  readonly upperQuartile: string;
  readonly max: string;
}

/** The tariff as though its newest version had always been in force. */
export function newestVersionAlone(tariff: Tariff): Tariff {
  const [first, newest] = [tariff.versions[0], tariff.versions.at(-1)];
  if (first === undefined || newest === undefined) return tariff;
  const since = "1970-01-02"; // Zones do not reach further back.
  return { ...tariff, versions: [{ ...newest, validFrom: since }] };
}

/** A bill before and after; undefined for one that cannot be priced so. `tariff` is of one version, with the bands of the statement. */
export function differenceOf(tariff: Tariff, record: StatementRecord): BillDifference | undefined {
  const energyOf = new Map(record.registers.map((each) => [each.band, each.energyMilliwattHours]));
  const counted = record.cost?.counted;
  if (tariff.calendar.cost !== undefined && typeof counted !== "bigint") return undefined;
  try {
    const bill = priceBill({
      tariff,
      zone: record.zone,
      fromSeconds: record.fromSeconds,
      toSeconds: record.toSeconds,
      registersMilliwattHours: tariff.calendar.bands.map((band) => energyOf.get(band) ?? 0n),
      exportMilliwattHours: record.exportMilliwattHours,
      ...(typeof counted === "bigint" && { cost: counted }),
    });
    const beforeMinor = minorOf(record.amount, tariff.minorDigits);
    return { beforeMinor, afterMinor: bill.amountMinor };
  } catch (error) {
    if (error instanceof TariffError) return undefined;
    throw error;
  }
}

export function summarise(
  differences: readonly BillDifference[],
  unpriced: number,
  { minorDigits }: Pick<Tariff, "minorDigits">,
): PreviewSummary {
  const text = (minor: bigint): string => formatMinor(minor, minorDigits);
  const sum = (pick: (one: BillDifference) => bigint): string =>
    text(differences.reduce((total, one) => total + pick(one), 0n));
  const changes = differences
    .map(({ beforeMinor, afterMinor }) => afterMinor - beforeMinor)
    .toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  return {
    bills: differences.length,
    unpriced,
    before: sum(({ beforeMinor }) => beforeMinor),
    after: sum(({ afterMinor }) => afterMinor),
    differences: changes.length === 0 ? null : quartilesOf(changes, text),
    dearer: changes.filter((change) => change > 0n).length,
    cheaper: changes.filter((change) => change < 0n).length,
  };
}

/** Nearest ranks: each is the difference of a bill that there is. */
function quartilesOf(sorted: readonly bigint[], text: (minor: bigint) => string): Quartiles {
  const at = (quarter: number): string =>
    text(sorted[Math.ceil((quarter * (sorted.length - 1)) / 4)] ?? 0n);
  return {
    min: at(0),
    lowerQuartile: at(1),
    median: at(2),
    upperQuartile: at(3),
    max: at(4),
  };
}

/** Minor units of a statement's decimal text. */
function minorOf(amount: string, minorDigits: number): bigint {
  const [, sign = "", whole = "0", fraction = ""] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(amount) ?? [];
  const minor = BigInt(whole + fraction.padEnd(minorDigits, "0").slice(0, minorDigits));
  return sign === "-" ? -minor : minor;
}

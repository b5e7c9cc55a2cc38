// The tariff document: dated prices over one calendar, JSON, signed by a tariff signer elsewhere.
// docs/protocol.md: statements. Written in the MDMS, read again in the browser by the customer who
// checks his bill.

import { bandsMax, type Calendar } from "./calendar.ts";
import { parseCalendar } from "./calendar-document.ts";
import { namePattern, readInteger, readList, readObject, readText } from "./document.ts";
import { TariffError, type TariffFault } from "./error.ts";
import { parseVersion } from "./version-document.ts";

/**
 * Prices from the local date `validFrom` on, in 10^-6 currency units. What is optional came later,
 * and what a document leaves out stays out. docs/protocol.md: statements, says how each is billed.
 */
export interface TariffVersion {
  readonly version: number;
  /** YYYY-MM-DD in the service point's zone. */
  readonly validFrom: string;
  /** One price for each band of the calendar. */
  readonly pricesMicroPerKilowattHour: Readonly<Record<string, number>>;
  /** Paid to the customer for export, without tax. */
  readonly feedInMicroPerKilowattHour: number;
  readonly standingChargeMicroPerDay: number;
  /** On energy and standing charges, in 10^-4; `taxes` can say more. */
  readonly taxBasisPoints: number;
  /** For a local month; of a part of one, as many parts as it has days. */
  readonly standingChargeMicroPerMonth?: number;
  /** Least that energy and standing charges of a window come to, before taxes and levies. */
  readonly minimumChargeMicroPerDay?: number;
  readonly tiers?: Tiers;
  readonly taxes?: readonly Tax[];
  readonly credits?: readonly Credit[];
  /**
   * Where the calendar has a cost, and nowhere else: the price of a kWh in a window whose cost may not
   * be released, beside that of the band.
   */
  readonly costFallbackMicroPerKilowattHour?: number;
}

/** Block prices on the import of a window, all bands together, beside the prices of the bands. */
export interface Tiers {
  /** The days that thresholds are for: a window of n days has n / thresholdDays of each. */
  readonly thresholdDays: 1 | 30;
  /** Ascending; the last has no end. */
  readonly steps: readonly TierStep[];
}

export interface TierStep {
  readonly upTo_mWh?: number;
  readonly priceMicroPerKilowattHour: number;
}

/** What a tax in basis points can be due on; `levies` are the taxes per kWh. Never on feed-in. */
export type TaxBase = "energy" | "standing" | "levies";

/** A tax in 10^-4 of what it is due on, or a levy on every kWh of import. */
export type Tax =
  | { readonly name: string; readonly basisPoints: number; readonly on: readonly TaxBase[] }
  | { readonly name: string; readonly microPerKilowattHour: number };

/** An amount in the customer's favour, without tax; it may make the bill negative. */
export type Credit =
  | { readonly name: string; readonly microPerDay: number }
  | { readonly name: string; readonly microPerBill: number };

/**
 * A tariff. A bill has at most 8 registers, bands and export together: a tariff that pays for
 * feed-in has at most 7 bands. Prices are 0 to 10^12 micro-units; at most 256 versions.
 */
export interface Tariff {
  readonly kind: "smarter-metering/tariff";
  readonly tariff: string;
  /** ISO 4217. */
  readonly currency: string;
  /** Decimal places of a bill's total, 0 to 4. */
  readonly minorDigits: number;
  readonly calendar: Calendar;
  /** Ascending in version and validFrom. */
  readonly versions: readonly TariffVersion[];
}

const versionsMax = 256;

/** Runs `read`; a TariffError is added to `faults` and leaves nothing. */
type Attempt = <T>(read: () => T) => T | undefined;

function attemptInto(faults: TariffError[]): Attempt {
  return (read) => {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof TariffError)) throw error;
      faults.push(error);
      return undefined;
    }
  };
}

function checkOrder(versions: readonly TariffVersion[]): void {
  for (const [index, later] of versions.entries()) {
    const earlier = versions[index - 1];
    if (earlier === undefined) continue;
    if (later.version <= earlier.version || later.validFrom <= earlier.validFrom) {
      const message = "version and validFrom must both be later than those before";
      throw new TariffError("TARIFF_VERSIONS_UNORDERED", message, `versions[${index}]`);
    }
  }
}

function checkRegisters(calendar: Calendar, versions: readonly TariffVersion[]): void {
  for (const [index, { costFallbackMicroPerKilowattHour: fallback }] of versions.entries()) {
    if ((fallback === undefined) === (calendar.cost === undefined)) continue;
    const message = "goes with a cost in the calendar, and every cost needs it";
    const path = `versions[${index}].costFallbackMicroPerKilowattHour`;
    throw new TariffError("TARIFF_MALFORMED", message, path);
  }
  const paysFeedIn = versions.some((version) => version.feedInMicroPerKilowattHour > 0);
  if (!paysFeedIn || calendar.bands.length + 1 <= bandsMax) return;
  const message = `${calendar.bands.length} bands and feed-in need more than ${bandsMax} registers`;
  throw new TariffError("TARIFF_TOO_MANY_REGISTERS", message, "calendar.bands");
}

function readVersions(value: unknown, calendar: Calendar, attempt: Attempt): TariffVersion[] {
  const list = attempt(() => readList(value, "versions", 1, versionsMax)) ?? [];
  const versions = list.flatMap((version, index) => {
    const path = `versions[${index}]`;
    return attempt(() => [parseVersion(version, path, calendar.bands)]) ?? [];
  });
  if (versions.length < list.length) return versions; // Without some of them no order says much.
  attempt(() => checkOrder(versions));
  attempt(() => checkRegisters(calendar, versions));
  return versions;
}

/** The tariff as far as it can be read; it is one only when there are no faults. */
function readTariff(value: unknown, attempt: Attempt): Tariff | undefined {
  const kind = "smarter-metering/tariff";
  const keys = ["kind", "tariff", "currency", "minorDigits", "calendar", "versions"] as const;
  const document = attempt(() => readObject(value, "", keys));
  if (document === undefined) return undefined;
  attempt(() => readText(document.kind, "kind", /^smarter-metering\/tariff$/, `"${kind}"`));
  const { currency: code } = document;
  const tariff = attempt(() => readText(document.tariff, "tariff", namePattern, "an id"));
  const currency = attempt(() => readText(code, "currency", /^[A-Z]{3}$/, "an ISO 4217 code"));
  const minorDigits = attempt(() => readInteger(document.minorDigits, "minorDigits", 0, 4));
  const calendar = attempt(() => parseCalendar(document.calendar));
  if (calendar === undefined) return undefined;
  const versions = readVersions(document.versions, calendar, attempt);
  if (tariff === undefined || currency === undefined || minorDigits === undefined) return undefined;
  return { kind, tariff, currency, minorDigits, calendar, versions };
}

/**
 * Reads a tariff from JSON, strictly. Throws TariffError with code and path: TARIFF_MALFORMED,
 * _UNKNOWN_KEY, _OUT_OF_RANGE, _BAND_UNKNOWN, _SEASON_UNKNOWN, _DUPLICATE, _RULES_OVERLAP,
 * _SEASONS_OVERLAP, _TOO_MANY_REGISTERS, _VERSIONS_UNORDERED, DATE_INVALID.
 */
export function parseTariff(value: unknown): Tariff {
  const faults: TariffError[] = [];
  const tariff = readTariff(value, attemptInto(faults));
  const [fault] = faults;
  if (fault !== undefined) throw fault;
  if (tariff === undefined) throw new TariffError("TARIFF_MALFORMED", "not a tariff");
  return tariff;
}

/** All that is wrong with a tariff: one fault of the calendar, one of each version; none when it is one. */
export function tariffFaults(value: unknown): TariffFault[] {
  const faults: TariffError[] = [];
  readTariff(value, attemptInto(faults));
  return faults;
}

/** The version in force on a local date (YYYY-MM-DD). Throws TARIFF_NOT_IN_FORCE. */
export function versionOn(tariff: Tariff, date: string): TariffVersion {
  const version = tariff.versions.findLast((candidate) => candidate.validFrom <= date);
  if (version === undefined) {
    const message = `tariff ${tariff.tariff} has no prices yet on ${date}`;
    throw new TariffError("TARIFF_NOT_IN_FORCE", message);
  }
  return version;
}

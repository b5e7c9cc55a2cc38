// The tariff document: dated prices over one calendar, JSON, signed by a tariff signer elsewhere.
// Written in the MDMS, read again in the browser by the customer who checks his bill.

import { bandsMax, parseCalendar, type Calendar } from "./calendar.ts";
import { namePattern, readInteger, readList, readObject, readText } from "./document.ts";
import { TariffError } from "./error.ts";
import { formatMicro, formatMinor } from "./money.ts";
import { parseDate } from "./zone.ts";

/** Prices from the local date `validFrom` on, in 10^-6 currency units; tax in 10^-4. */
export interface TariffVersion {
  readonly version: number;
  /** YYYY-MM-DD in the service point's zone. */
  readonly validFrom: string;
  /** One price for each band of the calendar. */
  readonly pricesMicroPerKilowattHour: Readonly<Record<string, number>>;
  /** Paid to the customer for export. */
  readonly feedInMicroPerKilowattHour: number;
  readonly standingChargeMicroPerDay: number;
  /** On energy and standing charge; feed-in is credited without tax. */
  readonly taxBasisPoints: number;
}

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
const priceMicroMax = 1_000_000_000_000;
const taxBasisPointsMax = 10_000;

function readPrice(value: unknown, path: string): number {
  return readInteger(value, path, 0, priceMicroMax);
}

function parseVersion(value: unknown, path: string, bands: readonly string[]): TariffVersion {
  const document = readObject(value, path, [
    "version",
    "validFrom",
    "pricesMicroPerKilowattHour",
    "feedInMicroPerKilowattHour",
    "standingChargeMicroPerDay",
    "taxBasisPoints",
  ]);
  const pricesPath = `${path}.pricesMicroPerKilowattHour`;
  const prices = readObject(document.pricesMicroPerKilowattHour, pricesPath, bands);
  const feedInPath = `${path}.feedInMicroPerKilowattHour`;
  const standingPath = `${path}.standingChargeMicroPerDay`;
  const validFrom = readText(document.validFrom, `${path}.validFrom`, /^/, "a date");
  return {
    version: readInteger(document.version, `${path}.version`, 1, Number.MAX_SAFE_INTEGER),
    validFrom: parseDate(validFrom, `${path}.validFrom`),
    pricesMicroPerKilowattHour: Object.fromEntries(
      bands.map((band) => [band, readPrice(prices[band], `${pricesPath}.${band}`)]),
    ),
    feedInMicroPerKilowattHour: readPrice(document.feedInMicroPerKilowattHour, feedInPath),
    standingChargeMicroPerDay: readPrice(document.standingChargeMicroPerDay, standingPath),
    taxBasisPoints: readInteger(
      document.taxBasisPoints,
      `${path}.taxBasisPoints`,
      0,
      taxBasisPointsMax,
    ),
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

/**
 * Reads a tariff from JSON, strictly. Throws TariffError with code and path: TARIFF_MALFORMED,
 * _UNKNOWN_KEY, _OUT_OF_RANGE, _BAND_UNKNOWN, _DUPLICATE, _RULES_OVERLAP, _TOO_MANY_REGISTERS,
 * _VERSIONS_UNORDERED, DATE_INVALID.
 */
export function parseTariff(value: unknown): Tariff {
  const document = readObject(value, "", [
    "kind",
    "tariff",
    "currency",
    "minorDigits",
    "calendar",
    "versions",
  ]);
  readText(document.kind, "kind", /^smarter-metering\/tariff$/, '"smarter-metering/tariff"');
  const calendar = parseCalendar(document.calendar);
  const versions = readList(document.versions, "versions", 1, versionsMax).map((version, index) =>
    parseVersion(version, `versions[${index}]`, calendar.bands),
  );
  checkOrder(versions);
  const paysFeedIn = versions.some((version) => version.feedInMicroPerKilowattHour > 0);
  if (paysFeedIn && calendar.bands.length + 1 > bandsMax) {
    const message = `${calendar.bands.length} bands and feed-in need more than ${bandsMax} registers`;
    throw new TariffError("TARIFF_TOO_MANY_REGISTERS", message, "calendar.bands");
  }
  return {
    kind: "smarter-metering/tariff",
    tariff: readText(document.tariff, "tariff", namePattern, "an id"),
    currency: readText(document.currency, "currency", /^[A-Z]{3}$/, "an ISO 4217 code"),
    minorDigits: readInteger(document.minorDigits, "minorDigits", 0, 4),
    calendar,
    versions,
  };
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

const weekdayNames = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/** The tariff in plain words, one sentence an entry: bands first, then each version's prices. */
export function describeTariff(tariff: Tariff): string[] {
  const { calendar, currency } = tariff;
  const rules = calendar.rules.map((rule) => {
    const days = rule.weekdays.map((weekday) => weekdayNames[weekday - 1]).join(", ");
    return `Band ${rule.band}: ${days} from ${rule.from} to ${rule.to}, local time.`;
  });
  const otherwise = rules.length > 0 ? "at all other times" : "at all times";
  const versions = tariff.versions.map((version) => {
    const prices = calendar.bands.map((band) => {
      const priceMicro = version.pricesMicroPerKilowattHour[band] ?? 0; // parsed: always present
      return `${band} ${formatMicro(priceMicro)} ${currency}/kWh`;
    });
    const terms = [
      ...prices,
      `feed-in pays ${formatMicro(version.feedInMicroPerKilowattHour)} ${currency}/kWh`,
      `standing charge ${formatMicro(version.standingChargeMicroPerDay)} ${currency} a day`,
      `tax ${formatMinor(BigInt(version.taxBasisPoints), 2)} % on energy and standing charge`,
    ];
    return `Version ${version.version}, from ${version.validFrom}: ${terms.join("; ")}.`;
  });
  return [
    `Tariff ${tariff.tariff} in ${currency}, calendar ${calendar.id}.`,
    ...rules,
    `Band ${calendar.defaultBand}: ${otherwise}.`,
    ...versions,
  ];
}

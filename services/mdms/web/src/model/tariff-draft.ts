/**
 * A tariff as a form: what is typed, and the document that it makes. A new version keeps all that bills were made by; a new tariff may have
 * other bands and hours. What the form has no field for (tiers, named taxes, credits, seasons) is kept from the tariff it starts from.
 */
import {
  formatMicro,
  formatMinor,
  type CalendarRule,
  type Tariff,
  type TariffVersion,
} from "@smarter-metering/tariff";

export interface RuleDraft {
  readonly band: string;
  /** ISO, 1 (Monday) to 7. */
  readonly weekdays: readonly number[];
  readonly from: string;
  readonly to: string;
  /** What the form does not show of a rule: seasons, days of the month, holidays. */
  readonly rest: Omit<CalendarRule, "band" | "weekdays" | "from" | "to">;
}

/** Texts as typed. "" where an optional field is left out. */
export interface TariffDraft {
  readonly becomes: "version" | "tariff";
  readonly id: string;
  readonly validFrom: string;
  /** By band. */
  readonly prices: Readonly<Record<string, string>>;
  readonly feedIn: string;
  readonly standingPerDay: string;
  readonly standingPerMonth: string;
  readonly minimumPerDay: string;
  readonly fallback: string;
  readonly taxPercent: string;
  readonly bands: readonly string[];
  readonly defaultBand: string;
  readonly rules: readonly RuleDraft[];
}

/** A new version of, or a new tariff like, one that there is: with its newest prices. */
export function draftOf(base: Tariff, becomes: TariffDraft["becomes"]): TariffDraft {
  const version = base.versions.at(-1);
  const { bands, rules, defaultBand } = base.calendar;
  const optional = (micro: number | undefined): string =>
    micro === undefined ? "" : formatMicro(micro);
  return {
    becomes,
    id: becomes === "version" ? base.tariff : "",
    validFrom: "",
    prices: Object.fromEntries(
      bands.map((band) => [band, formatMicro(version?.pricesMicroPerKilowattHour[band] ?? 0)]),
    ),
    feedIn: formatMicro(version?.feedInMicroPerKilowattHour ?? 0),
    standingPerDay: formatMicro(version?.standingChargeMicroPerDay ?? 0),
    standingPerMonth: optional(version?.standingChargeMicroPerMonth),
    minimumPerDay: optional(version?.minimumChargeMicroPerDay),
    fallback: optional(version?.costFallbackMicroPerKilowattHour),
    taxPercent: formatMinor(BigInt(version?.taxBasisPoints ?? 0), 2),
    bands,
    defaultBand,
    rules: rules.map(({ band, weekdays, from, to, ...rest }) => ({
      band,
      weekdays,
      from,
      to,
      rest,
    })),
  };
}

/** An integer of 10^-digits from decimal text with point or comma; undefined for what is none. */
export function parseDecimal(text: string, digits: number): number | undefined {
  const [, whole, fraction = ""] = /^(\d{1,9})(?:[.,](\d*))?$/.exec(text.trim()) ?? [];
  if (whole === undefined || fraction.length > digits) return undefined;
  return Number(whole + fraction.padEnd(digits, "0"));
}

const MICRO_DIGITS = 6;
const PERCENT_DIGITS = 2;

/** The field that holds no number. */
export interface BadField {
  readonly badField: string;
}

/** The document, for `tariffFaults` and the signer to judge; or the first field that holds no number. */
export function documentOf(
  base: Tariff,
  draft: TariffDraft,
): { readonly document: unknown } | BadField {
  const read = readVersion(base, draft);
  if ("badField" in read) return read;
  const { version } = read;
  if (draft.becomes === "version") {
    return { document: { ...base, versions: [...base.versions, version] } };
  }
  const { bands, defaultBand, rules } = draft;
  const calendar = {
    ...base.calendar,
    id: draft.id,
    bands,
    defaultBand,
    rules: rules.map(({ rest, ...rule }) => ({ ...rule, ...rest })),
  };
  return { document: { ...base, tariff: draft.id, calendar, versions: [version] } };
}

function readVersion(
  base: Tariff,
  draft: TariffDraft,
): { readonly version: TariffVersion } | BadField {
  const last = base.versions.at(-1);
  const isVersion = draft.becomes === "version";
  const bands = isVersion ? base.calendar.bands : draft.bands;
  const texts: Readonly<Record<string, readonly [text: string, isOptional: boolean]>> = {
    ...Object.fromEntries(
      bands.map((band) => [`price.${band}`, [draft.prices[band] ?? "", false]]),
    ),
    feedIn: [draft.feedIn, false],
    standingPerDay: [draft.standingPerDay, false],
    standingPerMonth: [draft.standingPerMonth, true],
    minimumPerDay: [draft.minimumPerDay, true],
    fallback: [draft.fallback, base.calendar.cost === undefined],
  };
  const micro = new Map<string, number>();
  for (const [name, [text, isOptional]] of Object.entries(texts)) {
    if (isOptional && text.trim() === "") continue;
    const value = parseDecimal(text, MICRO_DIGITS);
    if (value === undefined) return { badField: name };
    micro.set(name, value);
  }
  const taxBasisPoints = parseDecimal(draft.taxPercent, PERCENT_DIGITS);
  if (taxBasisPoints === undefined) return { badField: "taxPercent" };
  const [perMonth, minimum, fallback] = [
    micro.get("standingPerMonth"),
    micro.get("minimumPerDay"),
    micro.get("fallback"),
  ];
  const { tiers, taxes, credits } = last ?? {};
  return {
    version: {
      version: isVersion ? (last?.version ?? 0) + 1 : 1,
      validFrom: draft.validFrom,
      pricesMicroPerKilowattHour: Object.fromEntries(
        bands.map((band) => [band, micro.get(`price.${band}`) ?? 0]),
      ),
      feedInMicroPerKilowattHour: micro.get("feedIn") ?? 0,
      standingChargeMicroPerDay: micro.get("standingPerDay") ?? 0,
      taxBasisPoints,
      ...(perMonth !== undefined && { standingChargeMicroPerMonth: perMonth }),
      ...(minimum !== undefined && { minimumChargeMicroPerDay: minimum }),
      ...(fallback !== undefined && { costFallbackMicroPerKilowattHour: fallback }),
      ...(tiers !== undefined && { tiers }),
      ...(taxes !== undefined && { taxes }),
      ...(credits !== undefined && { credits }),
    },
  };
}

/** Where nothing is published yet: one band, one price. */
export const FIRST_TARIFF: Tariff = {
  kind: "smarter-metering/tariff",
  tariff: "household",
  currency: "EUR",
  minorDigits: 2,
  calendar: { id: "all-day", bands: ["all"], rules: [], defaultBand: "all" },
  versions: [],
};

// A tariff in plain words, from its document alone (docs/protocol.md: statements): for the page of
// tariffs, the command line, and whoever is asked to publish one.

import { basesText, tierText } from "./bill-text.ts";
import type { Calendar, CalendarRule } from "./calendar.ts";
import type { CostTerms } from "./dynamic-prices.ts";
import { formatMicro, formatMinor } from "./money.ts";
import type { Credit, Tariff, Tax, Tiers, TariffVersion } from "./tariff.ts";

const weekdayNames = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

const hoursText = ({ from, to }: Pick<CalendarRule, "from" | "to">): string =>
  `from ${from} to ${to}`;

function monthDaysText({ monthDays }: CalendarRule): string {
  if (monthDays === undefined) return "";
  const { from, to } = monthDays;
  return `${from === to ? `on day ${from}` : `on days ${from} to ${to}`} of the month, `;
}

function ruleText(rule: CalendarRule): string {
  const weekdays = rule.weekdays.map((weekday) => weekdayNames[weekday - 1]);
  const days = [...weekdays, ...(rule.holidays ? ["holidays"] : [])].join(", ");
  const seasons = rule.seasons === undefined ? "" : `in ${rule.seasons.join(" and ")}, `;
  return `Band ${rule.band}: ${seasons}${monthDaysText(rule)}${days} ${hoursText(rule)}, local time.`;
}

function calendarTexts({ rules, seasons, holidays, specialDays, ...calendar }: Calendar): string[] {
  const ownRules = holidays?.countAs === undefined ? "have rules of their own" : undefined;
  const countAs = weekdayNames[(holidays?.countAs ?? 1) - 1];
  const otherwise = rules.length > 0 ? "at all other times" : "at all times";
  return [
    ...(seasons ?? []).map(({ name, from, to }) => `Season ${name}: every year, ${from} to ${to}.`),
    ...(holidays === undefined
      ? []
      : [`Holidays ${ownRules ?? `count as ${countAs}`}: ${holidays.dates.join(", ")}.`]),
    ...rules.map(ruleText),
    `Band ${calendar.defaultBand}: ${otherwise}.`,
    ...(calendar.cost === undefined ? [] : [costText(calendar.cost)]),
    ...(specialDays ?? []).map((day) => {
      const own = day.rules.map((rule) => `band ${rule.band} ${hoursText(rule)}, `);
      return `On ${day.date} instead: ${own.join("")}else band ${calendar.defaultBand}.`;
    }),
  ];
}

function costText({ prices, stepSeconds, known, ...terms }: CostTerms): string {
  const floor = terms.floorMicroPerKilowattHour;
  const below = floor < 0 ? `, which may be as low as ${formatMicro(floor)}` : "";
  const after = known === undefined ? "" : "; they are published afterwards";
  return `Beside it: what each kWh costs by the prices ${prices}, one every ${stepSeconds / 60} \
minutes${below}${after}.`;
}

const percentText = (basisPoints: number): string => `${formatMinor(BigInt(basisPoints), 2)} %`;

function tierTexts({ thresholdDays, steps }: Tiers, perKilowattHour: (n: number) => string) {
  const per = thresholdDays === 1 ? "a day" : "in 30 days";
  let from = 0n;
  const texts = steps.map(({ upTo_mWh: upTo, priceMicroPerKilowattHour }) => {
    const to = upTo === undefined ? undefined : BigInt(upTo);
    const text = `${tierText(from, to)} ${perKilowattHour(priceMicroPerKilowattHour)}`;
    from = to ?? from;
    return text;
  });
  return `on the total ${per}: ${texts.join(", ")}`;
}

/** The terms of one version, an entry each: prices, charges, tiers, taxes, credits. */
export function describeVersion(tariff: Tariff, version: TariffVersion): string[] {
  const { calendar, currency } = tariff;
  const money = (micro: number): string => `${formatMicro(micro)} ${currency}`;
  const perKilowattHour = (micro: number): string => `${money(micro)}/kWh`;
  const { standingChargeMicroPerMonth: perMonth, minimumChargeMicroPerDay: minimum } = version;
  const { tiers, taxes = [], credits = [] } = version;
  const taxText = (tax: Tax): string =>
    "on" in tax
      ? `${tax.name} ${percentText(tax.basisPoints)} on ${basesText(tax.on)}`
      : `${tax.name} ${perKilowattHour(tax.microPerKilowattHour)}`;
  const creditText = (credit: Credit): string =>
    "microPerDay" in credit
      ? `${credit.name} credits ${money(credit.microPerDay)} a day`
      : `${credit.name} credits ${money(credit.microPerBill)} a bill`;
  return [
    // Parsed: every band has its price.
    ...calendar.bands.map(
      (band) => `${band} ${perKilowattHour(version.pricesMicroPerKilowattHour[band] ?? 0)}`,
    ),
    ...(calendar.cost === undefined
      ? []
      : [
          `import at the prices ${calendar.cost.prices}, or at \
${perKilowattHour(version.costFallbackMicroPerKilowattHour ?? 0)} where that may not be shown`,
        ]),
    ...(tiers === undefined ? [] : [tierTexts(tiers, perKilowattHour)]),
    `feed-in pays ${perKilowattHour(version.feedInMicroPerKilowattHour)}`,
    // As on a bill: what is simple and zero goes without saying where something else is said.
    ...(version.standingChargeMicroPerDay > 0 || perMonth === undefined
      ? [`standing charge ${money(version.standingChargeMicroPerDay)} a day`]
      : []),
    ...(perMonth === undefined
      ? []
      : [`standing charge ${money(perMonth)} a month, of parts of one by their days`]),
    ...(minimum === undefined
      ? []
      : [`energy and standing charge at least ${money(minimum)} a day, over the whole window`]),
    ...(version.taxBasisPoints > 0 || version.taxes === undefined
      ? [`tax ${percentText(version.taxBasisPoints)} on energy and standing charge`]
      : []),
    ...taxes.map(taxText),
    ...credits.map(creditText),
  ];
}

/** The tariff in plain words, one sentence an entry: bands first, then each version's prices. */
export function describeTariff(tariff: Tariff): string[] {
  return [
    `Tariff ${tariff.tariff} in ${tariff.currency}, calendar ${tariff.calendar.id}.`,
    ...calendarTexts(tariff.calendar),
    ...tariff.versions.map((version) => {
      const terms = describeVersion(tariff, version).join("; ");
      return `Version ${version.version}, from ${version.validFrom}: ${terms}.`;
    }),
  ];
}

// Tariffs, zones, bills, windows: pure, without dependencies, the same code in MDMS and browser.

export { priceBill } from "./bill.ts";
export type { Bill, BilledPart, BillInput, BillPart, BillPartsInput } from "./bill.ts";
export type { BillLine } from "./bill-line.ts";
export { describeLine } from "./bill-text.ts";
export type { LineText } from "./bill-text.ts";
export { billLineFr, billPriceFr, billQuantityFr } from "./bill-text-fr.ts";
export { bandAt, bandsMax, bandsOf, secondsOfBands } from "./calendar.ts";
export type {
  Calendar,
  CalendarRule,
  Holidays,
  MonthDays,
  SeasonDates,
  SpecialDay,
} from "./calendar.ts";
export { parseCalendar } from "./calendar-document.ts";
export { reRate } from "./credit-note.ts";
export type { CreditNote, DifferenceLine } from "./credit-note.ts";
export { describeTariff, describeVersion } from "./describe-tariff.ts";
export {
  arePricesKnown,
  costAmountE16,
  costFactsOf,
  costOf,
  countedPrices,
  priceAt,
  wrapCost,
} from "./cost-register.ts";
export type {
  CostCircumstances,
  CostedIntervals,
  CostRegisterFacts,
  PricedSpan,
} from "./cost-register.ts";
export {
  isCountedInMeter,
  lowestPriceMicro,
  parseDynamicPrices,
  pricesBySeries,
  pricesEndSeconds,
  sameCostTerms,
  stepSecondsOf,
} from "./dynamic-prices.ts";
export type { CostTerms, DynamicPrices } from "./dynamic-prices.ts";
export { TariffError } from "./error.ts";
export type { TariffErrorCode, TariffFault } from "./error.ts";
export { exactDigits, formatMicro, formatMinor, roundExact, roundHalfEven } from "./money.ts";
export { publishFaults } from "./publish-faults.ts";
export { publishNotes } from "./publish-notes.ts";
export type { PublishContract, PublishTerms } from "./publish-terms.ts";
export { parseTariff, tariffFaults, versionOn } from "./tariff.ts";
export type { Credit, Tariff, TariffVersion, Tax, TaxBase, Tiers, TierStep } from "./tariff.ts";
export {
  gridInstantAtOrAfter,
  gridInstants,
  nextWindow,
  windowsMax,
  windowsUpTo,
} from "./window.ts";
export type { BillGrid, BillWindow, ContractGrid } from "./window.ts";
export {
  addLocalDays,
  addLocalMonths,
  assertZone,
  dayStartOf,
  localDate,
  localDayStart,
  localDaysBetween,
  localMonthStart,
  localParts,
  offsetSpan,
  parseDate,
  zoneOffsetSeconds,
} from "./zone.ts";
export type { LocalParts } from "./zone.ts";

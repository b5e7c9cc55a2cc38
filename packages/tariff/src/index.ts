// Tariffs, zones, bills, windows: pure, without dependencies, the same code in MDMS and browser.

export { bandAt, bandsMax, bandsOf, parseCalendar } from "./calendar.ts";
export type { Calendar, CalendarRule } from "./calendar.ts";
export { priceBill } from "./bill.ts";
export type { Bill, BillInput, BillLine } from "./bill.ts";
export { TariffError } from "./error.ts";
export type { TariffErrorCode } from "./error.ts";
export { exactDigits, formatMicro, formatMinor, roundExact, roundHalfEven } from "./money.ts";
export { describeTariff, parseTariff, versionOn } from "./tariff.ts";
export type { Tariff, TariffVersion } from "./tariff.ts";
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
  parseDate,
  zoneOffsetSeconds,
} from "./zone.ts";
export type { LocalParts } from "./zone.ts";

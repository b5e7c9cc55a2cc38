/** ISO 4217: numbers, which Green Button writes in the place of letters; and the one currency that costs of a file are in. */
import { CustomerError } from "../error.ts";
import type { CostPlan } from "../series/cost-plan.ts";

/** Currencies of Europe and of countries that bill their smart meters in Green Button or near it. */
const NUMBERS: Readonly<Record<string, number>> = {
  AED: 784,
  ALL: 8,
  ARS: 32,
  AUD: 36,
  BAM: 977,
  BGN: 975,
  BRL: 986,
  CAD: 124,
  CHF: 756,
  CLP: 152,
  CNY: 156,
  COP: 170,
  CZK: 203,
  DKK: 208,
  EUR: 978,
  GBP: 826,
  GEL: 981,
  HKD: 344,
  HUF: 348,
  IDR: 360,
  ILS: 376,
  INR: 356,
  ISK: 352,
  JPY: 392,
  KRW: 410,
  MAD: 504,
  MDL: 498,
  MKD: 807,
  MXN: 484,
  MYR: 458,
  NOK: 578,
  NZD: 554,
  PHP: 608,
  PLN: 985,
  RON: 946,
  RSD: 941,
  SEK: 752,
  SGD: 702,
  THB: 764,
  TRY: 949,
  TWD: 901,
  UAH: 980,
  USD: 840,
  ZAR: 710,
};

/** Undefined for one that is not in the table. */
export const currencyNumber = (code: string): number | undefined => NUMBERS[code];

/** Undefined without plans. Throws CUSTOMER_EXPORT_UNSUPPORTED for several currencies: a column of costs adds up. */
export function currencyOfPlans(plans: readonly CostPlan[]): string | undefined {
  const [code, ...others] = new Set(plans.map(({ tariff }) => tariff.currency));
  if (others.length === 0) return code;
  const message = `bills of this time are in ${code} and ${others.join(", ")}; export the time of each by itself`;
  throw new CustomerError("CUSTOMER_EXPORT_UNSUPPORTED", message);
}

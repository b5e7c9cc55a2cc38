/** A billing window in words: its month when it is one, else its first and last local day. */
import type { Formats } from "@smarter-metering/web";
import { addLocalMonths, localDate, localMonthStart } from "@smarter-metering/tariff";
import { secondsOf } from "../model/iso-day.ts";

export function windowLabel(
  window: { readonly from: string; readonly to: string },
  zone: string,
  formats: Formats,
): string {
  const [from, to] = [secondsOf(window.from), secondsOf(window.to)];
  const isMonth = localMonthStart(from, zone) === from && addLocalMonths(from, 1, zone) === to;
  const first = localDate(from, zone);
  return isMonth
    ? formats.monthLabel(first)
    : `${formats.date(first)} – ${formats.date(localDate(to - 1, zone))}`;
}

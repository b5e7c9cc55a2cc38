/** How long each band of a calendar holds, month by month. */
import { addLocalMonths, localDate, secondsOfBands, type Calendar } from "@smarter-metering/tariff";

export interface BandMonth {
  /** YYYY-MM. */
  readonly month: string;
  /** By band. */
  readonly hours: Readonly<Record<string, number>>;
}

/** `months` local months from `fromSeconds`, the start of one. */
export function bandMonths(
  calendar: Calendar,
  at: { readonly fromSeconds: number; readonly months: number; readonly zone: string },
): BandMonth[] {
  const { zone } = at;
  return Array.from({ length: at.months }, (_, index) => {
    const fromSeconds = addLocalMonths(at.fromSeconds, index, zone);
    const toSeconds = addLocalMonths(at.fromSeconds, index + 1, zone);
    const seconds = secondsOfBands(calendar, { fromSeconds, toSeconds }, zone);
    const hours = calendar.bands.map((band, at) => [band, (seconds[at] ?? 0) / 3600] as const);
    return { month: localDate(fromSeconds, zone).slice(0, 7), hours: Object.fromEntries(hours) };
  });
}

/** Names of periods and bars as a person says them, and how one period compares with another. */
import { useFormats, type Bar as ChartBar, type Formats } from "@smarter-metering/web";
import type { Bar, Period, Span } from "../device/messages.ts";
import { useTexts } from "../i18n.ts";
import type { Texts } from "../texts/en.ts";

export function periodName(
  { span, from, to }: Pick<Period, "span" | "from" | "to">,
  formats: Formats,
  texts: Texts,
): string {
  switch (span) {
    case "day":
      return formats.dayLabel(from) + yearOf(from, formats);
    case "week":
      return texts.usage.week(formats.dayLabel(from), formats.dayLabel(to - 1));
    case "month":
      return formats.monthLabel(from);
    default:
      return yearOf(from, formats).trim();
  }
}

/** Of the middle of a day: whatever the zone, it is that year. */
const yearOf = (from: number, { zone }: Formats): string =>
  ` ${new Intl.DateTimeFormat("en", { year: "numeric", timeZone: zone }).format(1000 * from)}`;

/** Below a bar; the two hours of an autumn night that the clocks show twice are told apart by their zone's name. */
export function barLabels(span: Span, bars: readonly Bar[], formats: Formats): string[] {
  const plain = bars.map(({ from }) => barLabel(span, from, formats));
  return plain.map((label, index) => {
    const isTwice = plain.some((other, place) => place !== index && other === label);
    const { from } = bars[index] ?? { from: 0 };
    return isTwice ? `${label} ${zoneName(from, formats.zone)}` : label;
  });
}

function barLabel(span: Span, from: number, formats: Formats): string {
  if (span === "day") return formats.time(from);
  const unit: Intl.DateTimeFormatOptions =
    span === "year" ? { month: "short" } : span === "week" ? { weekday: "short" } : {};
  const day = span === "year" ? {} : ({ day: "numeric" } as const);
  const { documentElement } = document;
  const format = new Intl.DateTimeFormat(documentElement.lang, {
    ...unit,
    ...day,
    timeZone: formats.zone,
  });
  return format.format(1000 * from);
}

function zoneName(at: number, timeZone: string): string {
  const format = new Intl.DateTimeFormat("en-GB", { timeZone, timeZoneName: "short" });
  return format.formatToParts(1000 * at).find(({ type }) => type === "timeZoneName")?.value ?? "";
}

/** "+12 %", "±0 %"; undefined where there is nothing to compare with. */
export function changeText(
  now: number,
  before: number | null,
  formats: Formats,
): string | undefined {
  if (before === null || before === 0) return undefined;
  const change = (now - before) / before;
  const sign = Math.abs(change) < 0.005 ? "±" : change < 0 ? "−" : "+";
  return `${sign}${formats.percent(Math.abs(change))}`;
}

const KILOWATT_HOUR = 1_000_000;

/** The bars as the chart takes them. */
export function useChartBars(period: Period): ChartBar[] {
  const texts = useTexts();
  const formats = useFormats(period.zone);
  const labels = barLabels(period.span, period.bars, formats);
  const hasExport = period.figures.exported > 0;
  return period.bars.map((bar, index) => {
    const { from, to, imported, exported, before, coverage } = bar;
    const hints = [
      ...(imported !== null && coverage.missing > 0
        ? [texts.usage.partGap(formats.duration(coverage.missing))]
        : []),
      ...(coverage.estimated > 0
        ? [texts.usage.estimated(formats.duration(coverage.estimated))]
        : []),
    ];
    return {
      from,
      to,
      label: labels[index] ?? "",
      parts: [
        { name: texts.usage.used, value: (imported ?? 0) / KILOWATT_HOUR },
        ...(hasExport ? [{ name: texts.usage.fedIn, value: (exported ?? 0) / KILOWATT_HOUR }] : []),
      ],
      ...(before !== null && { behind: before / KILOWATT_HOUR }),
      ...(coverage.missing > 0 && { isGap: true }),
      ...(hints.length > 0 && { hint: hints.join(", ") }),
    };
  });
}

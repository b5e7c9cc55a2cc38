/** The numbers of the bars as a table: what screen readers read, and what is printed. */
import { Table, useFormats, type Column } from "@smarter-metering/web";
import type { VNode } from "preact";
import type { Bar, Period } from "../device/messages.ts";
import { useTexts } from "../i18n.ts";
import { barLabels, periodName } from "./period-words.ts";

export function UsageTable({ period }: { readonly period: Period }): VNode {
  const texts = useTexts();
  const { usage } = texts;
  const formats = useFormats(period.zone);
  const { newest, span, bars, figures, cost } = period;
  const labels = new Map(
    barLabels(span, bars, formats).map((label, index) => [bars[index]?.from ?? 0, label]),
  );
  const energy = (value: number | null): string =>
    value === null ? "–" : formats.kilowattHours(value, 3);
  const quality = ({ coverage, imported }: Bar): string => {
    if (imported === null) return usage.gap;
    const parts = [
      ...(coverage.missing > 0 ? [usage.partGap(formats.duration(coverage.missing))] : []),
      ...(coverage.estimated > 0 ? [usage.estimated(formats.duration(coverage.estimated))] : []),
    ];
    return parts.length === 0 ? usage.complete : parts.join(", ");
  };
  const columns: Column<Bar>[] = [
    {
      key: "time",
      head: usage.time,
      cell: ({ from }) => (span === "month" ? formats.dayLabel(from) : (labels.get(from) ?? "")),
      priority: 1,
    },
    { key: "used", head: usage.used, cell: ({ imported }) => energy(imported), align: "end" },
    ...(figures.exported > 0
      ? [
          {
            key: "fedIn",
            head: usage.fedIn,
            cell: ({ exported }: Bar) => energy(exported),
            align: "end" as const,
          },
        ]
      : []),
    {
      key: "before",
      head: usage.before[span],
      cell: ({ before }) => energy(before),
      align: "end",
    },
    ...(cost === null || span !== "day"
      ? []
      : [
          {
            key: "price",
            head: usage.price,
            cell: ({ price }: Bar) =>
              price === null ? "–" : formats.money(price, cost.currency, 5),
            align: "end" as const,
          },
        ]),
    ...(cost === null
      ? []
      : [
          {
            key: "cost",
            head: usage.cost,
            cell: (bar: Bar) =>
              bar.cost === null ? "–" : formats.money(bar.cost, cost.currency, 3),
            align: "end" as const,
          },
        ]),
    {
      key: "peak",
      head: usage.peak,
      cell: ({ peakWatts }) => (peakWatts === null ? "–" : formats.watts(peakWatts)),
      align: "end",
    },
    { key: "quality", head: usage.quality, cell: quality },
  ];
  return (
    <Table
      columns={columns}
      rows={bars.filter(({ from }) => newest === null || from < newest)}
      rowKey={({ from }) => String(from)}
      caption={`${usage.table}, ${periodName(period, formats, texts)}`}
      phone="scroll"
    />
  );
}

/** The bars of a period, with the one before it behind them and, where asked for, the cost over them. */
import { BarChart, useFormats, type BarLine } from "@smarter-metering/web";
import type { VNode } from "preact";
import type { Bar, Period } from "../device/messages.ts";
import { useTexts } from "../i18n.ts";
import { periodName, useChartBars } from "./period-words.ts";

export interface UsageBarsProps {
  readonly period: Period;
  readonly height?: number;
  readonly withCost?: boolean;
  readonly onSelect?: (bar: Bar) => void;
}

export function UsageBars(props: UsageBarsProps): VNode {
  const { period, height, withCost = false, onSelect } = props;
  const texts = useTexts();
  const formats = useFormats(period.zone);
  const bars = useChartBars(period);
  const { usage } = texts;
  const hasExport = period.figures.exported > 0;
  const { cost } = period;
  const line: BarLine | undefined =
    withCost && cost !== null
      ? {
          name: usage.cost,
          values: period.bars.map((bar) => (bar.cost === null ? NaN : Number(bar.cost))),
          value: (amount) => formats.money(String(amount), cost.currency),
        }
      : undefined;
  return (
    <BarChart
      bars={bars}
      parts={[{ name: usage.used }, ...(hasExport ? [{ name: usage.fedIn }] : [])]}
      value={(energy) => `${formats.number(energy)}\u202fkWh`}
      label={usage.chart(periodName(period, formats, texts))}
      behindName={usage.before[period.span]}
      {...(height !== undefined && { height })}
      {...(line !== undefined && { lines: [line] })}
      {...(onSelect !== undefined && {
        onSelect: ({ from }) => {
          const bar = period.bars.find((one) => one.from === from);
          if (bar !== undefined) onSelect(bar);
        },
      })}
    />
  );
}

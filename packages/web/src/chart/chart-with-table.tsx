/** A chart, or the same numbers as a table: the person chooses. Paper has both. */
import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { useKit } from "../language/kit.tsx";
import { SegmentedControl } from "../parts/segmented-control.tsx";
import { usePrinting } from "./use-printing.ts";

export interface ChartWithTableProps {
  readonly chart: VNode;
  /** Built only when it is asked for or printed: a function, as a table of minutes is not made for nothing. */
  readonly table: () => VNode;
}

export function ChartWithTable({ chart, table }: ChartWithTableProps): VNode {
  const { texts } = useKit();
  const [view, setView] = useState<"chart" | "table">("chart");
  const isPrinting = usePrinting();
  return (
    <div class="stack chart-with-table">
      <div class="chart-choice">
        <SegmentedControl
          label={texts.chartOrTable}
          items={[
            { value: "chart", label: texts.chart },
            { value: "table", label: texts.table },
          ]}
          current={view}
          onChange={setView}
        />
      </div>
      {/* It stays, out of sight: its range is kept, and a printer finds it drawn. */}
      <div class={view === "chart" ? "" : "chart-away"}>{chart}</div>
      {(view === "table" || isPrinting) && table()}
    </div>
  );
}

/** A chart, or the same numbers as a table: the person chooses. On paper both are shown. */
import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { useKit } from "../language/kit.tsx";
import { SegmentedControl } from "../parts/segmented-control.tsx";

export interface ChartWithTableProps {
  readonly chart: VNode;
  /** Built only when it is asked for: a function, as a table of minutes is not made for nothing. */
  readonly table: () => VNode;
}

export function ChartWithTable({ chart, table }: ChartWithTableProps): VNode {
  const { texts } = useKit();
  const [view, setView] = useState<"chart" | "table">("chart");
  return (
    <div class="stack">
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
      {view === "chart" ? chart : table()}
    </div>
  );
}

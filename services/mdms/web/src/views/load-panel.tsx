/** A load curve with its figures, and the same numbers as a table. */
import {
  ChartWithTable,
  Figure,
  Figures,
  LoadChart,
  Panel,
  Table,
  useFormats,
} from "@smarter-metering/web";
import type { VNode } from "preact";
import type { CohortList } from "../api.ts";
import { factsOf, type Curve, type Range, type Step } from "../model/load-curve.ts";
import { useTexts } from "../texts.ts";

/** More rows than this say less than the CSV file. */
const TABLE_ROWS_MAX = 800;

export interface LoadPanelProps {
  readonly cohort: CohortList["cohorts"][number];
  readonly curve: Curve;
  /** The same points of an earlier span. */
  readonly behind: Float64Array | undefined;
  readonly behindName: string;
  readonly range: Range;
  readonly step: Step;
}

export function LoadPanel(props: LoadPanelProps): VNode {
  const { cohort, curve, behind, behindName, range, step } = props;
  const { neighbourhoods: words } = useTexts();
  const formats = useFormats(cohort.zone);
  const kilowatts = (value: number): string => formats.watts(value * 1000);
  const facts = factsOf(curve, range);
  const seconds = { interval: cohort.intervalSeconds, hour: 3600, day: 86_400 }[step];
  const contributors = Array.from(curve.contributors);
  return (
    <Panel>
      {facts !== undefined && (
        <Figures>
          <Figure
            label={words.peak}
            value={kilowatts(facts.peakKilowatts)}
            hint={formats.dateTime(facts.peakAt)}
          />
          <Figure label={words.mean} value={kilowatts(facts.meanKilowatts)} />
          <Figure
            label={words.loadFactor}
            value={formats.number(facts.loadFactor, 2)}
            hint={words.loadFactorHint}
          />
          <Figure
            label={words.energy}
            value={formats.kilowattHours(Math.round(facts.energyKilowattHours) * 1e6, 0)}
          />
          <Figure
            label={words.contributors}
            value={String(facts.contributorsMin)}
            hint={words.contributorsHint}
          />
        </Figures>
      )}
      <ChartWithTable
        chart={
          <LoadChart
            series={[{ name: words.power, x: curve.x, y: curve.y, contributors }]}
            {...(behind && { compare: { name: behindName, x: curve.x, y: behind } })}
            value={kilowatts}
            windowSeconds={seconds}
            zone={cohort.zone}
            label={`${words.power}, ${cohort.cohort}`}
            range={[range.from, range.to]}
            height={360}
          />
        }
        table={() => (
          <Table
            caption={words.tableCaption}
            phone="scroll"
            rows={Array.from(curve.x.slice(0, TABLE_ROWS_MAX), (at, index) => ({ at, index }))}
            rowKey={({ at }) => String(at)}
            columns={[
              {
                key: "time",
                head: words.time,
                priority: 1,
                cell: ({ at }) =>
                  step === "day" ? formats.date(at) : formats.dateTime(at, { zoneName: true }),
              },
              {
                key: "load",
                head: words.power,
                align: "end",
                cell: ({ index }) => valueText(curve.y[index], kilowatts),
              },
              {
                key: "behind",
                head: behindName,
                align: "end",
                cell: ({ index }) => valueText(behind?.[index], kilowatts),
              },
              {
                key: "contributors",
                head: words.contributors,
                align: "end",
                cell: ({ index }) => curve.contributors[index] ?? 0,
              },
            ]}
          />
        )}
      />
    </Panel>
  );
}

const valueText = (value: number | undefined, text: (value: number) => string): string =>
  value === undefined || Number.isNaN(value) ? "–" : text(value);

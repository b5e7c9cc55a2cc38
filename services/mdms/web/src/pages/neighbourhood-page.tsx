/** A neighbourhood's load: curve, peak, load factor, the week before pale behind, contributors on every point, gaps with their reason. */
import {
  Button,
  DateField,
  EmptyState,
  LinkButton,
  Loaded,
  Page,
  SegmentedControl,
  Toolbar,
  useFormats,
  useLoaded,
  useQuery,
} from "@smarter-metering/web";
import { localDate } from "@smarter-metering/tariff";
import type { VNode } from "preact";
import type { CohortList, LoadPage } from "../api.ts";
import { dayStart, isoText, secondsOf } from "../model/iso-day.ts";
import {
  behindOf,
  curveOf,
  laidOver,
  neighbour,
  rangeOf,
  SPANS,
  stepOf,
  STEPS,
  type Range,
  type Span,
  type Step,
} from "../model/load-curve.ts";
import { useApi } from "../session.tsx";
import { useTexts } from "../texts.ts";
import { GapsPanel } from "../views/gaps-panel.tsx";
import { LoadPanel } from "../views/load-panel.tsx";
import { CsvLink } from "../views/paged-list.tsx";
import { useLive } from "../views/live.tsx";

/** A year of days, and one more. */
const BLOCKS_MAX = 400;

type Cohort = CohortList["cohorts"][number];

export function NeighbourhoodPage({ cohort }: { readonly cohort: string }): VNode {
  const { neighbourhoods: words } = useTexts();
  const api = useApi();
  const loaded = useLoaded((signal) => api.get<CohortList>("/v1/cohorts", { signal }), [api]);
  const found =
    loaded.state === "ready"
      ? loaded.value.cohorts.find((candidate) => candidate.cohort === cohort)
      : undefined;
  if (found !== undefined) return <CohortPage cohort={found} />;
  return (
    <Page title={cohort}>
      <Loaded of={loaded}>
        {() => (
          <EmptyState icon="curve" title={words.noneTitle}>
            {words.none}
          </EmptyState>
        )}
      </Loaded>
    </Page>
  );
}

/** What the address says is shown. */
interface View {
  readonly span: Span;
  readonly step: Step;
  readonly direction: "import" | "export";
  readonly range: Range;
}

function viewOf(query: Readonly<Record<string, string>>, { zone, lastBlock }: Cohort): View {
  const span = SPANS.find((one) => one === query["span"]) ?? "week";
  const step = STEPS.find((one) => one === query["step"]) ?? stepOf(span);
  const newest = lastBlock === null ? Date.now() / 1000 : secondsOf(lastBlock);
  const { date } = query;
  const at = (date === undefined ? undefined : dayStart(date, zone)) ?? newest;
  const direction = query["direction"] === "export" ? "export" : "import";
  return { span, step, direction, range: rangeOf(span, Math.floor(at), zone) };
}

function CohortPage({ cohort }: { readonly cohort: Cohort }): VNode {
  const { neighbourhoods: words } = useTexts();
  const api = useApi();
  const [query] = useQuery();
  const { version } = useLive();
  const view = viewOf(query, cohort);
  const { range, direction, span } = view;
  const behind = behindOf(span, range, cohort.zone);
  const read = (wanted: Range, signal: AbortSignal): Promise<LoadPage> =>
    api.get<LoadPage>("/v1/load", { signal, query: askedOf(cohort.cohort, direction, wanted) });
  const loaded = useLoaded(
    (signal) => Promise.all([read(range, signal), read(behind, signal)]),
    [api, cohort.cohort, direction, range.from, range.to, version],
  );
  const { limit: _, ...asked } = askedOf(cohort.cohort, direction, range);
  return (
    <Page
      title={cohort.cohort}
      lead={words.curveLead(cohort.members, cohort.intervalSeconds / 60)}
      actions={
        <>
          <LinkButton to={`/feeders/${encodeURIComponent(cohort.cohort)}`} kind="quiet">
            {words.toFeeder}
          </LinkButton>
          <CsvLink path="/v1/load" asked={asked} />
        </>
      }
    >
      <Controls cohort={cohort} view={view} />
      <Loaded of={loaded}>
        {([now, before]) => (
          <Curves cohort={cohort} view={view} now={now} before={before} behind={behind} />
        )}
      </Loaded>
    </Page>
  );
}

const askedOf = (cohort: string, direction: string, { from, to }: Range) => ({
  cohort,
  direction,
  from: isoText(from),
  to: isoText(to),
  limit: String(BLOCKS_MAX),
});

interface CurvesProps {
  readonly cohort: Cohort;
  readonly view: View;
  readonly now: LoadPage;
  readonly before: LoadPage;
  readonly behind: Range;
}

function Curves({ cohort, view, now, before, behind }: CurvesProps): VNode {
  const { neighbourhoods: words } = useTexts();
  const { range, span, step } = view;
  if (now.releases.length === 0) {
    return (
      <>
        <EmptyState icon="curve" title={words.emptyTitle}>
          {words.empty}
        </EmptyState>
        <GapsPanel cohort={cohort} range={range} released={now.releases} />
      </>
    );
  }
  const curve = curveOf(now.releases, range, step, cohort);
  const earlier = curveOf(before.releases, behind, step, cohort);
  return (
    <div class="stack">
      <LoadPanel
        cohort={cohort}
        curve={curve}
        behind={
          before.releases.length === 0 ? undefined : laidOver(earlier, curve, behind, cohort.zone)
        }
        behindName={words.behind[span]}
        range={range}
        step={step}
      />
      <GapsPanel cohort={cohort} range={range} released={now.releases} />
    </div>
  );
}

function Controls({ cohort, view }: { readonly cohort: Cohort; readonly view: View }): VNode {
  const { neighbourhoods: words } = useTexts();
  const [, change] = useQuery();
  const formats = useFormats(cohort.zone);
  const { span, step, direction, range } = view;
  const { zone } = cohort;
  const go = (by: -1 | 1): void =>
    change({ date: localDate(neighbour(span, range, zone, by).from, zone) });
  const [first, last] = [localDate(range.from, zone), localDate(range.to - 1, zone)];
  return (
    <Toolbar>
      <SegmentedControl
        label={words.span}
        items={SPANS.map((value) => ({ value, label: words.spans[value] }))}
        current={span}
        onChange={(value) => change({ span: value, step: undefined })}
      />
      <div class="row">
        <Button kind="quiet" icon="left" onClick={() => go(-1)}>
          {words.earlier}
        </Button>
        <strong class="range">
          {first === last
            ? formats.dayLabel(first)
            : `${formats.date(first)} – ${formats.date(last)}`}
        </strong>
        <Button kind="quiet" icon="right" onClick={() => go(1)}>
          {words.later}
        </Button>
        <Button kind="quiet" onClick={() => change({ date: undefined })}>
          {words.newest}
        </Button>
      </div>
      <div class="row" key={first}>
        <DateField
          name="date"
          label={words.date}
          value={first}
          onChange={(date) => change({ date })}
        />
        <SegmentedControl
          label={words.step}
          items={STEPS.filter((value) => span !== "day" || value !== "day").map((value) => ({
            value,
            label: words.steps[value],
          }))}
          current={step}
          onChange={(value) => change({ step: value })}
        />
        <SegmentedControl
          label={words.direction}
          items={(["import", "export"] as const).map((value) => ({
            value,
            label: words.directions[value],
          }))}
          current={direction}
          onChange={(value) => change({ direction: value })}
        />
      </div>
    </Toolbar>
  );
}

/** The system at a glance; live. */
import {
  Facts,
  Figure,
  Figures,
  Grid,
  Link,
  Loaded,
  Page,
  Panel,
  useLoaded,
} from "@smarter-metering/web";
import type { VNode } from "preact";
import type { Overview } from "../api.ts";
import { useApi, useMay } from "../session.tsx";
import { useTexts } from "../texts.ts";
import { AlarmsPanel } from "../views/alarms-panel.tsx";
import { BlocksPanel } from "../views/blocks-panel.tsx";
import { CompletenessPanel } from "../views/completeness-panel.tsx";
import { LastWindowPanel } from "../views/last-window-panel.tsx";
import { LiveBadge, useLive } from "../views/live.tsx";
import { usePlaceFormats } from "../views/place.tsx";

export function OverviewPage(): VNode {
  const { overview: words } = useTexts();
  const api = useApi();
  const may = useMay();
  const { version } = useLive();
  const loaded = useLoaded(
    (signal) => api.get<Overview>("/v1/overview", { signal }),
    [api, version],
  );
  return (
    <Page title={words.title} lead={words.lead} actions={<LiveBadge />}>
      <Loaded of={loaded}>
        {(overview) => (
          <div class="stack">
            {overview.releasesLoad === 0 && overview.statements === 0 && (
              <FirstSteps overview={overview} />
            )}
            <Counts overview={overview} />
            <CompletenessPanel />
            <Grid>
              <BlocksPanel />
              <div class="stack">
                {may("customers") && <LastWindowPanel version={version} />}
                <DeploymentPanel overview={overview} />
              </div>
            </Grid>
            <AlarmsPanel />
          </div>
        )}
      </Loaded>
    </Page>
  );
}

function Counts({ overview }: { readonly overview: Overview }): VNode {
  const { overview: words } = useTexts();
  const formats = usePlaceFormats();
  return (
    <Panel>
      <Figures>
        <Figure
          label={words.servicePoints}
          value={formats.number(overview.servicePoints)}
          hint={words.billed(overview.servicePointsBilled)}
        />
        <Figure label={words.neighbourhoods} value={formats.number(overview.cohorts)} />
        <Figure label={words.loadBlocks} value={formats.number(overview.releasesLoad)} />
        <Figure label={words.statements} value={formats.number(overview.statements)} />
        <Figure label={words.alarms} value={formats.number(overview.alarms)} />
      </Figures>
    </Panel>
  );
}

function DeploymentPanel({ overview }: { readonly overview: Overview }): VNode {
  const { overview: words } = useTexts();
  const may = useMay();
  const epoch = String(overview.registryEpoch);
  return (
    <Panel title={words.registry}>
      <Facts
        items={[
          [words.epoch, may("registry") ? <Link to="/registry">{epoch}</Link> : epoch],
          [words.policy, <Link to="/privacy">{overview.policyId}</Link>],
        ]}
      />
    </Panel>
  );
}

/** A deployment that has released nothing yet: what comes, and what has to run for it. */
function FirstSteps({ overview }: { readonly overview: Overview }): VNode {
  const { start } = useTexts().overview;
  return (
    <Panel title={start.title} lead={start.lead}>
      <ol>
        {start.steps.map((step) => (
          <li key={step}>{step}</li>
        ))}
      </ol>
      <p class="muted">{start.registered(overview.servicePoints, overview.cohorts)}</p>
    </Panel>
  );
}

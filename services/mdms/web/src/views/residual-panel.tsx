/** What bills and load of a neighbourhood do not have in common, as the privacy officer's command line last audited it. */
import {
  Loaded,
  ProblemError,
  SelectField,
  Table,
  useFormats,
  useLoaded,
  useQuery,
} from "@smarter-metering/web";
import type { VNode } from "preact";
import type { CohortList, ResidualReport } from "../api.ts";
import { useApi } from "../session.tsx";
import { useTexts } from "../texts.ts";
import { Refusal } from "./refusal.tsx";
import { windowLabel } from "./window-label.ts";

export function ResidualPanel(): VNode {
  const api = useApi();
  const loaded = useLoaded((signal) => api.get<CohortList>("/v1/cohorts", { signal }), [api]);
  return <Loaded of={loaded}>{({ cohorts }) => <Residuals cohorts={cohorts} />}</Loaded>;
}

function Residuals({ cohorts }: CohortList): VNode {
  const { privacy: words } = useTexts();
  const [query, change] = useQuery();
  const chosen = cohorts.find(({ cohort }) => cohort === query["cohort"]) ?? cohorts[0];
  return (
    <div class="stack">
      <p class="muted">{words.residualLead}</p>
      {chosen === undefined ? (
        <p class="muted">{words.residualNone}</p>
      ) : (
        <>
          <SelectField
            name="cohort"
            label={words.cohort}
            value={chosen.cohort}
            options={cohorts.map(({ cohort }) => ({ value: cohort, label: cohort }))}
            onChange={(cohort) => change({ cohort })}
          />
          <Report key={chosen.cohort} cohort={chosen.cohort} zone={chosen.zone} />
        </>
      )}
    </div>
  );
}

/** Undefined when nothing was written yet. */
export async function writtenOrNone<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ProblemError && error.code === "MDMS_NO_REPORT") return undefined;
    throw error;
  }
}

function Report({ cohort, zone }: { readonly cohort: string; readonly zone: string }): VNode {
  const { privacy: words } = useTexts();
  const api = useApi();
  const formats = useFormats(zone);
  const loaded = useLoaded(
    (signal) =>
      writtenOrNone(api.get<ResidualReport>("/v1/privacy/residual", { signal, query: { cohort } })),
    [api, cohort],
  );
  const energy = (text: string | null): string =>
    text === null ? "–" : formats.kilowattHours(BigInt(text), 1);
  return (
    <Loaded
      of={loaded}
      empty={(report) =>
        report === undefined ? <p class="muted">{words.residualNone}</p> : undefined
      }
    >
      {(report) => (
        <>
          <p class="muted">
            {words.made}: {formats.dateTime(report?.writtenAt ?? 0)}
          </p>
          <Table
            caption={words.residualCaption}
            rows={report?.windows ?? []}
            rowKey={({ from }) => from}
            columns={[
              {
                key: "window",
                head: words.window,
                priority: 1,
                cell: (window) => windowLabel(window, zone, formats),
              },
              { key: "bills", head: words.bills, align: "end", cell: ({ bills }) => bills },
              { key: "blocks", head: words.loadDays, align: "end", cell: ({ blocks }) => blocks },
              {
                key: "billed",
                head: words.billed,
                align: "end",
                cell: (window) => energy(window.billed_mWh),
              },
              {
                key: "load",
                head: words.load,
                align: "end",
                cell: (window) => energy(window.load_mWh),
              },
              {
                key: "residual",
                head: words.residual,
                align: "end",
                cell: (window) => energy(window.residual_mWh),
              },
              {
                key: "why",
                head: words.codes,
                cell: ({ refusals }) =>
                  refusals.map(({ code, reason }) => (
                    <div key={code} title={reason}>
                      <Refusal code={code} />
                    </div>
                  )),
              },
            ]}
          />
        </>
      )}
    </Loaded>
  );
}

/** Who takes part, who is summed with whom, contracts, and proposals to the registry: the MDMS has no power over it. */
import { EmptyState, Facts, Loaded, Notice, Page, Table, useLoaded } from "@smarter-metering/web";
import type { VNode } from "preact";
import type { CohortPlan, ContractList, RegistryAnswer } from "../api.ts";
import { useApi, useMay } from "../session.tsx";
import { useTexts } from "../texts.ts";
import { CohortPlanView } from "../views/cohort-plan-view.tsx";
import { CsvButton } from "../views/csv-button.tsx";
import { ProposalsPanel } from "../views/proposals-panel.tsx";
import { ServicePointLink } from "../views/service-point-link.tsx";
import { TabChoice } from "../views/tab-choice.tsx";
import { usePlaceFormats } from "../views/place.tsx";

const CONTRACTS_MAX = 200;
const CONTRACT_DAYS = 60;

export function RegistryPage(): VNode {
  const { registry: words } = useTexts();
  const api = useApi();
  const may = useMay();
  const loaded = useLoaded((signal) => api.get<RegistryAnswer>("/v1/registry", { signal }), [api]);
  const { tabs } = words;
  const items = [
    { value: "parties" as const, label: tabs.parties },
    { value: "cohorts" as const, label: tabs.cohorts },
    { value: "plan" as const, label: tabs.plan },
    ...(may("moves")
      ? [
          { value: "contracts" as const, label: tabs.contracts },
          { value: "proposals" as const, label: tabs.proposals },
        ]
      : []),
  ];
  return (
    <Page title={words.title} lead={words.lead}>
      <Notice>{words.why}</Notice>
      <Loaded of={loaded}>
        {(registry) => (
          <div class="stack">
            <Summary registry={registry} />
            <TabChoice label={words.tabsLabel} items={items}>
              {(tab) => (
                <>
                  {tab === "parties" && <Parties registry={registry} />}
                  {tab === "cohorts" && <Cohorts registry={registry} />}
                  {tab === "plan" && <Plan />}
                  {tab === "contracts" && <Contracts />}
                  {tab === "proposals" && <ProposalsPanel />}
                </>
              )}
            </TabChoice>
          </div>
        )}
      </Loaded>
    </Page>
  );
}

interface RegistryProps {
  readonly registry: RegistryAnswer;
}

function Summary({ registry }: RegistryProps): VNode {
  const { registry: words } = useTexts();
  const formats = usePlaceFormats();
  const { running, starting, ending } = registry.contracts;
  return (
    <Facts
      items={[
        [words.epoch, `${registry.epoch}`],
        [
          words.age,
          `${formats.duration(registry.ageSeconds)} (${formats.dateTime(registry.issuedAt)})`,
        ],
        [words.contracts, words.contractCounts(running, starting, ending)],
      ]}
    />
  );
}

function Parties({ registry }: RegistryProps): VNode {
  const { registry: words } = useTexts();
  const nameOf = ({ role, trustee }: RegistryAnswer["parties"][number]): string =>
    `${words.partyRoles[role]}${trustee === null ? "" : ` ${trustee}`}`;
  return (
    <>
      <div class="row">
        <CsvButton
          name="parties"
          columns={["role", "trustee", "signing_key", "encryption_key"]}
          rows={() =>
            registry.parties.map((party) => [
              party.role,
              party.trustee,
              party.signingKey,
              party.encryptionKey,
            ])
          }
        />
      </div>
      <Table
        caption={words.partiesCaption}
        rows={registry.parties}
        rowKey={({ role, signingKey }) => `${role} ${signingKey}`}
        columns={[
          { key: "party", head: words.party, priority: 1, cell: nameOf },
          {
            key: "key",
            head: words.fingerprint,
            cell: ({ signingKey }) => <code class="id">{grouped(signingKey)}</code>,
          },
          {
            key: "encryption",
            head: words.encryptionFingerprint,
            cell: ({ encryptionKey }) =>
              encryptionKey === null ? "–" : <code class="id">{grouped(encryptionKey)}</code>,
          },
        ]}
      />
    </>
  );
}

/** In groups of four, as people compare it. */
const grouped = (hex: string): string => hex.replaceAll(/(.{4})(?=.)/g, "$1 ");

function Cohorts({ registry }: RegistryProps): VNode {
  const { registry: words } = useTexts();
  const formats = usePlaceFormats();
  const rows = registry.cohorts.flatMap(({ cohort, zone, intervalSeconds, versions }) =>
    versions.map((version) => ({ cohort, zone, intervalSeconds, ...version })),
  );
  return (
    <>
      <div class="row">
        <CsvButton
          name="cohorts"
          columns={["cohort", "version", "members", "from", "zone", "interval_seconds"]}
          rows={() =>
            rows.map((row) => [
              row.cohort,
              row.version,
              row.members,
              row.from,
              row.zone,
              row.intervalSeconds,
            ])
          }
        />
      </div>
      <Table
        caption={words.cohortsCaption}
        rows={rows}
        rowKey={({ cohort, version }) => `${cohort} ${version}`}
        columns={[
          { key: "cohort", head: words.cohort, priority: 1, cell: ({ cohort }) => cohort },
          { key: "version", head: words.version, align: "end", cell: ({ version }) => version },
          { key: "members", head: words.members, align: "end", cell: ({ members }) => members },
          { key: "from", head: words.fromDay, cell: ({ from }) => formats.date(from) },
          {
            key: "interval",
            head: words.interval,
            align: "end",
            cell: ({ intervalSeconds }) => formats.duration(intervalSeconds),
          },
        ]}
      />
    </>
  );
}

function Plan(): VNode {
  const api = useApi();
  const loaded = useLoaded(
    (signal) => api.get<CohortPlan>("/v1/registry/cohort-plan", { signal }),
    [api],
  );
  return <Loaded of={loaded}>{(plan) => <CohortPlanView plan={plan} />}</Loaded>;
}

function Contracts(): VNode {
  const { registry: words } = useTexts();
  const api = useApi();
  const formats = usePlaceFormats();
  const loaded = useLoaded(
    (signal) =>
      api.get<ContractList>("/v1/registry/contracts", {
        signal,
        query: { pastDays: CONTRACT_DAYS, days: CONTRACT_DAYS, limit: CONTRACTS_MAX },
      }),
    [api],
  );
  return (
    <Loaded
      of={loaded}
      empty={({ contracts }) =>
        contracts.length === 0 ? <EmptyState icon="users" title={words.noContracts} /> : undefined
      }
    >
      {({ contracts }) => (
        <>
          <div class="row">
            <CsvButton
              name="contracts"
              columns={["service_point", "event", "at", "tariff"]}
              rows={() =>
                contracts.map(({ servicePoint, event, at, tariff }) => [
                  servicePoint,
                  event,
                  at,
                  tariff,
                ])
              }
            />
          </div>
          <Table
            caption={words.contractsCaption}
            rows={contracts}
            rowKey={({ servicePoint, event, at }) => `${servicePoint} ${event} ${at}`}
            columns={[
              { key: "at", head: words.at, priority: 1, cell: ({ at }) => formats.date(at) },
              {
                key: "event",
                head: words.kind,
                cell: ({ event }) => (event === "start" ? words.begins : words.ends),
              },
              {
                key: "point",
                head: words.servicePoint,
                cell: ({ servicePoint }) => <ServicePointLink id={servicePoint} />,
              },
              { key: "tariff", head: words.tariff, cell: ({ tariff }) => tariff },
            ]}
          />
        </>
      )}
    </Loaded>
  );
}

/** Moves and exchanges proposed to the registry, what became of them, and the form for a new one. */
import {
  Badge,
  Button,
  DateField,
  Form,
  Loaded,
  Panel,
  ProblemError,
  SelectField,
  Table,
  TextField,
  toast,
  useLoaded,
  useQuery,
  type FormValues,
} from "@smarter-metering/web";
import type { VNode } from "preact";
import { useState } from "preact/hooks";
import type { CohortPlan, Proposal, ProposalList, ServicePointDetail, TariffList } from "../api.ts";
import { isoDay } from "../model/iso-day.ts";
import { useApi } from "../session.tsx";
import { useTexts, type Texts } from "../texts.ts";
import { CohortPlanView } from "./cohort-plan-view.tsx";
import { CsvButton } from "./csv-button.tsx";
import { ServicePointLink } from "./service-point-link.tsx";
import { usePlaceFormats } from "./place.tsx";

const TONES = {
  open: "info",
  approved: "good",
  declined: "warn",
  withdrawn: "plain",
  expired: "plain",
} as const satisfies Readonly<Record<Proposal["state"], string>>;

const KINDS = ["move-out", "move-in", "meter-exchange"] as const;
type Kind = (typeof KINDS)[number];

/** When it is to happen. */
function atOf({ order }: Proposal): string {
  if (order.kind === "move-out") return order.contractEnd;
  return order.kind === "move-in" ? order.contractStart : order.at;
}

export function ProposalsPanel(): VNode {
  const { registry: words } = useTexts();
  const api = useApi();
  const loaded = useLoaded(
    (signal) => api.get<ProposalList>("/v1/registry/proposals", { signal }),
    [api],
  );
  const reload = loaded.state === "ready" ? loaded.reload : () => undefined;
  return (
    <div class="stack">
      <ProposalForm onFiled={reload} />
      <Loaded
        of={loaded}
        empty={({ proposals }) =>
          proposals.length === 0 ? <p class="muted">{words.noProposals}</p> : undefined
        }
      >
        {({ proposals }) => <ProposalsTable proposals={proposals} onChange={reload} />}
      </Loaded>
    </div>
  );
}

interface ProposalsTableProps {
  readonly proposals: readonly Proposal[];
  readonly onChange: () => void;
}

function ProposalsTable({ proposals, onChange }: ProposalsTableProps): VNode {
  const { registry: words } = useTexts();
  const api = useApi();
  const formats = usePlaceFormats();
  const [shown, setShown] = useState<string>();
  const withdraw = async (id: string): Promise<void> => {
    await api.post(`/v1/registry/proposals/${id}/withdraw`, {});
    onChange();
  };
  return (
    <>
      <div class="row">
        <CsvButton
          name="proposals"
          columns={["kind", "service_point", "at", "state", "proposed_by", "proposed_at", "reason"]}
          rows={() =>
            proposals.map((one) => [
              one.order.kind,
              one.order.servicePoint,
              atOf(one),
              one.state,
              one.proposedBy,
              one.proposedAt,
              one.reason,
            ])
          }
        />
      </div>
      <Table
        caption={words.proposalsCaption}
        rows={proposals}
        rowKey={({ id }) => id}
        columns={[
          {
            key: "kind",
            head: words.proposal,
            priority: 1,
            cell: ({ order }) => words.kinds[order.kind],
          },
          {
            key: "point",
            head: words.servicePoint,
            cell: ({ order }) => <ServicePointLink id={order.servicePoint} />,
          },
          { key: "at", head: words.at, cell: (one) => formats.date(atOf(one)) },
          { key: "by", head: words.by, cell: ({ proposedBy }) => proposedBy },
          {
            key: "state",
            head: words.state,
            cell: ({ state, reason, expiresAt }) => (
              <>
                <Badge tone={TONES[state]}>{words.states[state]}</Badge>{" "}
                {reason ?? (state === "open" && `${words.expires} ${formats.date(expiresAt)}`)}
              </>
            ),
          },
          {
            key: "actions",
            head: words.actions,
            cell: ({ id, state }) =>
              state === "open" && (
                <div class="row">
                  <Button kind="quiet" pressed={shown === id} onClick={() => setShown(id)}>
                    {words.showEffects}
                  </Button>
                  <Button kind="quiet" onClick={() => void withdraw(id)}>
                    {words.withdraw}
                  </Button>
                </div>
              ),
          },
        ]}
      />
      {shown !== undefined && <Effects key={shown} id={shown} />}
    </>
  );
}

function Effects({ id }: { readonly id: string }): VNode {
  const { registry: words } = useTexts();
  const api = useApi();
  const path = `/v1/registry/proposals/${id}/cohort-plan`;
  const loaded = useLoaded((signal) => api.get<CohortPlan>(path, { signal }), [api, id]);
  return (
    <Panel title={words.effects}>
      <Loaded of={loaded}>{(plan) => <CohortPlanView plan={plan} />}</Loaded>
    </Panel>
  );
}

function ProposalForm({ onFiled }: { readonly onFiled: () => void }): VNode {
  const { registry: words } = useTexts();
  const api = useApi();
  const [query] = useQuery();
  const [kind, setKind] = useState<Kind>("move-out");
  const tariffs = useLoaded((signal) => api.get<TariffList>("/v1/tariffs", { signal }), [api]);
  const names = tariffs.state === "ready" ? tariffs.value.tariffs.map(({ tariff }) => tariff) : [];
  return (
    <Panel title={words.file} lead={words.fileLead}>
      <Form
        submit={words.submit}
        onSubmit={async (values) => {
          const servicePoint = values.text("servicePoint").trim().toLowerCase();
          const point = await api.get<ServicePointDetail>(
            `/v1/service-points/${encodeURIComponent(servicePoint)}`,
          );
          await api.post("/v1/registry/proposals", orderOf(kind, values, point, words));
          toast(words.filed);
          onFiled();
        }}
      >
        <div class="fields">
          <SelectField
            name="kind"
            label={words.kind}
            value={kind}
            options={KINDS.map((value) => ({ value, label: words.kinds[value] }))}
            onChange={(value) => setKind(KINDS.find((one) => one === value) ?? "move-out")}
          />
          <TextField
            name="servicePoint"
            label={words.servicePoint}
            hint={words.servicePointHint}
            value={query["servicePoint"] ?? ""}
            pattern="[0-9a-fA-F]{32}"
            maxLength={32}
          />
          <DateField name="date" label={words.date} hint={words.dateHint} />
          {kind === "move-in" && (
            <>
              <SelectField
                name="tariff"
                label={words.tariff}
                options={names.map((name) => ({ value: name, label: name }))}
              />
              <TextField
                name="consumptionClass"
                label={words.consumptionClass}
                value="household"
                maxLength={64}
              />
            </>
          )}
        </div>
      </Form>
    </Panel>
  );
}

function orderOf(
  kind: Kind,
  values: FormValues,
  { servicePoint, zone }: ServicePointDetail,
  words: Texts["registry"],
): Readonly<Record<string, string>> {
  const at = isoDay(values.text("date"), zone);
  if (at === undefined) {
    const errors = [{ path: "date", message: words.dateHint }];
    throw new ProblemError({ status: 0, code: "DATE_INVALID", title: words.dateHint, errors });
  }
  if (kind === "move-out") return { kind, servicePoint, contractEnd: at };
  if (kind === "meter-exchange") return { kind, servicePoint, at };
  return {
    kind,
    servicePoint,
    contractStart: at,
    tariff: values.text("tariff"),
    consumptionClass: values.text("consumptionClass"),
  };
}

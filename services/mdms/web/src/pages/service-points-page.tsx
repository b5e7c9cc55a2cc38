/** Service points under their pseudonyms: found by prefix, contract, tariff, and whether they are billed. */
import {
  Badge,
  EmptyState,
  Filters,
  navigate,
  Page,
  SelectField,
  TextField,
  useLoaded,
  type Formats,
} from "@smarter-metering/web";
import type { VNode } from "preact";
import type { ServicePointPage as Answer, TariffList } from "../api.ts";
import { useApi } from "../session.tsx";
import { useTexts } from "../texts.ts";
import { CsvLink, given, PagedList, useFilters } from "../views/paged-list.tsx";
import { ServicePointLink } from "../views/service-point-link.tsx";
import { windowLabel } from "../views/window-label.ts";
import { usePlaceFormats } from "../views/place.tsx";

const PSEUDONYM_CHARS = 32;

export function ServicePointsPage(): VNode {
  const { servicePoints: words, common } = useTexts();
  const api = useApi();
  const formats = usePlaceFormats();
  const tariffs = useLoaded((signal) => api.get<TariffList>("/v1/tariffs", { signal }), [api]);
  const { values, set, setTyped, clear } = useFilters(["prefix", "state", "tariff"]);
  const names = tariffs.state === "ready" ? tariffs.value.tariffs.map(({ tariff }) => tariff) : [];
  const all = { value: "", label: common.all };
  return (
    <Page
      title={words.title}
      lead={words.lead}
      actions={<CsvLink path="/v1/service-points" asked={values} />}
    >
      <div key={String(clear === undefined)}>
        <Filters {...(clear && { onClear: clear })}>
          <TextField
            name="prefix"
            type="search"
            label={words.prefix}
            maxLength={PSEUDONYM_CHARS}
            {...given(values.prefix)}
            onInput={(text) => setTyped("prefix", text.toLowerCase().replaceAll(/[^0-9a-f]/g, ""))}
          />
          <SelectField
            name="state"
            label={words.state}
            value={values.state ?? ""}
            options={[
              all,
              ...Object.entries(words.states).map(([value, label]) => ({ value, label })),
            ]}
            onChange={(value) => set("state", value)}
          />
          <SelectField
            name="tariff"
            label={words.tariff}
            value={values.tariff ?? ""}
            options={[all, ...names.map((name) => ({ value: name, label: name }))]}
            onChange={(value) => set("tariff", value)}
          />
        </Filters>
      </div>
      <PagedList<Answer, Answer["servicePoints"][number]>
        path="/v1/service-points"
        asked={values}
        rowsOf={({ servicePoints }) => servicePoints}
        rowKey={({ servicePoint }) => servicePoint}
        caption={words.caption}
        onRow={({ servicePoint }) => navigate(`/service-points/${servicePoint}`)}
        empty={
          <EmptyState icon="meter" title={words.noneTitle}>
            {words.none}
          </EmptyState>
        }
        columns={[
          {
            key: "point",
            head: words.point,
            priority: 1,
            cell: ({ servicePoint }) => <ServicePointLink id={servicePoint} />,
          },
          {
            key: "state",
            head: words.state,
            cell: ({ state }) => (
              <Badge tone={state === "running" ? "good" : "plain"}>{words.states[state]}</Badge>
            ),
          },
          { key: "tariff", head: words.tariff, cell: ({ tariff }) => tariff },
          {
            key: "since",
            head: words.since,
            cell: ({ contractStart }) => formats.date(contractStart),
          },
          {
            key: "last",
            head: words.last,
            cell: ({ lastStatement, zone }) =>
              lastText(lastStatement, zone, formats) ?? words.noStatement,
          },
          {
            key: "amount",
            head: words.amount,
            align: "end",
            cell: ({ lastStatement }) =>
              lastStatement && formats.money(lastStatement.amount, lastStatement.currency),
          },
        ]}
      />
    </Page>
  );
}

function lastText(
  last: Answer["servicePoints"][number]["lastStatement"],
  zone: string,
  formats: Formats,
): string | undefined {
  return last === null ? undefined : windowLabel(last, zone, formats);
}

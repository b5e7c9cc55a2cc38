/** Statements: by window, tariff, amount, and whether they were corrected. The newest first. */
import {
  Badge,
  DateField,
  EmptyState,
  Filters,
  Link,
  navigate,
  NumberField,
  Page,
  SelectField,
  useLoaded,
} from "@smarter-metering/web";
import type { VNode } from "preact";
import type { Statement, StatementPage as Answer, TariffList } from "../api.ts";
import { dayAfter, isoDay } from "../model/iso-day.ts";
import { useApi } from "../session.tsx";
import { useTexts } from "../texts.ts";
import { CsvLink, given, PagedList, useFilters } from "../views/paged-list.tsx";
import { ServicePointLink } from "../views/service-point-link.tsx";
import { windowLabel } from "../views/window-label.ts";
import { usePlaceFormats } from "../views/place.tsx";

const FILTERS = [
  "from",
  "to",
  "tariff",
  "amountMin",
  "amountMax",
  "corrected",
  "servicePoint",
] as const;
/** With a comma as well as a point. */
const decimalText = (text: string): string => text.replace(",", ".").replaceAll(/[^0-9.-]/g, "");

export function StatementsPage(): VNode {
  const { statements: words } = useTexts();
  const formats = usePlaceFormats();
  const filters = useFilters(FILTERS);
  const { from, to, ...plain } = filters.values;
  const asked = {
    ...plain,
    order: "newest",
    from: from && isoDay(from, formats.zone),
    to: to && isoDay(dayAfter(to), formats.zone),
  };
  const pathOf = (row: Statement): string => `/statements/${row.servicePoint}/${row.from}`;
  return (
    <Page
      title={words.title}
      lead={words.lead}
      actions={<CsvLink path="/v1/statements" asked={asked} />}
    >
      <StatementFilters filters={filters} />
      <PagedList<Answer, Statement>
        path="/v1/statements"
        asked={asked}
        rowsOf={({ statements }) => statements}
        rowKey={pathOf}
        caption={words.caption}
        onRow={(row) => navigate(pathOf(row))}
        empty={
          <EmptyState icon="receipt" title={words.noneTitle}>
            {words.none}
          </EmptyState>
        }
        columns={[
          {
            key: "window",
            head: words.window,
            priority: 1,
            cell: (row) => (
              <Link
                to={pathOf(row)}
                label={`${windowLabel(row, formats.zone, formats)}, ${row.servicePoint}`}
              >
                {windowLabel(row, formats.zone, formats)}
              </Link>
            ),
          },
          {
            key: "point",
            head: words.point,
            cell: ({ servicePoint }) => <ServicePointLink id={servicePoint} />,
          },
          { key: "tariff", head: words.tariff, cell: ({ tariff }) => tariff },
          {
            key: "energy",
            head: words.energy,
            align: "end",
            cell: (row) => formats.kilowattHours(BigInt(row.energy_mWh), 1),
          },
          {
            key: "amount",
            head: words.amount,
            align: "end",
            cell: (row) => formats.money(row.notes?.at(-1)?.corrected ?? row.amount, row.currency),
          },
          { key: "marks", head: words.marks, cell: (row) => <Marks statement={row} /> },
        ]}
      />
    </Page>
  );
}

/** What is unlike other statements. */
export function Marks({ statement }: { readonly statement: Statement }): VNode {
  const { statements: words } = useTexts();
  const { notes = [], estimated, extended, kind } = statement;
  return (
    <span class="marks">
      {kind !== "regular" && <Badge>{words.kinds[kind]}</Badge>}
      {notes.length > 0 && <Badge tone="info">{words.corrected}</Badge>}
      {estimated && <Badge tone="warn">{words.estimated}</Badge>}
      {extended && <Badge tone="warn">{words.extended}</Badge>}
    </span>
  );
}

function StatementFilters({
  filters,
}: {
  readonly filters: ReturnType<typeof useFilters<(typeof FILTERS)[number]>>;
}): VNode {
  const { statements: words, common } = useTexts();
  const api = useApi();
  const { values, set, setTyped, clear } = filters;
  const tariffs = useLoaded((signal) => api.get<TariffList>("/v1/tariffs", { signal }), [api]);
  const names = tariffs.state === "ready" ? tariffs.value.tariffs.map(({ tariff }) => tariff) : [];
  const all = { value: "", label: common.all };
  return (
    <div key={String(clear === undefined)}>
      <Filters {...(clear && { onClear: clear })}>
        <DateField
          name="from"
          label={common.from}
          {...given(values.from)}
          onChange={(day) => set("from", day)}
        />
        <DateField
          name="to"
          label={common.to}
          {...given(values.to)}
          onChange={(day) => set("to", day)}
        />
        <SelectField
          name="tariff"
          label={words.tariff}
          value={values.tariff ?? ""}
          options={[all, ...names.map((name) => ({ value: name, label: name }))]}
          onChange={(value) => set("tariff", value)}
        />
        <SelectField
          name="corrected"
          label={words.corrected}
          value={values.corrected ?? ""}
          options={[
            all,
            { value: "true", label: words.correctedOnly },
            { value: "false", label: words.notCorrected },
          ]}
          onChange={(value) => set("corrected", value)}
        />
        <NumberField
          name="amountMin"
          label={words.amountMin}
          {...given(values.amountMin)}
          onInput={(text) => setTyped("amountMin", decimalText(text))}
        />
        <NumberField
          name="amountMax"
          label={words.amountMax}
          {...given(values.amountMax)}
          onInput={(text) => setTyped("amountMax", decimalText(text))}
        />
      </Filters>
    </div>
  );
}

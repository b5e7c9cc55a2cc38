/** Tariffs: dated versions, the calendar drawn, prices of the coming day where they change by the hour. */
import {
  Badge,
  Details,
  EmptyState,
  LinkButton,
  Loaded,
  Page,
  Panel,
  SelectField,
  Table,
  useLoaded,
  useQuery,
} from "@smarter-metering/web";
import {
  formatMicro,
  formatMinor,
  parseTariff,
  type Tariff,
  type TariffVersion,
} from "@smarter-metering/tariff";
import type { VNode } from "preact";
import type { TariffList } from "../api.ts";
import { useApi, useMay } from "../session.tsx";
import { useTexts } from "../texts.ts";
import { CalendarPicture } from "../views/calendar-picture.tsx";
import { CsvButton } from "../views/csv-button.tsx";
import { useLive } from "../views/live.tsx";
import { PricesPanel } from "../views/prices-panel.tsx";
import { usePlaceFormats } from "../views/place.tsx";

type Listed = TariffList["tariffs"][number];

export function TariffsPage(): VNode {
  const { tariffs: words } = useTexts();
  const api = useApi();
  const may = useMay();
  const { version } = useLive();
  const loaded = useLoaded(
    (signal) => api.get<TariffList>("/v1/tariffs", { signal }),
    [api, version],
  );
  return (
    <Page
      title={words.title}
      lead={words.lead}
      actions={
        may("tariffs") && (
          <LinkButton to="/tariffs/new" kind="primary" icon="plus">
            {words.fresh}
          </LinkButton>
        )
      }
    >
      <Loaded
        of={loaded}
        empty={({ tariffs }) =>
          tariffs.length === 0 ? (
            <EmptyState icon="tag" title={words.noneTitle}>
              {words.none}
            </EmptyState>
          ) : undefined
        }
      >
        {({ tariffs }) => <Chosen tariffs={tariffs} />}
      </Loaded>
    </Page>
  );
}

function Chosen({ tariffs }: TariffList): VNode {
  const { tariffs: words, servicePoints } = useTexts();
  const [query, change] = useQuery();
  const chosen = tariffs.find(({ tariff }) => tariff === query["tariff"]) ?? tariffs[0];
  return (
    <div class="stack">
      {tariffs.length > 1 && (
        <SelectField
          name="tariff"
          label={servicePoints.tariff}
          value={chosen?.tariff ?? ""}
          options={tariffs.map(({ tariff, servicePoints: count }) => ({
            value: tariff,
            label: `${tariff} (${words.contracts(count)})`,
          }))}
          onChange={(tariff) => change({ tariff })}
        />
      )}
      {chosen !== undefined && <TariffPanels key={chosen.tariff} listed={chosen} />}
    </div>
  );
}

function TariffPanels({ listed }: { readonly listed: Listed }): VNode {
  const { tariffs: words } = useTexts();
  const tariff = parseTariff(listed.document);
  return (
    <>
      <Panel
        title={`${listed.tariff}: ${words.versions}`}
        lead={words.contracts(listed.servicePoints)}
        actions={<VersionsCsv tariff={tariff} />}
      >
        <Versions listed={listed} tariff={tariff} />
      </Panel>
      <Panel title={words.calendar}>
        <CalendarPicture calendar={tariff.calendar} />
        {tariff.calendar.cost !== undefined && (
          <p>
            {words.cost(tariff.calendar.cost.prices)}{" "}
            {tariff.calendar.cost.known !== undefined && words.costAfter}
          </p>
        )}
      </Panel>
      {listed.prices !== null && <PricesPanel series={listed.prices} currency={listed.currency} />}
      <Panel title={words.document}>
        <Details summary={words.inWords}>
          <ul class="plain-list" lang="en">
            {listed.description.map((sentence) => (
              <li key={sentence}>{sentence}</li>
            ))}
          </ul>
        </Details>
        <Details summary={words.asJson}>
          <pre class="json" tabIndex={0}>
            {JSON.stringify(listed.document, null, 2)}
          </pre>
        </Details>
      </Panel>
    </>
  );
}

function VersionsCsv({ tariff }: { readonly tariff: Tariff }): VNode {
  const { calendar, versions } = tariff;
  return (
    <CsvButton
      name={`tariff-${tariff.tariff}`}
      columns={["version", "valid_from", "band", "price_micro_per_kWh"]}
      rows={() =>
        versions.flatMap(({ version, validFrom, pricesMicroPerKilowattHour: prices }) =>
          calendar.bands.map((band) => [version, validFrom, band, prices[band] ?? null]),
        )
      }
    />
  );
}

interface VersionsProps {
  readonly listed: Listed;
  readonly tariff: Tariff;
}

const TONES = { past: "plain", "in-force": "good", "to-come": "info" } as const;

function Versions({ listed, tariff }: VersionsProps): VNode {
  const { tariffs: words } = useTexts();
  const formats = usePlaceFormats();
  const { currency, calendar } = tariff;
  const perKilowattHour = (micro: number): string => `${formatMicro(micro)} ${currency}/kWh`;
  const rows = tariff.versions.toReversed();
  const stateOf = ({ version }: TariffVersion): Listed["versions"][number]["state"] =>
    listed.versions.find((one) => one.version === version)?.state ?? "past";
  return (
    <>
      <Table
        caption={words.versionsCaption(tariff.tariff)}
        rows={rows}
        rowKey={({ version }) => String(version)}
        columns={[
          {
            key: "version",
            head: words.version,
            priority: 1,
            cell: (version) => (
              <>
                {version.version}{" "}
                <Badge tone={TONES[stateOf(version)]}>{words.states[stateOf(version)]}</Badge>
              </>
            ),
          },
          { key: "from", head: words.validFrom, cell: ({ validFrom }) => formats.date(validFrom) },
          {
            key: "prices",
            head: words.prices,
            cell: (version) =>
              calendar.bands.map((band) => (
                <div key={band}>
                  {calendar.bands.length > 1 && `${band}: `}
                  {perKilowattHour(version.pricesMicroPerKilowattHour[band] ?? 0)}
                </div>
              )),
          },
          {
            key: "standing",
            head: words.standing,
            cell: (version) => standing(version, currency, words),
          },
          {
            key: "feedIn",
            head: words.feedIn,
            cell: (version) => perKilowattHour(version.feedInMicroPerKilowattHour),
          },
          { key: "tax", head: words.tax, cell: (version) => taxes(version, perKilowattHour) },
        ]}
      />
    </>
  );
}

function standing(
  { standingChargeMicroPerDay: perDay, standingChargeMicroPerMonth: perMonth }: TariffVersion,
  currency: string,
  words: { readonly perDay: string; readonly perMonth: string },
): string {
  const day = `${formatMicro(perDay)} ${currency} ${words.perDay}`;
  if (perMonth === undefined) return day;
  const month = `${formatMicro(perMonth)} ${currency} ${words.perMonth}`;
  return perDay === 0 ? month : `${day}, ${month}`;
}

const percent = (basisPoints: number): string => `${formatMinor(BigInt(basisPoints), 2)} %`;

function taxes(version: TariffVersion, perKilowattHour: (micro: number) => string): string {
  const { taxBasisPoints, taxes: named = [] } = version;
  const plain = taxBasisPoints > 0 || named.length === 0 ? [percent(taxBasisPoints)] : [];
  const rest = named.map((tax) =>
    "on" in tax
      ? `${tax.name} ${percent(tax.basisPoints)}`
      : `${tax.name} ${perKilowattHour(tax.microPerKilowattHour)}`,
  );
  return [...plain, ...rest].join(", ");
}

/** One bill as a person expects it, fit to be printed. */
import {
  Button,
  Copyable,
  Facts,
  Figure,
  Figures,
  Icon,
  Link,
  Loaded,
  Notice,
  Page,
  Panel,
  useFormats,
  useLoaded,
} from "@smarter-metering/web";
import type { VNode } from "preact";
import type { ServicePointDetail } from "../api.ts";
import { useApi } from "../session.tsx";
import { useTexts } from "../texts.ts";
import { BillTable, NoteTable } from "../views/bill-table.tsx";
import { EmptyPage } from "../views/empty-page.tsx";
import { shortPoint } from "../views/service-point-link.tsx";
import { windowLabel } from "../views/window-label.ts";

export interface StatementPageProps {
  readonly servicePoint: string;
  readonly from: string;
}

export function StatementPage({ servicePoint, from }: StatementPageProps): VNode {
  const { statements: words } = useTexts();
  const api = useApi();
  const loaded = useLoaded(
    (signal) =>
      api.get<ServicePointDetail>(`/v1/service-points/${encodeURIComponent(servicePoint)}`, {
        signal,
      }),
    [api, servicePoint],
  );
  if (loaded.state !== "ready") {
    return (
      <Page title={words.bill}>
        <Loaded of={loaded}>{() => <></>}</Loaded>
      </Page>
    );
  }
  const { value: detail } = loaded;
  const index = detail.windows.findIndex((window) => Date.parse(window.from) === Date.parse(from));
  const statement = detail.windows[index];
  if (statement === undefined) return <EmptyPage />;
  return <Bill detail={detail} statement={statement} before={detail.windows[index - 1]} />;
}

type Window = ServicePointDetail["windows"][number];

interface BillProps {
  readonly detail: ServicePointDetail;
  readonly statement: Window;
  /** The statement of the window before. */
  readonly before: Window | undefined;
}

function Bill({ detail, statement, before }: BillProps): VNode {
  const { statements: words } = useTexts();
  const { servicePoint, zone } = detail;
  const formats = useFormats(zone);
  const { from, notes = [], cost } = statement;
  return (
    <Page
      title={words.one(windowLabel(statement, zone, formats))}
      lead={<Link to={`/service-points/${servicePoint}`}>{shortPoint(servicePoint)}</Link>}
      actions={
        <>
          <Button icon="print" onClick={() => print()}>
            {words.print}
          </Button>
          <a
            class="button plain"
            href={`/v1/statements/${servicePoint}/${from}/signed`}
            download={`statement-${servicePoint}-${from.slice(0, 10)}.jws`}
            title={words.signedHint}
          >
            <Icon name="download" />
            <span>{words.signed}</span>
          </a>
        </>
      }
    >
      <InShort detail={detail} statement={statement} before={before} />
      {statement.extended && <Notice>{words.extendedNote}</Notice>}
      {statement.estimated && <Notice tone="warn">{words.estimatedNote}</Notice>}
      <Panel title={words.bill}>
        <BillTable statement={statement} />
        {cost !== undefined && (
          <p class="muted small">
            {cost.counted === null
              ? words.costWithheld(cost.prices)
              : words.costCounted(cost.prices)}
          </p>
        )}
        <p class="muted small">{words.rounding}</p>
      </Panel>
      {notes.length > 0 && (
        <Panel title={words.notes}>
          <p class="muted">{words.notesLead}</p>
          {notes.map((note) => (
            <NoteTable key={note.number} statement={statement} note={note} />
          ))}
        </Panel>
      )}
      <Provenance detail={detail} statement={statement} />
    </Page>
  );
}

function InShort({ detail, statement, before }: BillProps): VNode {
  const { statements: words, common } = useTexts();
  const formats = useFormats(detail.zone);
  const { notes = [], currency } = statement;
  const total = notes.at(-1)?.corrected ?? statement.amount;
  const mean = formats.kilowattHours(BigInt(statement.meanPerDay_mWh));
  return (
    <Panel title={words.facts}>
      <Figures>
        <Figure
          label={total.startsWith("-") ? words.credit : words.total}
          value={formats.money(total, currency)}
        />
        <Figure
          label={words.energy}
          value={formats.kilowattHours(BigInt(statement.energy_mWh), 1)}
          hint={common.days(statement.days)}
        />
        <Figure
          label={words.perDay}
          value={mean}
          {...(before && {
            hint: words.perDayBefore(formats.kilowattHours(BigInt(before.meanPerDay_mWh))),
          })}
        />
        {statement.export_mWh !== "0" && (
          <Figure
            label={words.export}
            value={formats.kilowattHours(BigInt(statement.export_mWh), 1)}
          />
        )}
      </Figures>
    </Panel>
  );
}

function Provenance({ detail, statement }: Pick<BillProps, "detail" | "statement">): VNode {
  const { statements: words } = useTexts();
  const { servicePoint, zone } = detail;
  const formats = useFormats(zone);
  const { from } = statement;
  return (
    <Panel title={words.provenance}>
      <Facts
        items={[
          [words.point, <code class="id">{servicePoint}</code>],
          [
            words.window,
            `${formats.dateTime(from, { zoneName: true })} – ${formats.dateTime(statement.to, { zoneName: true })}`,
          ],
          [words.kind, words.kinds[statement.kind]],
          [words.tariff, words.tariffVersion(statement.tariff, statement.tariffVersion)],
          [
            words.digest,
            <>
              <Copyable value={statement.requestDigest} label={words.digest} />
              <p class="muted small">{words.digestHint}</p>
            </>,
          ],
        ]}
      />
    </Panel>
  );
}

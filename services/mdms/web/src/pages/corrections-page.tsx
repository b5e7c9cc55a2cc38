/** Credit notes of prices that were published late: preview and apply a signed correction; which statements have notes. */
import {
  Button,
  EmptyState,
  Figure,
  Figures,
  FileField,
  Form,
  Link,
  Notice,
  Page,
  Panel,
  ProblemError,
  Table,
} from "@smarter-metering/web";
import type { VNode } from "preact";
import { useState } from "preact/hooks";
import type { CorrectionAnswer, Statement, StatementPage } from "../api.ts";
import { sumOf } from "../model/decimal-sum.ts";
import { useApi } from "../session.tsx";
import { useTexts } from "../texts.ts";
import { CsvButton } from "../views/csv-button.tsx";
import { CsvLink, PagedList } from "../views/paged-list.tsx";
import { ServicePointLink } from "../views/service-point-link.tsx";
import { windowLabel } from "../views/window-label.ts";
import { usePlaceFormats } from "../views/place.tsx";

/** Statements of one request. */
const STEP = 500;
/** Notes that one application shows; there may be more of them. */
const STEPS_MAX = 400;
const SIGNED = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;

interface Made {
  readonly isPreview: boolean;
  readonly examined: number;
  readonly notes: CorrectionAnswer["notes"];
  readonly unmatched: number;
}

export function CorrectionsPage(): VNode {
  const { corrections: words } = useTexts();
  const [made, setMade] = useState<Made>();
  const [version, setVersion] = useState(0);
  return (
    <Page title={words.title} lead={words.lead}>
      <div class="stack">
        <CorrectionForm
          onMade={(answer) => {
            setMade(answer);
            if (!answer.isPreview) setVersion(version + 1);
          }}
        />
        {made !== undefined && <MadePanel made={made} />}
        <CorrectedStatements version={version} />
      </div>
    </Page>
  );
}

function CorrectionForm({ onMade }: { readonly onMade: (made: Made) => void }): VNode {
  const { corrections: words } = useTexts();
  const api = useApi();
  const [previewed, setPreviewed] = useState<string>();
  const run = async (correction: string, isPreview: boolean): Promise<void> => {
    const notes: CorrectionAnswer["notes"] = [];
    let [examined, unmatched] = [0, 0];
    let cursor: string | undefined;
    for (let step = 0; step < STEPS_MAX; step++) {
      const answer = await api.post<CorrectionAnswer>("/v1/corrections", {
        correction,
        limit: STEP,
        preview: isPreview,
        ...(cursor !== undefined && { cursor }),
      });
      notes.push(...answer.notes);
      examined += answer.examined;
      unmatched += answer.unmatched.length;
      cursor = answer.next;
      if (cursor === undefined) break;
    }
    onMade({ isPreview, examined, notes, unmatched });
  };
  return (
    <Panel>
      <Form
        submit={words.preview}
        onSubmit={async (values) => {
          const text = (await values.file("file")?.text())?.trim() ?? "";
          if (!SIGNED.test(text)) {
            const errors = [{ path: "file", message: words.fileHint }];
            throw new ProblemError({ status: 0, code: "NO_JWS", title: words.fileHint, errors });
          }
          await run(text, true);
          setPreviewed(text);
        }}
        actions={
          previewed !== undefined && (
            <ApplyButton
              onApply={() => run(previewed, false).then(() => setPreviewed(undefined))}
            />
          )
        }
      >
        <FileField name="file" label={words.file} hint={words.fileHint} accept=".jws,.txt" />
      </Form>
    </Panel>
  );
}

function ApplyButton({ onApply }: { readonly onApply: () => Promise<void> }): VNode {
  const { corrections: words } = useTexts();
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string>();
  const apply = async (): Promise<void> => {
    setBusy(true);
    setFailure(undefined);
    try {
      await onApply();
    } catch (error) {
      setFailure(error instanceof ProblemError ? error.title : String(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <Button kind="danger" busy={busy} onClick={() => void apply()}>
        {words.apply}
      </Button>
      {failure !== undefined && <Notice tone="alarm">{failure}</Notice>}
    </>
  );
}

function MadePanel({ made }: { readonly made: Made }): VNode {
  const { corrections: words } = useTexts();
  const formats = usePlaceFormats();
  const { notes, examined, unmatched, isPreview } = made;
  const currency = notes[0]?.currency;
  return (
    <Panel title={words.caption}>
      {isPreview && <Notice>{words.previewDone}</Notice>}
      {unmatched > 0 && <Notice tone="warn">{words.unmatched(unmatched)}</Notice>}
      <Figures>
        <Figure
          label={words.made(notes.length)}
          value={String(notes.length)}
          hint={words.examined(examined)}
        />
        {currency !== undefined && (
          <Figure
            label={words.sum}
            value={formats.money(sumOf(notes.map(({ amount }) => amount)), currency)}
          />
        )}
      </Figures>
      <div class="row">
        <CsvButton
          name="credit-notes"
          columns={["service_point", "from", "amount", "corrected", "currency"]}
          rows={() =>
            notes.map((note) => [
              note.servicePoint,
              note.from,
              note.amount,
              note.corrected,
              note.currency,
            ])
          }
        />
      </div>
      <Table
        caption={words.caption}
        rows={notes.slice(0, STEP)}
        rowKey={({ servicePoint, from }) => `${servicePoint} ${from}`}
        columns={[
          {
            key: "point",
            head: words.point,
            priority: 1,
            cell: ({ servicePoint }) => <ServicePointLink id={servicePoint} />,
          },
          { key: "from", head: words.window, cell: ({ from }) => formats.date(from) },
          {
            key: "amount",
            head: words.amount,
            align: "end",
            cell: (note) => formats.money(note.amount, note.currency),
          },
          {
            key: "corrected",
            head: words.corrected,
            align: "end",
            cell: (note) => formats.money(note.corrected, note.currency),
          },
        ]}
      />
    </Panel>
  );
}

function CorrectedStatements({ version }: { readonly version: number }): VNode {
  const { corrections: words } = useTexts();
  const formats = usePlaceFormats();
  const asked = { corrected: "true", order: "newest" };
  const pathOf = (row: Statement): string => `/statements/${row.servicePoint}/${row.from}`;
  return (
    <Panel title={words.listTitle} actions={<CsvLink path="/v1/statements" asked={asked} />}>
      <PagedList<StatementPage, Statement>
        path="/v1/statements"
        asked={asked}
        version={version}
        rowsOf={({ statements }) => statements}
        rowKey={pathOf}
        caption={words.listTitle}
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
            cell: (row) => <Link to={pathOf(row)}>{windowLabel(row, formats.zone, formats)}</Link>,
          },
          {
            key: "point",
            head: words.point,
            cell: ({ servicePoint }) => <ServicePointLink id={servicePoint} />,
          },
          {
            key: "reason",
            head: words.reason,
            cell: ({ notes = [] }) => notes.map(({ reason }) => reason).join("; "),
          },
          {
            key: "corrected",
            head: words.corrected,
            align: "end",
            cell: (row) => formats.money(row.notes?.at(-1)?.corrected ?? row.amount, row.currency),
          },
        ]}
      />
    </Panel>
  );
}

/** A new version of a tariff, or a new tariff: written, checked and tried on past bills, signed in this page, published. */
import {
  Button,
  EmptyState,
  LinkButton,
  Loaded,
  Page,
  SelectField,
  SegmentedControl,
  Steps,
  useLoaded,
  useQuery,
} from "@smarter-metering/web";
import { parseTariff, type Tariff } from "@smarter-metering/tariff";
import type { VNode } from "preact";
import { useState } from "preact/hooks";
import type { TariffList, TariffPreview } from "../api.ts";
import { draftOf, FIRST_TARIFF, type TariffDraft } from "../model/tariff-draft.ts";
import { useApi } from "../session.tsx";
import { useTexts } from "../texts.ts";
import { PreviewPanel } from "../views/preview-panel.tsx";
import { SignForm } from "../views/sign-form.tsx";
import { TariffForm, TariffJson } from "../views/tariff-form.tsx";

export function NewTariffPage(): VNode {
  const { tariffForm: words } = useTexts();
  const api = useApi();
  const loaded = useLoaded((signal) => api.get<TariffList>("/v1/tariffs", { signal }), [api]);
  return (
    <Page title={words.title} lead={words.lead}>
      <Loaded of={loaded}>
        {({ tariffs }) => <Writing known={tariffs.map(({ document }) => parseTariff(document))} />}
      </Loaded>
    </Page>
  );
}

/** How far it has come. What was written is kept while one goes back and forth. */
type Stage =
  | { readonly at: "writing" }
  | { readonly at: "checked"; readonly document: unknown; readonly preview: TariffPreview }
  | { readonly at: "signing"; readonly document: unknown; readonly preview: TariffPreview }
  | { readonly at: "published" };

const STEP = { writing: 0, checked: 1, signing: 2, published: 3 } as const;

function Writing({ known }: { readonly known: readonly Tariff[] }): VNode {
  const { tariffForm: words } = useTexts();
  const api = useApi();
  const [query, change] = useQuery();
  const [stage, setStage] = useState<Stage>({ at: "writing" });
  const base = known.find(({ tariff }) => tariff === query["tariff"]) ?? known[0] ?? FIRST_TARIFF;
  const becomes = query["as"] === "tariff" || known.length === 0 ? "tariff" : "version";
  const isJson = query["editor"] === "json";
  const key = `${base.tariff} ${becomes}`;
  const [drafts, setDrafts] = useState<Readonly<Record<string, TariffDraft>>>({});
  const draft = drafts[key] ?? draftOf(base, becomes);
  const [json, setJson] = useState<string>();
  const check = async (document: unknown): Promise<void> => {
    const asked = { document, ...(known.length > 0 && { of: base.tariff }) };
    const preview = await api.post<TariffPreview>("/v1/tariffs/preview", asked);
    setStage({ at: "checked", document, preview });
  };
  return (
    <div class="stack wide-form">
      <Steps items={words.steps} current={STEP[stage.at]} />
      {stage.at === "writing" && (
        <>
          <div class="fields">
            {known.length > 0 && (
              <SelectField
                name="base"
                label={words.startFrom}
                value={base.tariff}
                options={known.map(({ tariff }) => ({ value: tariff, label: tariff }))}
                onChange={(tariff) => change({ tariff })}
              />
            )}
          </div>
          <div class="row">
            {known.length > 0 && (
              <SegmentedControl
                label={words.mode}
                items={[
                  { value: "version", label: words.asVersion },
                  { value: "tariff", label: words.asTariff },
                ]}
                current={becomes}
                onChange={(as) => change({ as })}
              />
            )}
            <SegmentedControl
              label={words.editor}
              items={[
                { value: "form", label: words.asForm },
                { value: "json", label: words.asJson },
              ]}
              current={isJson ? "json" : "form"}
              onChange={(editor) => change({ editor })}
            />
          </div>
          {isJson ? (
            <TariffJson
              key={key}
              text={json ?? JSON.stringify(base, null, 2)}
              onText={setJson}
              onDocument={check}
            />
          ) : (
            <TariffForm
              key={key}
              base={base}
              draft={draft}
              onDraft={(next) => setDrafts({ ...drafts, [key]: next })}
              onDocument={check}
            />
          )}
        </>
      )}
      {stage.at === "checked" && (
        <PreviewPanel
          preview={stage.preview}
          actions={
            <>
              <Button onClick={() => setStage({ at: "writing" })}>{words.back}</Button>
              <Button
                kind="primary"
                disabled={stage.preview.faults.length > 0}
                onClick={() => setStage({ ...stage, at: "signing" })}
              >
                {words.sign}
              </Button>
            </>
          }
        />
      )}
      {stage.at === "signing" && (
        <SignForm
          document={stage.document}
          onBack={() => setStage({ ...stage, at: "checked" })}
          onPublished={() => setStage({ at: "published" })}
        />
      )}
      {stage.at === "published" && (
        <EmptyState
          icon="check"
          title={words.published}
          action={<LinkButton to="/tariffs">{words.toTariffs}</LinkButton>}
        />
      )}
    </div>
  );
}

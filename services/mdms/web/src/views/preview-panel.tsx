/** What a tariff's check found, and what past bills would have been by it. */
import { Facts, Figure, Figures, Notice, Panel } from "@smarter-metering/web";
import type { ComponentChildren, VNode } from "preact";
import type { TariffPreview } from "../api.ts";
import { useTexts } from "../texts.ts";
import { windowLabel } from "./window-label.ts";
import { usePlaceFormats } from "./place.tsx";

export interface PreviewPanelProps {
  readonly preview: TariffPreview;
  readonly actions: ComponentChildren;
}

export function PreviewPanel({ preview, actions }: PreviewPanelProps): VNode {
  const { tariffForm: words } = useTexts();
  const { faults, notes } = preview;
  return (
    <div class="stack">
      {faults.length > 0 ? (
        <Notice tone="alarm" title={words.faultsTitle}>
          <ul class="plain-list">
            {faults.map(({ code, path, message }) => (
              <li key={`${code} ${path}`}>
                {words.faults[code] ?? message} <code class="small">{path}</code>
                {words.faults[code] !== undefined && (
                  <div class="muted small" lang="en">
                    {message}
                  </div>
                )}
              </li>
            ))}
          </ul>
        </Notice>
      ) : (
        <Notice tone="good">{words.noFaults}</Notice>
      )}
      {notes.length > 0 && (
        <Notice title={words.notesTitle}>
          <ul class="plain-list" lang="en">
            {notes.map((note) => (
              <li key={note}>{note}</li>
            ))}
          </ul>
        </Notice>
      )}
      <PastBills preview={preview} />
      <div class="row">{actions}</div>
    </div>
  );
}

function PastBills({
  preview: { preview, from, to, currency },
}: {
  readonly preview: TariffPreview;
}): VNode {
  const { tariffForm: words } = useTexts();
  const formats = usePlaceFormats();
  if (preview === null || preview.bills === 0) {
    return (
      <Panel title={words.previewTitle}>
        <p class="muted">{words.noPreview}</p>
      </Panel>
    );
  }
  const money = (text: string): string =>
    currency === null ? text : formats.money(text, currency);
  const { before, after, differences, dearer, cheaper, bills, unpriced, more } = preview;
  const share = Number(before) === 0 ? undefined : Number(after) / Number(before) - 1;
  return (
    <Panel
      title={words.previewTitle}
      lead={`${words.previewLead} ${windowLabel({ from, to }, formats.zone, formats)}.`}
    >
      <Figures>
        <Figure
          label={words.bills}
          value={formats.number(bills)}
          hint={words.dearerCheaper(dearer, cheaper)}
        />
        <Figure label={words.before} value={money(before)} />
        <Figure
          label={words.after}
          value={money(after)}
          {...(share !== undefined && {
            trend: { text: `${share >= 0 ? "+" : "−"}${formats.percent(Math.abs(share), 1)}` },
          })}
        />
      </Figures>
      {differences !== null && (
        <>
          <h3>{words.distribution}</h3>
          <Facts
            items={[
              [words.quartiles[0] ?? "", money(differences.min)],
              [words.quartiles[1] ?? "", money(differences.lowerQuartile)],
              [words.quartiles[2] ?? "", money(differences.median)],
              [words.quartiles[3] ?? "", money(differences.upperQuartile)],
              [words.quartiles[4] ?? "", money(differences.max)],
            ]}
          />
        </>
      )}
      {(unpriced > 0 || more) && <p class="muted small">{words.unpriced(unpriced, more)}</p>}
    </Panel>
  );
}

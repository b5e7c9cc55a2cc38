/** The last privacy evaluation: published attacks on what each party receives. Markdown, shown as what it is. */
import { Loaded, useLoaded } from "@smarter-metering/web";
import type { VNode } from "preact";
import type { AttackReport } from "../api.ts";
import { useApi } from "../session.tsx";
import { useTexts } from "../texts.ts";
import { Markdown } from "./markdown.tsx";
import { writtenOrNone } from "./residual-panel.tsx";
import { usePlaceFormats } from "./place.tsx";

export function AttacksPanel(): VNode {
  const { privacy: words } = useTexts();
  const api = useApi();
  const formats = usePlaceFormats();
  const loaded = useLoaded(
    (signal) => writtenOrNone(api.get<AttackReport>("/v1/privacy/attack-report", { signal })),
    [api],
  );
  return (
    <Loaded
      of={loaded}
      empty={(report) =>
        report === undefined ? <p class="muted">{words.attacksNone}</p> : undefined
      }
    >
      {(report) => (
        <div class="stack">
          <p class="muted">
            {words.attacksLead} {words.made}: {formats.dateTime(report?.writtenAt ?? 0)}
          </p>
          <div lang="en">
            <Markdown text={report?.report ?? ""} />
          </div>
        </div>
      )}
    </Loaded>
  );
}

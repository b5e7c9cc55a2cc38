/** What a hostile or broken portal, meter or registry was caught at, named. */
import { Notice, useFormats } from "@smarter-metering/web";
import type { VNode } from "preact";
import type { Findings } from "../device/messages.ts";
import { useTexts } from "../i18n.ts";

export function FindingsNotice({ findings }: { readonly findings: Findings }): VNode | null {
  const { notices, codes } = useTexts();
  const formats = useFormats();
  if (findings.length === 0) return null;
  return (
    <Notice tone="alarm" title={notices.findingsTitle}>
      <ul>
        {findings.map(({ code, count }) => (
          <li key={code}>
            {codes.findings[code]}{" "}
            <span class="small">
              {notices.code(code)}
              {count > 1 && `, ${notices.times(formats.number(count))}`}
            </span>
          </li>
        ))}
      </ul>
      <p>{notices.findings}</p>
    </Notice>
  );
}

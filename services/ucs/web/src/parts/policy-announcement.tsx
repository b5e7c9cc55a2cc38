/** The release policy that is announced, if any (docs/protocol.md §9.4), for everybody who comes: said before it holds, as text. */
import { Notice, useFormats, useLoaded } from "@smarter-metering/web";
import type { VNode } from "preact";
import { useTexts } from "../i18n.ts";
import { useAsk } from "../portal.tsx";

/** What the operator is about to loosen (docs/protocol.md §9.4), in the registry's words. */
export function PolicyAnnouncement(): VNode | null {
  const { notices } = useTexts();
  const formats = useFormats();
  const ask = useAsk();
  const loaded = useLoaded(() => ask("policyNotice", null), []);
  if (loaded.state !== "ready" || loaded.value === null) return null;
  const { inForceFrom, changes } = loaded.value;
  return (
    <Notice tone="warn" title={notices.policyTitle(formats.date(inForceFrom))}>
      <ul>
        {changes.map((change) => (
          <li key={change}>{change}</li>
        ))}
      </ul>
      <p>{notices.policy}</p>
    </Notice>
  );
}

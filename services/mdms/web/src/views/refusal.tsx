/** A refusal in clear words: what happened, why the rule exists, what to do. The code stays in sight for whoever searches for it. */
import { Details } from "@smarter-metering/web";
import type { VNode } from "preact";
import { useTexts } from "../texts.ts";

export function Refusal({ code }: { readonly code: string }): VNode {
  const { refusals, privacy: words } = useTexts();
  const text = refusals[code];
  if (text === undefined) return <code>{code}</code>;
  return (
    <Details summary={text.what}>
      <p>
        <strong>{words.whyRule}:</strong> {text.why}
      </p>
      <p>
        <strong>{words.todo}:</strong> {text.todo}
      </p>
      <p class="muted small">
        <code>{code}</code>
      </p>
    </Details>
  );
}

export const Refusals = ({ codes }: { readonly codes: readonly string[] }): VNode => (
  <>
    {codes.map((code) => (
      <Refusal key={code} code={code} />
    ))}
  </>
);

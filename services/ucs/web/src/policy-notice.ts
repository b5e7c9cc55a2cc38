/**
 * What the operator is about to loosen (docs/protocol.md §9.4), above everything else and before anybody logs in. The words are the
 * registry's, as the portal passes them on; they are shown as text.
 */
import { localDate } from "@smarter-metering/tariff";
import { element } from "./element.ts";

interface PolicyNotice {
  readonly inForceFrom: number;
  readonly changes: readonly string[];
}

/** A portal that does not answer leaves the page as it is: logging in will say so. */
export async function showPolicyNotice(page: typeof fetch): Promise<void> {
  const answer = await page("/v1/policy-notice").catch(() => undefined);
  if (answer?.ok !== true) return;
  const { policyNotice } = (await answer.json()) as { policyNotice: PolicyNotice | null };
  if (policyNotice === null) return;
  document.getElementById("page")?.before(noticeOf(policyNotice));
}

function noticeOf({ inForceFrom, changes }: PolicyNotice): HTMLElement {
  const from = localDate(inForceFrom, Intl.DateTimeFormat().resolvedOptions().timeZone);
  return element(
    "aside",
    { class: "notice", "aria-label": "Announcement" },
    element("h2", {}, `From ${from} the rules for releases change`),
    element("ul", {}, ...changes.map((change) => element("li", {}, change))),
    element("p", {}, "Your readings stay sealed. Ask your operator what this means for you."),
  );
}

/** The links of a check, each as a sentence, with what the check noted behind it. */
import type { Link } from "@smarter-metering/customer";
import { Details, Icon, type IconName } from "@smarter-metering/web";
import type { VNode } from "preact";
import { useTexts } from "../i18n.ts";

const ICONS: Readonly<Record<Link["status"], IconName>> = {
  ok: "check",
  broken: "alert",
  "not-checked": "minus",
};

export function CheckedLinks({ links }: { readonly links: readonly Link[] }): VNode {
  const { bills, codes } = useTexts();
  return (
    <ul class="links">
      {links.map((link, index) => {
        const { status, code, what, where, todo } = link;
        const noted = [what, where, todo].filter((part) => part !== "").join("; ");
        return (
          <li key={index} class={`link ${status}`}>
            <Icon name={ICONS[status]} />
            <Details
              summary={
                <span>
                  {code === "" ? codes.links[link.link] : codes.findings[code]}{" "}
                  <span class="small">({bills.states[status]})</span>
                </span>
              }
            >
              <p class="small muted" lang="en">
                {code === "" ? noted : `${code}: ${noted}`}
              </p>
            </Details>
          </li>
        );
      })}
    </ul>
  );
}

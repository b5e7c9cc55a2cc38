/** An address that leads nowhere. */
import { LinkButton, Page } from "@smarter-metering/web";
import type { VNode } from "preact";
import { useTexts } from "../texts.ts";

export function EmptyPage(): VNode {
  const { common } = useTexts();
  return (
    <Page title={common.notFoundTitle} lead={common.notFound}>
      <div class="row">
        <LinkButton to="/">{common.toOverview}</LinkButton>
      </div>
    </Page>
  );
}

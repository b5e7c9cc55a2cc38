/** The page of an address that no route matches. */
import type { VNode } from "preact";
import { useKit } from "../language/kit.tsx";
import { LinkButton } from "../parts/button.tsx";
import { Page } from "./page.tsx";

export function NotFound(): VNode {
  const { texts } = useKit();
  return (
    <Page title={texts.notFound} lead={texts.notFoundLead}>
      <div class="row">
        <LinkButton to="/" kind="primary" icon="home">
          {texts.home}
        </LinkButton>
      </div>
    </Page>
  );
}

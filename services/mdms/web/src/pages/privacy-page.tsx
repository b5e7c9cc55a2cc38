/** The rules in force, what was released or refused under them, and what an audit and the attacks found. */
import { Page } from "@smarter-metering/web";
import type { VNode } from "preact";
import { useMay } from "../session.tsx";
import { useTexts } from "../texts.ts";
import { AttacksPanel } from "../views/attacks-panel.tsx";
import { LedgerPanel } from "../views/ledger-panel.tsx";
import { PolicyPanel } from "../views/policy-panel.tsx";
import { ResidualPanel } from "../views/residual-panel.tsx";
import { TabChoice } from "../views/tab-choice.tsx";

export function PrivacyPage(): VNode {
  const { privacy: words } = useTexts();
  const may = useMay();
  const { tabs } = words;
  const items = [
    { value: "policy" as const, label: tabs.policy },
    { value: "ledger" as const, label: tabs.ledger },
    ...(may("privacy")
      ? [
          { value: "residual" as const, label: tabs.residual },
          { value: "attacks" as const, label: tabs.attacks },
        ]
      : []),
  ];
  return (
    <Page title={words.title} lead={words.lead}>
      <TabChoice label={words.tabsLabel} items={items}>
        {(tab) => (
          <>
            {tab === "policy" && <PolicyPanel />}
            {tab === "ledger" && <LedgerPanel />}
            {tab === "residual" && <ResidualPanel />}
            {tab === "attacks" && <AttacksPanel />}
          </>
        )}
      </TabChoice>
    </Page>
  );
}

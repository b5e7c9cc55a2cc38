/** A meter that is connected and has sent nothing yet: what happens next, by itself. */
import { EmptyState } from "@smarter-metering/web";
import type { VNode } from "preact";
import { useTexts } from "../i18n.ts";

export function NoReadings(): VNode {
  const { overview } = useTexts();
  return (
    <EmptyState icon="meter" title={overview.emptyTitle}>
      {overview.empty}
    </EmptyState>
  );
}

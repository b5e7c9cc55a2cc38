/** The state of a block or a bill window. */
import { Badge } from "@smarter-metering/web";
import type { VNode } from "preact";
import type { BlockState } from "../api.ts";
import { useTexts } from "../texts.ts";

const TONES = {
  OPEN: "plain",
  SEALED: "info",
  REQUESTED: "info",
  RELEASED: "good",
  SUPPRESSED: "warn",
} as const satisfies Readonly<Record<BlockState, string>>;

export function BlockStateBadge({ state }: { readonly state: BlockState }): VNode {
  const { privacy: words } = useTexts();
  return (
    <span title={words.stateHints[state]}>
      <Badge tone={TONES[state]}>{words.states[state]}</Badge>
    </span>
  );
}

/** Which language: the control for a page's foot or settings. */
import type { VNode } from "preact";
import { SegmentedControl } from "../parts/segmented-control.tsx";
import { LANGUAGES, useKit } from "./kit.tsx";

export function LanguageChoice(): VNode {
  const { language, setLanguage, texts } = useKit();
  return (
    <SegmentedControl
      label={texts.language}
      items={LANGUAGES.map((value) => ({ value, label: texts.languages[value], lang: value }))}
      current={language}
      onChange={setLanguage}
    />
  );
}

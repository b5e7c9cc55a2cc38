/** Light, dark, or as the device says: `data-theme` on <html>, which the tokens follow, and the choice kept in this browser. */
import { useState } from "preact/hooks";
import type { VNode } from "preact";
import { useKit } from "../language/kit.tsx";
import { SegmentedControl } from "../parts/segmented-control.tsx";
import { keepChoice, readChoice } from "./stored-choice.ts";

export type Theme = "auto" | "light" | "dark";
const THEMES: readonly Theme[] = ["auto", "light", "dark"];

/** Puts the kept theme on the page: call it before the first render, so that nothing flashes. */
export function applyKeptTheme(): void {
  applyTheme(readChoice("theme", THEMES) ?? "auto");
}

/** The theme chosen, and how to choose another. */
export function useTheme(): { theme: Theme; setTheme: (theme: Theme) => void } {
  const [theme, setState] = useState<Theme>(() => readChoice("theme", THEMES) ?? "auto");
  const setTheme = (next: Theme): void => {
    keepChoice("theme", next === "auto" ? undefined : next);
    applyTheme(next);
    setState(next);
  };
  return { theme, setTheme };
}

/** The control for a page's foot or settings. */
export function ThemeChoice(): VNode {
  const { theme, setTheme } = useTheme();
  const { texts } = useKit();
  return (
    <SegmentedControl
      label={texts.theme}
      items={THEMES.map((value) => ({ value, label: texts.themes[value] }))}
      current={theme}
      onChange={setTheme}
    />
  );
}

function applyTheme(theme: Theme): void {
  if (theme === "auto") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme;
}

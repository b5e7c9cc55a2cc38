/** The tokens' colours as a canvas needs them, in the theme that is on; and word when it changes. */
import { useEffect, useState } from "preact/hooks";

export const CHART_COLOURS = [
  "chart-1",
  "chart-2",
  "chart-3",
  "chart-4",
  "chart-5",
  "chart-6",
  "chart-behind",
  "chart-grid",
  "chart-gap",
  "muted",
  "ink",
  "surface",
] as const;
export type ChartColour = (typeof CHART_COLOURS)[number];
export type ChartPalette = Readonly<Record<ChartColour, string>>;

/** Resolved through a probe: the value of a custom property is still the pair `light-dark(…)`, a computed `color` is one colour. */
export function readPalette(parent: HTMLElement): ChartPalette {
  const probe = document.createElement("span");
  parent.append(probe);
  const palette: Partial<Record<ChartColour, string>> = {};
  for (const name of CHART_COLOURS) {
    probe.style.color = `var(--${name})`;
    palette[name] = getComputedStyle(probe).color;
  }
  probe.remove();
  return palette as ChartPalette; // Each name was set above.
}

/** Counts the changes of theme: an effect that draws depends on it. */
export function useThemeChanges(): number {
  const [count, setCount] = useState(0);
  useEffect(() => {
    const changed = (): void => setCount((before) => before + 1);
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const observer = new MutationObserver(changed);
    dark.addEventListener("change", changed);
    observer.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    return () => {
      dark.removeEventListener("change", changed);
      observer.disconnect();
    };
  }, []);
  return count;
}

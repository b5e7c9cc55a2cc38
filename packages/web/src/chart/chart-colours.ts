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

/**
 * Resolved through a probe: the value of a custom property is still the pair `light-dark(…)`, a computed `color` is one colour. `isOnPaper`:
 * those of the light theme, whatever the screen has.
 */
export function readPalette(parent: HTMLElement, isOnPaper = false): ChartPalette {
  const probe = document.createElement("span");
  probe.style.setProperty("forced-color-adjust", "none"); // The tokens themselves know of forced colours.
  if (isOnPaper) probe.style.colorScheme = "light";
  parent.append(probe);
  const palette: Partial<Record<ChartColour, string>> = {};
  for (const name of CHART_COLOURS) {
    probe.style.color = `var(--${name})`;
    palette[name] = getComputedStyle(probe).color;
  }
  probe.remove();
  return palette as ChartPalette; // Each name was set above.
}

/** Renders anew, and so draws anew, when the theme, forced colours or the screen's resolution change. */
export function useScreenChanges(): void {
  const [count, setCount] = useState(0);
  useEffect(() => {
    const changed = (): void => setCount((before) => before + 1);
    const controller = new AbortController();
    const { signal } = controller;
    const queries = [
      "(prefers-color-scheme: dark)",
      "(forced-colors: active)",
      `(resolution: ${devicePixelRatio}dppx)`, // Of now: asked again after each change.
    ];
    for (const query of queries) matchMedia(query).addEventListener("change", changed, { signal });
    const observer = new MutationObserver(changed);
    observer.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    return () => {
      controller.abort();
      observer.disconnect();
    };
  }, [count]);
}

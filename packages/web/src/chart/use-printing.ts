/** Whether the page is being printed: what paper shows otherwise than a screen is rendered before the printer takes the page. */
import { useEffect, useState } from "preact/hooks";

export function usePrinting(): boolean {
  const [isPrinting, setPrinting] = useState(false);
  useEffect(() => {
    const controller = new AbortController();
    const { signal } = controller;
    addEventListener("beforeprint", () => setPrinting(true), { signal });
    addEventListener("afterprint", () => setPrinting(false), { signal });
    return () => controller.abort();
  }, []);
  return isPrinting;
}

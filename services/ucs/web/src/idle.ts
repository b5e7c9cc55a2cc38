/** Time without use: what is measured by the clock, as a closed lid stops every timer. */
import { useEffect, useRef } from "preact/hooks";

const SIGNS_OF_USE = ["pointerdown", "keydown", "wheel", "touchstart"] as const;
const CHECK_MS = 5_000;

/** Calls `onIdle` after so many minutes without use; null: never. */
export function useIdle(minutes: number | null, onIdle: () => void): void {
  const latest = useRef(onIdle);
  latest.current = onIdle;
  useEffect(() => {
    if (minutes === null) return undefined;
    let used = Date.now();
    const note = (): void => {
      // Whoever comes back too late has to unlock: his touch is no use of an open page.
      if (Date.now() - used < 60_000 * minutes) used = Date.now();
    };
    const timer = setInterval(() => {
      if (Date.now() - used >= 60_000 * minutes) latest.current();
    }, CHECK_MS);
    for (const sign of SIGNS_OF_USE) addEventListener(sign, note, { passive: true });
    return () => {
      clearInterval(timer);
      for (const sign of SIGNS_OF_USE) removeEventListener(sign, note);
    };
  }, [minutes]);
}

/** A finger's stroke to the side, for whoever turns pages that way; everything that it does has a button too. */

const STROKE_PX_MIN = 60;

export interface Swipe {
  readonly onLeft: () => unknown;
  readonly onRight: () => unknown;
}

/** Handlers for the element that is stroked. A stroke that is rather upright scrolls the page, as ever. */
export function useSwipe({ onLeft, onRight }: Swipe) {
  let start: { readonly x: number; readonly y: number } | undefined;
  return {
    onTouchStart(event: TouchEvent): void {
      const touch = event.touches[0];
      start =
        event.touches.length === 1 && touch ? { x: touch.clientX, y: touch.clientY } : undefined;
    },
    onTouchEnd(event: TouchEvent): void {
      const touch = event.changedTouches[0];
      if (start === undefined || touch === undefined) return;
      const [x, y] = [touch.clientX - start.x, touch.clientY - start.y];
      start = undefined;
      if (Math.abs(x) < STROKE_PX_MIN || Math.abs(x) < 2 * Math.abs(y)) return;
      if (x < 0) onLeft();
      else onRight();
    },
  };
}

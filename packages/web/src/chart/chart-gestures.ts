/** What hands do to a time chart: drag and arrow keys pan, wheel, pinch, plus and minus zoom, Shift+drag frames, Home shows all. */
import { panRange, zoomRange, within, type ChartRange } from "./chart-range.ts";

export interface GestureTarget {
  range(): ChartRange;
  extent(): ChartRange;
  /** Where in the element the curve is, in CSS pixels. */
  area(): { readonly left: number; readonly width: number };
  /** Shows another range with the next frame. */
  show(range: ChartRange): void;
  /** Puts the cursor at an instant; undefined takes it away. */
  point(at: number | undefined): void;
  /** Moves the cursor by columns; the keyboard's way to single values. */
  moveCursor(columns: number): void;
  /** Draws the frame of a selection, in CSS pixels from the area's left; undefined takes it away. */
  frame(left: number | undefined, width: number): void;
}

export const SPAN_SECONDS_MIN = 600;
const STEP_SHARE = 0.15; // Of the range, per arrow key.
const ZOOM_FACTOR = 1.6;
const WHEEL_ZOOM_SHARE = 0.0018; // Of the range, per pixel of the wheel.
const FRAME_PIXELS_MIN = 6; // A smaller selection is a slip of the hand.

/** One step of a button or key. */
export function stepRange(
  target: GestureTarget,
  step: "earlier" | "later" | "in" | "out" | "all",
): void {
  const range = target.range();
  const extent = target.extent();
  const move = (range[1] - range[0]) * STEP_SHARE;
  const middle = (range[0] + range[1]) / 2;
  const zoomed = (factor: number): ChartRange =>
    zoomRange(range, factor, middle, extent, SPAN_SECONDS_MIN);
  if (step === "earlier") target.show(panRange(range, -move, extent));
  else if (step === "later") target.show(panRange(range, move, extent));
  else if (step === "in") target.show(zoomed(1 / ZOOM_FACTOR));
  else if (step === "out") target.show(zoomed(ZOOM_FACTOR));
  else target.show(extent);
}

/** For the focusable element around the chart. */
export function handleKey(event: KeyboardEvent, target: GestureTarget): void {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const { key } = event;
  if (key === "ArrowLeft" || key === "ArrowRight") {
    const sign = key === "ArrowLeft" ? -1 : 1;
    if (event.shiftKey) target.moveCursor(sign);
    else stepRange(target, sign < 0 ? "earlier" : "later");
  } else if (key === "+" || key === "=") stepRange(target, "in");
  else if (key === "-" || key === "_") stepRange(target, "out");
  else if (key === "Home") stepRange(target, "all");
  else return;
  event.preventDefault();
}

/**
 * Pointers and wheel on the plot; gives the function that lets go. A plain wheel scrolls the page unless the chart has the
 * focus: nobody is caught in a chart on the way down.
 */
export function attachGestures(element: HTMLElement, target: GestureTarget): () => void {
  const pointers = new Map<number, number>(); // Where each finger is, in pixels from the area's left.
  let frameFrom: number | undefined;
  const leftOf = ({ clientX }: MouseEvent): number =>
    clientX - element.getBoundingClientRect().left - target.area().left;
  const inArea = (left: number): number => Math.min(Math.max(left, 0), target.area().width);
  const secondsPerPixel = (): number => {
    const [from, to] = target.range();
    return (to - from) / Math.max(1, target.area().width);
  };
  const timeAt = (left: number): number => target.range()[0] + left * secondsPerPixel();

  const down = (event: PointerEvent): void => {
    if (event.button !== 0) return;
    element.setPointerCapture(event.pointerId);
    target.point(timeAt(leftOf(event)));
    if (event.shiftKey) frameFrom = inArea(leftOf(event));
    else pointers.set(event.pointerId, leftOf(event));
  };
  const move = (event: PointerEvent): void => {
    const left = leftOf(event);
    target.point(timeAt(left));
    if (frameFrom !== undefined) {
      const until = inArea(left);
      target.frame(Math.min(frameFrom, until), Math.abs(until - frameFrom));
      return;
    }
    const before = pointers.get(event.pointerId);
    if (before === undefined) return;
    pointers.set(event.pointerId, left);
    const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
    const extent = target.extent();
    if (other === undefined) {
      target.show(panRange(target.range(), (before - left) * secondsPerPixel(), extent));
      return;
    }
    const factor = Math.abs(before - other) / Math.max(1, Math.abs(left - other));
    const middle = timeAt((left + other) / 2);
    target.show(zoomRange(target.range(), factor, middle, extent, SPAN_SECONDS_MIN));
  };
  const up = (event: PointerEvent): void => {
    pointers.delete(event.pointerId);
    if (frameFrom === undefined) return;
    const [from, to] = [frameFrom, inArea(leftOf(event))].sort((a, b) => a - b);
    frameFrom = undefined;
    target.frame(undefined, 0);
    if (event.type !== "pointerup" || from === undefined || to === undefined) return;
    if (to - from < FRAME_PIXELS_MIN) return;
    const framed: ChartRange = [timeAt(from), timeAt(to)];
    const shortfall = Math.max(0, SPAN_SECONDS_MIN - (framed[1] - framed[0])) / 2;
    target.show(within([framed[0] - shortfall, framed[1] + shortfall], target.extent()));
  };
  // A finger that is lifted leaves the cursor where it tapped.
  const leave = (event: PointerEvent): void => {
    if (event.pointerType === "mouse") target.point(undefined);
  };
  const wheel = (event: WheelEvent): void => {
    const hasFocus = element.closest("[data-chart]")?.contains(document.activeElement) === true;
    const isSideways = Math.abs(event.deltaX) > Math.abs(event.deltaY);
    if (!isSideways && !event.ctrlKey && !hasFocus) return;
    event.preventDefault();
    const [range, extent] = [target.range(), target.extent()];
    if (isSideways) {
      target.show(panRange(range, event.deltaX * secondsPerPixel(), extent));
      return;
    }
    const factor = Math.exp(event.deltaY * WHEEL_ZOOM_SHARE * (event.ctrlKey ? 4 : 1));
    target.show(zoomRange(range, factor, timeAt(leftOf(event)), extent, SPAN_SECONDS_MIN));
  };

  const controller = new AbortController();
  const { signal } = controller;
  element.addEventListener("pointerdown", down, { signal });
  element.addEventListener("pointermove", move, { signal });
  element.addEventListener("pointerup", up, { signal });
  element.addEventListener("pointercancel", up, { signal });
  element.addEventListener("pointerleave", leave, { signal });
  element.addEventListener("wheel", wheel, { signal, passive: false });
  return () => controller.abort();
}

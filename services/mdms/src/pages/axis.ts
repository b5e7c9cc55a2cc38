/** Scales of the charts. */

/** Four to eight round steps from 0 to at least `max`: 1, 2 or 5 times a power of ten. */
export function roundSteps(max: number): number[] {
  if (!(max > 0)) return [0, 1];
  const power = 10 ** Math.floor(Math.log10(max / 4));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => max / size <= 8) ?? max;
  return Array.from({ length: Math.ceil(max / step - 1e-9) + 1 }, (_, index) => index * step);
}

/** A tick without floating-point dust. */
export const tickText = (value: number): string => String(Number(value.toPrecision(6)));

/** A coordinate, to a hundredth of a pixel. */
export const px = (value: number): string => String(Math.round(value * 100) / 100);

// ESPI's QualityOfReading (schema 4.0) as the qualities of this project (docs/protocol.md §1.4).
import { qualityCode } from "../series.ts";
import type { Quality } from "../series.ts";

/** Any other number is one of another schema: questionable. */
const QUALITIES: ReadonlyMap<number, Quality> = new Map([
  [0, "valid"],
  [7, "edited"],
  [8, "estimated"], // From a reference day.
  [9, "estimated"], // By linear interpolation.
  [10, "questionable"],
  [11, "estimated"], // Derived: calculated.
  [12, "estimated"], // Projected.
  [13, "questionable"], // Mixed.
  [14, "valid"], // Raw: not validated, and not doubted either; a note says so.
  [15, "estimated"], // Normalised for weather: not what was used.
  [16, "questionable"], // Other.
  [17, "valid"], // Validated.
  [18, "valid"], // Verified.
  [19, "valid"], // Of revenue quality.
]);

export const RAW = 14;

/** The code of the least reliable of `qualities`; valid where there is none. */
export function espiQuality(qualities: readonly number[]): number {
  // The codes of a series happen to be in the order of trust, but for `missing`, which is none here.
  return qualities
    .map((quality) => qualityCode(QUALITIES.get(quality) ?? "questionable"))
    .reduce((worst, code) => Math.max(worst, code), qualityCode("valid"));
}

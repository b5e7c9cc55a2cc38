/** The customer's count of what a bill rests on (docs/decisions/0018-estimated-share.md). */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { qualityShares } from "../src/quality-shares.ts";
import type { Quality, Reading } from "../src/readings.ts";

const QUALITIES: readonly Quality[] = ["valid", "missing", "estimated", "edited", "questionable"];
const readingsOf = (qualities: readonly Quality[], startSeconds = 0): Reading[] =>
  qualities.map((quality, index) => ({
    startSeconds: startSeconds + 900 * index,
    intervalSeconds: 900,
    importMilliwattHours: 10 + index,
    exportMilliwattHours: index,
    quality,
  }));

test("law: the seconds of all qualities are the window's, the energies those of its readings", () => {
  const qualities = fc.array(fc.constantFrom(...QUALITIES), { maxLength: 40 });
  fc.assert(
    fc.property(qualities, fc.nat(20), fc.integer({ min: 1, max: 30 }), (given, first, count) => {
      const [from, to] = [900 * first, 900 * (first + count)];
      const readings = readingsOf(given);
      const shares = Object.values(qualityShares(readings, { from, to }).byQuality);
      assert.equal(
        shares.reduce((sum, { seconds }) => sum + seconds, 0),
        to - from,
      );
      const inside = readings.slice(first, first + count);
      assert.equal(
        shares.reduce((sum, { importMilliwattHours }) => sum + importMilliwattHours, 0n),
        BigInt(inside.reduce((sum, reading) => sum + reading.importMilliwattHours, 0)),
      );
    }),
  );
});

test("a border is estimated when the intervals on both of its sides are", () => {
  const rows: readonly (readonly [string, boolean, boolean])[] = [
    ["valid valid valid valid", false, false],
    ["estimated valid valid estimated", false, false],
    ["valid estimated estimated valid", false, false],
    ["estimated estimated valid valid", true, false],
    ["valid valid estimated estimated", false, true],
    ["missing estimated valid valid", false, false],
  ];
  for (const [text, fromEstimated, toEstimated] of rows) {
    const readings = readingsOf(text.split(" ") as Quality[]);
    const shares = qualityShares(readings, { from: 900, to: 2700 });
    assert.deepEqual(
      [shares.fromEstimated, shares.toEstimated],
      [fromEstimated, toEstimated],
      text,
    );
  }
});

/** The operators' pages say the same in English and French, and have words for every code that refuses something. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { refusalTexts } from "@smarter-metering/policy";
import {
  billLineFr,
  billPriceFr,
  billQuantityFr,
  describeLine,
  type BillLine,
} from "@smarter-metering/tariff";
import { en } from "../web/src/texts/en.ts";
import { fr } from "../web/src/texts/fr.ts";

/** Path and value of every text. */
function leavesOf(value: unknown, path = ""): [path: string, leaf: string][] {
  if (typeof value === "string") return [[path, value]];
  if (typeof value === "function") return [[path, `${value.length} parameters`]];
  return Object.entries(Object(value) as Record<string, unknown>).flatMap(([key, entry]) =>
    leavesOf(entry, `${path}.${key}`),
  );
}

describe("texts", () => {
  test("French has every text of English, a function where it has one, and none is empty", () => {
    const [english, french] = [leavesOf(en), leavesOf(fr)];
    assert.deepEqual(
      french.map(([path]) => path).toSorted(),
      english.map(([path]) => path).toSorted(),
    );
    const functionsOf = (leaves: readonly [string, string][]): string[] =>
      leaves.flatMap(([path, leaf]) => (leaf.endsWith(" parameters") ? [path] : [])).toSorted();
    assert.deepEqual(functionsOf(french), functionsOf(english));
    for (const [path, leaf] of [...english, ...french]) assert.notEqual(leaf.trim(), "", path);
  });

  test("what is a sentence in English is translated", () => {
    const english = new Map(leavesOf(en));
    const same = leavesOf(fr).filter(
      ([path, leaf]) =>
        english.get(path) === leaf && / .* /.test(leaf) && !leaf.endsWith(" parameters"),
    );
    assert.deepEqual(same, []);
  });

  test("every refusal has what happened, why, and what to do, in both languages", () => {
    const codes = Object.keys(refusalTexts);
    assert(codes.length >= 120, `only ${codes.length} codes`);
    assert.deepEqual(Object.keys(fr.refusals).toSorted(), codes.toSorted());
    for (const code of codes) {
      for (const texts of [en.refusals[code], fr.refusals[code]]) {
        for (const sentence of [texts?.what, texts?.why, texts?.todo]) {
          assert.match(sentence ?? "", /^\p{Lu}.*\.$/u, code);
        }
      }
      assert.notEqual(fr.refusals[code]?.what, en.refusals[code]?.what, code);
    }
  });

  test("French punctuation keeps to its word", () => {
    const loose = leavesOf(fr).filter(([, leaf]) => / [:;?!»]|« /.test(leaf));
    assert.deepEqual(loose, []);
  });

  test("a bill's lines in French leave no English behind", () => {
    const line = { part: 0, amountE16: 1n };
    const energy = { quantityMilliwattHours: 150_000_000n, priceMicroPerKilowattHour: 285_000 };
    const lines = [
      { ...line, ...energy, kind: "energy", band: "high" },
      { ...line, ...energy, kind: "tier", fromMilliwattHours: 0n, toMilliwattHours: 300_000_000n },
      {
        ...line,
        ...energy,
        kind: "tier",
        fromMilliwattHours: 300_000_000n,
        toMilliwattHours: undefined,
      },
      {
        ...line,
        ...energy,
        kind: "tier",
        fromMilliwattHours: 1_000_000n,
        toMilliwattHours: 2_000_000n,
      },
      { ...line, ...energy, kind: "cost-fallback", prices: "spot" },
      { ...line, ...energy, kind: "cost", prices: "spot" },
      { ...line, ...energy, kind: "feed-in" },
      { ...line, kind: "standing-charge", days: 28, priceMicroPerDay: 320_000 },
      { ...line, kind: "minimum-charge", days: 28, priceMicroPerDay: 320_000 },
      { ...line, kind: "monthly-charge", days: 0, months: 2, priceMicroPerMonth: 5_000_000 },
      { ...line, kind: "tax", taxBasisPoints: 810, on: ["energy", "standing", "levies"] },
      { ...line, kind: "credit", name: "Solidarité", priceMicro: 1_000_000, days: 3 },
    ] as unknown as BillLine[]; // Each of the kinds, with what its words are made of.
    const parts = [{ fromDate: "2025-01-01" }, { fromDate: "2025-02-01" }];
    for (const each of lines) {
      for (const bill of [{ parts: parts.slice(1) }, { parts }]) {
        const words = describeLine({ currency: "EUR", ...bill } as never, each);
        const french = [
          billLineFr(words.text),
          billQuantityFr(words.quantity),
          billPriceFr(words.price),
        ];
        assert.doesNotMatch(
          french.join(" "),
          /Energy|charge\b|credited|\bday\b|days|month|average|\bon\b|\bfrom\b|up to|over|levies|Feed|price|\d\.\d/,
          words.text,
        );
      }
    }
  });
});

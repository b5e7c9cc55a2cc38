/** The pure parts: addresses, formats, languages, clocks and ticks at DST, scales, ranges, bars, forms, the API's errors, the tokens' contrast. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import * as fc from "fast-check";
import { changeQuery, matchPath, parseQuery, pathOf } from "../src/address/route.ts";
import { matchRoute } from "../src/address/router.tsx";
import { layOutBars } from "../src/chart/bar-layout.ts";
import { panRange, zoomRange, type ChartRange } from "../src/chart/chart-range.ts";
import { layOutPlot, type PlotAxes, type PlotData } from "../src/chart/plot-layout.ts";
import { bandRects, dashed, stepRects, type Rects } from "../src/chart/plot-rects.ts";
import { lowerBound, sampleSource, shiftedSource } from "../src/chart/pyramid-source.ts";
import { sparkPath } from "../src/chart/sparkline.tsx";
import { tickLabel, timeTicks, valueScale } from "../src/chart/ticks.ts";
import { zoneClock } from "../src/chart/zone-clock.ts";
import { createApi } from "../src/data/api.ts";
import { fieldProblems, ProblemError, problemOf } from "../src/data/problem.ts";
import { groupedCode, plainCode, plainNumber } from "../src/form/form-values.ts";
import { isCurrent } from "../src/frame/shell.tsx";
import { createFormats, shiftDecimal } from "../src/language/formats.ts";
import { languageOf } from "../src/language/kit.tsx";
import { kitTexts } from "../src/language/kit-texts.ts";

const PARIS = "Europe/Paris";
const seconds = (text: string): number => Date.parse(text) / 1000;
const folder = new URL("../src/", import.meta.url);

test("addresses: what matches, and what does not", () => {
  const cases: readonly [string, string, Record<string, string> | undefined][] = [
    ["/", "/", {}],
    ["/statements/:point/:from", "/statements/a%2Fb/2026-03", { point: "a/b", from: "2026-03" }],
    ["/meters/:id", "/meters/7/", { id: "7" }],
    ["/meters/:id", "/meters", undefined],
    ["/meters/:id", "/meters/7/keys", undefined],
    ["/meters", "/Meters", undefined],
    ["/meters/:id", "/meters/%E0%A4%A", undefined],
    ["/", "/meters", undefined],
  ];
  for (const [pattern, path, params] of cases) assert.deepEqual(matchPath(pattern, path), params);
  const segment = fc.string({ minLength: 1, unit: "grapheme" });
  fc.assert(
    fc.property(segment, segment, (a, b) => {
      fc.pre(![".", ".."].includes(a) && ![".", ".."].includes(b));
      assert.deepEqual(matchPath("/x/:a/:b", pathOf("/x/:a/:b", { a, b })), { a, b });
    }),
  );
  const page = (): never => assert.fail("a page is only made when it is shown");
  const routes = [
    { path: "/m/:id", title: ({ id }: Record<string, string>) => `Meter ${id}`, page },
  ];
  assert.equal(matchRoute(routes, "/m/7")?.title, "Meter 7");
  assert.equal(matchRoute(routes, "/m"), undefined);
  assert(isCurrent("/meters", "/meters/7") && isCurrent("/", "/"));
  assert(!isCurrent("/", "/meters") && !isCurrent("/meters", "/meters-old"));
});

test("the query is state: changed names change, equal states have equal addresses", () => {
  assert.equal(changeQuery({ b: "2", a: "1" }, { c: "x y" }), "?a=1&b=2&c=x+y");
  assert.equal(changeQuery({ b: "2" }, { b: undefined }), "");
  assert.deepEqual(parseQuery("?a=1&a=2&b="), { a: "1", b: "" });
  const record = fc.dictionary(
    fc.stringMatching(/^[a-z]{1,3}$/),
    fc.stringMatching(/^[^\0]{1,9}$/),
  );
  fc.assert(
    fc.property(record, (query) => {
      assert.deepEqual(parseQuery(changeQuery({}, query)), { ...query });
    }),
  );
});

test("formats: exact energy and money, the meter's zone, both languages", () => {
  const [en, fr] = [createFormats("en", PARIS), createFormats("fr", PARIS)];
  const plain = (text: string): string => text.replaceAll(/[\u202f\u00a0]/g, " ");
  const cases: readonly [string, string][] = [
    [en.kilowattHours(12_345_678), "12.35 kWh"],
    [fr.kilowattHours(1_234_567_890_123n, 3), "1 234 567,890 kWh"],
    // Past 2^53 a float would lose the last digits.
    [en.kilowattHours(9_007_199_254_740_993n, 6), "9,007,199,254.740993 kWh"],
    [en.watts(999), "999 W"],
    [en.watts(2345), "2.35 kW"],
    [en.money("12345678901234567.89", "EUR"), "€12,345,678,901,234,567.89"],
    [fr.money("12.3", "EUR"), "12,30 €"],
    [en.money("0.31415", "EUR", 4), "€0.3142"],
    [en.percent(0.125, 1), "12.5%"],
    [en.date("2026-03-29"), "29 Mar 2026"],
    [createFormats("en", "America/New_York").date("2026-03-29"), "29 Mar 2026"],
    [en.time("2026-03-29T00:59:00Z"), "01:59"],
    [en.time("2026-03-29T01:00:00Z"), "03:00"],
    [en.dateTime("2026-10-25T00:30:00Z", { zoneName: true }), "25 Oct 2026, 02:30 CEST"],
    [en.dateTime("2026-10-25T01:30:00Z", { zoneName: true }), "25 Oct 2026, 02:30 CET"],
    [fr.monthLabel(seconds("2026-03-15T12:00:00Z")), "mars 2026"],
    [en.duration(5400), "1 h 30 min"],
    [en.duration(86_405), "1 d"],
    [en.duration(0), "0 s"],
    [en.relative(0, 7200), "2 hours ago"],
    [fr.relative(86_400, 0), "demain"],
  ];
  for (const [is, wanted] of cases) assert.equal(plain(is), wanted);
  fc.assert(
    fc.property(fc.bigInt(), fc.integer({ min: 1, max: 9 }), (value, digits) => {
      const text = shiftDecimal(value, digits);
      const [, fraction = ""] = text.split(".");
      assert.equal(fraction.length, digits);
      assert.equal(BigInt(text.replace(".", "")), value);
    }),
  );
});

test("languages: the first that we speak; each text in both, of the same shape", () => {
  assert.equal(languageOf(["de-CH", "fr-CH", "en"]), "fr");
  assert.equal(languageOf(["frr", "tlh"]), "en");
  assert.equal(languageOf([]), "en");
  const shape = (value: unknown): unknown =>
    typeof value === "function"
      ? `function of ${value.length}`
      : typeof value === "object" && value !== null
        ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, shape(inner)]))
        : typeof value;
  assert.deepEqual(shape(kitTexts.fr), shape(kitTexts.en));
  const same = Object.entries(kitTexts.en).filter(
    ([key, text]) => typeof text === "string" && text === Reflect.get(kitTexts.fr, key),
  );
  assert.deepEqual(
    same.map(([key]) => key),
    ["menu", "pages"],
  );
});

test("a zone's clock goes there and back, also over both changes of the clock", () => {
  const { localAt, secondsOf } = zoneClock(PARIS);
  const local = (day: number, month: number, hour: number, minute = 0) => ({
    year: 2026,
    month,
    day,
    hour,
    minute,
  });
  // Spring: 02:30 is not there, what follows the gap is meant. Autumn: 02:30 is there twice, the first is meant.
  assert.equal(secondsOf(local(29, 3, 2, 30)), seconds("2026-03-29T01:30:00Z"));
  assert.equal(secondsOf(local(25, 10, 2, 30)), seconds("2026-10-25T00:30:00Z"));
  assert.equal(secondsOf(local(32, 12, 0)), seconds("2026-12-31T23:00:00Z"));
  // Where midnight itself is skipped, the day begins at one.
  const santiago = zoneClock("America/Santiago");
  assert.equal(santiago.localAt(santiago.secondsOf(local(6, 9, 0))).hour, 1);
  const zones = [PARIS, "Australia/Lord_Howe", "America/St_Johns", "Asia/Kolkata", "UTC"];
  fc.assert(
    fc.property(
      fc.constantFrom(...zones),
      fc.integer({ min: seconds("2000-01-01T00:00:00Z"), max: seconds("2038-01-01T00:00:00Z") }),
      (zone, at) => {
        const clock = zoneClock(zone);
        assert.deepEqual(clock.localAt(clock.secondsOf(clock.localAt(at))), clock.localAt(at));
      },
    ),
  );
  assert.equal(localAt(seconds("2026-10-25T01:30:00Z")).hour, 2);
});

test("ticks fall on local midnights and months; a day of 23 or 25 hours has as many", () => {
  const hours = (from: string, to: string): string[] =>
    timeTicks(seconds(from), seconds(to), PARIS, 26).map((tick) => tickLabel(tick, "en-GB", PARIS));
  const spring = hours("2026-03-28T23:00:00Z", "2026-03-29T21:59:00Z");
  const autumn = hours("2026-10-24T22:00:00Z", "2026-10-25T22:59:00Z");
  assert.equal(spring.length, 23);
  assert.equal(autumn.length, 25);
  assert.deepEqual(spring.slice(0, 4), ["00:00\n29 Mar", "01:00", "03:00", "04:00"]);
  assert.deepEqual(autumn.slice(1, 5), ["01:00", "02:00", "02:00", "03:00"]);
  const week = timeTicks(
    seconds("2026-10-20T10:00:00Z"),
    seconds("2026-10-30T10:00:00Z"),
    PARIS,
    10,
  );
  assert.equal(week.length, 10);
  for (const tick of week) assert.deepEqual([tick.unit, tick.local.hour], ["day", 0]);
  const year = timeTicks(
    seconds("2025-12-31T23:00:00Z"),
    seconds("2026-12-31T22:00:00Z"),
    PARIS,
    12,
  );
  assert.deepEqual(
    year.map((tick) => tick.local.month),
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
  );
  assert.equal(tickLabel(year[0] ?? assert.fail(), "fr-FR", PARIS), "janv.\n2026");
  const span = fc.integer({ min: 600, max: 4e8 });
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 1.9e9 }),
      span,
      fc.integer({ min: 2, max: 20 }),
      (from, length, count) => {
        const ats = timeTicks(from, from + length, PARIS, count).map(({ at }) => at);
        assert(ats.length <= 2 * count + 2, `${ats.length} ticks for ${count}`);
        for (const [index, at] of ats.entries()) {
          assert(at >= from && at <= from + length && at > (ats[index - 1] ?? -Infinity));
        }
      },
    ),
    { numRuns: 60 },
  );
});

test("value scales hold zero and both ends, at round values", () => {
  assert.deepEqual(valueScale(0, 3.4, 4).ticks, [0, 1, 2, 3, 4]);
  assert.deepEqual(valueScale(-0.05, 0.3, 4).ticks, [-0.1, 0, 0.1, 0.2, 0.3]);
  assert.deepEqual(valueScale(NaN, Infinity, 4).ticks.at(0), 0);
  const value = fc
    .double({ min: -1e6, max: 1e9, noNaN: true })
    .filter((at) => at === 0 || Math.abs(at) > 1e-6);
  fc.assert(
    fc.property(value, value, fc.integer({ min: 1, max: 12 }), (a, b, count) => {
      const { min, max, ticks } = valueScale(Math.min(a, b), Math.max(a, b), count);
      const slack = Math.max(Math.abs(a), Math.abs(b)) * 1e-6;
      assert(min <= Math.min(0, a, b) + slack && max >= Math.max(0, a, b) - slack && min < max);
      assert(ticks.includes(0) && ticks.length <= count + 3);
    }),
  );
});

test("moving and zooming never leave the extent, and keep the instant under the pointer", () => {
  const extent: ChartRange = [0, 1000];
  assert.deepEqual(panRange([100, 200], -500, extent), [0, 100]);
  assert.deepEqual(zoomRange([0, 1000], 0.5, 250, extent, 10), [125, 625]);
  fc.assert(
    fc.property(
      fc.tuple(fc.integer({ min: 0, max: 900 }), fc.integer({ min: 20, max: 100 })),
      fc.double({ min: 0.01, max: 100, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      ([from, span], factor, share) => {
        const at = from + span * share;
        const [left, right] = zoomRange([from, from + span], factor, at, extent, 10);
        assert(
          left >= 0 &&
            right <= 1000.0001 &&
            right - left >= 9.999 &&
            at >= left - 1e-6 &&
            at <= right + 1e-6,
        );
      },
    ),
  );
});

test("a source's columns are those of a slow walk; gaps stay gaps; a shifted source is the same later", () => {
  const sample = fc.oneof(fc.constant(NaN), fc.integer({ min: 0, max: 5000 }));
  fc.assert(
    fc.property(
      fc.array(sample, { minLength: 1, maxLength: 80 }),
      fc.integer({ min: 2, max: 30 }),
      (raw, columns) => {
        const x = Float64Array.from(raw, (_, index) => index * 60);
        const source = sampleSource(x, Float64Array.from(raw), 60);
        const found = source.query(0, raw.length * 60, columns);
        for (const [index, start] of found.x.entries()) {
          const end = found.x[index + 1] ?? Infinity;
          const values = raw.filter(
            (value, at) => at * 60 >= start && at * 60 < end && !Number.isNaN(value),
          );
          const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
          assert.equal(found.min[index], values.length === 0 ? NaN : Math.min(...values));
          assert.equal(found.max[index], values.length === 0 ? NaN : Math.max(...values));
          const is = found.mean[index] ?? assert.fail();
          assert(Number.isNaN(mean) ? Number.isNaN(is) : Math.abs(is - mean) < 1e-6);
        }
        const later = shiftedSource(source, 7200).query(7200, 7200 + raw.length * 60, columns);
        assert.deepEqual(later.mean, found.mean);
        assert.deepEqual(later.x[0], (found.x[0] ?? 0) + 7200);
      },
    ),
    { numRuns: 50 },
  );
  assert.deepEqual(
    [0, 3, 4, 9].map((wanted) => lowerBound([1, 3, 5], wanted)),
    [0, 1, 2, 3],
  );
});

test("a plot's axes, columns and lines lie on whole pixels within its area, each line on its own scale", () => {
  const axes: PlotAxes = {
    lines: [
      { colour: "chart-1", kind: "step" },
      { colour: "chart-2", kind: "step", isRight: true },
    ],
    zone: PARIS,
    locale: "en-GB",
    value: (value) => `${value} W`,
    valueRight: (value) => `€${value}`,
  };
  const data: PlotData = {
    x: [-60, 0, 60, 120, 180],
    lines: [
      [500, NaN, 1000, 0],
      [0.1, 0.2, NaN, 0.4],
    ],
  };
  const textWidth = (text: string): number => 7 * text.length;
  const layOut = (ratio: number) =>
    layOutPlot(axes, data, [0, 150], { width: 400, height: 200, ratio }, textWidth);
  const { area, borders, heights, values, valuesRight, times, leftOf } = layOut(1);
  assert.deepEqual(area, { left: 48, top: 8, right: 360, bottom: 156 });
  assert.deepEqual(borders, [48, 48, leftOf(60), leftOf(120), 360]); // Cut to what is shown.
  assert.deepEqual([leftOf(0), leftOf(150)], [48, 360]);
  assert.deepEqual(heights[0], [82, NaN, 8, 156]);
  assert.deepEqual([heights[1]?.[2], heights[1]?.[3]], [NaN, 8]);
  assert.deepEqual(values.at(-1), { at: 8, text: "1000 W" });
  assert.deepEqual(valuesRight.at(-1), { at: 8, text: "€0.4" });
  assert.equal(times[0]?.text, "01:00\n1 Jan");
  assert.deepEqual(layOut(2).area, { left: 64, top: 16, right: 752, bottom: 312 });
  const empty = layOutPlot(
    { ...axes, lines: [] },
    { x: [], lines: [] },
    [0, 1],
    { width: 9, height: 99, ratio: 1.25 },
    textWidth,
  );
  assert.deepEqual([empty.valuesRight, empty.borders, empty.heights], [[], [], []]);
  assert(empty.area.left < empty.area.right);
});

/** The pixels that rectangles cover, as "left,top". */
function pixelsOf(rects: Rects): Set<string> {
  const pixels = new Set<string>();
  for (let index = 0; index < rects.length; index += 4) {
    const [left = 0, top = 0, width = 0, height = 0] = rects.slice(index, index + 4);
    assert(width > 0 && height > 0 && [left, top, width, height].every(Number.isInteger));
    for (let x = left; x < left + width; x++) {
      for (let y = top; y < top + height; y++) pixels.add(`${x},${y}`);
    }
  }
  return pixels;
}

test("lines and bands as rectangles cover the pixels of a slow pen; gaps lift it, dashes are stripes", () => {
  const height = fc.oneof(fc.constant(NaN), fc.integer({ min: 0, max: 12 }));
  const columns = fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), height, height), {
    maxLength: 20,
  });
  fc.assert(
    fc.property(columns, fc.integer({ min: 1, max: 3 }), (drawn, thickness) => {
      const borders = [0];
      for (const [width] of drawn) borders.push((borders.at(-1) ?? 0) + width);
      const [line, band] = [new Set<string>(), new Set<string>()];
      const heights = drawn.map(([, at]) => at);
      const pen = (x: number, y: number, width: number): void => {
        for (let dx = 0; dx < width; dx++) {
          for (let dy = 0; dy < thickness; dy++) {
            line.add(`${x + dx},${y + dy - Math.floor(thickness / 2)}`);
          }
        }
      };
      for (const [index, [width, at, foot]] of drawn.entries()) {
        const left = borders[index] ?? 0;
        const before = heights[index - 1] ?? NaN;
        for (let y = at; y < foot; y++)
          for (let x = 0; x < width; x++) band.add(`${left + x},${y}`);
        if (Number.isNaN(at)) continue;
        pen(left, at, Number.isNaN(before) ? Math.max(1, width) : width);
        if (Number.isNaN(before) || before === at) continue;
        for (let y = Math.min(before, at); y <= Math.max(before, at); y++) pen(left, y, thickness);
      }
      const rects = stepRects(borders, heights, thickness);
      assert.deepEqual(pixelsOf(rects), line);
      const feet = drawn.map(([, , foot]) => foot);
      assert.deepEqual(pixelsOf(bandRects(borders, heights, feet)), band);
      const stripes = [...line].filter((pixel) => parseInt(pixel, 10) % 8 < 5);
      assert.deepEqual(pixelsOf(dashed(rects, 5, 8)), new Set(stripes));
    }),
  );
  // A thousand values within one pixel are one jump there, not a thousand.
  const many = Array.from({ length: 1000 }, (_, index) => index % 10);
  assert.equal(stepRects(Array(1001).fill(7), many, 1).length, 2 * 4);
});

test("bars stack from zero, gaps break lines", () => {
  const { bars, lines } = layOutBars({
    bars: [
      {
        from: 0,
        to: 1,
        label: "1",
        parts: [
          { name: "day", value: 3 },
          { name: "night", value: 1 },
        ],
        behind: 4,
      },
      { from: 1, to: 2, label: "2", parts: [{ name: "day", value: -2 }] },
      { from: 2, to: 3, label: "3", parts: [], isGap: true },
      { from: 3, to: 4, label: "4", parts: [{ name: "unknown", value: 9 }] },
    ],
    parts: [
      { name: "day", colour: "chart-1" },
      { name: "night", colour: "chart-2" },
    ],
    lines: [{ name: "cost", values: [1, 2, NaN, 4], value: String }],
    width: 400,
    height: 200,
    value: String,
  });
  const [first, second, gap] = bars;
  const [day, night] = first?.parts ?? [];
  assert(first?.behind !== undefined && day !== undefined && night !== undefined);
  assert(Math.abs(day.height + night.height - first.behind.height) < 1e-9);
  assert(Math.abs(night.y + night.height - day.y) < 1e-9);
  assert.equal(second?.parts[0]?.y, day.y + day.height);
  assert.deepEqual([gap?.parts.length, gap?.isGap], [0, true]);
  assert.equal(lines[0]?.match(/M/g)?.length, 2);
  assert.equal(sparkPath([1, NaN, 2]).match(/M/g)?.length, 2);
});

test("typed numbers and codes are read as meant", () => {
  const numbers: readonly [string, string][] = [
    ["1 234,5", "1234.5"],
    ["1,234.50", "1234.50"],
    ["1’234.5", "1234.5"],
    ["-3", "-3"],
    ["", ""],
    ["abc", "abc"],
  ];
  for (const [typed, meant] of numbers) assert.equal(plainNumber(typed), meant);
  assert.equal(plainCode(" rk-7h2kq 9m3xt "), "RK7H2KQ9M3XT");
  assert.equal(groupedCode("rk7h2kq9m3xt", 5), "RK7H2-KQ9M3-XT");
  assert.equal(groupedCode("", 5), "");
  for (const check of ["*", "~", "$", "=", "U"]) {
    assert.equal(plainCode(`3jyx8-hheka ${check}`), `3JYX8HHEKA${check}`);
    assert.equal(groupedCode(`3jyx8hheka${check}`, 5), `3JYX8-HHEKA-${check}`);
  }
});

test("a problem's errors find their fields; what finds none goes to the summary", () => {
  const problem = problemOf(422, {
    code: "REQUEST_INVALID",
    title: "not well formed",
    errors: [
      { path: "/bands/0/price", message: "positive" },
      { path: "body.login", message: "taken" },
      { path: "login", message: "a second one" },
      { path: "elsewhere", message: "closed" },
      { path: 7, message: "not ours" },
    ],
  });
  const { byName, rest } = fieldProblems(problem.errors, ["login", "price", "0.price"]);
  assert.deepEqual(byName, { "0.price": "positive", login: "taken" });
  assert.deepEqual(rest, ["closed"]);
  for (const body of [undefined, null, "x", {}, { code: 1, title: "x" }]) {
    assert.equal(problemOf(500, body).code, "UNREADABLE");
  }
});

test("the API: CSRF and idempotency on writes only, every refusal a ProblemError", async () => {
  const seen: { url: string; init: RequestInit }[] = [];
  let signedOut = 0;
  const answers: (Response | Error)[] = [];
  const api = createApi({
    csrf: () => "token",
    onUnauthenticated: () => signedOut++,
    fetch: (url, init = {}) => {
      assert(typeof url === "string");
      seen.push({ url, init });
      const answer = answers.shift() ?? assert.fail("no answer is prepared");
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    },
  });
  const headers = (): Headers => new Headers(seen.at(-1)?.init.headers);
  answers.push(Response.json({ a: 1 }), new Response(null, { status: 204 }));
  assert.deepEqual(await api.get("/v1/x", { query: { from: 1, to: undefined } }), { a: 1 });
  assert.equal(seen[0]?.url, "/v1/x?from=1");
  assert(!headers().has("x-csrf-token") && !headers().has("idempotency-key"));
  assert.equal(await api.post("/v1/x", { b: 2 }, { idempotencyKey: "k" }), undefined);
  assert.deepEqual(
    [headers().get("x-csrf-token"), headers().get("idempotency-key")],
    ["token", "k"],
  );
  const refusals: readonly [Response | Error, string][] = [
    [Response.json({ code: "UNAUTHENTICATED", title: "x" }, { status: 401 }), "UNAUTHENTICATED"],
    [new Response("<html>", { status: 502 }), "UNREADABLE"],
    [new Response("<html>"), "UNREADABLE"],
    [new TypeError("fetch failed"), "UNREACHABLE"],
  ];
  for (const [answer, code] of refusals) {
    answers.push(answer);
    await assert.rejects(
      api.get("/v1/x"),
      (error) => error instanceof ProblemError && error.code === code,
    );
  }
  assert.equal(signedOut, 1);
  answers.push(new DOMException("gone", "AbortError"));
  await assert.rejects(api.get("/v1/x", { signal: AbortSignal.abort() }), { name: "AbortError" });
});

/** WCAG 2.2, relative luminance and contrast ratio. */
function contrast(one: string, other: string): number {
  const luminance = (hex: string): number => {
    const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
      const share = parseInt(hex.slice(at, at + 2), 16) / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const [light = 0, dark = 0] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}

test("every pair of tokens that meets on a page has its contrast, in both themes", () => {
  assert.equal(Math.round(contrast("#000000", "#ffffff")), 21);
  assert(contrast("#777777", "#ffffff") < 4.5); // The well-known grey that just fails.
  const css = readFileSync(new URL("styles/tokens.css", folder), "utf8");
  const tokens = new Map(
    [...css.matchAll(/--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)/g)].map(
      ([, name = "", light = "", dark = ""]) => [name, [light, dark]] as const,
    ),
  );
  const grounds = ["ground", "surface", "sunken"];
  const text = grounds.flatMap((ground) =>
    ["ink", "muted", "accent", "accent-strong", "danger", "alarm", "good"].map((ink) => [
      ink,
      ground,
    ]),
  );
  const tones = ["info", "good", "warn", "alarm"].flatMap((tone) => [
    [tone, `${tone}-ground`],
    ["ink", `${tone}-ground`],
  ]);
  const others = [
    ["on-accent", "accent"],
    ["on-accent", "accent-strong"],
    ["on-danger", "danger"],
    ["accent-strong", "accent-ground"],
    ["accent", "accent-ground"],
    ["ground", "ink"],
  ];
  const shapes = [1, 2, 3, 4, 5, 6].map((index) => [`chart-${index}`, "surface"]);
  const lines = [
    ["control", "surface"],
    ["control", "ground"],
    ["chart-behind", "surface"],
    ...shapes,
  ];
  const weak: string[] = [];
  const check = (pairs: readonly (readonly string[])[], least: number): void => {
    for (const [one = "", other = ""] of pairs) {
      for (const theme of [0, 1]) {
        const [a, b] = [tokens.get(one)?.[theme], tokens.get(other)?.[theme]];
        assert(a !== undefined && b !== undefined, `no token ${one} or ${other}`);
        if (contrast(a, b) < least) weak.push(`${one} on ${other}: ${contrast(a, b).toFixed(2)}`);
      }
    }
  };
  check([...text, ...tones, ...others], 4.5);
  check(lines, 3);
  assert.deepEqual(weak, []);
});

test("nothing here needs inline styles, markup from text, code from text or another host", () => {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) =>
    /\.(tsx?|css)$/.test(name),
  );
  assert(files.length > 40);
  const wrong =
    /innerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|\sstyle=|https?:|@font-face|url\((?!#)/;
  const found = files.filter((name) =>
    wrong.test(readFileSync(new URL(name, folder), "utf8").replaceAll("url(#${id}", "")),
  );
  assert.deepEqual(found, []);
});

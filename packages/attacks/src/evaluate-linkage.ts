// Linkage over one panel: every home a target, all others the crowd it hides in.
import { billFingerprint, linkageRanks, loadFingerprint } from "./attacks/linkage.ts";
import type { Measure, Tally } from "./measurement.ts";
import type { Round } from "./plan.ts";
import { daysBetween } from "./trace.ts";
import { bandsOfPanel, billRegisters } from "./views.ts";
import type { Span } from "./views.ts";

const DAY_NIGHT = {
  id: "day-night",
  bands: ["high", "low"],
  rules: [{ weekdays: [1, 2, 3, 4, 5], from: "07:00", to: "20:00", band: "high" }],
  defaultBand: "low",
};

/**
 * Bills by their registers. The first two were measured on 511 real homes; the last is what the MDMS
 * receives of a two-band tariff, and tells homes with panels from the others.
 */
const BILLS = [
  {
    reference: "total",
    calendar: { id: "flat", bands: ["all"], rules: [], defaultBand: "all" },
    registers: 1,
  },
  { reference: "two bands", calendar: DAY_NIGHT, registers: 2 },
  { reference: "two bands and export", calendar: DAY_NIGHT, registers: 3 },
];

/**
 * From the first four sevenths of the days (four weeks of seven) to the rest: raw load, and bills
 * of both windows; and from the last of those weeks to the next. Nothing where there are fewer than
 * 14 days.
 */
export function evaluateLinkage({ seed, panel }: Round, tally: Tally): void {
  const { days, homes } = panel;
  if (days < 14) return;
  const border = Math.round((days * 4) / 7);
  const periods: readonly [Span, Span] = [
    { fromDay: 0, toDay: border },
    { fromDay: border, toDay: days },
  ];
  const weeks: readonly [Span, Span] = [
    { fromDay: border - 7, toDay: border },
    { fromDay: border, toDay: border + 7 },
  ];
  const record = (
    measure: Pick<Measure, "attack" | "reference">,
    [earlier, later]: readonly Float64Array[][],
  ): void => {
    for (const [home, rank] of linkageRanks(earlier ?? [], later ?? []).entries()) {
      const target = homes[home]?.label ?? "";
      for (const top of [1, 5, 10] as const) {
        const pair = { target, seed, in: rank < top ? 1 : 0, out: Math.min(1, top / homes.length) };
        tally.add({ ...measure, metric: `top-${top}` }, 1, pair);
      }
    }
  };
  for (const [reference, spans] of [
    ["4+3 weeks", periods] as const,
    ["adjacent weeks", weeks] as const,
  ]) {
    const fingerprints = spans.map(({ fromDay, toDay }) =>
      homes.map(({ load }) => loadFingerprint(daysBetween(load, fromDay, toDay))),
    );
    record({ attack: "linkage", reference }, fingerprints);
  }
  for (const { reference, calendar, registers } of BILLS) {
    const bands = bandsOfPanel(panel, calendar);
    const fingerprints = periods.map((span) =>
      homes.map((home) => {
        const bill = billRegisters(home, bands, span).subarray(0, registers);
        return billFingerprint(bill, span.toDay - span.fromDay);
      }),
    );
    record({ attack: "bill-linkage", reference }, fingerprints);
  }
}

// Synthetic households against real ones: the figures of README.md in packages/readings.
// Run: node --import tsx benchmarks/calibration.ts
// Real files are read from ../shared/data where present; without them, only the synthetic are
// shown.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Figures, ReadSourceOptions, Series } from "@smarter-metering/readings";
import { figuresOf, readSource, syntheticNeighbourhood } from "@smarter-metering/readings";

const SWISS = {
  file: "ch15min_kwh_100households_49days.csv.gz",
  // Named kWh, but its magnitudes are those of mean power.
  options: { unit: "kW", zone: "Europe/Zurich" },
} as const;
const MINUTES = {
  file: "umass_1min_kw_apt1-5_7days.csv.gz",
  options: { unit: "kW", zone: "America/New_York" },
} as const;

async function real(file: string, options: ReadSourceOptions): Promise<Series[] | undefined> {
  const path = fileURLToPath(new URL(`../../shared/data/${file}`, import.meta.url));
  return existsSync(path) ? (await readSource(path, options)).series : undefined;
}

function show(title: string, figures: Figures): void {
  const numbers = [
    figures.meanKilowattHoursPerDay.toFixed(2),
    figures.coefficientOfVariation.toFixed(3),
    figures.peakKilowatts.toFixed(2),
    figures.lagOneAutocorrelation.toFixed(3),
    figures.lagDayAutocorrelation.toFixed(3),
    figures.baseKilowatts.toFixed(3),
  ];
  console.log(`${title.padEnd(34)}${numbers.map((number) => number.padStart(9)).join("")}`);
}

const columns = ["kWh/day", "CV", "peak kW", "lag 1", "lag 24h", "base kW"];
console.log(`${"".padEnd(34)}${columns.map((name) => name.padStart(9)).join("")}`);

const swiss = await real(SWISS.file, SWISS.options);
if (swiss === undefined) console.log("(real households not present)");
else show("Swiss, 100 homes, 49 days, 15 min", figuresOf(swiss));

const range = {
  startSeconds: Date.UTC(2018, 9, 28, 23) / 1000,
  days: 49,
  intervalSeconds: 900,
  zone: "Europe/Zurich",
  households: 100,
};
for (const seed of ["calibration-1", "calibration-2", "calibration-3"]) {
  show(
    `synthetic, ${seed}`,
    figuresOf(syntheticNeighbourhood({ ...range, seed }).map((home) => home.series)),
  );
}

const minutes = await real(MINUTES.file, MINUTES.options);
if (minutes !== undefined) show("UMass, 5 flats, 7 days, 1 min", figuresOf(minutes));
const byMinute = syntheticNeighbourhood({
  ...range,
  days: 7,
  intervalSeconds: 60,
  seed: "calibration-1",
});
show("synthetic, 7 days, 1 min", figuresOf(byMinute.map((home) => home.series)));

const began = performance.now();
syntheticNeighbourhood({ ...range, households: 240, days: 31, seed: "speed" });
console.log(
  `240 households × 31 days × 900 s in ${((performance.now() - began) / 1000).toFixed(2)} s`,
);

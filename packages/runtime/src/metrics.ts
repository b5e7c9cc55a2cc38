/**
 * Counters, gauges and histograms in the Prometheus text format (version 0.0.4). Every role serves
 * them. Label values name parties and outcomes, never meters: a metric per household would be a
 * load curve.
 */
import assert from "node:assert/strict";
import { createCollectors, type Collectors } from "./collectors.ts";

export type Labels = Readonly<Record<string, string>>;

export interface Counter {
  add(count?: number, labels?: Labels): void;
}
export interface Gauge {
  set(value: number, labels?: Labels): void;
  /** Forgets every series: before a collector sets those that there are now. */
  clear(): void;
}
export interface Histogram {
  observe(value: number, labels?: Labels): void;
}

export interface Metrics {
  /** Names end in `_total`. Label names are fixed here; a call with others is a programmer error. */
  counter(name: string, help: string, labelNames?: readonly string[]): Counter;
  gauge(name: string, help: string, labelNames?: readonly string[]): Gauge;
  /** `bounds`: upper bounds in the metric's unit, rising, without infinity. */
  histogram(
    name: string,
    help: string,
    bounds: readonly number[],
    labelNames?: readonly string[],
  ): Histogram;
  /**
   * `read` sets gauges, and runs before a scrape: at most every five seconds, for at most five. Whether
   * it did is `metrics_collector_up{collector}`.
   */
  collect(collector: string, read: () => void | Promise<void>): void;
  /** The text to serve at /metrics, after all collectors have run. */
  scrape(): Promise<string>;
  /** The same text without asking the collectors. */
  render(): string;
}

/** Series of one metric; what comes after is counted with every label set to "other". */
const seriesMax = 200;
const metricsMax = 500;
const namePattern = /^[a-z][a-z0-9_]*$/;

/** `collectors`: tests hand in one with a clock of their own. */
export function createMetrics(collectors: Collectors = createCollectors()): Metrics {
  const families = new Map<string, { render(): string }>();
  const add = <S>(family: Family<S>): Family<S> => {
    assert(namePattern.test(family.name), `${family.name} is not a metric name`);
    assert(!families.has(family.name), `the metric ${family.name} exists already`);
    assert(families.size < metricsMax, `over ${metricsMax} metrics`);
    families.set(family.name, family);
    return family;
  };
  const render = (): string => [...families.values()].map((family) => family.render()).join("");
  let collectorUp: Gauge | undefined;
  const metrics: Metrics = {
    counter(name, help, labelNames = []) {
      const family = add(new Family(name, help, "counter", labelNames, () => ({ value: 0 }), one));
      return {
        add(count = 1, labels = {}) {
          assert(count >= 0, "a counter never goes down");
          family.series(labels).value += count;
        },
      };
    },
    gauge(name, help, labelNames = []) {
      const family = add(new Family(name, help, "gauge", labelNames, () => ({ value: 0 }), one));
      return {
        set: (value, labels = {}) => void (family.series(labels).value = value),
        clear: () => family.clear(),
      };
    },
    histogram(name, help, bounds, labelNames = []) {
      const start = (): Buckets => ({ counts: bounds.map(() => 0), sum: 0, count: 0 });
      const print = (buckets: Buckets): Sample[] => bucketSamples(bounds, buckets);
      const family = add(new Family(name, help, "histogram", labelNames, start, print));
      return {
        observe(value, labels = {}) {
          const buckets = family.series(labels);
          buckets.sum += value;
          buckets.count += 1;
          const index = bounds.findIndex((bound) => value <= bound);
          if (index >= 0) buckets.counts[index] = (buckets.counts[index] ?? 0) + 1;
        },
      };
    },
    collect(collector, read) {
      collectorUp ??= metrics.gauge(
        "metrics_collector_up",
        "1 while what is read at a scrape could be read",
        ["collector"],
      );
      collectors.add(collector, read);
    },
    async scrape() {
      for (const [collector, isUp] of await collectors.run()) {
        collectorUp?.set(isUp ? 1 : 0, { collector });
      }
      return render();
    },
    render,
  };
  return metrics;
}

interface Sample {
  readonly suffix: string;
  readonly labels: Labels;
  readonly value: number;
}
interface Buckets {
  readonly counts: number[];
  sum: number;
  count: number;
}

const one = ({ value }: { value: number }): Sample[] => [{ suffix: "", labels: {}, value }];

function bucketSamples(bounds: readonly number[], { counts, sum, count }: Buckets): Sample[] {
  let below = 0;
  const samples = bounds.map((bound, index) => {
    below += counts[index] ?? 0;
    return { suffix: "_bucket", labels: { le: String(bound) }, value: below };
  });
  return [
    ...samples,
    { suffix: "_bucket", labels: { le: "+Inf" }, value: count },
    { suffix: "_sum", labels: {}, value: sum },
    { suffix: "_count", labels: {}, value: count },
  ];
}

class Family<S> {
  readonly name: string;
  readonly #head: string;
  readonly #labelNames: readonly string[];
  readonly #start: () => S;
  readonly #print: (state: S) => Sample[];
  readonly #series = new Map<string, { readonly labels: Labels; readonly state: S }>();

  constructor(
    name: string,
    help: string,
    type: string,
    labelNames: readonly string[],
    start: () => S,
    print: (state: S) => Sample[],
  ) {
    this.name = name;
    const helpText = help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
    this.#head = `# HELP ${name} ${helpText}\n# TYPE ${name} ${type}\n`;
    this.#labelNames = labelNames;
    this.#start = start;
    this.#print = print;
    if (labelNames.length === 0) this.series({});
  }

  series(given: Labels): S {
    const known = this.#labelNames;
    const fits = Object.keys(given).length === known.length && known.every((k) => k in given);
    assert(fits, `${this.name} has the labels (${known.join(", ")})`);
    const isFull = this.#series.size >= seriesMax && !this.#series.has(this.#key(given));
    const labels = isFull ? Object.fromEntries(known.map((name) => [name, "other"])) : given;
    const key = this.#key(labels);
    const found = this.#series.get(key);
    if (found !== undefined) return found.state;
    const state = this.#start();
    this.#series.set(key, { labels, state });
    return state;
  }

  clear(): void {
    this.#series.clear();
  }

  render(): string {
    let text = this.#head;
    for (const { labels, state } of this.#series.values()) {
      for (const sample of this.#print(state)) {
        const all = Object.entries({ ...labels, ...sample.labels });
        const list = all.map(([name, value]) => `${name}="${escapeLabel(value)}"`).join(",");
        text += `${this.name}${sample.suffix}${list === "" ? "" : `{${list}}`} ${sample.value}\n`;
      }
    }
    return text;
  }

  #key(labels: Labels): string {
    return JSON.stringify(this.#labelNames.map((name) => labels[name]));
  }
}

function escapeLabel(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

/**
 * docs/metrics.md against the code: every metric that is registered has its row with type and labels, and every row its metric. And
 * deploy/monitoring: that alerts, dashboard and sample configuration ask for metrics that exist, and lead to a paragraph for people.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parse } from "yaml";
import { z } from "@smarter-metering/runtime";
import { documentedMetrics } from "./support/documented-metrics.ts";

const root = new URL("..", import.meta.url).pathname;
const read = (path: string): string => readFileSync(join(root, path), "utf8");
const sources = execFileSync("git", ["ls-files", "-co", "--exclude-standard", "*.ts"], {
  cwd: root,
  encoding: "utf8",
})
  .split("\n")
  .filter((path) => /^(packages|services|cli)\//.test(path) && !/(^|\/)test\//.test(path))
  .filter((path) => existsSync(join(root, path)));

interface Registered {
  readonly type: string;
  readonly labels: readonly string[];
  readonly path: string;
}

/** The text of a call's arguments, from after its opening bracket. */
function argumentsAt(text: string, from: number): string {
  let depth = 1;
  let at = from;
  for (; depth > 0 && at < text.length; at += 1) {
    if (text[at] === '"') at = text.indexOf('"', at + 1);
    else if ("([{".includes(text[at] ?? " ")) depth += 1;
    else if (")]}".includes(text[at] ?? " ")) depth -= 1;
  }
  return text.slice(from, at - 1);
}

const stringsOf = (text: string): string[] =>
  [...text.matchAll(/"([^"]*)"/g)].map(([, s]) => s ?? "");

/** Each call of `counter`, `gauge` or `histogram` with its literal name; labels may be a `const labels` above it. */
function registeredIn(path: string): [string, Registered][] {
  const text = readFileSync(join(root, path), "utf8");
  return [...text.matchAll(/\.(counter|gauge|histogram)\(/g)].map((match) => {
    const given = argumentsAt(text, match.index + match[0].length);
    const [name = "", , ...own] = stringsOf(given);
    assert(/^\s*"/.test(given), `${path}: a metric's name is a literal, not ${given.slice(0, 40)}`);
    const above = text.slice(0, match.index);
    const shared = /\blabels\b/.test(given.replaceAll(/"[^"]*"/g, ""))
      ? stringsOf(
          /^\[[^\]]*\]/.exec(above.slice(above.lastIndexOf("const labels = ") + 15))?.[0] ?? "",
        )
      : [];
    return [name, { type: match[1] ?? "", labels: [...shared, ...own], path }];
  });
}

const registrations = sources
  .filter((path) => path !== "packages/runtime/src/metrics.ts")
  .flatMap(registeredIn)
  .concat([["metrics_collector_up", { type: "gauge", labels: ["collector"], path: "metrics.ts" }]]);

test("docs/metrics.md has every metric of the code, with its type and labels, and no other", () => {
  const documented = documentedMetrics();
  const inCode = registrations.map(([name, { type, labels }]) => [name, type, ...labels].join(" "));
  const onPage = documented.map(({ name, type, labels }) => [name, type, ...labels].join(" "));
  assert.deepEqual(
    inCode.filter((row) => !onPage.includes(row)),
    [],
    "registered, and not on the page",
  );
  assert.deepEqual(
    onPage.filter((row) => !inCode.includes(row)),
    [],
    "on the page, and not registered",
  );
  assert.equal(new Set(documented.map(({ name }) => name)).size, onPage.length, "one row for each");
  assert(documented.length > 50, `${documented.length} rows were read`);
});

test("names say their unit, counters end in _total, and no label could name a household", () => {
  const labels = new Set(registrations.flatMap(([, registered]) => registered.labels));
  // Parties, hops, states and codes. Who adds a name here says why its values tell nothing of few people.
  const allowed = [
    "age",
    "call",
    "code",
    "collector",
    "consumer",
    "engine",
    "kind",
    "method",
    "node",
  ];
  allowed.push("outcome", "quantile", "reason", "route", "state", "status", "stream", "verdict");
  allowed.push("version");
  assert.deepEqual(
    [...labels].filter((label) => !allowed.includes(label)),
    [],
  );
  for (const [name, { type, path }] of registrations) {
    assert.equal(name.endsWith("_total"), type === "counter", `${path}: ${name} is a ${type}`);
    assert.doesNotMatch(name, /_(ms|milliseconds|minutes|hours|kib|mib|percent)$/, path);
  }
  for (const { name, unit } of documentedMetrics()) {
    const isSeconds = /_seconds(_total|_max)?$/.test(name);
    assert.equal(/^(epoch )?s$/.test(unit), isSeconds, `${name} in "${unit}"`);
    assert.equal(
      name.includes("timestamp") || name.includes("start_time"),
      unit === "epoch s",
      name,
    );
  }
});

const rule = z.strictObject({
  alert: z.string().regex(/^[A-Z][A-Za-z]+$/),
  expr: z.string(),
  for: z
    .string()
    .regex(/^\d+[mhd]$/)
    .optional(),
  labels: z.strictObject({ severity: z.enum(["warning", "critical"]) }),
  annotations: z.strictObject({ summary: z.string(), runbook: z.string() }),
});
const rules = z
  .strictObject({
    groups: z.array(z.strictObject({ name: z.string(), rules: z.array(rule).min(1) })),
  })
  .parse(parse(read("deploy/monitoring/alerts.yml")))
  .groups.flatMap((group) => group.rules);

const panel = z.object({
  id: z.number(),
  title: z.string(),
  type: z.enum(["row", "stat", "timeseries"]),
  targets: z.array(z.object({ expr: z.string() })).optional(),
});
const dashboard = z
  .object({ uid: z.string(), panels: z.array(panel) })
  .parse(JSON.parse(read("deploy/monitoring/grafana/dashboards/smarter-metering.json")));

const FUNCTIONS = ["by", "changes", "count", "delta", "deriv", "histogram_quantile", "increase"];
FUNCTIONS.push(
  "max",
  "min",
  "offset",
  "or",
  "and",
  "rate",
  "scalar",
  "sum",
  "time",
  "topk",
  "unless",
);
/** Given by Prometheus, by prometheus.yml, or part of a histogram. */
const OUTSIDE_LABELS = ["job", "instance", "role", "le"];
const documented = documentedMetrics();

/** What is wrong with an expression: unknown names, labels that its metrics do not have. No parser of the language, but of its words. */
function faultsOf(expr: string): string[] {
  const faults: string[] = [];
  const texts = expr.replaceAll(/"[^"]*"/g, '""');
  const brackets = texts.replaceAll(/[^()[\]{}]/g, "");
  if (!isBalanced(brackets)) faults.push("brackets do not match");
  const labels = new Set(OUTSIDE_LABELS);
  const outside = texts
    .replaceAll(/\[[^\]]*\]/g, "")
    .replaceAll(/\boffset \d+[mhd]/g, "")
    .replaceAll(/\{[^}]*\}/g, "")
    .replaceAll(/\bby \([^)]*\)/g, "");
  for (const name of outside.match(/[a-z_][a-z0-9_]*/g) ?? []) {
    if (FUNCTIONS.includes(name) || name === "up") continue;
    const metric = documented.find((each) => {
      const parts = each.type === "histogram" ? ["_bucket", "_count", "_sum"] : [""];
      return parts.some((part) => name === `${each.name}${part}`);
    });
    if (metric === undefined) faults.push(`${name} is no metric`);
    for (const label of metric?.labels ?? []) labels.add(label);
  }
  const used = [...texts.matchAll(/\{([^}]*)\}|\bby \(([^)]*)\)/g)].flatMap(([, chosen, grouped]) =>
    (chosen?.replaceAll(/[!=~]+""/g, "") ?? grouped ?? "").split(",").map((name) => name.trim()),
  );
  for (const label of used) if (!labels.has(label)) faults.push(`no metric here has ${label}`);
  return faults;
}

function isBalanced(brackets: string): boolean {
  const without = brackets.replaceAll(/\(\)|\[\]|\{\}/g, "");
  return without === "" || (without !== brackets && isBalanced(without));
}

test("what finds wrong expressions finds them", () => {
  for (const wrong of [
    "no_such_metric > 1",
    'bus_pending{household="x"} > 1',
    "sum by (meter) (bus_pending)",
    "http_request_seconds > 1",
    "(bus_pending > 1",
    "sum(bus_pending_bucket)",
  ]) {
    assert.notDeepEqual(faultsOf(wrong), [], wrong);
  }
  assert.deepEqual(
    faultsOf('sum by (stream) (rate(bus_settled_total{verdict="dead"}[5m])) > 0'),
    [],
  );
});

test("every alert asks for metrics that exist and leads to its paragraph in docs/operating.md", () => {
  const operating = read("docs/operating.md");
  assert(rules.length >= 35, `${rules.length} alerts`);
  assert.equal(new Set(rules.map(({ alert }) => alert)).size, rules.length, "a name is used once");
  for (const { alert, expr, annotations } of rules) {
    assert.deepEqual(faultsOf(expr), [], alert);
    const [page, anchor = ""] = annotations.runbook.split("#");
    assert.equal(page, "docs/operating.md", alert);
    const paragraph = `<a id="${anchor}"></a>**${alert}**`;
    assert(operating.includes(paragraph), `docs/operating.md has no ${paragraph}`);
  }
  const anchors = [...operating.matchAll(/<a id="(alert-[a-z-]+)">/g)].map(([, id]) => id);
  const led = rules.map(({ annotations }) => annotations.runbook.split("#")[1]);
  assert.deepEqual(
    anchors.filter((id) => !led.includes(id)),
    [],
    "paragraphs without an alert",
  );
});

test("every panel of the dashboard asks for metrics that exist", () => {
  const { panels } = dashboard;
  assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length, "ids repeat");
  for (const { type, title, targets = [] } of panels) {
    assert.equal(targets.length > 0, type !== "row", title);
    for (const { expr } of targets) assert.deepEqual(faultsOf(expr), [], `${title}: ${expr}`);
  }
});

test("the sample configuration asks each role, by TLS with a certificate of its own", () => {
  const config = z
    .object({
      rule_files: z.tuple([z.literal("alerts.yml")]),
      scrape_configs: z.tuple([
        z.object({
          job_name: z.literal("smarter-metering"),
          scheme: z.literal("https"),
          tls_config: z.object({
            ca_file: z.string(),
            cert_file: z.string(),
            key_file: z.string(),
          }),
          static_configs: z.array(
            z.object({ targets: z.array(z.string()), labels: z.object({ role: z.string() }) }),
          ),
        }),
      ]),
    })
    .parse(parse(read("deploy/monitoring/prometheus.yml")));
  const roles = config.scrape_configs[0].static_configs.map(({ labels }) => labels.role);
  const expected = ["registry", "bus", "concentrator", "opener", "aggregator", "trustee", "mdms"];
  assert.deepEqual(roles, [...expected, "ucs"]);
});

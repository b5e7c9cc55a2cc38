/** What `doctor` says of roles by their metrics: each number that is off has its line, and what is as it should be has none. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createMetrics } from "@smarter-metering/runtime";
import { judgeRole, judgeTogether, type RoleAnswer } from "../src/doctor/judge-role.ts";
import { parseSamples } from "../src/doctor/samples.ts";

const NOW = 1_800_000_000;
const DAY = 86_400;

const answerOf = (text: string, changes: Partial<RoleAnswer> = {}): RoleAnswer => ({
  name: "aggregator",
  samples: parseSamples(text),
  notReady: "",
  clockAheadSeconds: 0,
  ...changes,
});

test("samples are read back as a role writes them", () => {
  const metrics = createMetrics();
  metrics.counter("a_total", "A", ["code"]).add(2, { code: 'x"y\\z\n' });
  metrics.gauge("b", "B").set(-1.5);
  metrics.histogram("c_seconds", "C", [1]).observe(0.5);
  assert.deepEqual(parseSamples(`${metrics.render()}not a sample\n{}\n`), [
    { name: "a_total", labels: { code: 'x"y\\z\n' }, value: 2 },
    { name: "b", labels: {}, value: -1.5 },
    { name: "c_seconds_bucket", labels: { le: "1" }, value: 1 },
    { name: "c_seconds_bucket", labels: { le: "+Inf" }, value: 1 },
    { name: "c_seconds_sum", labels: {}, value: 0.5 },
    { name: "c_seconds_count", labels: {}, value: 1 },
  ]);
});

const WELL = `registry_epoch 7
metrics_collector_up{collector="bus"} 1
bus_stalled_seconds{stream="s",consumer="c"} 300
bus_settled_total{stream="s",consumer="c",verdict="done"} 9
disk_free_bytes 20
disk_size_bytes 100
tls_certificate_expiry_timestamp_seconds ${NOW + 22 * DAY}
process_core_dumps_possible 0
process_open_files 80
process_open_files_max 100
registry_opener_key_end_timestamp_seconds ${NOW + 3 * DAY}
aggregator_log_waiting_seconds 120
aggregator_release_lag_seconds{kind="LOAD",state="SEALED"} 21600
trustee_ledger_bytes 80
trustee_ledger_max_bytes 100
mdms_alarms_open 0
`;

describe("one role", () => {
  test("that is well has one green line", () => {
    assert.deepEqual(judgeRole(answerOf(WELL, { clockAheadSeconds: 3 }), NOW), [
      { what: "aggregator", level: "green", finding: "answers, registry epoch 7" },
    ]);
  });

  const cases: readonly (readonly [line: string, what: string, level: string])[] = [
    ['metrics_collector_up{collector="store"} 0', "reads", "red"],
    ['bus_subscriptions_ended_total{stream="s",consumer="c"} 1', "bus", "red"],
    ['bus_stalled_seconds{stream="t",consumer="c"} 301', "bus", "red"],
    ['bus_settled_total{stream="s",consumer="c",verdict="dead"} 1', "dead letters", "yellow"],
    ['bus_dead_letters{stream="s",consumer="c",reason="BAD"} 1', "dead letters", "yellow"],
    ["disk_free_bytes 19\ndisk_size_bytes 100", "disk", "yellow"],
    ["disk_free_bytes 9\ndisk_size_bytes 100", "disk", "red"],
    [`tls_certificate_expiry_timestamp_seconds ${NOW + 20 * DAY}`, "certificate", "yellow"],
    [`tls_certificate_expiry_timestamp_seconds ${NOW + 2 * DAY}`, "certificate", "red"],
    [`tls_certificate_expiry_timestamp_seconds ${NOW - DAY}`, "certificate", "red"],
    ["process_core_dumps_possible 1", "core dumps", "yellow"],
    ["process_open_files 81\nprocess_open_files_max 100", "open files", "yellow"],
    [`registry_opener_key_end_timestamp_seconds ${NOW + DAY}`, "opener key", "red"],
    ["aggregator_log_waiting_seconds 121", "log", "yellow"],
    ["aggregator_log_waiting_seconds 901", "log", "red"],
    ['aggregator_release_lag_seconds{kind="BILL",state="SEALED"} 21601', "releases", "yellow"],
    ["trustee_ledger_bytes 81\ntrustee_ledger_max_bytes 100", "ledger", "yellow"],
    ["mdms_alarms_open 1", "alarms", "yellow"],
  ];
  for (const [line, what, level] of cases) {
    test(`${line.replaceAll("\n", ", ")}: ${what} is ${level}`, () => {
      const [, found, ...others] = judgeRole(answerOf(line), NOW);
      assert.equal(found?.what, `aggregator: ${what}`);
      assert.equal(found?.level, level);
      assert(found?.advice !== undefined, "it says what to do");
      assert.deepEqual(others, []);
    });
  }

  test("that is not ready, or whose clock is off, says so", () => {
    const [first] = judgeRole(answerOf("", { notReady: "no database" }), NOW);
    assert.deepEqual([first?.level, first?.finding], ["red", "not ready: no database"]);
    for (const [seconds, level, finding] of [
      [4, "yellow", "4 s ahead of this machine's"],
      [-31, "red", "31 s behind this machine's"],
    ] as const) {
      const [, clock] = judgeRole(answerOf("", { clockAheadSeconds: seconds }), NOW);
      assert.equal(clock?.level, level);
      assert.equal(clock?.finding, finding);
    }
  });
});

describe("roles together", () => {
  const role = (name: string, epoch: number, heardSecondsAgo: number, version = "1"): RoleAnswer =>
    answerOf(
      `registry_epoch ${epoch}\nregistry_refreshed_timestamp_seconds ${NOW - heardSecondsAgo}
build_info{version="${version}",node="v20"} 1`,
      { name },
    );
  const levelsOf = (...roles: RoleAnswer[]): string[] =>
    judgeTogether(roles, NOW).map(({ what, level }) => `${what} ${level}`);

  test("one epoch and one version are well", () => {
    assert.deepEqual(levelsOf(role("a", 3, 0), role("b", 3, 500)), ["registry epochs green"]);
  });
  test("who is behind has time to hear of it, and then is wrong", () => {
    assert.deepEqual(levelsOf(role("a", 3, 0), role("b", 2, 60)), ["registry epochs yellow"]);
    assert.deepEqual(levelsOf(role("a", 3, 0), role("b", 2, 121)), ["registry epochs red"]);
    const [finding] = judgeTogether([role("a", 3, 0), role("b", 2, 121)], NOW);
    assert.match(finding?.finding ?? "", /b under 2/);
  });
  test("two versions are an upgrade to be finished", () => {
    const roles = [role("a", 3, 0), role("b", 3, 0, "2")];
    assert.deepEqual(levelsOf(...roles), ["registry epochs green", "versions yellow"]);
  });
  test("one role alone has nobody to differ from", () => {
    assert.deepEqual(levelsOf(role("a", 3, 0)), []);
  });
});

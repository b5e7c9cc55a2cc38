/** What the metrics of a running role say about it: pure, the numbers are those of docs/metrics.md and of deploy/monitoring/alerts.yml. */
import { green, red, yellow, type Finding } from "./finding.ts";
import type { Sample } from "./samples.ts";

/** A role that answered. */
export interface RoleAnswer {
  /** Its folder: `opener`, `trustee-2`. */
  readonly name: string;
  readonly samples: readonly Sample[];
  /** Empty when it says that it is ready. */
  readonly notReady: string;
  /** Its clock less this machine's; undefined when it did not say. */
  readonly clockAheadSeconds: number | undefined;
}

type Judge = (samples: Samples, nowSeconds: number) => Omit<Finding, "what"> | undefined;

/** Samples of one role, by name. */
class Samples {
  readonly #all: readonly Sample[];

  constructor(all: readonly Sample[]) {
    this.#all = all;
  }

  of(name: string, labels: Readonly<Record<string, string>> = {}): readonly Sample[] {
    return this.#all.filter(
      (sample) =>
        sample.name === name &&
        Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
    );
  }

  value(name: string): number | undefined {
    return this.of(name)[0]?.value;
  }
}

const DAY = 86_400;
const bad = (finding: string, advice: string) => ({ level: "red", finding, advice }) as const;
const soon = (finding: string, advice: string) => ({ level: "yellow", finding, advice }) as const;
const hop = ({ labels: { stream, consumer } }: Sample): string => `${stream} → ${consumer}`;
const minutes = (seconds: number): string => `${Math.round(seconds / 60)} min`;

const JUDGES: Readonly<Record<string, Judge>> = {
  reads(samples) {
    const silent = samples.of("metrics_collector_up").filter(({ value }) => value !== 1);
    if (silent.length === 0) return undefined;
    const what = silent.map(({ labels }) => labels["collector"]).join(", ");
    return bad(`cannot read ${what}`, "its store, its bus or its disk does not answer: its log");
  },
  bus(samples) {
    const ended = samples.of("bus_subscriptions_ended_total").filter(({ value }) => value > 0);
    if (ended.length > 0) {
      return bad(`takes no more of ${ended.map(hop).join(", ")}`, "see its log, then restart it");
    }
    const stalled = samples.of("bus_stalled_seconds").filter(({ value }) => value > 300);
    if (stalled.length === 0) return undefined;
    const list = stalled.map((each) => `${hop(each)} for ${minutes(each.value)}`).join(", ");
    return bad(`settles nothing of ${list}`, "its log says what it waits for");
  },
  "dead letters"(samples) {
    const dead = samples.of("bus_settled_total", { verdict: "dead" });
    const held = samples.of("bus_dead_letters");
    const list = [
      ...held.map((each) => `${each.value} of ${hop(each)}: ${each.labels["reason"]}`),
      ...dead.map((each) => `${each.value} of ${hop(each)} since its start`),
    ];
    if (list.length === 0) return undefined;
    return soon(`set aside: ${list.join("; ")}`, "Dead letters in operating.md");
  },
  disk(samples) {
    const free = samples.value("disk_free_bytes");
    const size = samples.value("disk_size_bytes");
    if (free === undefined || size === undefined || free / size >= 0.2) return undefined;
    const finding = `${Math.floor((100 * free) / size)} % free`;
    return free / size < 0.1
      ? bad(finding, "make room before a write fails")
      : soon(finding, "make room");
  },
  certificate(samples, nowSeconds) {
    const expiry = samples.value("tls_certificate_expiry_timestamp_seconds");
    if (expiry === undefined || expiry - nowSeconds > 21 * DAY) return undefined;
    const finding = `expires on ${new Date(1000 * expiry).toISOString().slice(0, 10)}`;
    const advice = "certificates renew";
    return expiry - nowSeconds < 3 * DAY ? bad(finding, advice) : soon(finding, advice);
  },
  "core dumps"(samples) {
    if (samples.value("process_core_dumps_possible") !== 1) return undefined;
    return soon("not off: they could hold plaintext or keys", "LimitCORE=0, ulimit -c 0");
  },
  "open files"(samples) {
    const open = samples.value("process_open_files") ?? 0;
    const max = samples.value("process_open_files_max") ?? Infinity;
    return open / max > 0.8 ? soon(`${open} of ${max}`, "raise LimitNOFILE") : undefined;
  },
  "opener key"(samples, nowSeconds) {
    const end = samples.value("registry_opener_key_end_timestamp_seconds") ?? 0;
    if (end === 0 || end - nowSeconds > 2 * DAY) return undefined;
    return bad("the last one ends within two days", "run keys rotate, and see that cron does");
  },
  log(samples) {
    const waits = samples.value("aggregator_log_waiting_seconds") ?? 0;
    if (waits <= 120) return undefined;
    const finding = `the quorum has not cosigned it for ${minutes(waits)}`;
    const advice = "release why says which trustees are silent";
    return waits > 900 ? bad(finding, advice) : soon(finding, advice);
  },
  releases(samples) {
    const late = samples.of("aggregator_release_lag_seconds").filter(({ value }) => value > 21_600);
    if (late.length === 0) return undefined;
    const list = late.map(({ labels }) => `${labels["kind"]} ${labels["state"]}`).join(", ");
    return soon(`have waited for six hours: ${list}`, "release list, release why");
  },
  ledger(samples) {
    const bytes = samples.value("trustee_ledger_bytes") ?? 0;
    const max = samples.value("trustee_ledger_max_bytes") ?? Infinity;
    if (bytes / max <= 0.8) return undefined;
    return soon(`${Math.floor((100 * bytes) / max)} % full`, "prepare the next trustee");
  },
  alarms(samples) {
    const open = samples.value("mdms_alarms_open") ?? 0;
    return open > 0 ? soon(`${open} unseen`, "the operators' pages, Alarms") : undefined;
  },
};

/** One line that it answers, then one for each thing that is not as it should be. */
export function judgeRole(answer: RoleAnswer, nowSeconds: number): Finding[] {
  const samples = new Samples(answer.samples);
  const epoch = samples.value("registry_epoch");
  const says = epoch === undefined ? "answers" : `answers, registry epoch ${epoch}`;
  const first =
    answer.notReady === ""
      ? green(answer.name, says)
      : red(answer.name, `not ready: ${answer.notReady}`, "its log");
  const others = Object.entries(JUDGES).flatMap(([what, judge]) => {
    const found = judge(samples, nowSeconds);
    return found === undefined ? [] : [{ what: `${answer.name}: ${what}`, ...found }];
  });
  return [first, ...clockFinding(answer), ...others];
}

/** The Date header has whole seconds. */
const CLOCK_SOON_SECONDS = 3;
/** A tenth of what frames and the log tolerate. */
const CLOCK_BAD_SECONDS = 30;

function clockFinding({ name, clockAheadSeconds = 0 }: RoleAnswer): Finding[] {
  const apart = Math.abs(clockAheadSeconds);
  if (apart <= CLOCK_SOON_SECONDS) return [];
  const way = clockAheadSeconds > 0 ? "ahead of" : "behind";
  const finding = `${Math.round(apart)} s ${way} this machine's`;
  const make = apart > CLOCK_BAD_SECONDS ? red : yellow;
  return [make(`${name}: clock`, finding, "set both clocks by NTP")];
}

/** Whether a role that has not heard of the newest epoch had the time to. */
const EPOCH_LATE_SECONDS = 120;

/** What holds between roles: one registry epoch, one version. */
export function judgeTogether(answers: readonly RoleAnswer[], nowSeconds: number): Finding[] {
  const roles = answers.map(({ name, samples }) => ({ name, samples: new Samples(samples) }));
  const epochs = roles.flatMap(({ name, samples }) => {
    const epoch = samples.value("registry_epoch");
    const heard = samples.value("registry_refreshed_timestamp_seconds") ?? nowSeconds;
    return epoch === undefined
      ? []
      : [{ name, epoch, isLate: nowSeconds - heard > EPOCH_LATE_SECONDS }];
  });
  const newest = Math.max(...epochs.map(({ epoch }) => epoch));
  const behind = epochs.filter(({ epoch }) => epoch < newest);
  const versions = new Set(
    roles.flatMap(({ samples }) => samples.of("build_info").map(({ labels }) => labels["version"])),
  );
  const together: Finding[] = [];
  if (epochs.length > 1) together.push(epochFinding(newest, behind));
  if (versions.size > 1) {
    const finding = `${[...versions].join(" and ")} run side by side`;
    together.push(yellow("versions", finding, "finish the upgrade: Upgrading in operating.md"));
  }
  return together;
}

function epochFinding(
  newest: number,
  behind: readonly { readonly name: string; readonly epoch: number; readonly isLate: boolean }[],
): Finding {
  const what = "registry epochs";
  if (behind.length === 0) return green(what, `all roles act under ${newest}`);
  const list = behind.map(({ name, epoch }) => `${name} under ${epoch}`).join(", ");
  const finding = `the newest is ${newest}; ${list}`;
  if (behind.some(({ isLate }) => isLate)) {
    return red(what, finding, "these cannot reach the registry or refuse its epoch: their logs");
  }
  return yellow(what, finding, "wait for registryPollSeconds and look again");
}

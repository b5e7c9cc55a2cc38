/**
 * What must be true after a history, whatever failed on the way: nothing lost, nothing doubled, totals exact. It knows what the meters
 * measured and what the network did to their frames; everything else it reads out of the sums.
 */
import type { World } from "../support/world.ts";
import type { Evidence, LedgerRow, LoadRow, SetRow } from "./evidence.ts";
import type { FaultKind } from "./faults.ts";
import type { FrameFate } from "./faulty-uplink.ts";
import type { Measurements } from "./measurements.ts";
import { DAYS, HOUR, HOUSEHOLDS, WINDOW_DAYS, type Plan } from "./plan.ts";

/** As in the history's policy. */
export const CONTRIBUTORS_MIN = 3;
export const COMPLETENESS_MIN_BASIS_POINTS = 5000;
const CUTOFF_SECONDS = 6 * HOUR;
/** A frame that was acknowledged so long before the cutoff has been contributed by then. */
const IN_TIME_SECONDS = HOUR;

export interface Case {
  readonly plan: Plan;
  readonly world: World;
  readonly measurements: Measurements;
  readonly evidence: Evidence;
  /** How often each kind of fault struck. */
  readonly faults: ReadonlyMap<FaultKind, number>;
  readonly events: number;
  /** Of all events in their order: the same for the same seed. */
  readonly digest: string;
}

/** Every finding is a sentence; none means the history is sound. */
export function check(subject: Case): string[] {
  const findings = [...subject.evidence.notes.surprises];
  const find: Find = (isTrue, what) => {
    if (!isTrue) findings.push(what);
  };
  const frames = framesOf(subject);
  if (subject.plan.unsafeLoss !== undefined) {
    checkAfterLoss(subject, find);
    return findings;
  }
  checkFrames(subject, frames, find);
  checkLedger(subject, frames, find);
  for (const set of subject.evidence.sets) checkSet(subject, set, find);
  checkBlocks(subject, find);
  for (let household = 0; household < HOUSEHOLDS; household++) {
    checkBills(subject, household, find);
  }
  checkRequests(subject, find);
  checkDeadLetters(subject, frames, find);
  return findings;
}

type Find = (isTrue: boolean, what: string) => void;

/**
 * What holds although a party has forgotten what it had acknowledged (docs/operating.md, "What survives what"): days may be missing, but
 * nothing is counted twice, nothing is released twice, and every statement that was made is exact.
 */
function checkAfterLoss(subject: Case, find: Find): void {
  const { evidence, measurements, world } = subject;
  for (const load of evidence.loads) {
    for (const [slot, sum] of load.wattHours.entries()) {
      const name = `block ${load.block} slot ${slot}: ${sum} Wh`;
      const times = measurements.decode(load.block + slot * HOUR, sum);
      find(times !== undefined, `${name} is the sum of no households`);
      find(times?.every((count) => count <= 1) === true, `${name}: somebody is in it twice`);
      const members = times?.filter((count) => count === 1).length;
      const stated = load.contributorsPerSlot[slot];
      find(members === stated, `${name}: ${stated} contributors stated, not ${members}`);
    }
  }
  for (const statement of evidence.statements) {
    const household = world.households.findIndex(({ mdms }) => mdms === statement.servicePoint);
    const before = measurements.registers(household, statement.fromBorder);
    const after = measurements.registers(household, statement.toBorder);
    const expected = after.map((end, index) => end - (before[index] ?? 0n));
    const stated = [...statement.registers, statement.exported];
    const name = `statement of household ${household} from ${statement.fromGrid}`;
    find(isSame(stated, expected), `${name}: ${stated.join()} mWh, not ${expected.join()}`);
  }
  const released = new Map<string, string>();
  for (const { digest } of evidence.releases) {
    const about = evidence.requests.find((request) => request.digest === digest)?.about ?? digest;
    const first = released.get(about) ?? digest;
    find(first === digest, `${about} was released twice, for two requests`);
    released.set(about, digest);
  }
  find(evidence.alarms === 0, `${evidence.alarms} alarms at the MDMS`);
}

interface KnownFrame extends FrameFate {
  readonly household: number;
  readonly from: number;
  readonly to: number;
  readonly isImpossible: boolean;
  readonly isTaken: boolean;
}

function framesOf({ evidence, world, plan, measurements }: Case): Map<string, KnownFrame> {
  const frames = new Map<string, KnownFrame>();
  for (const [hash, fate] of evidence.frames) {
    const household = world.households.findIndex(({ meterId }) => meterId === fate.meterId);
    const from = fate.blockStart + fate.firstSlot * plan.intervalSeconds;
    const to = from + fate.count * plan.intervalSeconds;
    const isImpossible = measurements.isImpossible(household, from, to);
    const isTaken = fate.takenSeconds !== undefined || evidence.accepted.has(hash);
    frames.set(hash, { ...fate, household, from, to, isImpossible, isTaken });
  }
  return frames;
}

/** Every interval of every meter was taken exactly once, and the meters know it. */
function checkFrames(
  { evidence, world, measurements }: Case,
  frames: ReadonlyMap<string, KnownFrame>,
  find: Find,
): void {
  const end = world.dayStart(DAYS);
  for (let household = 0; household < HOUSEHOLDS; household++) {
    const taken = [...frames.values()]
      .filter((frame) => frame.household === household && frame.isTaken)
      .toSorted((a, b) => a.from - b.from || a.to - b.to);
    let until = world.startSeconds;
    for (const { from, to } of taken) {
      find(
        from === until || evidence.conflicts > 0,
        `frames of ${household}: ${from}, not ${until}`,
      );
      until = to;
    }
    find(until === end, `frames of household ${household} end at ${until}, not at ${end}`);
    const meterId = world.households[household]?.meterId;
    const meter = evidence.meters.find((status) => status.meterId === meterId);
    find(
      meter?.waitingFrames === 0 && meter.nextBlock === end,
      `meter ${household} has not sent all`,
    );
    const shown = meter?.registersMilliwattHours.slice(0, 3) ?? [];
    const expected = measurements.registers(household, end);
    find(
      isSame(shown, expected),
      `meter ${household} shows ${shown.join()}, not ${expected.join()}`,
    );
  }
}

/** Every frame that was taken is in the ledger once, or late, or impossible; no other is. */
function checkLedger(
  { evidence, plan, world }: Case,
  frames: ReadonlyMap<string, KnownFrame>,
  find: Find,
): void {
  const { ledger, sets } = evidence;
  const skewSeconds = plan.clockJumps.length > 0 ? HOUR : 0;
  let late = 0;
  for (const [hash, frame] of frames) {
    if (!frame.isTaken) continue;
    const name = `household ${frame.household}, ${frame.from}`;
    const rows = ledger.filter(({ frameHash }) => frameHash === hash);
    const loads = rows.filter(({ stream }) => stream === "LOAD").length;
    find(!frame.isImpossible || rows.length === 0, `an impossible reading is in: ${name}`);
    if (frame.isImpossible || frame.count === 0 || evidence.conflicts > 0) continue;
    const set = sets.find(({ block }) => block === frame.blockStart);
    const cutoff = (set?.blockEnd ?? 0) + CUTOFF_SECONDS;
    if (loads === 0) late += 1;
    const takenSeconds = frame.takenSeconds ?? cutoff;
    const slackSeconds =
      IN_TIME_SECONDS + skewSeconds + hindranceSeconds(plan, world, takenSeconds, cutoff);
    const inTime = takenSeconds <= cutoff - slackSeconds;
    find(loads === 1 || !inTime, `lost: LOAD of ${name}, taken ${frame.takenSeconds}`);
    find(frame.to !== set?.blockEnd || rows.length === loads + 1, `lost: BILL of ${name}`);
  }
  for (const row of ledger) {
    const frame = frames.get(row.frameHash);
    const name = `${row.stream} of ${row.servicePoint}, ${row.block}`;
    find(frame !== undefined, `no meter sent ${name}`);
    const set = sets.find(({ block }) => block === row.block);
    const isEarly =
      row.stream === "BILL" || (frame?.sentSeconds ?? 0) <= (set?.sealedAt ?? 0) + skewSeconds;
    find(isEarly, `${name} was sent after its set was sealed`);
  }
  for (const stream of ["LOAD", "BILL"]) {
    const rows = ledger.filter((row) => row.stream === stream).length;
    const accepted = evidence.tally(stream, "accepted");
    find(accepted === rows, `${accepted} contributions accepted, ${rows} ledger rows: ${stream}`);
  }
  const counted = evidence.tally("LOAD", "late");
  find(counted >= late, `${late} late frames, ${counted} counted`);
}

/** For how long, between two times, something was in the way of who encrypts and who adds up. */
function hindranceSeconds(plan: Plan, world: World, from: number, to: number): number {
  const windows = [
    ...plan.partitions.map(({ between: [process], ...window }) => ({ process, ...window })),
    ...plan.diskFull,
    ...plan.slow,
  ];
  const start = world.startSeconds + HOUR;
  return windows
    .filter(({ process }) => process === "aggregator" || process.startsWith("opener"))
    .map((window) => {
      const begin = Math.max(from, start + window.fromSeconds);
      return Math.max(0, Math.min(to, start + window.toSeconds) - begin);
    })
    .reduce((sum, seconds) => sum + seconds, 0);
}

/** Released exactly when enough households are in it; then the MDMS has it. */
function checkSet({ evidence, measurements, world }: Case, set: SetRow, find: Find): void {
  const rows = rowsOf(evidence.ledger, set.block);
  const members = new Set(rows.map(({ servicePoint }) => servicePoint)).size;
  const slots = (set.blockEnd - set.block) / HOUR;
  const perSlot = Array.from({ length: slots }, (_, slot) => {
    const hourStart = set.block + slot * HOUR;
    return rows.filter((row) => {
      const household = world.households.findIndex(({ network }) => network === row.servicePoint);
      return holds(row, slot) && !measurements.isMissing(household, hourStart);
    }).length;
  });
  const enough =
    perSlot.every((count) => count >= CONTRIBUTORS_MIN) &&
    members * 10_000 >= COMPLETENESS_MIN_BASIS_POINTS * HOUSEHOLDS;
  const expected = enough ? "RELEASED" : "SUPPRESSED";
  find(set.state === expected, `block ${set.block} is ${set.state}, not ${expected}`);
  const loads = evidence.loads.filter(({ block }) => block === set.block);
  find(
    loads.length === (enough ? 1 : 0),
    `block ${set.block} is at the MDMS ${loads.length} times`,
  );
  for (const load of loads) checkSum({ evidence, measurements, world }, load, perSlot, rows, find);
}

/** The digits of each hour's sum name its contributors: each once, and those of the ledger. */
function checkSum(
  { measurements, world }: Pick<Case, "evidence" | "measurements" | "world">,
  load: LoadRow,
  perSlot: readonly number[],
  rows: readonly LedgerRow[],
  find: Find,
): void {
  const shares = world.households.map((_, household) =>
    measurements.wattHours(household, load.block, load.blockEnd),
  );
  for (const [slot, sum] of load.wattHours.entries()) {
    const hourStart = load.block + slot * HOUR;
    const name = `block ${load.block} slot ${slot}: ${sum} Wh`;
    const times = measurements.decode(hourStart, sum);
    find(times !== undefined, `${name} is the sum of no households`);
    let exact = 0;
    for (const [household, { network }] of world.households.entries()) {
      const isIn =
        rows.some((row) => row.servicePoint === network && holds(row, slot)) &&
        !measurements.isMissing(household, hourStart);
      const count = times?.[household];
      find(count === (isIn ? 1 : 0), `${name}: household ${household} is in it ${count} times`);
      if (isIn) exact += shares[household]?.[slot] ?? 0;
    }
    find(sum === exact, `${name}, not ${exact}`);
    const stated = load.contributorsPerSlot[slot];
    find(stated === perSlot[slot], `${name}: ${stated} contributors stated, not ${perSlot[slot]}`);
  }
  const members = new Set(rows.map(({ servicePoint }) => servicePoint)).size;
  find(load.contributors === members, `block ${load.block}: ${load.contributors} contributors`);
}

const rowsOf = (ledger: readonly LedgerRow[], blockStart: number): LedgerRow[] =>
  ledger.filter((row) => row.stream === "LOAD" && row.block === blockStart && !row.excluded);

const holds = ({ firstSlot, slots }: LedgerRow, slot: number): boolean =>
  firstSlot <= slot && slot < firstSlot + slots;

function checkBlocks({ evidence, world }: Case, find: Find): void {
  const blocks = Array.from({ length: DAYS }, (_, day) => world.dayStart(day));
  const closed = evidence.sets.filter(({ block }) => blocks.includes(block));
  find(closed.length === DAYS, `${closed.length} sets for ${DAYS} days`);
  find(
    evidence.loads.every(({ block }) => blocks.includes(block)),
    "a block was released that is none",
  );
}

/** Adjacent windows from border to border, each exactly what the meter's registers say. */
function checkBills({ evidence, world, measurements }: Case, household: number, find: Find): void {
  const point = world.households[household];
  const borders = evidence.ledger
    .filter((row) => row.stream === "BILL" && row.servicePoint === point?.network && !row.excluded)
    .map(({ instant }) => instant);
  const statements = evidence.statements.filter(({ servicePoint }) => servicePoint === point?.mdms);
  let from = world.startSeconds;
  let fromGrid = world.startSeconds;
  for (let day = WINDOW_DAYS; day <= DAYS; day += WINDOW_DAYS) {
    const toGrid = world.dayStart(day);
    const to = borders.find((instant) => instant >= toGrid);
    if (to === undefined) break;
    const statement = statements.find((one) => one.fromGrid === fromGrid);
    const name = `statement of household ${household} from ${fromGrid}`;
    const window = `${statement?.toGrid} ${statement?.fromBorder} ${statement?.toBorder}`;
    find(window === `${toGrid} ${from} ${to}`, `${name} is about ${window}`);
    const before = measurements.registers(household, from);
    const expected = measurements.registers(household, to).map((end, i) => end - (before[i] ?? 0n));
    const stated = [...(statement?.registers ?? []), statement?.exported ?? -1n];
    find(isSame(stated, expected), `${name}: ${stated.join()} mWh, not ${expected.join()}`);
    const total = (expected[0] ?? 0n) + (expected[1] ?? 0n);
    find(statement?.total === total, `${name}: ${statement?.total} mWh in all, not ${total}`);
    [from, fromGrid] = [to, toGrid];
  }
  const windows = Math.floor(DAYS / WINDOW_DAYS);
  find(statements.length === windows, `household ${household} has ${statements.length} statements`);
}

/** One request for a set, to the byte; one release for a request, one number for a release. */
function checkRequests({ evidence }: Case, find: Find): void {
  const { requests, releases, sets } = evidence;
  const honest = requests.filter(({ isPlanted }) => !isPlanted);
  const abouts = new Map(honest.map(({ about, bytes }) => [about, bytes]));
  for (const { about, bytes } of honest) {
    find(abouts.get(about) === bytes, `${about} was requested with other bytes`);
  }
  for (const { digest, block, state } of sets) {
    const isAsked = state === "RELEASED";
    const isSeen = honest.some((request) => request.digest === digest);
    find(!isAsked || isSeen, `block ${block} was released and never requested`);
  }
  const digests = new Set(releases.map(({ digest }) => digest));
  const sequences = new Set(releases.map(({ sequence }) => sequence));
  const plantedAreRefused = requests.every((one) => !one.isPlanted || !digests.has(one.digest));
  find(plantedAreRefused, "a planted request was released");
  const counts = [
    digests.size,
    sequences.size,
    evidence.releasesStored,
    ...evidence.trusteesReleases,
  ];
  const stored = evidence.loads.length + evidence.statements.length;
  find(
    counts.every((count) => count === stored),
    `releases on the bus, numbers, at the MDMS, of the trustee: ${counts.join()}, not ${stored}`,
  );
}

/**
 * Nothing was set aside but what was planted, each under its code, and frames with impossible readings, each once; where there is no
 * opener, those contribute nothing to begin with.
 */
function checkDeadLetters(
  { evidence, plan }: Case,
  frames: ReadonlyMap<string, KnownFrame>,
  find: Find,
): void {
  const { dead, notes } = evidence;
  const impossible = dead.filter(({ name }) => name === "frames/FRAME_OUT_OF_RANGE");
  const others = dead.filter((letter) => !impossible.includes(letter)).map(({ name }) => name);
  for (const name of new Set([...others, ...notes.deadLetters.keys()])) {
    const times = others.filter((other) => other === name).length;
    const expected = notes.deadLetters.get(name) ?? 0;
    find(times === expected, `dead letters ${name}: ${times}, not ${expected}`);
  }
  for (const { id } of impossible) {
    find(frames.get(id)?.isImpossible === true, `a good frame was set aside: ${id}`);
  }
  for (const [hash, { isImpossible, isTaken }] of frames) {
    const times = impossible.filter(({ id }) => id === hash).length;
    const mustBe = isImpossible && isTaken && plan.profile === "pes-encrypts";
    const isRight = times === 1 || (times === 0 && !mustBe);
    find(isRight, `a frame with an impossible reading was set aside ${times} times`);
  }
  find(evidence.alarms === 0, `${evidence.alarms} alarms at the MDMS`);
  const mayConflict = plan.crashes.some(({ journalBytesLost }) => journalBytesLost > 0);
  find(evidence.conflicts === 0 || mayConflict, `${evidence.conflicts} contributions in conflict`);
}

function isSame(a: readonly bigint[], b: readonly bigint[]): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index]);
}

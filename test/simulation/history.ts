/** One history: days pass, meters send, everything fails in its way, bad input arrives; then a calm in which everything must settle. */
import type { SendReport } from "@smarter-metering/meter";
import { plantFrames, plantMessages, type DeadLetters } from "./bad-input.ts";
import type { City } from "./city.ts";
import { DAYS, FLEET_NAMES, HOUR, type Crash, type FleetName, type UnsafeLoss } from "./plan.ts";

const MINUTE = 60;
/** A timer due this soon after another is fired with it. */
const TOGETHER_MS = 20;
/** Somebody pulls the plug of a fleet that has not got through for so long. */
const SENDING_SECONDS_MAX = 2 * HOUR;
const SETTLING_SECONDS_MAX = 6 * HOUR;
/** What an operator does when a process says that its disk was full. */
const RESTART_HOURS = [3, 9, 15, 21] as const;

export interface HistoryNotes {
  /** What happened that must not, seen on the way. */
  readonly surprises: string[];
  readonly deadLetters: DeadLetters;
  /** Bad frames that were answered as they must be. */
  plantedFrames: number;
}

interface Event {
  readonly atSeconds: number;
  readonly name: string;
  readonly run: () => Promise<void>;
}

/** Until the calm is over, or only until `untilEvent` events have happened. */
export async function live(city: City, untilEvent = Infinity): Promise<HistoryNotes> {
  const notes: HistoryNotes = { surprises: [], deadLetters: new Map(), plantedFrames: 0 };
  let happened = 0;
  await settle(city);
  for (let day = 0; day < DAYS; day++) {
    const end = city.world.dayStart(day + 1);
    for (const { atSeconds, name, run } of eventsOf(city, day, notes)) {
      if (happened++ >= untilEvent) return notes;
      await pass(city, (end + atSeconds) * 1000);
      city.onEvent(`day ${day}: ${name}`);
      await run();
    }
  }
  await calm(city, notes);
  const crashes = [...city.processes, city.bus].reduce((sum, { lives }) => sum + lives - 1, 0);
  city.faults.count("crash", crashes);
  return notes;
}

/** What happens after the end of a day, in order. */
function eventsOf(city: City, day: number, notes: HistoryNotes): Event[] {
  const { chance, plan, world, faults } = city;
  const end = world.dayStart(day + 1);
  const events: Event[] = [];
  const at = (atSeconds: number, name: string, run: () => Promise<void>): void => {
    events.push({ atSeconds, name, run });
  };
  for (const name of FLEET_NAMES) {
    const first = chance.integer("first sending", 5 * MINUTE, 3 * HOUR);
    for (const seconds of [first, 5 * HOUR, 21 * HOUR]) {
      at(seconds, `${name} sends`, () => send(city, name, end, notes));
    }
  }
  for (const crash of plan.crashes.filter((one) => one.day === day)) {
    at(crash.atSeconds, `${crash.process} will crash`, () => strike(city, crash));
  }
  for (const { process, atSeconds, jumpSeconds } of plan.clockJumps) {
    const after = world.startSeconds + atSeconds - end;
    if (after < 0 || after >= 24 * HOUR) continue;
    at(after, `clock of ${process} jumps`, async () => {
      const before = faults.offsetsMs.get(process) ?? 0;
      faults.offsetsMs.set(process, before + jumpSeconds * 1000);
      faults.count("clock jump");
    });
  }
  const { unsafeLoss } = plan;
  if (unsafeLoss?.day === day) planUnsafeLoss(city, unsafeLoss, at);
  for (const hours of [4, 6.1, 8, 22]) at(hours * HOUR, "tick", () => tick(city));
  for (const hours of RESTART_HOURS) at(hours * HOUR, "restarts", () => restartFailed(city));
  at(12 * HOUR, "a new epoch", async () => {
    for (const registry of city.registries) registry.issue(Math.floor(city.time.nowMs() / 1000));
    await look(city);
  });
  if (plan.plantsBadInput) {
    const seconds = chance.integer("plant at", HOUR, 23 * HOUR);
    at(seconds, "bad frames", () => plantFrames(city, day, notes));
    if (day === DAYS - 3) {
      at(12 * HOUR, "bad messages", () => plantMessages(city, day, notes.deadLetters));
    }
  }
  return events.toSorted((a, b) => a.atSeconds - b.atSeconds);
}

async function tick(city: City): Promise<void> {
  // A tick that fails is made up for by the next.
  void city.aggregator.service?.tick().catch(() => undefined);
  await settle(city);
}

/** Everybody asks the registry for what is new. */
async function look(city: City): Promise<void> {
  for (const feed of city.feeds.values()) void feed.refresh().catch(() => undefined);
  await city.schedule.quiet();
}

async function strike(city: City, crash: Crash): Promise<void> {
  if (crash.process === "bus") return city.bus.crash();
  const { process: name, outageSeconds } = crash;
  const process = city.processes.find((one) => one.name === name);
  if (process === undefined) throw new RangeError(`no process ${name}`);
  if (crash.losesPower) city.losesPower.add(name);
  const isFleet = name === "east" || name === "west";
  if (isFleet && crash.journalBytesLost > 0) {
    city.journalBytesLost.set(name, crash.journalBytesLost);
  }
  process.light(crash, outageSeconds * 1000);
}

/** Trustees and fleets whose disk failed them take nothing more until somebody starts them again. */
async function restartFailed(city: City): Promise<void> {
  for (const process of city.processes) {
    if (city.failed.delete(process.name)) process.crash();
  }
  await settle(city);
}

/** A database or a stream server comes back from a power loss as it was some time before. */
function planUnsafeLoss(
  city: City,
  loss: UnsafeLoss,
  at: (atSeconds: number, name: string, run: () => Promise<void>) => void,
): void {
  const { database, bus, plan, faults } = city;
  const isStreams = loss.process === "bus" && plan.bus === "streams";
  let database0: Awaited<ReturnType<typeof database.checkpoint>> | undefined;
  let streams0: ReturnType<typeof bus.streams.checkpoint> | undefined;
  at(Math.max(0, loss.atSeconds - loss.secondsLost), "last seconds on disk", async () => {
    if (isStreams) streams0 = bus.streams.checkpoint();
    else database0 = await database.checkpoint(loss.process);
  });
  const restore = async (): Promise<void> => {
    if (streams0 !== undefined) bus.streams.restore(streams0);
    if (database0 !== undefined) await database.restore(database0);
    faults.count("power loss");
  };
  at(loss.atSeconds, `${loss.process} loses its last seconds`, async () => {
    if (loss.process === "bus") return bus.crash(restore);
    const process = city.processes.find(({ name }) => name === loss.process);
    process?.crash();
    await process?.revive();
    await restore();
  });
}

/** A fleet sends what is due. One that gets nowhere for hours is switched off and on. */
async function send(
  city: City,
  name: FleetName,
  untilSeconds: number,
  { surprises }: HistoryNotes,
): Promise<void> {
  await settle(city, 15 * MINUTE);
  const process = city.fleets[name];
  const fleet = process.service;
  if (fleet === undefined) return;
  const sending: { report?: SendReport; isDone: boolean } = { isDone: false };
  const done = fleet
    .sendDay(untilSeconds)
    .then((report) => (sending.report = report))
    .catch((error: unknown) => {
      if (process.isOver(fleet)) return;
      if (city.failed.has(name)) return;
      surprises.push(`fleet ${name}: ${String(error)}`);
    })
    .finally(() => (sending.isDone = true));
  const untilMs = city.time.nowMs() + SENDING_SECONDS_MAX * 1000;
  await city.schedule.quiet();
  while (!sending.isDone && city.time.nowMs() < untilMs) await step(city, untilMs);
  if (!sending.isDone) process.crash();
  await process.revive();
  await city.schedule.drive(done);
  const { report } = sending;
  for (const [meterId, code] of report?.held ?? []) {
    // A meter or a concentrator whose clock is wrong; the meter keeps the frame and tries again.
    if (code === "FRAME_FUTURE" && city.plan.clockJumps.length > 0) continue;
    surprises.push(`meter ${meterId}: ${code}`);
  }
  await settle(city);
}

/** Faults end. What waits is sent, what is sealed is asked for, and the last windows close. */
async function calm(city: City, notes: HistoryNotes): Promise<void> {
  const { faults, world, time } = city;
  city.onEvent("calm");
  faults.end();
  for (const process of city.processes) process.light(undefined);
  await restartFailed(city);
  await look(city);
  await settle(city);
  for (const name of FLEET_NAMES) await send(city, name, world.dayStart(DAYS), notes);
  // Borders that are missing are waited for, 72 hours; strays arrive within 30.
  for (let halfDays = 1; halfDays <= 8; halfDays++) {
    await pass(city, Math.max(time.nowMs(), (world.dayStart(DAYS) + halfDays * 12 * HOUR) * 1000));
    await tick(city);
  }
  const left = await city.bus.pending();
  if (left > 0) notes.surprises.push(`${left} messages are still on the bus`);
}

/** Lets time pass until `untilMs`; timers fire on the way, and what they start is waited for. */
async function pass(city: City, untilMs: number): Promise<void> {
  while (city.time.nowMs() < untilMs) await step(city, untilMs);
  await city.schedule.quiet();
}

/** Until nothing is pending and every process runs, or too long. */
async function settle(city: City, secondsMax = SETTLING_SECONDS_MAX): Promise<void> {
  const untilMs = city.time.nowMs() + secondsMax * 1000;
  for (;;) {
    await city.schedule.quiet();
    await revive(city);
    const isUp = city.processes.every(({ service }) => service !== undefined);
    if (isUp && (await city.bus.pending()) === 0) return;
    if (city.time.nowMs() >= untilMs) return;
    await step(city, untilMs);
  }
}

/** To the next timer or start of a process, at most to `untilMs`. */
async function step(city: City, untilMs: number): Promise<void> {
  await city.schedule.quiet();
  const startMs = await revive(city);
  const nextMs = Math.min(city.time.nextDueMs() + TOGETHER_MS, startMs, untilMs);
  city.time.advanceTo(Math.max(nextMs, city.time.nowMs()));
  await city.schedule.quiet();
}

/** Starts every dead process whose time has come; when the next may start. */
async function revive(city: City): Promise<number> {
  let next = Infinity;
  for (const process of city.processes) {
    next = Math.min(next, (await process.revive()) ?? Infinity);
  }
  return next;
}

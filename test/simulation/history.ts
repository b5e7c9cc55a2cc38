/** One history: days pass, meters send, processes crash and come back, bad input arrives; then a calm in which everything must settle. */
import type { Fleet, SendReport } from "@smarter-metering/meter";
import { plantFrames, plantMessages, type DeadLetters } from "./bad-input.ts";
import type { City } from "./city.ts";
import { DAYS, FLEET_NAMES, HOUR, type Crash, type FleetName } from "./plan.ts";

const MINUTE = 60;
/** A timer due this soon after another is fired with it. */
const TOGETHER_MS = 20;
/** Somebody pulls the plug of a fleet that has not got through for so long. */
const SENDING_SECONDS_MAX = 2 * HOUR;
const SETTLING_SECONDS_MAX = 6 * HOUR;

export interface HistoryNotes {
  /** What happened that must not, seen on the way. */
  readonly surprises: string[];
  readonly deadLetters: DeadLetters;
  /** Times that each process crashed. */
  readonly crashes: Map<string, number>;
  /** Bad frames that were answered as they must be. */
  plantedFrames: number;
}

interface Event {
  readonly atSeconds: number;
  readonly run: () => Promise<void>;
}

export async function live(city: City): Promise<HistoryNotes> {
  const notes: HistoryNotes = {
    surprises: [],
    deadLetters: new Map(),
    crashes: new Map(),
    plantedFrames: 0,
  };
  await settle(city);
  for (let day = 0; day < DAYS; day++) {
    const end = city.world.dayStart(day + 1);
    for (const { atSeconds, run } of eventsOf(city, day, notes)) {
      await pass(city, (end + atSeconds) * 1000);
      await run();
    }
  }
  await calm(city, notes);
  for (const { name, lives } of [...processesOf(city), city.bus]) {
    notes.crashes.set(name, lives - 1);
  }
  return notes;
}

/** What happens after the end of a day, in order. */
function eventsOf(city: City, day: number, notes: HistoryNotes): Event[] {
  const { chance, plan, cut, world } = city;
  const { aggregator } = city.parties;
  const end = world.dayStart(day + 1);
  const events: Event[] = [];
  const at = (atSeconds: number, run: () => Promise<void>): void => {
    events.push({ atSeconds, run });
  };
  for (const name of FLEET_NAMES) {
    const outage = plan.down.find((down) => down.fleet === name && down.day === day);
    if (outage !== undefined) at(0, async () => void cut.add(name));
    if (outage !== undefined) at(outage.seconds, async () => void cut.delete(name));
    const first = chance.integer("first sending", 5 * MINUTE, 3 * HOUR);
    for (const seconds of [first, 5 * HOUR, 21 * HOUR]) {
      at(seconds, () => send(city, name, end, notes));
    }
  }
  for (const crash of plan.crashes.filter((one) => one.day === day)) {
    at(crash.atSeconds, () => strike(city, crash));
  }
  const tick = async (): Promise<void> => {
    // A tick that fails is made up for by the next.
    await aggregator.service?.tick().catch(() => undefined);
    await settle(city);
  };
  for (const hours of [4, 6.1, 8, 22]) at(hours * HOUR, tick);
  if (plan.plantsBadInput) {
    at(chance.integer("plant at", HOUR, 23 * HOUR), () => plantFrames(city, day, notes));
    if (day === DAYS - 3) at(12 * HOUR, () => plantMessages(city, day, notes.deadLetters));
  }
  return events.toSorted((a, b) => a.atSeconds - b.atSeconds);
}

async function strike(city: City, crash: Crash): Promise<void> {
  if (crash.process === "bus") return city.bus.crash();
  const { process: name, outageSeconds } = crash;
  const isFleet = name === "east" || name === "west";
  const process = isFleet ? city.fleets[name] : city.parties[name];
  if (process === undefined) return; // An opener, where there is none.
  if (isFleet) city.journalBytesLost.set(name, crash.journalBytesLost);
  process.light(crash, outageSeconds * 1000);
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
  const fleet: Fleet | undefined = process.service;
  if (fleet === undefined) return;
  const sending: { report?: SendReport; isDone: boolean } = { isDone: false };
  const done = city.activity
    .during(() => fleet.sendDay(untilSeconds))
    .then((report) => (sending.report = report))
    .catch((error: unknown) => {
      if (!process.isOver(fleet)) surprises.push(`fleet ${name}: ${String(error)}`);
    })
    .finally(() => (sending.isDone = true));
  const untilMs = city.clock.nowMs() + SENDING_SECONDS_MAX * 1000;
  while (!sending.isDone && city.clock.nowMs() < untilMs) await step(city, untilMs);
  if (!sending.isDone) process.crash();
  await process.revive();
  await done;
  const { report } = sending;
  for (const [meterId, code] of report?.held ?? []) surprises.push(`meter ${meterId}: ${code}`);
  await settle(city);
}

/** Faults end. What waits is sent, what is sealed is asked for, and the last windows close. */
async function calm(city: City, notes: HistoryNotes): Promise<void> {
  const { chance, cut, world, clock } = city;
  chance.faulty = false;
  cut.clear();
  for (const process of processesOf(city)) process.light(undefined);
  await settle(city);
  const aggregatorTick = async (): Promise<void> => {
    await city.parties.aggregator.service?.tick();
    await settle(city);
  };
  for (const name of FLEET_NAMES) await send(city, name, world.dayStart(DAYS), notes);
  // Borders that are missing are waited for, 72 hours; strays arrive within 30.
  for (let halfDays = 1; halfDays <= 8; halfDays++) {
    await pass(city, Math.max(clock.nowMs(), (world.dayStart(DAYS) + halfDays * 12 * HOUR) * 1000));
    await aggregatorTick();
  }
  const left = await city.bus.pending();
  if (left > 0) notes.surprises.push(`${left} messages are still on the bus`);
}

/** Lets time pass until `untilMs`; timers fire on the way, and what they start is waited for. */
async function pass(city: City, untilMs: number): Promise<void> {
  while (city.clock.nowMs() < untilMs) await step(city, untilMs);
  await city.activity.quiet();
}

/** Until nothing is pending and every process runs, or too long. */
async function settle(city: City, secondsMax = SETTLING_SECONDS_MAX): Promise<void> {
  const untilMs = city.clock.nowMs() + secondsMax * 1000;
  for (;;) {
    await city.activity.quiet();
    const starting = await revive(city);
    if (starting === Infinity && (await city.bus.pending()) === 0) return;
    if (city.clock.nowMs() >= untilMs) return;
    await step(city, untilMs);
  }
}

/** To the next timer or start of a process, at most to `untilMs`. */
async function step(city: City, untilMs: number): Promise<void> {
  await city.activity.quiet();
  const startMs = await revive(city);
  const nextMs = Math.min(city.clock.nextDueMs() + TOGETHER_MS, startMs, untilMs);
  await city.clock.advanceTo(Math.max(nextMs, city.clock.nowMs()));
}

/** Starts every dead process whose time has come; when the next may start. */
async function revive(city: City): Promise<number> {
  let next = Infinity;
  for (const process of processesOf(city)) {
    next = Math.min(next, (await process.revive()) ?? Infinity);
  }
  return next;
}

const processesOf = ({ parties, fleets }: City) => [
  ...Object.values(parties),
  ...Object.values(fleets),
];

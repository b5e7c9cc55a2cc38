/**
 * What the tests of meters and fleets share: a world, households with readings that can be re-computed, fleets on a clock without pauses.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Engine } from "@smarter-metering/paillier";
import { encodeEnrolmentCode, primitives, toHex } from "@smarter-metering/protocol";
import { silentLogger, type Clock, type Logger, type Metrics } from "@smarter-metering/runtime";
import { bandAt, localDayStart } from "@smarter-metering/tariff";
import {
  makeWorld,
  worldTariff,
  type World,
  type WorldHousehold,
} from "../../../test/support/world.ts";
import {
  startFleet,
  type Fleet,
  type MeterSource,
  type Readings,
  type SendWindows,
  type Uplink,
} from "../src/index.ts";
import { FakeConcentrator, TestOpener } from "./fake-concentrator.ts";

export const JOURNAL = "meters.journal";
/** The last Sunday of March is in the days that are sent: a day of 23 hours. */
export const world: World = await makeWorld({ households: 3, startDate: "2025-03-29" });
const folder = mkdtempSync(join(tmpdir(), "meter-test-"));
let folders = 0;

export async function closeRig(): Promise<void> {
  rmSync(folder, { recursive: true, force: true });
  await world.close();
}

/** A new journal folder, with `journal` as its journal if given. */
export function newFolder(journal?: Uint8Array): string {
  const path = mkdtempSync(join(folder, `${folders++}-`));
  if (journal !== undefined) writeFileSync(join(path, JOURNAL), journal);
  return path;
}

export const home = (index: number): WorldHousehold => {
  const household = world.households[index];
  assert(household !== undefined);
  return household;
};

export const provisioningOf = (household: WorldHousehold, changes: object = {}): object => ({
  label: household.label,
  networkPseudonym: household.network,
  meterId: household.meterId,
  signingSeed: toHex(household.seed),
  zone: world.zone,
  intervalSeconds: 900,
  calendar: worldTariff.calendar,
  contractStart: world.startSeconds,
  ...world.meterTerms,
  enrolmentCode: encodeEnrolmentCode(household.enrolmentCode),
  concentrator: "http://127.0.0.1:1",
  ...changes,
});

/** What household `index` uses in the interval that begins at `instant`. */
export const energyAt = (index: number, instant: number): number =>
  1000 + index + ((instant / 60) % 977);
export const exportAt = (index: number, instant: number): number => (instant / 60 + index) % 13;

export function sourceOf(index: number, intervalSeconds = 900, dataUntil = Infinity): MeterSource {
  const between = (from: number, to: number): Readings | undefined => {
    if (to > dataUntil) return undefined;
    const count = (to - from) / intervalSeconds;
    const at = (value: (index: number, instant: number) => number): number[] =>
      Array.from({ length: count }, (_, slot) => value(index, from + slot * intervalSeconds));
    return {
      importMilliwattHours: at(energyAt),
      exportMilliwattHours: at(exportAt),
      quality: at(() => 0),
    };
  };
  return { day: between, live: between };
}

/** Registers at `end`, summed one interval at a time: the reference. */
export function registersAt(index: number, end: number, intervalSeconds = 900): bigint[] {
  const registers = Array.from({ length: 8 }, () => 0n);
  const add = (register: number, value: number): void => {
    registers[register] = (registers[register] ?? 0n) + BigInt(value);
  };
  for (let at = world.startSeconds; at < end; at += intervalSeconds) {
    add(bandAt(worldTariff.calendar, at, world.zone), energyAt(index, at));
    add(worldTariff.calendar.bands.length, exportAt(index, at));
  }
  return registers;
}

/**
 * A clock that stands where it is put; timers fire at the next turn, so that pauses cost no time.
 */
export interface TestClock extends Clock {
  seconds: number;
  pauses: number;
}

export function testClock(): TestClock {
  const clock: TestClock = {
    seconds: world.dayStart(10),
    pauses: 0,
    nowMs: () => clock.seconds * 1000,
    at(_timeMs, fn) {
      clock.pauses += 1;
      const timer = setImmediate(() => void fn());
      return () => clearImmediate(timer);
    },
    every: () => () => undefined,
  };
  return clock;
}

export interface Rig {
  readonly fleet: Fleet;
  readonly clock: TestClock;
  readonly path: string;
}

export interface RigOptions {
  readonly path?: string;
  readonly clock?: TestClock;
  readonly households?: number;
  readonly provisioning?: object | ((index: number) => object);
  readonly compactAtBytes?: number;
  readonly windows?: SendWindows;
  readonly source?: (index: number) => MeterSource;
  readonly engine?: Engine;
  readonly metrics?: Metrics;
  readonly log?: Logger;
  /** The concentrator's, in seconds; by default it does not tell. */
  readonly time?: () => number | undefined;
  /** The concentrator's documents of prices; by default it has no way to ask. */
  readonly prices?: Uplink["prices"];
  /** Gets a copy of everything that the meters draw. */
  readonly drawn?: (bytes: Uint8Array) => void;
}

export type Send = Uplink["send"];

export async function startRig(send: Send, options: RigOptions = {}): Promise<Rig> {
  const path = options.path ?? newFolder();
  const clock = options.clock ?? testClock();
  const meters = world.households.slice(0, options.households ?? 2).map((household, index) => ({
    provisioning: provisioningOf(
      household,
      typeof options.provisioning === "function"
        ? options.provisioning(index)
        : options.provisioning,
    ),
    source: (options.source ?? sourceOf)(index),
  }));
  const { time, prices } = options;
  const uplink: Uplink = {
    send,
    ...(prices && { prices }),
    ...(time && { time: () => Promise.resolve(time()) }),
    close: () => Promise.resolve(),
  };
  const fleet = await startFleet(
    {
      meters,
      compactAtBytes: options.compactAtBytes ?? Infinity,
      ...(options.windows && { windows: options.windows }),
    },
    {
      clock,
      log: options.log ?? silentLogger,
      ...(options.metrics && { metrics: options.metrics }),
      journalFolder: path,
      uplink,
      engine: options.engine ?? world.engine,
      random: (length) => {
        const bytes = primitives.randomBytes(length);
        options.drawn?.(Uint8Array.from(bytes));
        return bytes;
      },
    },
  );
  return { fleet, clock, path };
}

export const newConcentrator = (): FakeConcentrator =>
  new FakeConcentrator(
    new Map(world.households.map((household) => [household.meterId, household.meter.publicKey])),
  );

/** Every block of every meter once, in order, and every register exact. */
export async function checkAccepted(
  concentrator: FakeConcentrator,
  days: number,
  options: { readonly households?: number; readonly intervalSeconds?: number } = {},
): Promise<void> {
  const { households = 2, intervalSeconds = 900 } = options;
  const opener = new TestOpener(world.opener.secret);
  for (let index = 0; index < households; index++) {
    const blocks = concentrator.accepted.filter(
      ({ frame: { header } }) =>
        header.kind === "BLOCK" && toHex(header.meterId) === home(index).meterId,
    );
    const [installation, ...rest] = blocks;
    assert(installation !== undefined);
    assert.equal(installation.frame.header.count, 0);
    let at = world.startSeconds;
    for (const block of rest) {
      const { blockStart, firstSlot, count } = block.frame.header;
      assert.equal(blockStart + firstSlot * intervalSeconds, at, "no block missing, none twice");
      assert.equal(blockStart, localDayStart(at, world.zone));
      at += count * intervalSeconds;
      const body = await opener.open(block);
      assert.deepEqual(body.registersMilliwattHours, registersAt(index, at, intervalSeconds));
    }
    assert.equal(at, world.dayStart(days));
  }
}

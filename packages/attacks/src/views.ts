// Views: what a party truly receives. The MDMS gets LOAD, the sum of a cohort in whole watt-hours
// per slot (docs/protocol.md §6.1), and a bill's registers per window (§6.1, §7.3); a raw trace is
// nobody's but the customer's, and here the control on which every attack must succeed.
import { strict as assert } from "node:assert";
import { bandsOf } from "@smarter-metering/tariff";
import type { Calendar } from "@smarter-metering/tariff";
import type { Panel, PanelHome } from "./panel.ts";
import { daysBetween } from "./trace.ts";
import type { Trace } from "./trace.ts";

/** `sum` with one home more, slot by slot: the load of a cohort that has it as a member. */
export function withHome(sum: Trace, home: Trace): Trace {
  assert(sum.wattHours.length === home.wattHours.length, "a sum is over one grid");
  const { wattHours } = home;
  return {
    ...sum,
    wattHours: sum.wattHours.map((energy, slot) => energy + (wattHours[slot] ?? 0)),
  };
}

/** Band of each slot of the panel's grid. Throws TariffError where a slot contains a border. */
export function bandsOfPanel(panel: Panel, calendar: Calendar): Uint8Array {
  const { startSeconds, slotsPerDay, days, zone } = panel;
  return Uint8Array.from(
    bandsOf(calendar, startSeconds, 86_400 / slotsPerDay, days * slotsPerDay, zone),
  );
}

/** Days [fromDay, toDay) of a panel. */
export interface Span {
  readonly fromDay: number;
  readonly toDay: number;
}

/** The registers of one bill: import by band, then export, in Wh over the window. */
export function billRegisters(home: PanelHome, bands: Uint8Array, window: Span): Float64Array {
  const { fromDay, toDay } = window;
  const load = daysBetween(home.load, fromDay, toDay).wattHours;
  const exported = daysBetween(home.exported, fromDay, toDay).wattHours;
  const first = fromDay * home.load.slotsPerDay;
  const exportRegister = bands.reduce((high, band) => Math.max(high, band), 0) + 1;
  const registers = new Float64Array(exportRegister + 1);
  const book = (register: number, energy: number): void => {
    registers[register] = (registers[register] ?? 0) + energy;
  };
  for (const [slot, energy] of load.entries()) {
    book(bands[first + slot] ?? 0, energy);
    book(exportRegister, exported[slot] ?? 0);
  }
  return registers;
}

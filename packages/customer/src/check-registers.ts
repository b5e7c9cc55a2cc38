/**
 * Consumption (docs/protocol.md §11.2): that frames cover the window from border to border, and the registers twice, from the frames at the
 * borders and from the readings between them (what they cost, at the signed prices), against the statement's.
 */
import {
  registerBankOf,
  toHex,
  type FrameHeader,
  type Statement,
} from "@smarter-metering/protocol";
import type { DynamicPrices, Tariff } from "@smarter-metering/tariff";
import {
  billedBy,
  gapsOf,
  registersBetween,
  sameCost,
  sameEnergy,
  spanOf,
  unexplainedGaps,
  windowBilled,
  type Gap,
  type Totals,
} from "./bill-window.ts";
import { frameText } from "./frame-report.ts";
import { instantText, type LinkBook } from "./link.ts";
import type { OpenedFrame } from "./open-frames.ts";
import { sortedReadings } from "./readings.ts";
import { totalsOf } from "./recompute.ts";
import { tariffOrUndefined } from "./tariff-errors.ts";

/** The gaps; those that no frame which was left out explains are named. */
export function checkWindow(
  statement: Statement | undefined,
  blocks: readonly OpenedFrame[],
  leftOut: readonly (FrameHeader | undefined)[],
  book: LinkBook,
): readonly Gap[] {
  if (statement === undefined) {
    book.notChecked("window", "waits for the statement");
    return [];
  }
  const gaps = gapsOf(blocks, statement, statement.zone);
  for (const { from, to, where } of unexplainedGaps(gaps, blocks, leftOut)) {
    book.broken(from === to ? "WINDOW_BORDER" : "WINDOW_GAP", where);
  }
  if (gaps.length === 0) book.ok("window", "covered by frames from border to border");
  else book.notChecked("window", `${gaps.length} gaps wait for frames`);
  return gaps;
}

interface RegisterInputs {
  readonly statement: Statement | undefined;
  readonly tariff: Tariff | undefined;
  /** Of a tariff that has a cost, where they are known: of the whole window. */
  readonly prices: readonly DynamicPrices[] | undefined;
  readonly blocks: readonly OpenedFrame[];
  readonly gaps: readonly Gap[];
}

export interface OwnTotals {
  readonly totals: Totals;
  readonly explanation: "exact" | "window-extended" | "estimated" | "broken-link";
}

export async function checkRegisters(
  { statement, tariff, prices, blocks, gaps }: RegisterInputs,
  book: LinkBook,
): Promise<OwnTotals | undefined> {
  if (statement === undefined || tariff === undefined) {
    const waits = statement === undefined ? "statement" : "tariff";
    book.notChecked("registers", `waits for the ${waits}`);
    return undefined;
  }
  const bank = toHex(await registerBankOf(tariff.calendar));
  const foreign = blocks.find(
    ({ frame: { header } }) =>
      toHex(header.registerBank) !== bank &&
      spanOf(header).to >= statement.from &&
      spanOf(header).to <= statement.to,
  );
  if (foreign !== undefined) {
    book.broken("REGISTERS_BANK", frameText(foreign.position, foreign.frame.header));
    return undefined;
  }
  const { bands, cost } = tariff.calendar;
  const counted = registersBetween(blocks, statement, tariff.calendar);
  const readings = sortedReadings(blocks);
  const isCovered = gaps.every(({ from, to }) => from === to);
  const summed = isCovered
    ? tariffOrUndefined(() => totalsOf(statement, readings, tariff, prices))
    : undefined;
  // Prices that are known afterwards are in no register: their cost follows from the readings alone.
  const totals = counted ? { ...counted, cost: counted.cost ?? summed?.cost } : summed;
  if (totals === undefined) {
    book.notChecked("registers", "waits for the frames of the window");
    return undefined;
  }
  if (counted !== undefined && summed !== undefined) {
    const isSameEnergy = sameEnergy(counted, summed);
    if (!isSameEnergy) book.broken("REGISTERS_DISAGREE", differing(bands, counted, summed));
    else if (!sameCost(counted, summed)) book.broken("COST_DISAGREES", `prices ${cost?.prices}`);
    if (book.isBroken("registers")) return { totals, explanation: "broken-link" };
  }
  const billed = billedBy(statement, tariff.calendar);
  if (!sameEnergy(totals, billed)) {
    const own = { totals, billed };
    return { totals, explanation: explainBilled(statement, tariff, own, blocks, book) };
  }
  if (!sameCost(totals, billed)) {
    book.broken("COST_DIFFERS", `prices ${cost?.prices}`);
    return { totals, explanation: "broken-link" };
  }
  if (counted === undefined) {
    book.notChecked("registers", "the readings agree; the registers wait for frames");
  } else if (summed === undefined) {
    book.notChecked("registers", "the registers agree; the readings wait for frames");
  } else {
    book.ok("registers", "readings, registers and statement agree");
  }
  return { totals, explanation: "exact" };
}

function explainBilled(
  statement: Statement,
  { calendar }: Tariff,
  { totals, billed }: { readonly totals: Totals; readonly billed: Totals },
  blocks: readonly OpenedFrame[],
  book: LinkBook,
): OwnTotals["explanation"] {
  if (statement.estimated) {
    book.notChecked("registers", "the statement says that it is estimated");
    return "estimated";
  }
  const extended = windowBilled(blocks, statement, billed, calendar);
  if (extended !== undefined && !sameCost(extended.totals, billed)) {
    book.broken("COST_DIFFERS", `prices ${calendar.cost?.prices}`);
    return "broken-link";
  }
  if (extended !== undefined) {
    const span = `${instantText(extended.from)} to ${instantText(extended.to)}`;
    book.ok("registers", `a border came late: the statement bills ${span}`);
    return "window-extended";
  }
  book.broken("REGISTERS_DIFFER", differing(calendar.bands, totals, billed));
  return "broken-link";
}

/** The names of the registers that differ. */
function differing(bands: readonly string[], a: Totals, b: Totals): string {
  const names = bands.filter((_, index) => a.bands[index] !== b.bands[index]);
  return [...names, ...(a.exported === b.exported ? [] : ["export"])].join(", ");
}

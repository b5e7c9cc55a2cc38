/**
 * Consumption (docs/protocol.md §11.2): that frames cover the window from border to border, and the registers twice, from the frames at the
 * borders and from the readings between them, against the statement's.
 */
import {
  registerBankOf,
  toHex,
  type FrameHeader,
  type Statement,
} from "@smarter-metering/protocol";
import type { Tariff } from "@smarter-metering/tariff";
import {
  gapsOf,
  registersBetween,
  sameTotals,
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
  readonly blocks: readonly OpenedFrame[];
  readonly gaps: readonly Gap[];
}

export interface OwnTotals {
  readonly totals: Totals;
  readonly explanation: "exact" | "window-extended" | "estimated" | "broken-link";
}

export async function checkRegisters(
  { statement, tariff, blocks, gaps }: RegisterInputs,
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
  const { bands } = tariff.calendar;
  const counted = registersBetween(blocks, statement, bands.length);
  const readings = sortedReadings(blocks);
  const isCovered = gaps.every(({ from, to }) => from === to);
  const summed = isCovered
    ? tariffOrUndefined(() => totalsOf(statement, readings, tariff))
    : undefined;
  const totals = counted ?? summed;
  if (totals === undefined) {
    book.notChecked("registers", "waits for the frames of the window");
    return undefined;
  }
  if (counted !== undefined && summed !== undefined && !sameTotals(counted, summed)) {
    book.broken("REGISTERS_DISAGREE", differing(bands, counted, summed));
    return { totals, explanation: "broken-link" };
  }
  const billed = {
    bands: bands.map((band) => BigInt(statement.registers_mWh[band] ?? "0")),
    exported: BigInt(statement.export_mWh),
  };
  if (!sameTotals(totals, billed)) {
    return {
      totals,
      explanation: explainBilled(statement, bands, { totals, billed }, blocks, book),
    };
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
  bands: readonly string[],
  { totals, billed }: { readonly totals: Totals; readonly billed: Totals },
  blocks: readonly OpenedFrame[],
  book: LinkBook,
): OwnTotals["explanation"] {
  if (statement.estimated) {
    book.notChecked("registers", "the statement says that it is estimated");
    return "estimated";
  }
  const extended = windowBilled(blocks, statement, billed);
  if (extended !== undefined) {
    const span = `${instantText(extended.from)} to ${instantText(extended.to)}`;
    book.ok("registers", `a border came late: the statement bills ${span}`);
    return "window-extended";
  }
  book.broken("REGISTERS_DIFFER", differing(bands, totals, billed));
  return "broken-link";
}

/** The names of the registers that differ. */
function differing(bands: readonly string[], a: Totals, b: Totals): string {
  const names = bands.filter((_, index) => a.bands[index] !== b.bands[index]);
  return [...names, ...(a.exported === b.exported ? [] : ["export"])].join(", ");
}

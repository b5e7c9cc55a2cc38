/** The summary of a demonstration, for people and as the JSON object of `demo --json`. */
import type { Terminal } from "../terminal.ts";
import type { DemoReport } from "./report.ts";

/** The one object on stdout of `demo --exit --json`. */
export function summaryJson(report: DemoReport, seconds: number): object {
  return {
    meters: report.meters,
    intervals: report.intervals,
    energy_mWh: report.energyMilliwattHours.toString(),
    blocksReleased: report.loads.length,
    blocksSuppressed: report.blocksSuppressed,
    statements: report.statements.length,
    statementDifference_mWh: report.statementDifferenceMilliwattHours.toString(),
    lost: report.lost,
    doubled: report.doubled,
    customersChecked: report.customersChecked,
    billsRecomputed: report.billsRecomputed,
    billsExact: report.billsExact,
    customerDifference_mWh: report.customerDifferenceMilliwattHours.toString(),
    engine: report.engine.replace(/ .*/, ""),
    keyBits: report.keyBits,
    openerPlaintextReadingsMax: report.openerPlaintextReadingsMax,
    openerPlaintextMsP99: Math.round(report.openerPlaintextMsP99),
    policyId: report.policyId,
    unsafe: report.unsafe,
    seconds: Math.round(seconds * 10) / 10,
  };
}

export function printSummary(report: DemoReport, seconds: number, terminal: Terminal): void {
  const { loads, statements } = report;
  if (report.unsafe) {
    const text = `UNSAFE policy ${report.policyId}: below the floors; sums of so few households say much about each`;
    terminal.print(terminal.red(text));
  }
  terminal.print(terminal.bold("\nWhat each party received"));
  terminal.print(
    terminal.table([
      ["meters", `${report.meters} with their own readings: ${report.intervals} intervals`],
      ["concentrator", "sealed frames with headers; no key"],
      [
        "opener",
        `at most ${report.openerPlaintextReadingsMax} readings in plaintext at once, 99 % for under ${Math.ceil(report.openerPlaintextMsP99)} ms; no Paillier secret`,
      ],
      ["aggregator", `${report.contributions} ciphertexts it cannot open`],
      [
        "trustee",
        `${loads.length} neighbourhood blocks and ${statements.length} bills to decrypt, sealed to the MDMS`,
      ],
      [
        "MDMS",
        `${report.releases} releases; nothing finer than (customer, window) and (neighbourhood, interval)`,
      ],
      ["UCS", "sealed frames and wrapped keys"],
      [
        "customers",
        `${report.customersChecked} opened their own readings; difference to their meters ${report.customerDifferenceMilliwattHours} mWh; ${report.billsExact} of ${report.billsRecomputed} bills re-computed to the cent`,
      ],
    ]),
  );
  terminal.print(terminal.bold("\nWhat came out"));
  const kilowattHours = Number(report.energyMilliwattHours / 1000n) / 1000;
  terminal.print(
    terminal.table([
      ["energy", `${kilowattHours.toFixed(3)} kWh imported by all households`],
      [
        "load blocks",
        `${loads.length} released, ${report.blocksSuppressed} suppressed; intervals lost ${report.lost}, doubled ${report.doubled}`,
      ],
      [
        "statements",
        `${statements.length}; difference to the meters ${report.statementDifferenceMilliwattHours} mWh`,
      ],
      ["refusals", describeCounts(report.refusals)],
      ["policy", report.policyId],
      ["engine", `${report.engine}, ${report.keyBits}-bit key`],
      ["time", `${seconds.toFixed(1)} s`],
    ]),
  );
}

function describeCounts(counts: Readonly<Record<string, number>>): string {
  const parts = Object.entries(counts).map(([code, count]) => `${code} ${count}`);
  return parts.length === 0 ? "none" : parts.join(", ");
}

/** Every check of the demonstration held. */
export function isExact(report: DemoReport): boolean {
  return (
    report.lost === 0 &&
    report.doubled === 0 &&
    report.statementDifferenceMilliwattHours === 0n &&
    report.customerDifferenceMilliwattHours === 0n &&
    report.billsExact === report.billsRecomputed
  );
}

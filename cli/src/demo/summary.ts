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
    profile: report.profile,
    trustees: { threshold: report.quorum?.threshold ?? 1, count: report.quorum?.trustees ?? 1 },
    receivedPlaintext: plaintextByParty(report),
    ...(report.openerPlaintext && {
      openerPlaintextReadingsMax: report.openerPlaintext.readingsMax,
      openerPlaintextMsP99: Math.round(report.openerPlaintext.msP99),
    }),
    policyId: report.policyId,
    unsafe: report.unsafe,
    seconds: Math.round(seconds * 10) / 10,
  };
}

/** Who received readings of single households in plaintext; a party that does not exist is not listed. */
function plaintextByParty({ openerPlaintext }: DemoReport): Readonly<Record<string, boolean>> {
  return {
    meters: true,
    customers: true,
    ...(openerPlaintext && { opener: true }),
    concentrator: false,
    aggregator: false,
    trustee: false,
    mdms: false,
    ucs: false,
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
      ["opener", describeOpener(report)],
      ["aggregator", `${report.contributions} ciphertexts it cannot open`],
      [report.quorum === undefined ? "trustee" : "trustees", describeTrustees(report)],
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
      ["profile", describeProfile(report)],
      ["engine", `${report.engine}, ${report.keyBits}-bit key`],
      ["time", `${seconds.toFixed(1)} s`],
    ]),
  );
}

function describeTrustees({ loads, statements, quorum }: DemoReport): string {
  const work = `${loads.length} neighbourhood blocks and ${statements.length} bills to decrypt, sealed to the MDMS`;
  if (quorum === undefined) return work;
  const { threshold, trustees } = quorum;
  return `${trustees} share holders, any ${threshold} decrypt; none of them saw a sum: ${work}`;
}

function describeOpener({ openerPlaintext }: DemoReport): string {
  if (openerPlaintext === undefined) return "does not exist: the meters encrypted for themselves";
  const { readingsMax, msP99 } = openerPlaintext;
  return `at most ${readingsMax} readings in plaintext at once, 99 % for under ${Math.ceil(msP99)} ms; no Paillier secret`;
}

const describeProfile = ({ profile }: DemoReport): string =>
  profile === "meter-encrypts"
    ? "meter-encrypts: nobody but meters and customers received readings in plaintext"
    : "pes-encrypts: nobody but meters, customers and, for moments, the opener received readings in plaintext";

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

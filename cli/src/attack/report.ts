/** The privacy evaluation as Markdown: the tables from the record, and what they mean and do not mean in words (docs/privacy-evaluation.md). */
import {
  renderSection,
  renderTable,
  renderVerdict,
  type Measurement,
  type ReportSection,
} from "@smarter-metering/attacks";
import type { ActiveEvaluation, NotRun } from "./active.ts";
import { failuresOf, type PrivacyEvaluation } from "./evaluation.ts";

/** The whole report. Ends with a newline. */
export function renderEvaluation(evaluation: PrivacyEvaluation): string {
  const { sections, active } = evaluation;
  const failures = failuresOf(evaluation);
  const verdict =
    failures.length === 0
      ? "Every control succeeds, every gate holds, every active attack is refused."
      : `**${failures.length} do not hold:** ${failures.join("; ")}.`;
  const parts = [
    "# Privacy evaluation",
    "Made by `smarter-metering attack run`, from the record beside it. Attacks run on what a party truly receives. Each has a control, without the guard, on which it must succeed: an attack that fails there proves nothing.",
    verdict,
    ...renderActive(active),
    "## Passive attacks",
    "By whoever reads what the MDMS receives. _In − out_: the same attack with the target among the homes summed, and with another home in its place; a sum of a hundred other homes knows something of everybody's day, so a score alone says nothing. Intervals are 95 %, over targets and seeds; a gate is about the whole interval.",
    ...sections.map((section) => renderSection(section).replaceAll(/^#/gm, "##")),
    "## What the numbers mean",
    list(meaning(sections)),
    "## What remains",
    list(remaining(sections, active)),
    "## Not run",
    renderNotRun(evaluation.notRun),
  ];
  return `${parts.join("\n\n")}\n`;
}

function renderActive(active: ActiveEvaluation): string[] {
  const { homes, days, keyBits, contributorsMin, honestGranted, results } = active;
  const honest = honestGranted
    ? "An honest request of the same deployment is granted."
    : "**An honest request of the same deployment is refused: refusals prove nothing.**";
  return [
    "## Active attacks",
    `On a deployment of all real parties with ${homes} homes, played through ${days} days: Paillier and RSA keys of ${keyBits} bits, the standard policy with k = ${contributorsMin}, one trustee, profile pes-encrypts. ${honest} _Control_: what the same adversary attacked without the guard; _recovered there_: readings, registers or identities, compared with the truth. _Answer_: the codes as the party gave them.`,
    renderTable(
      ["attack", "adversary", "guard", "control", "recovered there", "by", "answer", "verdict"],
      results.map((result) => [
        result.name,
        result.adversary,
        result.guard,
        result.without,
        result.control,
        result.by,
        result.answer,
        renderVerdict(result),
      ]),
    ),
  ];
}

const renderNotRun = (rows: readonly NotRun[]): string =>
  renderTable(
    ["attack", "why, and where instead"],
    rows.map(({ name, why }) => [name, why]),
  );

const list = (lines: readonly string[]): string => lines.map((line) => `- ${line}`).join("\n");

/** One number of each data set, in words: "0.70 on made-up homes, 0.55 on 100 Swiss homes". */
function acrossSections(
  sections: readonly ReportSection[],
  pick: (measurements: readonly Measurement[]) => string | undefined,
): string {
  const parts = sections.flatMap(({ title, measurements }) => {
    const number = pick(measurements);
    return number === undefined ? [] : [`${number} (${title})`];
  });
  return parts.join(", ") || "not measured here";
}

const timesChance =
  (reference: string) =>
  (measurements: readonly Measurement[]): string | undefined => {
    const bill = measurements.find(
      (one) =>
        one.attack === "bill-linkage" && one.reference === reference && one.metric === "top-1",
    );
    return bill && `${(bill.in.mean / bill.out.mean).toFixed(0)} ×`;
  };

/** Of the largest sum. */
const ofLargest =
  (attack: Measurement["attack"], reference: string, value: (one: Measurement) => number) =>
  (measurements: readonly Measurement[]): string | undefined => {
    const largest = measurements
      .filter((one) => one.attack === attack && one.reference === reference && one.homes > 1)
      .filter(({ metric }) => metric === "auc" || metric === "advantage")
      .toSorted((a, b) => b.homes - a.homes)
      .at(0);
    return largest && `${value(largest).toFixed(2)} with ${largest.homes} homes`;
  };

function meaning(sections: readonly ReportSection[]): string[] {
  const outside = ofLargest("niom", "niom-raw", ({ out }) => out.mean);
  const week = ofLargest("two-candidates", "week", (one) => one.in.mean);
  return [
    `Presence and appliances: a sum tells when neighbourhoods are at home, not when a home is. The score without the target is already high: ${acrossSections(sections, outside)}. What counts is what the target adds.`,
    "Two candidates is the hardest test: the adversary holds both true traces and only has to say which one is in the sum. Who holds the traces has little left to learn from it. He plays one linear statistic, so his advantage is a lower bound of what a better player reaches.",
    `It grows with the length of the trace: over a week the advantage is ${acrossSections(sections, week)}. The gate is about a day; a longer trace known from elsewhere tells more.`,
    "Linkage: whose bills are whose, when the names are new. From raw loads most homes are found again; from a bill's total few are.",
    "A refusal's first code is the guard that the attack is about; those after it are rules that the same request breaks besides.",
  ];
}

function remaining(sections: readonly ReportSection[], active: ActiveEvaluation): string[] {
  return [
    `Bills of two bands link across pseudonyms: ${acrossSections(sections, timesChance("two bands"))} chance; 31 × on the 511 homes that the gates were calibrated on; with export ${acrossSections(sections, timesChance("two bands and export"))}. No gate is on them: a bill is what its customer is told, and the MDMS is told it too. Fewer bands, or coarser registers, would be the remedy.`,
    "The made-up homes are too alike in when they are at home (another home in the target's place scores 0.70 there, 0.55 on real homes alone), so the gate on presence is carried by the run on real homes.",
    "The real homes here are 100: sums of at most 99, and 100 targets. The gates were calibrated on 511.",
    "In pes-encrypts the opener sees readings, a batch at a time, and nothing here measures what a corrupt opener keeps. In meter-encrypts there is none.",
    "The MDMS together with all other members of a cohort subtracts them from the sum and has the last one. No k helps against everybody else.",
    "A malicious meter reports what it likes; range checks bound it, nothing proves it honest. Many of them together with the MDMS are the case above.",
    "An active portal can serve JavaScript that keeps keys; a portal that only stores learns nothing. Whoever compares the bundle's hash with the published one notices.",
    "One trustee with the whole secret, and the dealer of a threshold key at the ceremony, could open single contributions. An adversary with a quantum computer opens everything recorded: Paillier, RSA and Ed25519 all fall.",
    `Active attacks ran against one version of one deployment with ${active.homes} homes. A refusal shows that this attack is stopped, not that there is no other.`,
  ];
}

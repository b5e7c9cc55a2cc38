/**
 * The privacy evaluation as continuous integration runs it: every active attack on a deployment with the keys of a real one, a small plan
 * of the passive ones, and the published report, which must be what its record gives.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { before, describe, test } from "node:test";
import { judgeRow, SMALL_PLAN } from "@smarter-metering/attacks";
import {
  activeAttacks,
  attackActively,
  type ActiveEvaluation,
} from "../../cli/src/attack/active.ts";
import { runAttack, type ActiveAttack, type Observed } from "../../cli/src/attack/attack.ts";
import { evaluateSynthetic, failuresOf } from "../../cli/src/attack/evaluation.ts";
import { htmlOf } from "../../cli/src/attack/html.ts";
import { parseRecord, recordText } from "../../cli/src/attack/record.ts";
import { renderEvaluation } from "../../cli/src/attack/report.ts";
import type { Stage } from "../../cli/src/attack/stage.ts";

const { signal } = new AbortController();
const progress = (): void => undefined;
const read = (name: string): string =>
  readFileSync(new URL(`../../docs/${name}`, import.meta.url), "utf8");

describe("active attacks", () => {
  let active: ActiveEvaluation;
  before(async () => {
    active = await attackActively({ keyBits: 3072, signal, progress });
  });

  test("an honest request of the same deployment is granted", () => {
    assert(active.honestGranted);
    assert.equal(active.results.length, activeAttacks.length);
  });

  for (const { name } of activeAttacks) {
    test(name, () => {
      const result = active.results.find((one) => one.name === name);
      assert(result?.controlHolds, `the control: ${result?.control}`);
      assert(result.systemHolds, `${result.by} answers: ${result.answer}`);
    });
  }
});

describe("what counts as a proof", () => {
  const refusal: Observed = { kind: "refused", by: "party", codes: ["OTHER", "CODE"] };
  const attack: ActiveAttack = {
    name: "a",
    adversary: "b",
    guard: "c",
    without: "d",
    expected: "CODE",
    control: () => Promise.resolve({ recovered: [1, 2], truth: [1, 2] }),
    system: () => Promise.resolve(refusal),
  };
  const recovers = (recovered: number[], truth: number[]) => ({
    control: () => Promise.resolve({ recovered, truth }),
  });
  const answers = (observed: Observed) => ({ system: () => Promise.resolve(observed) });
  const fails = (): Promise<never> => Promise.reject(new Error("broken"));
  const found: Observed = { kind: "nothing found", by: "party", why: "0 of 9" };
  const { expected: _, ...without } = attack;
  const rows: [string, ActiveAttack, boolean, boolean][] = [
    ["as it should be", attack, true, true],
    ["nothing to find", { ...without, ...answers(found) }, true, true],
    ["one reading wrong", { ...attack, ...recovers([1, 3], [1, 2]) }, false, true],
    ["one too many", { ...attack, ...recovers([1, 2, 3], [1, 2]) }, false, true],
    ["nothing wanted, nothing found", { ...attack, ...recovers([], []) }, false, true],
    ["the control breaks", { ...attack, control: fails }, false, true],
    ["the system breaks", { ...attack, system: fails }, true, false],
    ["another code", { ...attack, expected: "ELSE" }, true, false],
    ["a code where none is due", { ...without }, true, false],
    ["nothing found where a refusal is due", { ...attack, ...answers(found) }, true, false],
    ["it works", { ...attack, ...answers({ ...found, kind: "succeeded" }) }, true, false],
    ["it works quietly", { ...without, ...answers({ ...found, kind: "succeeded" }) }, true, false],
  ];
  for (const [name, row, controlHolds, systemHolds] of rows) {
    test(name, async () => {
      const nowhere = {} as Stage; // These attacks do not look at it.
      const result = await runAttack(row, nowhere);
      assert.deepEqual([result.controlHolds, result.systemHolds], [controlHolds, systemHolds]);
    });
  }
});

test("passive attacks, the small plan: every control succeeds and every gate holds", async () => {
  const { rows } = await evaluateSynthetic(100, { plan: SMALL_PLAN, signal, progress });
  assert.equal(rows.length, 4);
  for (const row of rows) {
    const { controlHolds, systemHolds } = judgeRow(row);
    assert(controlHolds && systemHolds, `${row.attack}: ${JSON.stringify(row)}`);
  }
});

describe("docs/privacy-evaluation.md", () => {
  const recorded = read("privacy-evaluation.json");
  const evaluation = parseRecord(recorded);

  test("is what the recorded run gives, of the attacks that there are", () => {
    assert.equal(read("privacy-evaluation.md"), renderEvaluation(evaluation));
    assert.equal(recordText(evaluation), recorded);
    const names = evaluation.active.results.map(({ name }) => name);
    assert.deepEqual(
      names,
      activeAttacks.map(({ name }) => name),
    );
    assert.deepEqual(failuresOf(evaluation), []);
    assert(evaluation.sections.length >= 2, "made-up homes and real ones");
  });

  test("names what does not hold", () => {
    const [section] = evaluation.sections;
    const [gate] = section?.rows ?? [];
    const [attack] = evaluation.active.results;
    assert(section !== undefined && gate !== undefined && attack !== undefined);
    const bound = { ...gate.bound, systemMax: -1 };
    const broken = {
      ...evaluation,
      sections: [{ ...section, rows: [{ ...gate, bound }] }],
      active: {
        ...evaluation.active,
        honestGranted: false,
        results: [{ ...attack, systemHolds: false }],
      },
    };
    assert.equal(failuresOf(broken).length, 3);
    const text = renderEvaluation(broken);
    assert(text.includes(`**3 do not hold:** ${section.title}: ${gate.attack}; ${attack.name};`));
    assert(text.includes("refusals prove nothing"));
  });

  test("as one page: every table, and nothing that a label could smuggle in", () => {
    const page = htmlOf("<title>", renderEvaluation(evaluation));
    const rows = read("privacy-evaluation.md")
      .split("\n")
      .filter((line) => line.startsWith("|"));
    const tables = rows.filter((line) => line.startsWith("| --")).length;
    assert.equal(page.split("<tr>").length - 1, rows.length - tables);
    assert(page.includes("&lt;title&gt;") && !page.includes("src="));
    const cell = htmlOf("x", "| a |\n| --- |\n| b\\|<script> |");
    assert(cell.includes("<td>b|&lt;script&gt;</td>"));
  });
});

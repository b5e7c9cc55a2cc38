/** The record of an evaluation as text: JSON, one line for each small object, as the repository's formatter leaves it. */
import type { PrivacyEvaluation } from "./evaluation.ts";

const LINE_CHARS_MAX = 100;

export function recordText(evaluation: PrivacyEvaluation): string {
  const text = JSON.stringify(evaluation, null, 2);
  const joined = text.replaceAll(/^( *)(.*)\{\n([^{}[\]]+?)\n *\}(,?)$/gm, (whole, ...parts) => {
    const [indent = "", before = "", inner = "", comma = ""] = parts.map(String);
    const fields = inner.split("\n").map((line) => line.trim());
    const line = `${indent}${before}{ ${fields.join(" ")} }${comma}`;
    return line.length <= LINE_CHARS_MAX ? line : whole;
  });
  return `${joined}\n`;
}

/** What `recordText` wrote; written by this program alone. */
export const parseRecord = (text: string): PrivacyEvaluation =>
  JSON.parse(text) as PrivacyEvaluation;

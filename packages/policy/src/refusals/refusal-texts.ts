// Every code that operators see, in clear words: what happened, why the rule exists, what to do.
// Read by the operators' UI. A test holds it against the sources: no code without its words.

import { ledgerTexts } from "./ledger-texts.ts";
import { mdmsTexts } from "./mdms-texts.ts";
import type { RefusalText, RefusalTexts } from "./refusal-text.ts";
import { registryTexts } from "./registry-texts.ts";
import { requestTexts } from "./request-texts.ts";
import { ruleTexts } from "./rule-texts.ts";

const all = { ...ruleTexts, ...requestTexts, ...ledgerTexts, ...mdmsTexts, ...registryTexts };

/** A code that has words: the key by which another language translates them. */
export type RefusalTextCode = keyof typeof all;

export const refusalTexts: Readonly<Record<RefusalTextCode, RefusalText>> = all;

/** Undefined for a code that is not in the table: of a newer version, or none of ours. */
export function refusalText(code: string): RefusalText | undefined {
  const texts: RefusalTexts = refusalTexts;
  return Object.hasOwn(texts, code) ? texts[code] : undefined;
}

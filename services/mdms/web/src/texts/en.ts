/** The operators' pages in English. `fr.ts` has the same texts. */
import { refusalTexts, type RefusalText } from "@smarter-metering/policy";
import { corePages } from "./en-core.ts";
import { customerPages } from "./en-customers.ts";
import { deskPages } from "./en-desk.ts";

/** By code: what happened, why the rule exists, what to do. */
const refusals: Readonly<Record<string, RefusalText>> = refusalTexts;

export const en = { ...corePages, ...customerPages, ...deskPages, refusals };

/** Refusals in French, by code. */
import type { RefusalText, RefusalTextCode } from "@smarter-metering/policy";

export const refusalsFr: Readonly<Record<RefusalTextCode, RefusalText>> = {};

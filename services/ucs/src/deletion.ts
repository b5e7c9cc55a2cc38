/**
 * A customer deletes his account himself (docs/privacy-officer.md): what goes at once, and what remains, where and for how long, which he is
 * shown before and after. Run by the UCS. The sealed frames belong to the contract: other persons of the household read them, and who enrols
 * next gets them again.
 */
import type { Store } from "@smarter-metering/runtime";
import { audit } from "./audit.ts";
import { deleteAccount } from "./erasure.ts";
import { UCS_KEPT_DAYS } from "./retention.ts";

/** What remains, by its name, which pages put into words. */
export type Remaining = (typeof REMAINS)[number]["what"];

/** `keptDays`: null is for ever, or, of backups, as long as each party keeps them. */
const REMAINS = [
  { party: "portal", what: "sealed-frames", keptDays: UCS_KEPT_DAYS.sealedFrames },
  /** That an account of this service point was deleted, without its login. */
  { party: "portal", what: "deletion-entry", keptDays: UCS_KEPT_DAYS.audit },
  { party: "meter", what: "readings-and-keys", keptDays: 400 },
  /** Books have to be kept by law. The MDMS's own default; its operator can set another. */
  { party: "mdms", what: "statements", keptDays: 3660 },
  { party: "registry", what: "contract", keptDays: null },
  /** Ciphertexts under the trustees' key: evidence of what was released. */
  { party: "aggregator", what: "contributions", keptDays: null },
  { party: "trustees", what: "release-ledger", keptDays: null },
  { party: "everybody", what: "backups", keptDays: null },
] as const;

export interface RemainingFact {
  readonly party: (typeof REMAINS)[number]["party"];
  readonly what: Remaining;
  readonly keptDays: number | null;
}

/** What an operator has set otherwise than by default. */
export interface KeptDays {
  readonly sealedFrames?: number | undefined;
  readonly statements?: number | undefined;
}

export function remainingFacts(kept: KeptDays): RemainingFact[] {
  const set: Partial<Record<Remaining, number | undefined>> = {
    "sealed-frames": kept.sealedFrames,
    statements: kept.statements,
  };
  return REMAINS.map((fact) => ({ ...fact, keptDays: set[fact.what] ?? fact.keptDays }));
}

/** How much of each was deleted with the account. */
export type DeletedWithAccount = Awaited<ReturnType<typeof deleteAccount>>;

/** One transaction, which leaves one entry in the trail, without the login. `servicePoint` in hex, or "". */
export function deleteOwnAccount(
  store: Store,
  login: string,
  servicePoint: string,
  nowSeconds: number,
): Promise<DeletedWithAccount> {
  return store.transaction(async (sql) => {
    const deleted = await deleteAccount(sql, login);
    await audit(sql, { at: nowSeconds, login: "", event: "account-deleted" }, servicePoint);
    return deleted;
  });
}

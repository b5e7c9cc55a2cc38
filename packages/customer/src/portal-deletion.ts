/** Deleting one's own account over the portal (docs/protocol.md §10.6): what would remain, and the deletion, which the password proves anew. */
import { toBase64Url } from "@smarter-metering/protocol";
import { CustomerError } from "./error.ts";
import type { PasswordKeys } from "./passwords.ts";
import {
  asObject,
  booleanOf,
  integerOf,
  listOf,
  textOf,
  type JsonObject,
} from "./portal-answer.ts";
import type { PortalConnection } from "./portal-connection.ts";

/** Something that the portal's word is for: who keeps what, and for how many days; null is for ever, or nobody's to say. */
export interface RemainingFact {
  /** `portal`, `meter`, `mdms`, `registry`, `aggregator`, `trustees`, `everybody`. */
  readonly party: string;
  /** `sealed-frames`, `deletion-entry`, `readings-and-keys`, `statements`, `contract`, `contributions`, `release-ledger`, `backups`. */
  readonly what: string;
  readonly keptDays: number | null;
}

export interface DeletionFacts {
  readonly remains: readonly RemainingFact[];
  /** Whether others of the household go on reading; if not, nobody can open what remains sealed. */
  readonly othersRead: boolean;
}

export interface AccountDeletion {
  /** How many of each are gone: `sessions`, `enrolments`, `keyEnvelopes`, … */
  readonly deleted: Readonly<Record<string, number>>;
  readonly remains: readonly RemainingFact[];
}

export async function readDeletionFacts(connection: PortalConnection): Promise<DeletionFacts> {
  const answer = await connection.call("GET", "/v1/account/deletion");
  return { remains: remainsOf(answer), othersRead: booleanOf(answer, "othersRead") };
}

/** Throws CUSTOMER_UNLOCK_FAILED for keys of a wrong password; the account is then as it was. */
export async function deleteAccount(
  connection: PortalConnection,
  { authenticationKey }: PasswordKeys,
): Promise<AccountDeletion> {
  try {
    const proof = { authenticationKey: toBase64Url(authenticationKey) };
    const answer = await connection.call("DELETE", "/v1/account", proof);
    connection.leave();
    const counts = asObject(answer.deleted);
    const deleted = Object.keys(counts).map((what) => [what, integerOf(counts, what)] as const);
    return { deleted: Object.fromEntries(deleted), remains: remainsOf(answer) };
  } catch (error) {
    const refused = error instanceof CustomerError && error.problem?.code === "UCS_LOGIN_REFUSED";
    if (!refused) throw error;
    throw new CustomerError("CUSTOMER_UNLOCK_FAILED", "the vault does not open with this");
  }
}

const remainsOf = (answer: JsonObject): RemainingFact[] =>
  listOf(answer, "remains").map((fact) => ({
    party: textOf(fact, "party"),
    what: textOf(fact, "what"),
    keptDays: fact.keptDays === null ? null : integerOf(fact, "keptDays"),
  }));

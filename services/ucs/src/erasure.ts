/**
 * Erasure at the UCS (docs/privacy-officer.md): an account with everything that belongs to it, and a service point's sealed frames. Run by
 * the UCS on its operator's word. What is deleted was closed to the UCS from the beginning.
 */
import type { Sql, Store } from "@smarter-metering/runtime";
import { audit } from "./audit.ts";
import { dropUnreadEnvelopes } from "./envelope-store.ts";
import { dropReadStatements } from "./statement-store.ts";

export interface Erasure {
  /** Network pseudonym, hex. */
  readonly servicePoint: string;
  /** Leaves the sealed frames, which nobody can open any more, to their own time. */
  readonly accountOnly: boolean;
  /** With `accountOnly`: an invited person's account; absent: that which is enrolled. */
  readonly login?: string | undefined;
}

/** How much of each was deleted. */
export interface Erased {
  readonly accounts: number;
  readonly sessions: number;
  readonly enrolments: number;
  readonly keyEnvelopes: number;
  readonly sealedFrames: number;
  readonly sealedStatements: number;
  readonly auditEntries: number;
}

type Deleted = Omit<Erased, "accounts" | "sealedFrames">;

/** One transaction; the same again finds nothing. Leaves one entry in the audit trail, without the login. */
export function erase(
  store: Store,
  { servicePoint, accountOnly, login: wanted }: Erasure,
  nowSeconds: number,
): Promise<Erased> {
  return store.transaction(async (sql) => {
    const links = await sql.query<{ login: string }>(
      `select login from ucs_link where service_point = $1 and coalesce($2, login) = login
      union select login from ucs_member where service_point = $1 and login = $2`,
      [servicePoint, wanted ?? null],
    );
    let own = NOBODY;
    for (const { login } of links) own = await deleteAccount(sql, login);
    const rest = accountOnly ? NOTHING : await deleteServicePoint(sql, servicePoint);
    await audit(sql, { at: nowSeconds, login: "", event: "data-erased" }, servicePoint);
    return {
      accounts: links.length,
      sessions: own.sessions,
      enrolments: own.enrolments + rest.enrolments,
      keyEnvelopes: own.keyEnvelopes + rest.keyEnvelopes,
      sealedFrames: rest.sealedFrames,
      sealedStatements: own.sealedStatements,
      auditEntries: own.auditEntries,
    };
  });
}

const NOBODY: Deleted = {
  sessions: 0,
  enrolments: 0,
  keyEnvelopes: 0,
  sealedStatements: 0,
  auditEntries: 0,
};
const NOTHING = { enrolments: 0, keyEnvelopes: 0, sealedFrames: 0 };

/**
 * An account, its vault, sessions, requests, invitations, the trail of what it did and the bills it has read; the keys that are wrapped to it unless others of its
 * household read with them: they go on, and who has been there longest is the first.
 */
export async function deleteAccount(sql: Sql, login: string): Promise<Deleted> {
  const keys = await sql.query<{ recipient: Uint8Array }>(
    `select sha256(public_key) as recipient from ucs_account where login = $1
    union select recipient from ucs_member where login = $1`,
    [login],
  );
  const deleted = {
    sessions: await count(sql, "delete from ucs_session where login = $1", login),
    enrolments: await count(sql, "delete from ucs_enrolment where login = $1", login),
    auditEntries: await count(sql, "delete from ucs_audit where login = $1", login),
    sealedStatements: await dropReadStatements(sql, login),
  };
  await sql.query("delete from ucs_invitation where inviter = $1 or opened_by = $1", [login]);
  await sql.query("delete from ucs_member where login = $1", [login]);
  await sql.query("delete from ucs_link where login = $1", [login]);
  await sql.query("delete from ucs_account where login = $1", [login]);
  const recipients = keys.map(({ recipient }) => recipient);
  return { ...deleted, keyEnvelopes: await dropUnreadEnvelopes(sql, recipients) };
}

async function deleteServicePoint(sql: Sql, servicePoint: string): Promise<typeof NOTHING> {
  const of = (table: string): Promise<number> =>
    count(sql, `delete from ${table} where service_point = $1`, servicePoint);
  await of("ucs_offer");
  await of("ucs_member");
  await of("ucs_invitation");
  return {
    enrolments: await of("ucs_enrolment"),
    keyEnvelopes: await of("ucs_envelope"),
    sealedFrames: await of("ucs_frame"),
  };
}

async function count(sql: Sql, statement: string, parameter: string): Promise<number> {
  const [row] = await sql.query<{ count: number }>(
    `with gone as (${statement} returning 1) select count(*)::int4 as count from gone`,
    [parameter],
  );
  return row?.count ?? 0;
}

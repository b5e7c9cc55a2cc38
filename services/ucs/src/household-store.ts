/**
 * Who may read a service point (docs/protocol.md §10.5): the account that the meter accepted, and up to three that were invited by it. What
 * an invitation carries is wrapped under a secret that never comes here; of that secret the UCS has the hash of an authentication key.
 */
import { toHex } from "@smarter-metering/protocol";
import type { Sql, Store } from "@smarter-metering/runtime";
import type { WrappedItem } from "./account-store.ts";
import { audit, HOUSEHOLD_EVENTS, type AuditEvent } from "./audit.ts";
import { dropUnreadEnvelopes } from "./envelope-store.ts";
import type { ServicePoints } from "./service-points.ts";

/** With whoever is invited and has not come yet. */
const PERSONS_MAX = 4;
export const INVITATION_SECONDS = 7 * 86_400;
const DAY_SECONDS = 86_400;
/** Of one answer, the newest. */
const EVENTS_MAX = 500;

/** What an account may read now. */
export interface Reach {
  /** Hex. */
  readonly servicePoint: string;
  readonly contractStart: number;
  readonly contractEnd: number | null;
  /** SHA-256 of the public key that the meter wraps to: the account's own, or that of the household that it was invited to. */
  readonly recipientKeyId: Uint8Array;
  /** Of an invited account: the household's key, wrapped by its owner under his own master key. */
  readonly item: WrappedItem | null;
}

export interface Person {
  readonly login: string;
  /** Epoch seconds. */
  readonly since: number;
}

export interface OpenInvitation {
  /** SHA-256 of the authentication key, hex. */
  readonly id: string;
  readonly expiresAt: number;
  /** Who has opened it and not joined yet: nobody else can. */
  readonly openedBy: string | null;
}

export interface HouseholdEvent {
  readonly at: number;
  readonly login: string;
  readonly event: AuditEvent;
}

/** The first person alone invites and ends: who enrolled or, once that account is deleted, who has been there longest. */
export interface Household extends Reach {
  readonly persons: readonly Person[];
  readonly isFirst: boolean;
}

interface ReachRow {
  readonly service_point: string;
  readonly contract_start: bigint;
  readonly recipient: Uint8Array;
  readonly item: WrappedItem | null;
}

interface InvitationRow {
  readonly inviter: string;
  readonly item: WrappedItem;
  readonly recipient: Uint8Array;
  readonly service_point: string;
}

export type Opened =
  | { readonly outcome: "opened"; readonly inviter: string; readonly item: WrappedItem }
  | { readonly outcome: "unknown" }
  | { readonly outcome: "elsewhere" };

export class HouseholdStore {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  reach(login: string, points: ServicePoints): Promise<Reach | undefined> {
    return reachOf(this.#store, login, points);
  }

  household(login: string, points: ServicePoints): Promise<Household | undefined> {
    return this.#store.transaction((sql) => householdOf(sql, login, points));
  }

  /** `proof` is the SHA-256 of the invitation's authentication key. */
  invite(
    household: Pick<Household, "servicePoint" | "recipientKeyId">,
    { inviter, proof, item }: { inviter: string; proof: Uint8Array; item: WrappedItem },
    nowSeconds: number,
  ): Promise<"made" | "full"> {
    const { servicePoint, recipientKeyId } = household;
    return this.#store.transaction(async (sql) => {
      const persons = await personsOf(sql, servicePoint);
      const open = await openInvitations(sql, servicePoint, nowSeconds);
      if (persons.length + open.length >= PERSONS_MAX) return "full";
      await sql.query(
        `insert into ucs_invitation values ($1, $2, $3, $4, $5, $6)
        on conflict (proof) do nothing`,
        [
          proof,
          inviter,
          servicePoint,
          recipientKeyId,
          JSON.stringify(item),
          nowSeconds + INVITATION_SECONDS,
        ],
      );
      const entry = { at: nowSeconds, login: inviter, event: "invitation-made" } as const;
      await audit(sql, entry, servicePoint);
      return "made";
    });
  }

  invitations(servicePoint: string, nowSeconds: number): Promise<OpenInvitation[]> {
    return openInvitations(this.#store, servicePoint, nowSeconds);
  }

  /** Binds an invitation to the account that opens it first, which may open it again: a crash before it joins costs nothing. */
  open(
    login: string,
    proof: Uint8Array,
    points: ServicePoints,
    nowSeconds: number,
  ): Promise<Opened> {
    return this.#store.transaction(async (sql): Promise<Opened> => {
      const [row] = await sql.query<InvitationRow>(
        `select inviter, item, recipient, service_point from ucs_invitation where proof = $1
          and expires_at > $3 and inviter <> $2 and coalesce(opened_by, $2) = $2`,
        [proof, login, nowSeconds],
      );
      if (row === undefined) return { outcome: "unknown" };
      const own = await reachOf(sql, login, points);
      const { inviter, item, service_point: servicePoint } = row;
      if (own !== undefined && own.servicePoint !== servicePoint) return { outcome: "elsewhere" };
      await sql.query("update ucs_invitation set opened_by = $2 where proof = $1", [proof, login]);
      await audit(sql, { at: nowSeconds, login, event: "invitation-opened" }, servicePoint);
      return { outcome: "opened", inviter, item };
    });
  }

  /** Uses up an invitation that this account has opened. One who is a member already gets a fresh item by it. */
  join(
    { login, proof, item }: { login: string; proof: Uint8Array; item: WrappedItem },
    points: ServicePoints,
    nowSeconds: number,
  ): Promise<"joined" | "unknown" | "full" | "elsewhere"> {
    return this.#store.transaction(async (sql) => {
      const [row] = await sql.query<InvitationRow>(
        `select inviter, item, recipient, service_point from ucs_invitation
        where proof = $1 and opened_by = $2 and expires_at > $3`,
        [proof, login, nowSeconds],
      );
      const household = row && (await householdOf(sql, row.inviter, points));
      if (row === undefined || household?.isFirst !== true) return "unknown";
      const { servicePoint, contractStart, persons } = household;
      const own = await reachOf(sql, login, points);
      if (own !== undefined && own.servicePoint !== servicePoint) return "elsewhere";
      if (own === undefined && persons.length >= PERSONS_MAX) return "full";
      await sql.query("delete from ucs_invitation where proof = $1", [proof]);
      // Of a contract that is over: it gives nothing to read any more.
      await sql.query("delete from ucs_link where login = $1", [login]);
      await sql.query(
        `insert into ucs_member values ($1, $2, $3, $4, $5, $6)
        on conflict (login) do update set service_point = excluded.service_point,
          contract_start = excluded.contract_start, recipient = excluded.recipient,
          item = excluded.item`,
        [login, servicePoint, contractStart, row.recipient, JSON.stringify(item), nowSeconds],
      );
      await audit(sql, { at: nowSeconds, login, event: "household-joined" }, servicePoint);
      return "joined";
    });
  }

  /** False when there is no such invitation of this service point. */
  withdraw(
    { login, servicePoint }: { login: string; servicePoint: string },
    proof: Uint8Array,
    nowSeconds: number,
  ): Promise<boolean> {
    return this.#store.transaction(async (sql) => {
      const gone = await sql.query(
        "delete from ucs_invitation where proof = $1 and service_point = $2 returning 1",
        [proof, servicePoint],
      );
      if (gone.length === 0) return false;
      const entry = { at: nowSeconds, login, event: "invitation-withdrawn" } as const;
      await audit(sql, entry, servicePoint);
      return true;
    });
  }

  /** Ends an invited account's access; false when it has none. The account stays. */
  end(login: string, servicePoint: string, nowSeconds: number): Promise<boolean> {
    return this.#store.transaction(async (sql) => {
      const gone = await sql.query<{ recipient: Uint8Array }>(
        "delete from ucs_member where login = $1 and service_point = $2 returning recipient",
        [login, servicePoint],
      );
      if (gone.length === 0) return false;
      await dropUnreadEnvelopes(
        sql,
        gone.map(({ recipient }) => recipient),
      );
      await audit(sql, { at: nowSeconds, login, event: "household-left" }, servicePoint);
      return true;
    });
  }

  /** Notes, once in a UTC day, that an invited account reads. */
  async noteReading(login: string, servicePoint: string, nowSeconds: number): Promise<void> {
    const event = "readings-fetched";
    const today = nowSeconds - (nowSeconds % DAY_SECONDS);
    const noted = await this.#store.query(
      "select 1 from ucs_audit where login = $1 and event = $2 and about = $3 and at >= $4 limit 1",
      [login, event, servicePoint, today],
    );
    if (noted.length > 0) return;
    await audit(this.#store, { at: nowSeconds, login, event }, servicePoint);
  }

  /** What happened around a household's readings, the newest first. */
  async events(servicePoint: string): Promise<HouseholdEvent[]> {
    const rows = await this.#store.query<{ at: bigint; login: string; event: AuditEvent }>(
      `select at, login, event from ucs_audit where about = $1 and event = any($2::text[])
      order by id desc limit $3`,
      [servicePoint, HOUSEHOLD_EVENTS, EVENTS_MAX],
    );
    return rows.map((row) => ({ ...row, at: Number(row.at) }));
  }

  async forget(nowSeconds: number): Promise<void> {
    await this.#store.query("delete from ucs_invitation where expires_at <= $1", [nowSeconds]);
  }
}

/** By its own enrolment or by invitation, if the contract is the service point's current one. */
async function reachOf(sql: Sql, login: string, points: ServicePoints): Promise<Reach | undefined> {
  const rows = await sql.query<ReachRow>(
    `select service_point, contract_start, sha256(public_key) as recipient, null::jsonb as item
      from ucs_link l join ucs_account a on a.login = l.login where l.login = $1
    union all
    select service_point, contract_start, recipient, item from ucs_member where login = $1`,
    [login],
  );
  for (const { service_point: servicePoint, contract_start, recipient, item } of rows) {
    const point = points.get(servicePoint);
    if (point === undefined || BigInt(point.contractStart) !== contract_start) continue;
    const { contractStart, contractEnd } = point;
    return { servicePoint, contractStart, contractEnd, recipientKeyId: recipient, item };
  }
  return undefined;
}

async function householdOf(
  sql: Sql,
  login: string,
  points: ServicePoints,
): Promise<Household | undefined> {
  const reach = await reachOf(sql, login, points);
  if (reach === undefined) return undefined;
  const persons = await personsOf(sql, reach.servicePoint);
  return { ...reach, persons, isFirst: persons[0]?.login === login };
}

/** The first person first. */
async function personsOf(sql: Sql, servicePoint: string): Promise<Person[]> {
  const rows = await sql.query<{ login: string; since: bigint }>(
    `select login, since, 0 as place from ucs_link where service_point = $1
    union all select login, since, 1 as place from ucs_member where service_point = $1
    order by place, since, login`,
    [servicePoint],
  );
  return rows.map(({ login, since }) => ({ login, since: Number(since) }));
}

async function openInvitations(
  sql: Sql,
  servicePoint: string,
  nowSeconds: number,
): Promise<OpenInvitation[]> {
  const rows = await sql.query<{
    proof: Uint8Array;
    expires_at: bigint;
    opened_by: string | null;
  }>(
    `select proof, expires_at, opened_by from ucs_invitation
    where service_point = $1 and expires_at > $2 order by expires_at, proof`,
    [servicePoint, nowSeconds],
  );
  return rows.map(({ proof, expires_at, opened_by: openedBy }) => {
    return { id: toHex(proof), expiresAt: Number(expires_at), openedBy };
  });
}

/**
 * What the UCS holds about a service point and the account that is enrolled for it, for the answer to an access request
 * (docs/privacy-officer.md). Names, times and counts; no key, no hash of a password, no sealed byte: those are the customer's, by the portal.
 */
import type { Store } from "@smarter-metering/runtime";
import { audit } from "./audit.ts";
import type { KnownServicePoint } from "./service-points.ts";

/** Sessions, requests and events of one answer, the newest; a sign-in a day makes 400 events. */
const ROWS_MAX = 5_000;

export interface HeldData {
  readonly servicePoint: string;
  readonly contractStart: number;
  readonly contractEnd: number | null;
  readonly meters: readonly string[];
  readonly account: HeldAccount | null;
  /** Whom it has invited: accounts of their own, of other people. */
  readonly invited: readonly { readonly login: string; readonly since: number }[];
  readonly enrolments: readonly {
    readonly meter: string;
    readonly state: string;
    readonly requestedAt: number;
  }[];
  readonly sealedFrames: readonly {
    readonly kind: string;
    readonly count: number;
    readonly bytes: number;
    /** Epoch seconds: what they cover, and when they came. */
    readonly from: number;
    readonly to: number;
    readonly firstReceivedAt: number;
    readonly lastReceivedAt: number;
  }[];
  readonly keyEnvelopes: number;
  /** In the mailboxes that the account has asked for. */
  readonly sealedStatements: number;
}

export interface HeldAccount {
  readonly login: string;
  readonly createdAt: number;
  readonly enrolledSince: number;
  /** Hex; names the public key. */
  readonly publicKeySha256: string;
  readonly sessions: readonly {
    readonly scope: string;
    readonly createdAt: number;
    readonly expiresAt: number;
  }[];
  readonly events: readonly { readonly at: number; readonly event: string }[];
}

/** Reading it is an event of its own. */
export async function readHeldData(
  store: Store,
  servicePoint: string,
  { contractStart, contractEnd, meters }: KnownServicePoint,
  nowSeconds: number,
): Promise<HeldData> {
  const account = await readAccount(store, servicePoint);
  const entry = { at: nowSeconds, login: account?.login ?? "", event: "data-exported" } as const;
  await audit(store, entry, servicePoint);
  const enrolments = await store.query<{ meter: string; state: string; at: bigint }>(
    `select meter, state, requested_at as at from ucs_enrolment where service_point = $1
    order by requested_at desc limit $2`,
    [servicePoint, ROWS_MAX],
  );
  const invited = await store.query<{ login: string; since: bigint }>(
    "select login, since from ucs_member where service_point = $1 order by since, login",
    [servicePoint],
  );
  const [envelopes] = await store.query<{ count: number }>(
    "select count(*)::int4 as count from ucs_envelope where service_point = $1",
    [servicePoint],
  );
  const [statements] = await store.query<{ count: number }>(
    `select count(*)::int4 as count from ucs_mailbox m
    join ucs_statement s on s.mailbox = m.mailbox where m.login = $1`,
    [account?.login ?? ""],
  );
  return {
    servicePoint,
    contractStart,
    contractEnd,
    meters: [...meters.keys()],
    account,
    invited: invited.map(({ login, since }) => ({ login, since: Number(since) })),
    enrolments: enrolments.map(({ meter, state, at }) => {
      return { meter, state, requestedAt: Number(at) };
    }),
    sealedFrames: await readFrames(store, servicePoint),
    keyEnvelopes: envelopes?.count ?? 0,
    sealedStatements: statements?.count ?? 0,
  };
}

async function readAccount(store: Store, servicePoint: string): Promise<HeldAccount | null> {
  const [row] = await store.query<{
    login: string;
    created: bigint;
    since: bigint;
    key: string;
  }>(
    `select a.login, created_at as created, since, encode(sha256(public_key), 'hex') as key
    from ucs_link l join ucs_account a on a.login = l.login where service_point = $1`,
    [servicePoint],
  );
  if (row === undefined) return null;
  const { login } = row;
  const sessions = await store.query<{ scope: string; created: bigint; expires: bigint }>(
    `select scope, created_at as created, expires_at as expires from ucs_session
    where login = $1 order by created_at`,
    [login],
  );
  const events = await store.query<{ at: bigint; event: string }>(
    "select at, event from ucs_audit where login = $1 order by id desc limit $2",
    [login, ROWS_MAX],
  );
  return {
    login,
    createdAt: Number(row.created),
    enrolledSince: Number(row.since),
    publicKeySha256: row.key,
    sessions: sessions.map(({ scope, created, expires }) => {
      return { scope, createdAt: Number(created), expiresAt: Number(expires) };
    }),
    events: events.map(({ at, event }) => ({ at: Number(at), event })),
  };
}

interface FramesRow {
  readonly kind: string;
  readonly count: number;
  readonly bytes: bigint;
  readonly from: bigint;
  readonly to: bigint;
  readonly first: bigint;
  readonly last: bigint;
}

async function readFrames(store: Store, servicePoint: string): Promise<HeldData["sealedFrames"]> {
  const rows = await store.query<FramesRow>(
    `select kind, count(*)::int4 as count, sum(length(sealed))::int8 as bytes,
      min(starts) as from, max(ends) as to, min(received_at) as first, max(received_at) as last
    from ucs_frame where service_point = $1 group by kind order by kind`,
    [servicePoint],
  );
  return rows.map((row) => ({
    kind: row.kind,
    count: row.count,
    bytes: Number(row.bytes),
    from: Number(row.from),
    to: Number(row.to),
    firstReceivedAt: Number(row.first),
    lastReceivedAt: Number(row.last),
  }));
}

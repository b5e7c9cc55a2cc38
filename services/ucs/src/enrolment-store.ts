/**
 * Who is enrolled for which service point (docs/protocol.md §10.1). The meter alone decides: a link is made only by its acceptance of the
 * very nonce that a request was for. A nonce is used once, so an answer always belongs to one account.
 */
import type { EnrolmentAnswer, EnrolmentOffer, EnrolmentRequest } from "@smarter-metering/protocol";
import { equalBytes, toHex } from "@smarter-metering/protocol";
import type { Sql, Store } from "@smarter-metering/runtime";
import { audit } from "./audit.ts";
import { dropUnreadEnvelopes } from "./envelope-store.ts";
import type { Sender } from "./service-points.ts";

/** A request that no meter has answered in this time gives way to a new one of the same account. */
const PENDING_SECONDS_MAX = 3_600;
/** Requests of one account in a day: each wrong one costs a meter its nonce. */
const REQUESTS_PER_DAY_MAX = 10;
const DAY_SECONDS = 86_400;
/** SQL: the row `request` may still be answered. Its nonce is the meter's current one, and it is not old. */
const waitsSince = (oldest: string): string =>
  `(request.state = 'pending' and request.requested_at > ${oldest} and exists (
    select 1 from ucs_offer offer where offer.meter = request.meter and offer.nonce = request.nonce))`;
/** Requests published in one go. */
const DOWNLINK_MAX = 100;

export type EnrolmentState = "pending" | "accepted" | "refused" | "lapsed";
export type Requested = "accepted" | "pending" | "stale" | "limited";

/** `endedLogin`: the account that was enrolled before, if it is another one. */
export type Answered =
  | { readonly outcome: "accepted"; readonly endedLogin?: string }
  | { readonly outcome: "refused" | "duplicate" | "unknown" };

interface EnrolmentRow {
  readonly meter: string;
  readonly nonce: Uint8Array;
  readonly login: string;
  readonly service_point: string;
  readonly state: EnrolmentState;
  readonly request: Uint8Array;
  readonly answer: Uint8Array | null;
  readonly requested_at: bigint;
}

export class EnrolmentStore {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Keeps the newest offer of a meter, by its place in the stream. False for an older one. */
  async putOffer(
    offer: EnrolmentOffer,
    sender: Sender,
    message: Uint8Array,
    sequence: bigint,
  ): Promise<boolean> {
    const rows = await this.#store.query(
      `insert into ucs_offer as old select $1, $2, $3, $4, $5
      where not exists (select 1 from ucs_enrolment where meter = $1 and nonce = $3
        and state in ('accepted', 'refused'))
      on conflict (meter) do update set service_point = excluded.service_point,
        nonce = excluded.nonce, sequence = excluded.sequence, message = excluded.message
      where old.sequence < excluded.sequence returning meter`,
      [sender.meter, sender.servicePoint, offer.nonce, sequence, message],
    );
    return rows.length === 1;
  }

  /** The newest offer for a service point, encoded, with the meter it is from. */
  async offer(servicePoint: string): Promise<{ meter: string; message: Uint8Array } | undefined> {
    const rows = await this.#store.query<{ meter: string; message: Uint8Array }>(
      `select meter, message from ucs_offer where service_point = $1
      order by sequence desc limit 1`,
      [servicePoint],
    );
    return rows[0];
  }

  /** Keeps a request for its meter; `request.account` is the session's login. The same bytes again have no further effect. */
  request(request: EnrolmentRequest, encoded: Uint8Array, nowSeconds: number): Promise<Requested> {
    const meter = toHex(request.meterId);
    const servicePoint = toHex(request.networkPseudonym);
    const { account: login, nonce } = request;
    return this.#store.transaction(async (sql) => {
      const known = await enrolmentOf(sql, meter, nonce);
      if (known !== undefined) {
        const isRepeated = known.login === login && equalBytes(known.request, encoded);
        return isRepeated && known.state === "pending" ? "accepted" : "stale";
      }
      const offers = await sql.query(
        "select 1 from ucs_offer where meter = $1 and nonce = $2 and service_point = $3",
        [meter, nonce, servicePoint],
      );
      if (offers.length === 0) return "stale";
      if (await isWaiting(sql, login, nowSeconds)) return "pending";
      const today = await sql.query(
        "select 1 from ucs_enrolment where login = $1 and requested_at > $2",
        [login, nowSeconds - DAY_SECONDS],
      );
      if (today.length >= REQUESTS_PER_DAY_MAX) return "limited";
      await sql.query(
        "update ucs_enrolment set state = 'lapsed' where login = $1 and state = 'pending'",
        [login],
      );
      await sql.query(
        `insert into ucs_enrolment
          (meter, nonce, login, service_point, state, request, requested_at)
        values ($1, $2, $3, $4, 'pending', $5, $6)`,
        [meter, nonce, login, servicePoint, encoded, nowSeconds],
      );
      await audit(sql, { at: nowSeconds, login, event: "enrolment-requested" }, servicePoint);
      return "accepted";
    });
  }

  /**
   * The state of the account's newest request for a service point, and the newest acceptance: with that a customer can prove the meter
   * again, also after a request that was refused because the code had been used.
   */
  async progress(
    login: string,
    servicePoint: string,
    nowSeconds: number,
  ): Promise<{ state: EnrolmentState; acceptance: Uint8Array | null } | undefined> {
    // One statement: between two, the answer could settle the request and end its offer.
    const [newest] = await this.#store.query<{
      state: EnrolmentState;
      waits: boolean;
      acceptance: Uint8Array | null;
    }>(
      `select state, ${waitsSince("$3")} as waits, (select answer from ucs_enrolment
        where login = $1 and service_point = $2 and state = 'accepted'
        order by requested_at desc limit 1) as acceptance
      from ucs_enrolment request where login = $1 and service_point = $2
      order by requested_at desc, state = 'pending' desc limit 1`,
      [login, servicePoint, nowSeconds - PENDING_SECONDS_MAX],
    );
    if (newest === undefined) return undefined;
    const { state, waits, acceptance } = newest;
    return { state: state === "pending" && !waits ? "lapsed" : state, acceptance };
  }

  /** The meter's word: settles the request, and links account and service point when it is accepted. Idempotent. */
  answer(
    answer: EnrolmentAnswer,
    sender: Sender,
    encoded: Uint8Array,
    nowSeconds: number,
  ): Promise<Answered> {
    const { meter, servicePoint } = sender;
    return this.#store.transaction(async (sql): Promise<Answered> => {
      await sql.query("delete from ucs_offer where meter = $1 and nonce = $2", [
        meter,
        answer.nonce,
      ]);
      const row = await enrolmentOf(sql, meter, answer.nonce);
      if (row === undefined || row.service_point !== servicePoint) return { outcome: "unknown" };
      if (row.state === "accepted" || row.state === "refused") return { outcome: "duplicate" };
      const outcome = answer.accepted ? "accepted" : "refused";
      await sql.query(
        `update ucs_enrolment set state = $3, answer = $4, published = true
        where meter = $1 and nonce = $2`,
        [meter, answer.nonce, outcome, encoded],
      );
      const { login } = row;
      await audit(sql, { at: nowSeconds, login, event: `enrolment-${outcome}` }, servicePoint);
      return outcome === "refused" ? { outcome } : link(sql, login, sender, nowSeconds);
    });
  }

  /** Requests that the bus does not have yet. */
  async unpublished(): Promise<{ meter: string; nonce: Uint8Array; request: Uint8Array }[]> {
    return this.#store.query(
      `select meter, nonce, request from ucs_enrolment where state = 'pending' and not published
      order by requested_at limit $1`,
      [DOWNLINK_MAX],
    );
  }

  async published(meter: string, nonce: Uint8Array): Promise<void> {
    await this.#store.query(
      "update ucs_enrolment set published = true where meter = $1 and nonce = $2",
      [meter, nonce],
    );
  }
}

async function enrolmentOf(
  sql: Sql,
  meter: string,
  nonce: Uint8Array,
): Promise<EnrolmentRow | undefined> {
  const rows = await sql.query<EnrolmentRow>(
    "select * from ucs_enrolment where meter = $1 and nonce = $2",
    [meter, nonce],
  );
  return rows[0];
}

/** Whether a request of this account may still be answered. */
async function isWaiting(sql: Sql, login: string, nowSeconds: number): Promise<boolean> {
  const rows = await sql.query(
    `select 1 from ucs_enrolment request where login = $1 and ${waitsSince("$2")}`,
    [login, nowSeconds - PENDING_SECONDS_MAX],
  );
  return rows.length > 0;
}

async function link(
  sql: Sql,
  login: string,
  { servicePoint, contractStart }: Sender,
  nowSeconds: number,
): Promise<Answered> {
  const ended = await sql.query<{ login: string }>(
    "delete from ucs_link where service_point = $1 and login <> $2 returning login",
    [servicePoint, login],
  );
  const endedLogin = ended[0]?.login;
  for (const each of [...ended, ...(await endHousehold(sql, login, servicePoint))]) {
    await sql.query("update ucs_account set enrolment_ended_at = $2 where login = $1", [
      each.login,
      nowSeconds,
    ]);
    const event = "enrolment-ended";
    await audit(sql, { at: nowSeconds, login: each.login, event }, servicePoint);
  }
  await sql.query(
    `insert into ucs_link values ($1, $2, $3, $4)
    on conflict (login) do update set service_point = excluded.service_point,
      contract_start = excluded.contract_start, since = excluded.since`,
    [login, servicePoint, contractStart, nowSeconds],
  );
  await sql.query("update ucs_account set enrolment_ended_at = null where login = $1", [login]);
  return endedLogin === undefined ? { outcome: "accepted" } : { outcome: "accepted", endedLogin };
}

/**
 * Whoever was invited by another account, and invitations by anyone else or to anywhere else, give way to an enrolment; so does what its
 * account was invited to. An account that enrols again at the same service point keeps its household.
 */
async function endHousehold(
  sql: Sql,
  login: string,
  servicePoint: string,
): Promise<{ login: string }[]> {
  await sql.query("delete from ucs_invitation where (service_point = $1) <> (inviter = $2)", [
    servicePoint,
    login,
  ]);
  const gone = await sql.query<{ login: string; recipient: Uint8Array }>(
    `delete from ucs_member where login = $2 or (service_point = $1
      and not exists (select 1 from ucs_link where service_point = $1 and login = $2))
    returning login, recipient`,
    [servicePoint, login],
  );
  await dropUnreadEnvelopes(
    sql,
    gone.map(({ recipient }) => recipient),
  );
  return gone.filter((member) => member.login !== login);
}

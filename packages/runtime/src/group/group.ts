/**
 * Processes that share one database: who of them lives, and who of them leads. What only one may do
 * is done in transactions that hold only while their member leads, so that one that lost the lead
 * without noticing can write nothing.
 *
 * Nobody's clock is compared with another's: a member counts its beats in a row of its own, and
 * whoever has not seen the number move for `expirySeconds` of his own clock takes it for dead. The
 * lead has a term that rises with each change; it is one row, and every transaction of the leader
 * holds it `for share` until it has committed: the next leader waits that long, then reads all that
 * the one before wrote.
 */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type { Clock } from "../clock.ts";
import { RuntimeError } from "../error.ts";
import type { Sql, Store } from "../store/store.ts";

/** For the migrations of whoever owns the database. */
export const groupStatements: readonly string[] = [
  `create table group_member (
    group_name text not null,
    member text not null,
    session text not null,
    beat int8 not null,
    primary key (group_name, member))`,
  `create table group_lead (
    group_name text primary key,
    term int8 not null,
    member text,
    session text)`,
];

/** A member that does not beat for so long is taken for dead. */
const EXPIRY_SECONDS = 10;

export interface GroupOptions {
  /** In the database; several groups may share one. */
  readonly group: string;
  /** A name that stays: who starts again under it takes its own lead back at once. */
  readonly member: string;
  /** Default 10. The caller beats at least three times in it. */
  readonly expirySeconds?: number;
}

export interface GroupView {
  /** Those that live, this one among them, in order of names. */
  readonly members: readonly string[];
  /** Undefined where nobody leads yet. */
  readonly leader: string | undefined;
  /** Of the lead that this member holds, rising with every change; undefined while it does not lead. */
  readonly term: bigint | undefined;
}

export interface Group {
  readonly member: string;
  /** As of the last beat. */
  readonly view: GroupView;
  /**
   * The store as the leader of this term has it: a transaction fails with GROUP_NOT_LEADER, and leaves
   * nothing, unless the term lasts when it commits. Plain queries are everybody's.
   */
  storeOf(term: bigint): Store;
  /**
   * Says that this member lives, sees who else does, and takes the lead where nobody has it. One
   * transaction. Throws GROUP_REPLACED when another process has joined under this member's name.
   */
  beat(): Promise<GroupView>;
  /** Gives up membership and lead at once, for others to take at their next beat. */
  leave(): Promise<void>;
}

/** Joins with a first beat. `store` has the tables of `groupStatements`. */
export async function joinGroup(
  store: Store,
  clock: Pick<Clock, "nowMs">,
  options: GroupOptions,
): Promise<Group> {
  assert(options.member.length > 0, "a member has a name");
  const group = new StoreGroup(store, clock, options);
  await group.join();
  return group;
}

interface MemberRow {
  readonly member: string;
  readonly session: string;
  readonly beat: bigint;
}

interface LeadRow {
  readonly term: bigint;
  readonly member: string | null;
  readonly session: string | null;
}

/** What was seen of a member last, and when it changed. */
interface Sighting {
  readonly session: string;
  readonly beat: bigint;
  readonly changedMs: number;
}

class StoreGroup implements Group {
  readonly member: string;
  readonly #store: Store;
  readonly #clock: Pick<Clock, "nowMs">;
  readonly #name: string;
  readonly #expiryMs: number;
  /** Of this start; tells it from the one before under the same name. */
  readonly #session = randomUUID();
  #sightings: ReadonlyMap<string, Sighting> = new Map();
  #view: GroupView = { members: [], leader: undefined, term: undefined };

  constructor(store: Store, clock: Pick<Clock, "nowMs">, options: GroupOptions) {
    this.#store = store;
    this.#clock = clock;
    this.#name = options.group;
    this.member = options.member;
    this.#expiryMs = 1000 * (options.expirySeconds ?? EXPIRY_SECONDS);
  }

  get view(): GroupView {
    return this.#view;
  }

  async join(): Promise<void> {
    await this.#store.transaction(async (sql) => {
      await sql.query(
        `insert into group_member values ($1, $2, $3, 0) on conflict (group_name, member)
          do update set session = excluded.session, beat = group_member.beat + 1`,
        [this.#name, this.member, this.#session],
      );
    });
    await this.beat();
  }

  async beat(): Promise<GroupView> {
    const seen = await this.#store.transaction(async (sql) => {
      await this.#sayAlive(sql);
      const sightings = this.#look(await this.#members(sql));
      const living = this.#livingOf(sightings);
      const lead = await this.#lead(sql);
      const isFree = lead.member === null || !living.includes(lead.member);
      // Of its own name: of the process before this one, which is gone.
      const isOld = lead.member === this.member && lead.session !== this.#session;
      const taken = isFree || isOld ? await this.#take(sql, lead.term) : lead;
      if (taken.session === this.#session) await this.#bury(sql, sightings, living);
      return { sightings, living, lead: taken };
    });
    this.#sightings = seen.sightings;
    this.#view = {
      members: seen.living,
      leader: seen.lead.member ?? undefined,
      term: seen.lead.session === this.#session ? seen.lead.term : undefined,
    };
    return this.#view;
  }

  async leave(): Promise<void> {
    this.#view = { ...this.#view, term: undefined };
    await this.#store.transaction(async (sql) => {
      const own = [this.#name, this.#session];
      await sql.query("delete from group_member where group_name = $1 and session = $2", own);
      await sql.query(
        `update group_lead set member = null, session = null
          where group_name = $1 and session = $2`,
        own,
      );
    });
  }

  storeOf(term: bigint): Store {
    const store = this.#store;
    const checkTerm = async (sql: Sql): Promise<void> => {
      const rows = await sql.query(
        "select 1 as one from group_lead where group_name = $1 and term = $2 for share",
        [this.#name, term],
      );
      if (rows.length > 0) return;
      const message = `${this.member} does not lead ${this.#name} any more`;
      throw new RuntimeError("GROUP_NOT_LEADER", message);
    };
    return {
      kind: store.kind,
      query: (text, params) => store.query(text, params),
      transaction: (work, options) =>
        store.transaction(async (sql) => {
          await checkTerm(sql);
          return work(sql);
        }, options),
      close: () => store.close(),
    };
  }

  async #sayAlive(sql: Sql): Promise<void> {
    const own = [this.#name, this.member, this.#session];
    const beaten = await sql.query(
      `update group_member set beat = beat + 1
        where group_name = $1 and member = $2 and session = $3 returning 1 as one`,
      own,
    );
    if (beaten.length > 0) return;
    // Taken for dead and buried, while it was only slow: it comes back.
    const joined = await sql.query(
      `insert into group_member values ($1, $2, $3, 0)
        on conflict (group_name, member) do nothing returning 1 as one`,
      own,
    );
    if (joined.length > 0) return;
    const message = `another process joined ${this.#name} as ${this.member}: give each its own name`;
    throw new RuntimeError("GROUP_REPLACED", message);
  }

  #members(sql: Sql): Promise<MemberRow[]> {
    return sql.query("select member, session, beat from group_member where group_name = $1", [
      this.#name,
    ]);
  }

  #look(rows: readonly MemberRow[]): ReadonlyMap<string, Sighting> {
    const nowMs = this.#clock.nowMs();
    const sightings = rows.map(({ member, session, beat }) => {
      const before = this.#sightings.get(member);
      const isStill = before?.session === session && before.beat === beat;
      return [member, { session, beat, changedMs: isStill ? before.changedMs : nowMs }] as const;
    });
    return new Map(sightings);
  }

  #livingOf(sightings: ReadonlyMap<string, Sighting>): string[] {
    const sinceMs = this.#clock.nowMs() - this.#expiryMs;
    const living = [...sightings].filter(([, { changedMs }]) => changedMs > sinceMs);
    return living.map(([member]) => member).toSorted();
  }

  async #lead(sql: Sql): Promise<LeadRow> {
    const [row] = await sql.query<LeadRow>(
      "select term, member, session from group_lead where group_name = $1",
      [this.#name],
    );
    return row ?? { term: 0n, member: null, session: null };
  }

  /** Of several that try at once the first does; the others see his row. */
  async #take(sql: Sql, term: bigint): Promise<LeadRow> {
    await sql.query(
      `insert into group_lead values ($1, $2, $3, $4) on conflict (group_name)
        do update set term = excluded.term, member = excluded.member, session = excluded.session
        where group_lead.term = excluded.term - 1`,
      [this.#name, term + 1n, this.member, this.#session],
    );
    return this.#lead(sql);
  }

  /** Removes rows of the dead as they were seen: who has beaten since stays. */
  async #bury(
    sql: Sql,
    sightings: ReadonlyMap<string, Sighting>,
    living: readonly string[],
  ): Promise<void> {
    const dead = [...sightings].filter(([member]) => !living.includes(member));
    if (dead.length === 0) return;
    await sql.query(
      `delete from group_member m
        using unnest($2::text[], $3::text[], $4::int8[]) as d(member, session, beat)
        where m.group_name = $1 and m.member = d.member and m.session = d.session
         and m.beat = d.beat`,
      [
        this.#name,
        dead.map(([member]) => member),
        dead.map(([, { session }]) => session),
        dead.map(([, { beat }]) => beat),
      ],
    );
  }
}

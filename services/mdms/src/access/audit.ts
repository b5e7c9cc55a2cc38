/**
 * The trail of every view and change: who, what, when. Written before the answer, so that nothing is seen unrecorded; it names what was
 * looked at by id and never holds a value.
 */
import type { Clock, Sql, Store } from "@smarter-metering/runtime";
import { conditions } from "../conditions.ts";

export interface AuditEntry {
  readonly id: bigint;
  readonly at: bigint;
  readonly login: string;
  /** Such as "statement.view". */
  readonly action: string;
  /** A service point or cohort id; empty when the action has none. */
  readonly subject: string;
  readonly outcome: AuditOutcome;
}
export type AuditOutcome = "allowed" | "refused";

const SUBJECT_CHARS_MAX = 64;
/** Comes from an address, before anyone has checked it. */
const UNPRINTABLE = /\p{C}/gu;

export class AuditTrail {
  readonly #store: Store;
  readonly #clock: Clock;

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  async record(entry: Pick<AuditEntry, "login" | "action" | "subject" | "outcome">): Promise<void> {
    await this.#store.query(
      "insert into audit (at, login, action, subject, outcome) values ($1, $2, $3, $4, $5)",
      [
        this.#nowSeconds(),
        entry.login,
        entry.action,
        entry.subject.slice(0, SUBJECT_CHARS_MAX).replaceAll(UNPRINTABLE, "?"),
        entry.outcome,
      ],
    );
  }

  #nowSeconds(): number {
    return Math.floor(this.#clock.nowMs() / 1000);
  }
}

export interface AuditQuery {
  /** Entries before this one; absent: from the newest on. */
  readonly before: bigint | undefined;
  readonly limit: number;
  readonly login?: string | undefined;
  readonly action?: string | undefined;
  readonly subject?: string | undefined;
  /** Entries written in [fromSeconds, toSeconds). */
  readonly fromSeconds?: number | undefined;
  readonly toSeconds?: number | undefined;
}

/** The newest first. */
export function readAudit(sql: Sql, query: AuditQuery): Promise<AuditEntry[]> {
  const { before, login, action, subject, fromSeconds, toSeconds, limit } = query;
  const where = conditions([
    ["id < $", before],
    ["login = $", login],
    ["action = $", action],
    ["subject = $", subject],
    ["at >= $", fromSeconds],
    ["at < $", toSeconds],
  ]);
  return sql.query<AuditEntry>(
    `select id, at, login, action, subject, outcome from audit
      where ${where.text} order by id desc limit ${where.param(limit)}`,
    where.params,
  );
}

/** Releases that were refused, and feeders that disagree with their load, for the operators to see; the bus keeps the message itself among its dead letters. */
import type { Sql } from "@smarter-metering/runtime";

export interface Alarm {
  readonly digest: Uint8Array;
  readonly code: string;
  /** Such as "load/<cohort>" or "bill": the subject of the bus message. */
  readonly subject: string;
  readonly firstAt: bigint;
  readonly lastAt: bigint;
}

/** When full, the oldest go: a flood shows as itself, and as a counter that never forgets. */
const ALARMS_MAX = 1000;

/** Seen again, an alarm gets a later time and no second row. */
export async function raiseAlarm(
  sql: Sql,
  alarm: Pick<Alarm, "digest" | "code" | "subject">,
  nowSeconds: number,
): Promise<void> {
  await sql.query(
    `insert into alarm (digest, code, subject, first_at, last_at) values ($1, $2, $3, $4, $4)
      on conflict (digest, code) do update set last_at = excluded.last_at`,
    [alarm.digest, alarm.code, alarm.subject, nowSeconds],
  );
  await sql.query(
    `delete from alarm where (digest, code) in
      (select digest, code from alarm order by last_at desc, digest offset $1)`,
    [ALARMS_MAX],
  );
}

/** The newest first. */
export function latestAlarms(sql: Sql, limit: number): Promise<Alarm[]> {
  return sql.query<Alarm>(
    `select digest, code, subject, first_at as "firstAt", last_at as "lastAt" from alarm
      order by last_at desc, digest limit $1`,
    [limit],
  );
}

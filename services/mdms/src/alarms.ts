/** Releases that were refused, and feeders that disagree with their load, for the operators to see; the bus keeps the message itself among its dead letters. */
import type { Sql } from "@smarter-metering/runtime";

export interface Alarm {
  readonly digest: Uint8Array;
  readonly code: string;
  /** Such as "load/<cohort>" or "bill": the subject of the bus message. */
  readonly subject: string;
  readonly firstAt: bigint;
  readonly lastAt: bigint;
  /** When an operator said that he has seen to it, and which; null when nobody did since it last came. */
  readonly acknowledgedAt: bigint | null;
  readonly acknowledgedBy: string | null;
}

/** When full, the oldest go: a flood shows as itself, and as a counter that never forgets. */
export const ALARMS_MAX = 1000;

/** Seen again, an alarm gets a later time and no second row. */
export async function raiseAlarm(
  sql: Sql,
  alarm: Pick<Alarm, "digest" | "code" | "subject">,
  nowSeconds: number,
): Promise<void> {
  await sql.query(
    `insert into alarm (digest, code, subject, first_at, last_at) values ($1, $2, $3, $4, $4)
      on conflict (digest, code) do update set last_at = excluded.last_at,
        acknowledged_at = null, acknowledged_by = null`,
    [alarm.digest, alarm.code, alarm.subject, nowSeconds],
  );
  await sql.query(
    `delete from alarm where (digest, code) in
      (select digest, code from alarm order by last_at desc, digest offset $1)`,
    [ALARMS_MAX],
  );
}

const COLUMNS = `digest, code, subject, first_at as "firstAt", last_at as "lastAt",
  acknowledged_at as "acknowledgedAt", acknowledged_by as "acknowledgedBy"`;

/** An operator has seen to it: the first of them is kept. Undefined when there is no such alarm. */
export async function acknowledgeAlarm(
  sql: Sql,
  { digest, code }: Pick<Alarm, "digest" | "code">,
  login: string,
  nowSeconds: number,
): Promise<Alarm | undefined> {
  const [alarm] = await sql.query<Alarm>(
    `update alarm set acknowledged_at = coalesce(acknowledged_at, $3),
        acknowledged_by = coalesce(acknowledged_by, $4)
      where digest = $1 and code = $2 returning ${COLUMNS}`,
    [digest, code, nowSeconds, login],
  );
  return alarm;
}

/** The newest first. */
export function latestAlarms(sql: Sql, limit: number): Promise<Alarm[]> {
  return sql.query<Alarm>(
    `select ${COLUMNS} from alarm
      order by last_at desc, digest limit $1`,
    [limit],
  );
}

/** Asks the feeders' balances for an alarm (docs/quality.md): of a neighbourhood, never of a household. */
import { primitives, utf8 } from "@smarter-metering/protocol";
import type { Sql } from "@smarter-metering/runtime";
import { raiseAlarm } from "./alarms.ts";
import { balanceDay, isImbalanced, type DayBalance } from "./feeder-balance.ts";
import { readFeederDays } from "./feeder-store.ts";
import type { RegistryContext } from "./registry-context.ts";

/** Days looked back at for three that can be judged. */
const WATCHED_DAYS = 14;

/** The newest days of a feeder, in the order of time. */
export async function recentBalances(
  sql: Sql,
  cohort: string,
  { policy }: Pick<RegistryContext, "policy">,
): Promise<DayBalance[]> {
  const everything = { fromSeconds: 0, toSeconds: Number.MAX_SAFE_INTEGER };
  const days = await readFeederDays(sql, { cohort, ...everything, limit: WATCHED_DAYS });
  return days.map((day) => balanceDay(day, policy.auditMembersMin));
}

/** Raises FEEDER_IMBALANCE, or sees it again; true when it did. */
export async function watchFeeder(
  sql: Sql,
  cohort: string,
  context: Pick<RegistryContext, "policy">,
  nowSeconds: number,
): Promise<boolean> {
  const imbalanced = isImbalanced(await recentBalances(sql, cohort, context));
  if (imbalanced) {
    const subject = `feeder/${cohort}`;
    const digest = await primitives.sha256(utf8(subject));
    await raiseAlarm(sql, { digest, code: "FEEDER_IMBALANCE", subject }, nowSeconds);
  }
  return imbalanced;
}

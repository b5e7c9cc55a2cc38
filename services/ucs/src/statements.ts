/**
 * Consumes the stream `statements`: bills from the MDMS, closed (docs/protocol.md §11.5). Stored as they come: whether one is what it says
 * only its customer can tell, who opens it.
 */
import { decodeSealedStatement } from "@smarter-metering/protocol";
import type { Clock, Handler, Metrics, Verdict } from "@smarter-metering/runtime";
import { deadReason } from "./settle.ts";
import type { StatementStore } from "./statement-store.ts";

export interface StatementsPorts {
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly statements: StatementStore;
}

export function statementsHandler({ clock, metrics, statements }: StatementsPorts): Handler {
  const total = metrics.counter(
    "ucs_statements_total",
    "Sealed statements by what became of them",
    ["outcome"],
  );
  return async (batch) => {
    const verdicts: Verdict[] = [];
    for (const { body } of batch) {
      try {
        const { mailbox, from, sequence } = decodeSealedStatement(body);
        const statement = { mailbox, from, sequence, message: body };
        const outcome = await statements.put(statement, Math.floor(clock.nowMs() / 1000));
        total.add(1, { outcome });
        verdicts.push({ ack: true });
      } catch (error) {
        const verdict = deadReason(error);
        total.add(1, { outcome: verdict.dead });
        verdicts.push(verdict);
      }
    }
    return verdicts;
  };
}

/** `log verify`: reads the whole log and checks it, as any auditor can (docs/protocol.md §13). */
import { LogError } from "@smarter-metering/log";
import { readLog } from "../audit/aggregator-api.ts";
import { auditLog, type LogReport } from "../audit/audit-log.ts";
import { logQuorumOf } from "../audit/log-quorum.ts";
import { registryFiles, verifiedView } from "../audit/registry.ts";
import { EXIT } from "../cli-error.ts";
import type { Command } from "../command.ts";
import { withParty } from "../serve/reach.ts";
import type { Terminal } from "../terminal.ts";
import { dirOption, layoutFrom } from "./deployment-option.ts";

export const logVerify: Command = {
  name: "log verify",
  summary:
    "Read the whole log: every entry, every root, the operator's signature and the quorum's.",
  options: dirOption,
  async run({ terminal }, args) {
    const layout = layoutFrom(args);
    const quorum = await logQuorumOf(await verifiedView(await registryFiles(layout)));
    const report = await withParty("aggregator", layout, terminal, async (door) =>
      auditLog(await readLog(door), quorum).catch(brokenOf),
    );
    if (report instanceof LogError) {
      const { code, message } = report;
      if (terminal.json) terminal.printJson({ isSound: false, code, message });
      else terminal.print(`BROKEN ${code}: ${message}`);
      return EXIT.failed;
    }
    if (terminal.json) terminal.printJson({ isSound: true, ...report });
    else print(report, terminal);
    return EXIT.ok;
  },
};

function brokenOf(error: unknown): LogError {
  if (error instanceof LogError) return error;
  throw error;
}

function print(report: LogReport, terminal: Terminal): void {
  const { size, root, standingSize, cosigners, cosignersMin, lastSeconds, entries } = report;
  terminal.print(`log of ${size} entries: root ${root}`);
  const rows = Object.entries(entries).map(([kind, count]) => [kind, String(count)]);
  if (rows.length > 0) terminal.print(terminal.table(rows));
  if (lastSeconds !== undefined) {
    terminal.print(`last entry: ${new Date(1000 * lastSeconds).toISOString()}`);
  }
  const by = cosigners.length === 0 ? "nobody" : `trustees ${cosigners.join(", ")}`;
  terminal.print(`head at ${standingSize}: cosigned by ${by}; ${cosignersMin} needed`);
  terminal.print(`not yet under the quorum: ${size - standingSize} entries`);
}

/** `audit replay`: makes a past release's request again from the ledger, and compares it with the log (docs/protocol.md §8, §13). */
import { openEngine } from "@smarter-metering/paillier";
import { readRequest } from "../audit/aggregator-api.ts";
import { readAnswers } from "../audit/mdms-answers.ts";
import { registryFiles } from "../audit/registry.ts";
import { replayRelease, type ReplayReport } from "../audit/replay.ts";
import { CliError, EXIT, usageError } from "../cli-error.ts";
import type { Command } from "../command.ts";
import type { Door } from "../serve/door.ts";
import { withMdms } from "../serve/mdms-session.ts";
import { withParty } from "../serve/reach.ts";
import type { Terminal } from "../terminal.ts";
import { dirOption, layoutFrom } from "./deployment-option.ts";
import { readReleases } from "./release-commands.ts";

export const auditReplay: Command = {
  name: "audit replay",
  summary: "Make a past release's request again from the ledger, and compare it with the log.",
  operands: "<release, as release list names it>",
  options: dirOption,
  async run({ terminal }, args) {
    const layout = layoutFrom(args);
    const prefix = args.operands[0] ?? "";
    if (!/^[0-9a-f]{4,64}$/.test(prefix) || args.operands.length > 1) {
      throw usageError("audit replay takes the digest of a request, or its first hex digits");
    }
    const asked = await withParty("aggregator", layout, terminal, async (door) => {
      const digest = await digestOf(door, prefix);
      const request = await readRequest(door, digest);
      if (request !== undefined) return { digest, request };
      throw new CliError("RELEASE_NOT_LOGGED", `request ${digest} is not in the log yet`);
    });
    const answers = await withMdms(layout, terminal, (mdms) => readAnswers(mdms, asked.digest));
    const { engine } = await openEngine({ threads: 1 });
    try {
      const evidence = { ...asked, ...(await registryFiles(layout)), answers };
      const report = await replayRelease(evidence, engine);
      print(asked.digest, report, terminal);
      return report.isSound ? EXIT.ok : EXIT.failed;
    } finally {
      await engine.close();
    }
  },
};

/** Throws RELEASE_UNKNOWN, RELEASE_AMBIGUOUS. */
async function digestOf(door: Door, prefix: string): Promise<string> {
  const { sets, bills } = await readReleases(door);
  const digests = [...sets, ...bills].flatMap(({ requestDigest }) => requestDigest ?? []);
  const [digest, ...more] = digests.filter((one) => one.startsWith(prefix));
  if (digest === undefined) {
    throw new CliError("RELEASE_UNKNOWN", `no request ${prefix}…; see release list`);
  }
  if (more.length === 0) return digest;
  const message = `${1 + more.length} requests begin with ${prefix}: give more digits`;
  throw new CliError("RELEASE_AMBIGUOUS", message);
}

function print(digest: string, report: ReplayReport, terminal: Terminal): void {
  const { checks, isSound, loggedSha256, replayedSha256 } = report;
  if (terminal.json) {
    const replayed = replayedSha256 ?? null;
    terminal.printJson({ digest, isSound, checks, loggedSha256, replayedSha256: replayed });
    return;
  }
  terminal.print(`request ${digest}`);
  const rows = checks.map(({ link, code, what }) => {
    return code === "" ? ["ok", link, what] : ["BROKEN", link, `${code}: ${what}`];
  });
  terminal.print(terminal.table(rows));
  terminal.print(`SHA-256 of the logged terms    ${loggedSha256}`);
  terminal.print(`SHA-256 of the replayed terms  ${replayedSha256 ?? "–"}`);
}

/** `doctor`: is a deployment whole, and what may be claimed of it. */
import { existsSync, statSync } from "node:fs";
import { isUnsafe, parsePolicy } from "@smarter-metering/policy";
import { parseNetworkView, toHex, verifyEpochChain } from "@smarter-metering/protocol";
import { parsePublicKey } from "@smarter-metering/paillier";
import { processLimits, readSecretFile } from "@smarter-metering/runtime";
import { describeError, EXIT } from "../cli-error.ts";
import type { Command } from "../command.ts";
import { loadDeployment } from "../deployment/deployment-file.ts";
import { loadKeysFile } from "../deployment/keys-file.ts";
import { layoutOf, type Layout } from "../deployment/layout.ts";
import { loadRoleConfig, ROLE_NAMES } from "../deployment/role-config.ts";
import { engineInUse } from "../serve/party-engine.ts";
import { newestView, pinFile, readEpochs } from "../serve/registry-access.ts";
import { readRunFile } from "../serve/run-file.ts";
import { dirOption, layoutFrom } from "./deployment-option.ts";

interface Check {
  readonly what: string;
  /** A finding in words; throws when something is wrong. */
  readonly look: (layout: Layout) => Promise<string>;
}

/** Who follows the registry, and pins the newest epoch he has seen. */
const EPOCH_READERS = ["concentrator", "opener", "aggregator", "trustee", "mdms", "ucs"] as const;

const checks: readonly Check[] = [
  { what: "deployment", look: async (layout) => `${loadDeployment(layout).clock} clock` },
  {
    what: "configurations",
    look: async (layout) => {
      for (const role of ROLE_NAMES) loadRoleConfig(role, layout.config(role));
      return `${ROLE_NAMES.length} roles`;
    },
  },
  {
    what: "keys",
    look: async (layout) => {
      for (const party of ["registry", ...EPOCH_READERS] as const) {
        await loadKeysFile(layout.keys(party));
      }
      const { value } = loadRoleConfig("trustee", layout.config("trustee"));
      await readSecretFile(value.paillierKeyFile);
      return "readable by their owner alone";
    },
  },
  {
    what: "registry",
    look: async (layout) => {
      const { signer } = await loadKeysFile(layout.keys("registry"));
      const chain = await readEpochs(layout);
      if (chain.length === 0) return "no epoch yet; the first start issues it";
      for (const party of EPOCH_READERS) {
        const pin = await pinFile(layout.pin(party)).load();
        await verifyEpochChain(chain, signer.publicKey, pin);
      }
      return `${chain.length} epochs, signed by ${toHex(signer.publicKey).slice(0, 16)}…, none behind a pin`;
    },
  },
  { what: "engine", look: engineOf },
  {
    what: "meters' clock",
    look: async (layout) =>
      loadDeployment(layout).clock === "replay"
        ? "replayed: a demonstration"
        : `the machine's: ${new Date().toISOString()}`,
  },
  {
    what: "core dumps",
    look: async () => {
      const { coreDumpBytesMax } = processLimits();
      return coreDumpBytesMax === 0 ? "off" : "not off: they could hold plaintext; set ulimit -c 0";
    },
  },
  {
    what: "folder",
    look: async (layout) => {
      const mode = statSync(layout.folder("trustee")).mode & 0o077;
      if (mode !== 0)
        throw new Error(`others may enter ${layout.folder("trustee")}: run chmod 700`);
      return "closed to others";
    },
  },
  {
    what: "served",
    look: async (layout) => {
      const run = await readRunFile(layout);
      return run === undefined ? "by nobody now" : `by process ${run.pid}`;
    },
  },
];

async function engineOf(): Promise<string> {
  const { name, whyPortable } = await engineInUse();
  return whyPortable === undefined ? name : `${name}: ${whyPortable}`;
}

/** What holds for a deployment whose folders lie on one machine (SECURITY.md). */
async function claimOf(layout: Layout): Promise<string[]> {
  const epochs = existsSync(layout.folder("registry")) ? await readEpochs(layout) : [];
  if (epochs.length === 0) return ["No registry epoch yet: nothing can be claimed."];
  const { document } = parseNetworkView((await newestView(layout, "network")).text);
  const policy = parsePolicy(document.policy);
  const { bits } = await parsePublicKey(document.paillierKey);
  const lines = [
    "Profile pes-encrypts: nobody keeps fine-grained readings, and nobody but the opener ever holds them, a batch at a time.",
    `One trustee holds the whole ${bits}-bit Paillier secret: with the aggregator's ciphertexts it could open single contributions.`,
    "All folders lie on this machine: whoever owns it owns every key. Give each party its own machine for the separation to hold.",
  ];
  if (isUnsafe(policy))
    lines.push(`UNSAFE policy ${policy.id}: releases may say much about single households.`);
  return lines;
}

export const doctor: Command = {
  name: "doctor",
  summary:
    "Check a deployment's files, keys, registry and engine, and say what may be claimed of it.",
  options: dirOption,
  async run({ terminal }, args) {
    const layout = layoutOf(layoutFrom(args).root);
    const results: { what: string; ok: boolean; finding: string }[] = [];
    for (const { what, look } of checks) {
      try {
        results.push({ what, ok: true, finding: await look(layout) });
      } catch (error) {
        results.push({ what, ok: false, finding: describeError(error) });
      }
    }
    const sound = results.every(({ ok }) => ok);
    const claim = sound ? await claimOf(layout) : [];
    if (terminal.json) terminal.printJson({ checks: results, claim });
    else {
      const rows = results.map(({ what, ok, finding }) => [
        ok ? "ok" : terminal.red("WRONG"),
        what,
        finding,
      ]);
      terminal.print(terminal.table(rows, ""));
      for (const line of claim) terminal.print(line);
    }
    return sound ? EXIT.ok : EXIT.differs;
  },
};

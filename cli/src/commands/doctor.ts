/** `doctor`: is a deployment whole, and what may be claimed of it. */
import { existsSync, statSync } from "node:fs";
import { isUnsafe, parsePolicy } from "@smarter-metering/policy";
import {
  parseNetworkView,
  toHex,
  verifyEpochChain,
  type NetworkViewDocument,
} from "@smarter-metering/protocol";
import { parsePublicKey } from "@smarter-metering/paillier";
import { processLimits } from "@smarter-metering/runtime";
import { describeError, EXIT } from "../cli-error.ts";
import type { Command } from "../command.ts";
import { loadDeployment } from "../deployment/deployment-file.ts";
import { loadKeysFile } from "../deployment/keys-file.ts";
import { layoutOf, trusteeFolders, type Layout, type PartyFolder } from "../deployment/layout.ts";
import { reportOpenerKeys } from "../deployment/opener-keys.ts";
import { loadRoleConfig, ROLE_NAMES, type RoleName } from "../deployment/role-config.ts";
import { presentMs } from "../serve/clock-file.ts";
import { loadHeldKey } from "../serve/held-key.ts";
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

/** The folders of those of `roles` that this deployment has; trustees that hold shares have one each. */
const present = <Name extends RoleName>(
  layout: Layout,
  roles: readonly Name[],
): { readonly role: Name; readonly folder: PartyFolder }[] => {
  const { opener, quorum } = loadDeployment(layout);
  return roles
    .filter((role) => opener || role !== "opener")
    .flatMap((role) =>
      (role === "trustee" ? trusteeFolders(quorum) : [role]).map((folder) => ({ role, folder })),
    );
};
const trusteesOf = (layout: Layout): PartyFolder[] =>
  present(layout, ["trustee"]).map(({ folder }) => folder);

const checks: readonly Check[] = [
  { what: "deployment", look: async (layout) => `${loadDeployment(layout).clock} clock` },
  {
    what: "configurations",
    look: async (layout) => {
      const roles = present(layout, ROLE_NAMES);
      for (const { role, folder } of roles) loadRoleConfig(role, layout.config(folder));
      return `${roles.length} roles`;
    },
  },
  {
    what: "keys",
    look: async (layout) => {
      await loadKeysFile(layout.keys("registry"));
      for (const { folder } of present(layout, EPOCH_READERS)) {
        await loadKeysFile(layout.keys(folder));
      }
      for (const trustee of trusteesOf(layout)) {
        const { value } = loadRoleConfig("trustee", layout.config(trustee));
        await loadHeldKey(value, await loadKeysFile(layout.keys(trustee)));
      }
      return "readable by their owner alone";
    },
  },
  {
    what: "registry",
    look: async (layout) => {
      const { signer } = await loadKeysFile(layout.keys("registry"));
      const chain = await readEpochs(layout);
      if (chain.length === 0) return "no epoch yet; the first start issues it";
      for (const { folder } of present(layout, EPOCH_READERS)) {
        const pin = await pinFile(layout.pin(folder)).load();
        await verifyEpochChain(chain, signer.publicKey, pin);
      }
      return `${chain.length} epochs, signed by ${toHex(signer.publicKey).slice(0, 16)}…, none behind a pin`;
    },
  },
  { what: "opener keys", look: openerKeysOf },
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
      for (const trustee of trusteesOf(layout)) {
        const folder = layout.folder(trustee);
        const mode = statSync(folder).mode & 0o077;
        if (mode !== 0) throw new Error(`others may enter ${folder}: run chmod 700`);
      }
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

/** Before the next day that could wait for a key. */
const ROTATE_SECONDS = 2 * 86_400;

async function openerKeysOf(layout: Layout): Promise<string> {
  if (!loadDeployment(layout).opener) return "none: every meter encrypts for itself";
  if ((await readEpochs(layout)).length === 0) return "not listed yet; the first start issues them";
  const now = Math.floor((await presentMs(layout)) / 1000);
  const keys = await reportOpenerKeys(layout, now);
  if (keys.some(({ state }) => state === "lost")) {
    throw new Error("a listed key has no private part: put it back, or run keys rotate --at-once");
  }
  const current = keys.find(({ state }) => state === "current");
  if (current === undefined) {
    throw new Error("none is current, meters keep their days: run keys rotate");
  }
  const day = (seconds: number): string => new Date(1000 * seconds).toISOString().slice(0, 10);
  const next = keys.find(({ state }) => state === "next");
  const due =
    current.to - now < ROTATE_SECONDS ? "no next one: run keys rotate" : "no next one yet";
  const [oldest] = keys.filter(({ state }) => state !== "destroyed");
  return [
    `current until ${day(current.to)}`,
    next === undefined ? due : `next until ${day(next.to)}`,
    `the oldest is destroyed on ${day((oldest ?? current).destroyedAt)}`,
  ].join(", ");
}

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
    ...profileClaims(document),
    holdingClaim(document, bits, loadDeployment(layout).quorum),
    "All folders lie on this machine: whoever owns it owns every key. Give each party its own machine for the separation to hold.",
  ];
  if (isUnsafe(policy))
    lines.push(`UNSAFE policy ${policy.id}: releases may say much about single households.`);
  return lines;
}

function holdingClaim(
  { verificationKey }: NetworkViewDocument,
  bits: number,
  quorum: { readonly threshold: number; readonly trustees: number } | undefined,
): string {
  if (verificationKey === undefined || quorum === undefined) {
    return `One trustee holds the whole ${bits}-bit Paillier secret: with the aggregator's ciphertexts it could open single contributions.`;
  }
  const { threshold, trustees } = quorum;
  return `${trustees} trustees hold shares of the ${bits}-bit Paillier secret: with the aggregator's ciphertexts any ${threshold} of them together could open single contributions, fewer nothing.`;
}

/** Profiles of the neighbourhoods at hand; both, where some have moved on. */
function profileClaims({ servicePoints, parties }: NetworkViewDocument): string[] {
  const profiles = new Set(servicePoints.map(({ profile }) => profile));
  const lines: string[] = [];
  if (profiles.has("pes-encrypts")) {
    lines.push(
      "Profile pes-encrypts: nobody keeps fine-grained readings, and nobody but the opener ever holds them, a batch at a time.",
    );
  }
  if (profiles.has("meter-encrypts")) {
    const opener = parties.some(({ role }) => role === "opener") ? "" : " No opener exists.";
    lines.push(
      `Profile meter-encrypts: nobody but the customer sees fine-grained readings, unless the holder of the Paillier secret opens single contributions.${opener}`,
    );
  }
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

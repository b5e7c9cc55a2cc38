/**
 * What never goes into a backup, party by party (docs/operating.md, Backup and restore): what a copy would undo. A restored ledger would
 * release again what it has forgotten, a restored log head would hide that the log was cut, a restored key would undo its destruction.
 */
import { join, relative } from "node:path";
import type { Layout, PartyFolder } from "../deployment/layout.ts";
import { loadRoleConfig, type RoleName } from "../deployment/role-config.ts";

export interface LeftOut {
  /** Within the party's folder; a folder ends in a slash. */
  readonly path: string;
  /** What to do before the restored party is started. */
  readonly instead: string;
}

export const roleOf = (party: PartyFolder): RoleName | "meters" =>
  party.startsWith("trustee-") ? "trustee" : (party as RoleName | "meters");

const LEDGER =
  "put the newest back before you start it: a trustee that has forgotten a release would make it again";

/** Of a party of `layout`, as its configuration has it. */
export function leftOutOf(layout: Layout, party: PartyFolder): LeftOut[] {
  const role = roleOf(party);
  const root = layout.folder(party);
  if (role === "trustee") {
    const { ledgerFolder } = loadRoleConfig("trustee", layout.config(party)).value;
    return ["releases.journal", "head.json", "log.state", "policies.json"].map((name) => {
      return { path: relative(root, join(ledgerFolder, name)), instead: LEDGER };
    });
  }
  if (role === "aggregator") {
    const instead = "put the newest back: it shows whether the restored database has lost entries";
    return [{ path: "log.head", instead }];
  }
  if (role === "opener") {
    const { keyFolder } = loadRoleConfig("opener", layout.config(party)).value;
    const instead = "if the old folder is lost: keys rotate --at-once, once the opener is back";
    return [{ path: `${relative(root, keyFolder)}/`, instead }];
  }
  return [];
}

/** Of a run, not of the party: locks, files that were being replaced, the token that lives as long as the process. */
export const isOfOneRun = (name: string): boolean =>
  name === "operator-token" || /^lock\.\d/.test(name) || /^\..*\.[0-9a-f]{12}$/.test(name);

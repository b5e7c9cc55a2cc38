/** Which parties of a deployment have their folder on this machine: all of them at first, a few once each has a machine of its own. */
import { existsSync } from "node:fs";
import { loadDeployment } from "../deployment/deployment-file.ts";
import {
  EPOCH_READERS,
  trusteeFolders,
  type Layout,
  type PartyFolder,
} from "../deployment/layout.ts";
import { loadRoleConfig, ROLE_NAMES, type RoleName } from "../deployment/role-config.ts";

export interface PartyHere<Name extends RoleName = RoleName> {
  readonly role: Name;
  readonly folder: PartyFolder;
}

/** All parties of `roles`; trustees that hold shares have a folder each. */
export function partiesOf<Name extends RoleName>(
  layout: Layout,
  roles: readonly Name[],
): PartyHere<Name>[] {
  const { opener, quorum } = loadDeployment(layout);
  return roles
    .filter((role) => opener || role !== "opener")
    .flatMap((role) =>
      (role === "trustee" ? trusteeFolders(quorum) : [role]).map((folder) => ({ role, folder })),
    );
}

/** Those whose folder is here. */
export const partiesHere = <Name extends RoleName>(
  layout: Layout,
  roles: readonly Name[],
): PartyHere<Name>[] =>
  partiesOf(layout, roles).filter(({ folder }) => existsSync(layout.config(folder)));

/** Those whose folder is somewhere else. */
export const partiesElsewhere = (layout: Layout): PartyFolder[] =>
  partiesOf(layout, ROLE_NAMES)
    .map(({ folder }) => folder)
    .filter((folder) => !existsSync(layout.config(folder)))
    .filter((folder) => folder !== "bus" || !hasNats(layout));

/** Then no party is the bus: NATS servers are. */
const hasNats = (layout: Layout): boolean =>
  partiesHere(layout, EPOCH_READERS).some(
    ({ role, folder }) => loadRoleConfig(role, layout.config(folder)).value.nats !== undefined,
  );

export const isHere = (layout: Layout, folder: PartyFolder): boolean =>
  existsSync(layout.config(folder));

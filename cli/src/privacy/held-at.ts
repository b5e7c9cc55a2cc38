/**
 * What the supplier's side holds about one service point, party by party (docs/privacy-officer.md). Only where the folders of all three are:
 * in a deployment whose parties are apart, each answers for itself. Nobody's key is in it.
 */
import { join } from "node:path";
import { loadState, type RegistryState, type ServicePointRecord } from "@smarter-metering/registry";
import { readSecretFile } from "@smarter-metering/runtime";
import { z } from "zod";
import { CliError, EXIT } from "../cli-error.ts";
import { loadDeployment } from "../deployment/deployment-file.ts";
import type { Layout } from "../deployment/layout.ts";
import { openMdms } from "../serve/mdms-session.ts";
import { callApi, withParty } from "../serve/reach.ts";
import { readStatements } from "../serve/released.ts";
import type { Terminal } from "../terminal.ts";

/** The registry's record. Throws DEPLOYMENT_MISSING, HOUSEHOLD_UNKNOWN. */
export async function servicePointOf(
  layout: Layout,
  label: string,
): Promise<{ readonly state: RegistryState; readonly point: ServicePointRecord }> {
  loadDeployment(layout);
  const state = await loadState(layout.folder("registry"));
  const point = state.servicePoints.find((entry) => entry.label === label);
  if (point === undefined) {
    const message = `the registry knows no service point ${label}; labels are those of the letters`;
    throw new CliError("HOUSEHOLD_UNKNOWN", message);
  }
  return { state, point };
}

/** The registry's own file, without the enrolment code, which opens an account. */
export function heldAtRegistry({ cohorts, cohortOf }: RegistryState, point: ServicePointRecord) {
  const { enrolmentCode: _, mdmsToken: __, statements: ___, ...record } = point;
  return {
    ...record,
    cohort: cohortOf[point.neighbourhood] ?? null,
    memberOf: cohorts
      .filter(({ members }) => members.includes(point.network))
      .map(({ id, version, fromBlock }) => ({ id, version, fromBlock })),
  };
}

const auditEntry = z.object({
  at: z.string(),
  action: z.string(),
  subject: z.string(),
  outcome: z.string(),
});

/** Bills as the MDMS has them, and when somebody of the supplier looked: that he did, not who. */
export function heldAtMdms(layout: Layout, terminal: Terminal, servicePoint: string) {
  return withParty("mdms", layout, terminal, async (door) => {
    const statements = await readStatements(await openMdms(door, layout), servicePoint);
    const officer = await openMdms(door, layout, "privacy-officer");
    const trail = await officer.all("/v1/audit", "entries", auditEntry);
    return { servicePoint, statements, views: trail.filter((one) => one.subject === servicePoint) };
  });
}

/** The portal's account and how many sealed frames there are; the frames themselves the customer exports. */
export function heldAtUcs(layout: Layout, terminal: Terminal, network: string): Promise<unknown> {
  return askUcs(layout, terminal, `/v1/operator/service-points/${network}`);
}

const erased = z.record(z.string(), z.number());

/** Throws UCS_CONTRACT_RUNNING. */
export async function eraseAtUcs(
  layout: Layout,
  terminal: Terminal,
  erasure: {
    readonly servicePoint: string;
    readonly accountOnly: boolean;
    readonly login?: string | undefined;
  },
): Promise<Readonly<Record<string, number>>> {
  try {
    return erased.parse(await askUcs(layout, terminal, "/v1/operator/erasures", erasure));
  } catch (error) {
    if (!(error instanceof CliError && error.code === "UCS_CONTRACT_RUNNING")) throw error;
    throw new CliError(error.code, error.message, EXIT.refused, error);
  }
}

/** The token is the running portal's own: read after it has been reached. */
function askUcs(
  layout: Layout,
  terminal: Terminal,
  path: string,
  body?: unknown,
): Promise<unknown> {
  return withParty("ucs", layout, terminal, async (door) => {
    const token = new TextDecoder().decode(await readSecretFile(operatorTokenPath(layout)));
    return callApi(door, path, body === undefined ? { token } : { token, body });
  });
}

const operatorTokenPath = (layout: Layout): string => join(layout.folder("ucs"), "operator-token");

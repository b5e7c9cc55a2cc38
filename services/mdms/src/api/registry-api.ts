/** `/v1/registry`: who takes part, who is summed with whom, and contracts that begin and end (docs/protocol.md §9). */
import { comparePolicies } from "@smarter-metering/policy";
import { fromBase64Url, fromHex, primitives, toHex } from "@smarter-metering/protocol";
import { createRoute, z, type App, type Clock } from "@smarter-metering/runtime";
import type { MdmsServicePoint, RegistryContext } from "../registry-context.ts";
import type { WebPorts } from "../web-ports.ts";
import { answers } from "./answers.ts";
import { contractList, registryAnswer } from "./registry-schemas.ts";
import { toIso } from "./schemas.ts";

const DAY_SECONDS = 86_400;
const SOON_DAYS = 30;
const CONTRACTS_MAX = 500;

export interface RegistryApiPorts extends WebPorts {
  readonly clock: Clock;
}

export function addRegistryApi(app: App, ports: RegistryApiPorts): void {
  addRegistry(app, ports);
  addContracts(app, ports);
}

function addRegistry(app: App, { context, guard, clock }: RegistryApiPorts): void {
  const route = createRoute({
    method: "get",
    path: "/v1/registry",
    summary: "The newest epoch: parties, cohorts, numbers of contracts",
    middleware: guard.api({ permission: "registry", action: "registry.view" }),
    responses: answers("As the registry has signed it", registryAnswer),
  });
  app.openapi(route, async (c) => {
    const registry = await context();
    const now = Math.floor(clock.nowMs() / 1000);
    const answer = {
      epoch: registry.epoch,
      hash: registry.hash,
      issuedAt: toIso(registry.issuedAt),
      ageSeconds: Math.max(0, now - registry.issuedAt),
      parties: await partiesOf(registry),
      cohorts: cohortsOf(registry),
      contracts: countContracts([...registry.servicePoints.values()], now),
      policyNotice: noticeOf(registry),
    };
    return c.json(answer, 200);
  });
}

const partiesOf = ({ parties }: RegistryContext) =>
  Promise.all(
    parties.map(async ({ role, trusteeIndex, signingKey, encryptionKey }) => ({
      role,
      trustee: trusteeIndex ?? null,
      signingKey: toHex(await primitives.sha256(fromHex(signingKey, 32))),
      encryptionKey:
        encryptionKey === undefined
          ? null
          : toHex(await primitives.sha256(fromBase64Url(encryptionKey))),
    })),
  );

/** By cohort; the newest version first. */
function cohortsOf({ cohorts, cohortVersions }: RegistryContext) {
  return [...cohorts.values()].map(({ id, zone, intervalSeconds }) => ({
    cohort: id,
    zone,
    intervalSeconds,
    versions: cohortVersions
      .filter((version) => version.id === id)
      .toReversed()
      .map(({ version, fromBlock, members }) => ({ version, from: toIso(fromBlock), members })),
  }));
}

function countContracts(points: readonly MdmsServicePoint[], now: number) {
  const soon = now + SOON_DAYS * DAY_SECONDS;
  const count = (fits: (point: MdmsServicePoint) => boolean): number => points.filter(fits).length;
  return {
    running: count(
      ({ contractStart, contractEnd }) =>
        contractStart <= now && (contractEnd === null || contractEnd > now),
    ),
    starting: count(({ contractStart }) => contractStart > now && contractStart <= soon),
    ending: count(
      ({ contractEnd }) => contractEnd !== null && contractEnd > now && contractEnd <= soon,
    ),
  };
}

/** Of a policy that is announced, in words. */
export function noticeOf({ policy, policyNotice }: RegistryContext) {
  if (policyNotice === undefined) return null;
  return {
    policyId: policyNotice.policy.id,
    inForceFrom: toIso(policyNotice.inForceFrom),
    changes: comparePolicies(policy, policyNotice.policy).map(({ text }) => text),
  };
}

function addContracts(app: App, { context, guard, clock }: RegistryApiPorts): void {
  const route = createRoute({
    method: "get",
    path: "/v1/registry/contracts",
    summary: "Contracts that begin or end around now, in the order of time",
    middleware: guard.api({ permission: "moves", action: "contracts.view" }),
    request: {
      query: z.object({
        pastDays: z.coerce.number().int().min(0).max(400).default(7),
        days: z.coerce.number().int().min(0).max(400).default(SOON_DAYS),
        limit: z.coerce.number().int().min(1).max(CONTRACTS_MAX).default(100),
      }),
    },
    responses: answers("Starts and ends", contractList),
  });
  app.openapi(route, async (c) => {
    const { pastDays, days, limit } = c.req.valid("query");
    const now = Math.floor(clock.nowMs() / 1000);
    const [from, to] = [now - pastDays * DAY_SECONDS, now + days * DAY_SECONDS];
    const events = [...(await context()).servicePoints.values()].flatMap(
      ({ servicePoint, zone, tariff, contractStart, contractEnd }) => {
        const terms = { servicePoint, zone, tariff };
        const start = { ...terms, event: "start" as const, at: contractStart };
        const end = { ...terms, event: "end" as const, at: contractEnd ?? Infinity };
        return [start, end].filter(({ at }) => at >= from && at < to);
      },
    );
    const contracts = events
      .toSorted((a, b) => a.at - b.at || (a.servicePoint < b.servicePoint ? -1 : 1))
      .slice(0, limit)
      .map(({ at, ...event }) => ({ ...event, at: toIso(at) }));
    return c.json({ contracts, more: events.length > limit }, 200);
  });
}

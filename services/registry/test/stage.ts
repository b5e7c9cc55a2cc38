/** The stage of the registry's tests: neighbourhoods and service points by name, and registries to start with them. */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serializePublicKey } from "@smarter-metering/paillier";
import { unsafePolicy } from "@smarter-metering/policy";
import {
  signDocument,
  toBase64Url,
  toHex,
  type Party,
  type Role,
} from "@smarter-metering/protocol";
import { createMetrics, manualClock, silentLogger } from "@smarter-metering/runtime";
import { addLocalDays, dayStartOf } from "@smarter-metering/tariff";
import { makeWorld, named, worldTariff } from "../../../test/support/world.ts";
import {
  createRegistryState,
  saveState,
  startRegistry,
  type Neighbourhood,
  type NewServicePoint,
  type RegistryService,
  type RegistryState,
  type StateOptions,
} from "../src/index.ts";

export const ZONE = "Europe/Zurich";
export const START = dayStartOf("2025-02-01", ZONE);
/** When the clock of a registry stands as it starts. */
export const NOW = START + 36_000;
export const day = (days: number): number => addLocalDays(START, days, ZONE);
export const TOKENS = {
  admin: "administrator-token-0",
  parties: { aggregator: "aggregator-token-000", mdms: "mdms-token-000000000" },
} as const;

export const terms = (id: string, changes: Partial<Neighbourhood> = {}): Neighbourhood => ({
  id,
  zone: ZONE,
  intervalSeconds: 3600,
  profile: "pes-encrypts",
  exportLoad: false,
  ...changes,
});

export const newPoint = (
  neighbourhood: string,
  index: number,
  changes: Partial<NewServicePoint> = {},
): NewServicePoint => ({
  label: `${neighbourhood} street ${index}`,
  neighbourhood,
  fuse: { amps: 63, phases: 3 },
  consumptionClass: "household",
  intervalSeconds: 900,
  contractStart: START,
  tariff: worldTariff.tariff,
  meter: {
    meterId: toHex(named(`meter ${neighbourhood} ${index}`, 16)),
    signingKey: toHex(named(`key ${neighbourhood} ${index}`)),
  },
  ...changes,
});

export const pointsOf = (neighbourhood: string, count: number, first = 0): NewServicePoint[] =>
  Array.from({ length: count }, (_, index) => newPoint(neighbourhood, first + index));

export const world = await makeWorld({ households: 1 });
export const folder = await mkdtemp(join(tmpdir(), "registry-"));

/** To be called after the last test of a file. */
export async function strike(): Promise<void> {
  await world.close();
  await rm(folder, { recursive: true });
}

export async function stateWith(
  neighbourhoods: readonly Neighbourhood[],
  servicePoints: readonly NewServicePoint[],
  changes: Partial<StateOptions> = {},
): Promise<RegistryState> {
  return createRegistryState({
    parties: Object.entries(world.parties).map(([role, { signer, recipient }]): Party => {
      const party = { role: role as Role, signingKey: toHex(signer.publicKey) };
      if (recipient === undefined) return party;
      return { ...party, encryptionKey: toBase64Url(recipient.spki) };
    }),
    paillierKey: serializePublicKey(world.paillier.publicKey),
    policy: unsafePolicy({ contributorsMin: 5 }),
    tariffs: [await tariffJws(worldTariff)],
    neighbourhoods,
    servicePoints,
    firstBlock: START,
    ...changes,
  });
}

export const tariffJws = (tariff: unknown): Promise<string> =>
  signDocument("smarter-metering/tariff", tariff, world.parties["tariff-signer"].signer);

export interface Running {
  readonly registry: RegistryService;
  readonly clock: ReturnType<typeof manualClock>;
  readonly folder: string;
}

let folders = 0;
export const newFolder = (): string => join(folder, String(folders++));
export async function start(state?: RegistryState, from?: string): Promise<Running> {
  const own = from ?? newFolder();
  const clock = manualClock(NOW * 1000);
  const ports = { clock, log: silentLogger, metrics: createMetrics(), folder: own };
  if (state !== undefined) {
    await mkdir(own, { recursive: true });
    await saveState(own, state);
  }
  const registry = await startRegistry({ tokens: TOKENS }, { ...ports, rootSigner: world.root });
  return { registry, clock, folder: own };
}

/** What the registry answers the administrator, or whoever has another token. */
export async function post(
  { app }: RegistryService,
  path: string,
  body: unknown,
  token: string = TOKENS.admin,
): Promise<Response> {
  return app.request(path, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
}

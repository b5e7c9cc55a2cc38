/**
 * Changes of a state (docs/protocol.md §9): new service points, a higher profile. Run by the registry. Each takes a
 * state and returns another; randomness is handed in.
 */
import {
  fromBase64Url,
  recipientFromSpki,
  sealToken,
  statementKeys,
  statementSecret,
  toBase64Url,
  toHex,
  type Profile,
  type Recipient,
} from "@smarter-metering/protocol";
import { addLocalDays, localDayStart, type Tariff } from "@smarter-metering/tariff";
import { z } from "zod";
import { costFault } from "./cost-grid.ts";
import { RegistryError } from "./error.ts";
import {
  consumptionClass,
  fuse,
  label,
  name,
  neighbourhood,
  type MeterRecord,
  type Neighbourhood,
  type RegistryState,
  type ServicePointRecord,
} from "./state.ts";
import { tariffsOf } from "./tariff-list.ts";

const SERVICE_POINTS_MAX = 10_000;

export const newServicePoint = z.strictObject({
  label,
  neighbourhood: name,
  fuse,
  consumptionClass,
  /** The meter's own interval. */
  intervalSeconds: z.number().int().positive(),
  /** A local midnight, epoch seconds. */
  contractStart: z.number().int().nonnegative(),
  tariff: name,
  /** The meter makes its own key; the registry learns the public part. */
  meter: z.strictObject({
    meterId: z.string().regex(/^[0-9a-f]{32}$/),
    signingKey: z.string().regex(/^[0-9a-f]{64}$/),
  }),
});
export type NewServicePoint = z.infer<typeof newServicePoint>;

export const admission = z.strictObject({
  neighbourhoods: z.array(neighbourhood).max(1000).optional(),
  servicePoints: z.array(newServicePoint).min(1).max(SERVICE_POINTS_MAX),
});
export type Admission = z.infer<typeof admission>;

/**
 * The state with more service points. One with the same label and meter as a known one is that one: a request whose answer was lost
 * may be sent again. Throws REGISTRY_TAKEN, REGISTRY_UNKNOWN, REGISTRY_INVALID_CHANGE.
 */
export async function withServicePoints(
  state: RegistryState,
  request: Admission,
  random: (length: number) => Uint8Array,
): Promise<RegistryState> {
  const neighbourhoods = withNeighbourhoods(state.neighbourhoods, request.neighbourhoods ?? []);
  checkOpener({ ...state, neighbourhoods });
  const mdms = await mdmsRecipient(state);
  const tariffs = tariffsOf(state);
  const homes = new Map(neighbourhoods.map((entry) => [entry.id, entry]));
  const byLabel = new Map(state.servicePoints.map((point) => [point.label, point]));
  const meters = new MeterUse(state.servicePoints);
  const added: ServicePointRecord[] = [];
  for (const { meter, ...terms } of request.servicePoints) {
    const known = byLabel.get(terms.label);
    if (known?.meters.some(({ meterId }) => meterId === meter.meterId) === true) continue;
    if (known !== undefined) throw taken(`label ${terms.label}`);
    const home = checkedHome(terms, homes, tariffs);
    if (!Object.hasOwn(state.consumptionClasses, terms.consumptionClass)) {
      const message = `${terms.label}: consumption class ${terms.consumptionClass} is not known`;
      throw new RegistryError("REGISTRY_UNKNOWN", message);
    }
    if (!meters.isFree(meter, terms.contractStart)) throw taken(`the meter of ${terms.label}`);
    const mdmsPseudonym = random(16);
    const code = random(16);
    const point: ServicePointRecord = {
      ...terms,
      network: toHex(random(16)),
      mdms: toHex(mdmsPseudonym),
      mdmsToken: toBase64Url(await sealToken(mdms, mdmsPseudonym)),
      contractEnd: null,
      // The installation frame stands at the contract's start; a meter may report from a day before.
      meters: [{ ...meter, from: dayBefore(terms.contractStart, home), to: null }],
      ...(await codeFields(code)),
      recodes: 0,
    };
    byLabel.set(point.label, point);
    meters.add(point);
    added.push(point);
  }
  if (added.length === 0 && neighbourhoods.length === state.neighbourhoods.length) return state;
  return { ...state, neighbourhoods, servicePoints: [...state.servicePoints, ...added] };
}

/** What the registry keeps of a code. */
export async function codeFields(
  code: Uint8Array,
): Promise<Pick<ServicePointRecord, "enrolmentCode" | "statements">> {
  const { mailbox, key } = await statementKeys(await statementSecret(code));
  return {
    enrolmentCode: toHex(code),
    statements: { mailbox: toHex(mailbox), key: toHex(key) },
  };
}

/** Which meters serve whom. One that stays when people move serves the next contract under the same key. */
export class MeterUse {
  readonly #contracts = new Map<string, ServicePointRecord[]>();

  constructor(servicePoints: readonly ServicePointRecord[]) {
    for (const point of servicePoints) this.add(point);
  }

  add(point: ServicePointRecord): void {
    for (const { meterId } of point.meters) {
      this.#contracts.set(meterId, [...(this.#contracts.get(meterId) ?? []), point]);
    }
  }

  /** From `fromSeconds` on; never for a meter that was taken away, nor under another key. */
  isFree(
    { meterId, signingKey }: Pick<MeterRecord, "meterId" | "signingKey">,
    fromSeconds: number,
  ): boolean {
    return (this.#contracts.get(meterId) ?? []).every(({ contractEnd, meters }) => {
      const served = meters.find((meter) => meter.meterId === meterId);
      const isLeft = contractEnd !== null && contractEnd <= fromSeconds;
      return isLeft && served?.to === null && served.signingKey === signingKey;
    });
  }
}

/** The neighbourhood of a service point whose terms fit it. */
function checkedHome(
  { label, neighbourhood, tariff, intervalSeconds, contractStart }: Omit<NewServicePoint, "meter">,
  homes: ReadonlyMap<string, Neighbourhood>,
  tariffs: ReadonlyMap<string, Tariff>,
): Neighbourhood {
  const home = homes.get(neighbourhood);
  const calendar = tariffs.get(tariff)?.calendar;
  if (home === undefined || calendar === undefined) {
    const message = `${label}: neighbourhood ${neighbourhood} or tariff ${tariff} is not known`;
    throw new RegistryError("REGISTRY_UNKNOWN", message);
  }
  if (localDayStart(contractStart, home.zone) !== contractStart) {
    throw invalid(`${label}: a contract starts at a local midnight`);
  }
  if (home.intervalSeconds % intervalSeconds !== 0) {
    throw invalid(`${label}: ${home.intervalSeconds} s is no multiple of the meter's interval`);
  }
  const place = { zone: home.zone, intervalSeconds };
  const uncounted = calendar.cost && costFault(calendar.cost, place, contractStart);
  if (uncounted !== undefined) throw invalid(`${label}: ${uncounted}`);
  return home;
}

const dayBefore = (contractStart: number, { zone }: Neighbourhood): number =>
  addLocalDays(contractStart, -1, zone);

function withNeighbourhoods(
  known: readonly Neighbourhood[],
  added: readonly Neighbourhood[],
): Neighbourhood[] {
  const all = new Map(known.map((entry) => [entry.id, entry]));
  for (const entry of added) {
    const old = all.get(entry.id);
    if (old !== undefined && JSON.stringify(old) !== JSON.stringify(entry)) {
      throw taken(`neighbourhood ${entry.id}`);
    }
    all.set(entry.id, entry);
  }
  return [...all.values()];
}

/** A neighbourhood whose meters need an opener, in a deployment without one, is REGISTRY_INVALID_CHANGE. */
export function checkOpener({
  parties,
  neighbourhoods,
}: Pick<RegistryState, "parties" | "neighbourhoods">): void {
  const opened = neighbourhoods.find(({ profile }) => profile === "pes-encrypts");
  if (opened === undefined || parties.some(({ role }) => role === "opener")) return;
  throw invalid(`neighbourhood ${opened.id} is pes-encrypts, and this deployment has no opener`);
}

async function mdmsRecipient({ parties }: RegistryState): Promise<Recipient> {
  const key = parties.find(({ role }) => role === "mdms")?.encryptionKey;
  if (key === undefined) throw invalid("the MDMS has no encryption key");
  return recipientFromSpki(fromBase64Url(key));
}

/** The state with a neighbourhood's meters encrypting for themselves; the other way is REGISTRY_PROFILE_DOWNGRADE. */
export function withProfile(state: RegistryState, id: string, profile: Profile): RegistryState {
  const known = state.neighbourhoods.find((entry) => entry.id === id);
  if (known === undefined) throw new RegistryError("REGISTRY_UNKNOWN", `no neighbourhood ${id}`);
  if (known.profile === profile) return state;
  const neighbourhoods = state.neighbourhoods.map((entry) =>
    entry === known ? { ...entry, profile } : entry,
  );
  return { ...state, neighbourhoods };
}

const taken = (what: string): RegistryError =>
  new RegistryError("REGISTRY_TAKEN", `${what} is another service point's already`);
const invalid = (what: string): RegistryError => new RegistryError("REGISTRY_INVALID_CHANGE", what);

/**
 * Changes of a state (docs/protocol.md §9): new service points, ends of contracts, a higher profile. Run by the registry. Each takes a
 * state and returns another; randomness is handed in.
 */
import {
  encodeEnrolmentCode,
  fromBase64Url,
  fromHex,
  recipientFromSpki,
  registerBankOf,
  sealToken,
  toBase64Url,
  toHex,
  type Profile,
  type Recipient,
} from "@smarter-metering/protocol";
import { addLocalDays, localDayStart, type Calendar } from "@smarter-metering/tariff";
import { z } from "zod";
import { RegistryError } from "./error.ts";
import {
  consumptionClass,
  fuse,
  label,
  name,
  neighbourhood,
  type Neighbourhood,
  type RegistryState,
  type ServicePointRecord,
} from "./state.ts";
import { tariffsOf } from "./tariff-list.ts";

const SERVICE_POINTS_MAX = 10_000;
/** A contract lasts at least this long: its one bill must not be the bill of a day. */
const CONTRACT_DAYS_MIN = 7;

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

/** What the customer gets on paper. */
export interface Letter {
  readonly label: string;
  readonly networkPseudonym: string;
  readonly mdmsPseudonym: string;
  /** 27 characters in groups; empty once the contract ends. */
  readonly enrolmentCode: string;
}

/** What the installer puts into the meter. */
export interface MeterProvisioning {
  readonly label: string;
  readonly meterId: string;
  readonly networkPseudonym: string;
  readonly zone: string;
  readonly profile: Profile;
  readonly intervalSeconds: number;
  readonly contractStart: number;
  readonly registerBank: string;
  readonly calendar: Calendar;
  /** 16 bytes, hex. */
  readonly enrolmentCode: string;
  /** In `meter-encrypts`: what it contributes, as far as it is known now (docs/protocol.md §9.3). */
  readonly contribution?: { readonly load: readonly LoadTerms[] };
}

/** What a meter contributes to its cohort's LOAD, from a block on; before the first of them BILL alone. */
export interface LoadTerms {
  readonly fromBlock: number;
  readonly intervalSeconds: number;
  readonly valueBits: number;
  readonly exportToo: boolean;
}

export interface Admitted {
  readonly letters: readonly Letter[];
  readonly meters: readonly MeterProvisioning[];
  /** As serialised by packages/paillier; pinned in meters that encrypt for themselves. */
  readonly paillierKey: unknown;
}

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
  const byLabel = new Map(state.servicePoints.map((point) => [point.label, point]));
  const meters = new Set(
    state.servicePoints.flatMap((point) => point.meters.map(({ meterId }) => meterId)),
  );
  const added: ServicePointRecord[] = [];
  for (const { meter, ...terms } of request.servicePoints) {
    const known = byLabel.get(terms.label);
    if (known?.meters.some(({ meterId }) => meterId === meter.meterId) === true) continue;
    if (known !== undefined) throw taken(`label ${terms.label}`);
    const home = checkedHome(terms, neighbourhoods, tariffs);
    if (!Object.hasOwn(state.consumptionClasses, terms.consumptionClass)) {
      const message = `${terms.label}: consumption class ${terms.consumptionClass} is not known`;
      throw new RegistryError("REGISTRY_UNKNOWN", message);
    }
    if (meters.has(meter.meterId)) throw taken(`the meter of ${terms.label}`);
    meters.add(meter.meterId);
    const mdmsPseudonym = random(16);
    const point: ServicePointRecord = {
      ...terms,
      network: toHex(random(16)),
      mdms: toHex(mdmsPseudonym),
      mdmsToken: toBase64Url(await sealToken(mdms, mdmsPseudonym)),
      contractEnd: null,
      // The installation frame stands at the contract's start; a meter may report from a day before.
      meters: [{ ...meter, from: dayBefore(terms.contractStart, home), to: null }],
      enrolmentCode: toHex(random(16)),
    };
    byLabel.set(point.label, point);
    added.push(point);
  }
  if (added.length === 0 && neighbourhoods.length === state.neighbourhoods.length) return state;
  return { ...state, neighbourhoods, servicePoints: [...state.servicePoints, ...added] };
}

/** The neighbourhood of a service point whose terms fit it. */
function checkedHome(
  { label, neighbourhood, tariff, intervalSeconds, contractStart }: Omit<NewServicePoint, "meter">,
  neighbourhoods: readonly Neighbourhood[],
  tariffs: ReadonlyMap<string, unknown>,
): Neighbourhood {
  const home = neighbourhoods.find(({ id }) => id === neighbourhood);
  if (home === undefined || !tariffs.has(tariff)) {
    const message = `${label}: neighbourhood ${neighbourhood} or tariff ${tariff} is not known`;
    throw new RegistryError("REGISTRY_UNKNOWN", message);
  }
  if (localDayStart(contractStart, home.zone) !== contractStart) {
    throw invalid(`${label}: a contract starts at a local midnight`);
  }
  if (home.intervalSeconds % intervalSeconds !== 0) {
    throw invalid(`${label}: ${home.intervalSeconds} s is no multiple of the meter's interval`);
  }
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

/** Letters and provisioning of the service points with these labels, as the state has them now. */
export async function lettersOf(
  state: RegistryState,
  labels: readonly string[],
): Promise<Admitted> {
  const tariffs = tariffsOf(state);
  const wanted = new Set(labels);
  const letters: Letter[] = [];
  const meters: MeterProvisioning[] = [];
  for (const point of state.servicePoints) {
    if (!wanted.has(point.label)) continue;
    const { label, network, mdms, intervalSeconds, contractStart, enrolmentCode } = point;
    const home = state.neighbourhoods.find(({ id }) => id === point.neighbourhood);
    const calendar = tariffs.get(point.tariff)?.calendar;
    const meter = point.meters.at(-1);
    if (home === undefined || calendar === undefined || meter === undefined) continue;
    const code = enrolmentCode === null ? "" : encodeEnrolmentCode(fromHex(enrolmentCode));
    const names = { networkPseudonym: network, mdmsPseudonym: mdms };
    letters.push({ label, ...names, enrolmentCode: code });
    meters.push({
      label,
      meterId: meter.meterId,
      networkPseudonym: network,
      zone: home.zone,
      profile: home.profile,
      intervalSeconds,
      contractStart,
      registerBank: toHex(await registerBankOf(calendar)),
      calendar,
      enrolmentCode: enrolmentCode ?? "",
      ...(home.profile === "meter-encrypts" && {
        contribution: { load: loadTermsOf(state, network) },
      }),
    });
  }
  return { letters, meters, paillierKey: state.paillierKey };
}

/** Of the cohort versions that have this member; one that changes nothing for it is left out. */
function loadTermsOf({ cohorts }: RegistryState, network: string): LoadTerms[] {
  const terms: LoadTerms[] = [];
  const versions = cohorts.filter(({ members }) => members.includes(network));
  for (const version of versions.toSorted((a, b) => a.fromBlock - b.fromBlock)) {
    const { fromBlock, intervalSeconds, loadValueBits: valueBits, exportLoad: exportToo } = version;
    const last = terms.at(-1);
    const isSame =
      last?.intervalSeconds === intervalSeconds &&
      last.valueBits === valueBits &&
      last.exportToo === exportToo;
    if (!isSame) terms.push({ fromBlock, intervalSeconds, valueBits, exportToo });
  }
  return terms;
}

/**
 * The state with the end of a contract, a local midnight at least 7 local days after its start and not in the past. The enrolment code
 * is void from now on. Throws REGISTRY_UNKNOWN, REGISTRY_INVALID_CHANGE.
 */
export function withMoveOut(
  state: RegistryState,
  moveOut: { readonly label: string; readonly contractEnd: number },
  nowSeconds: number,
): RegistryState {
  const { label, contractEnd } = moveOut;
  const point = state.servicePoints.find((entry) => entry.label === label);
  const zone = state.neighbourhoods.find(({ id }) => id === point?.neighbourhood)?.zone;
  if (point === undefined || zone === undefined) {
    throw new RegistryError("REGISTRY_UNKNOWN", `no service point ${label}`);
  }
  if (point.contractEnd === contractEnd) return state;
  if (point.contractEnd !== null) throw invalid(`the contract of ${label} has ended already`);
  if (localDayStart(contractEnd, zone) !== contractEnd || contractEnd < nowSeconds) {
    throw invalid(`${label}: a contract ends at a local midnight that is still to come`);
  }
  if (contractEnd < addLocalDays(point.contractStart, CONTRACT_DAYS_MIN, zone)) {
    throw invalid(`${label}: a contract lasts at least ${CONTRACT_DAYS_MIN} days`);
  }
  const ended = { ...point, contractEnd, enrolmentCode: null };
  return {
    ...state,
    servicePoints: state.servicePoints.map((entry) => (entry === point ? ended : entry)),
  };
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

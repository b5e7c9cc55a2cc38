/**
 * What a change gives to people (docs/protocol.md §9): the customer's letter, and what the installer puts into the meter. Made by the
 * registry from its state; handed out once, kept by nobody else.
 */
import assert from "node:assert/strict";
import {
  encodeEnrolmentCode,
  fromHex,
  keyFingerprint,
  registerBankOf,
  toHex,
  type Profile,
} from "@smarter-metering/protocol";
import { isCountedInMeter, type Calendar } from "@smarter-metering/tariff";
import type { MeterRecord, Neighbourhood, RegistryState, ServicePointRecord } from "./state.ts";
import { tariffsOf } from "./tariff-list.ts";

/** What the customer gets on paper. */
export interface Letter {
  readonly label: string;
  readonly networkPseudonym: string;
  readonly mdmsPseudonym: string;
  /** 27 characters in groups; empty once the contract ends. */
  readonly enrolmentCode: string;
  /**
   * Under the portal's address, for a QR code: fills number and code in. They stand behind the `#`, so that neither is sent. Empty without a
   * code.
   */
  readonly signUp: string;
  /** The registry's root key as the portal shows it: SHA-256, hex in groups of four. The customer compares them. */
  readonly registryFingerprint: string;
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
  /** Of a meter that takes another's place: when. */
  readonly installedAt?: number;
  /** When it is taken away, or its contract ends. */
  readonly servedUntil?: number;
  readonly fuse: ServicePointRecord["fuse"];
  readonly registerBank: string;
  readonly calendar: Calendar;
  /** Where the meter counts the calendar's cost: whose signature under prices the meter believes (docs/protocol.md §6.6), hex. */
  readonly prices?: { readonly registryRootKey: string };
  /** 16 bytes, hex. */
  readonly enrolmentCode: string;
  /** How many codes of this contract it makes void; a meter that knows a higher number refuses it. Absent: none. */
  readonly recodes?: number;
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
 * Letters of the service points with these labels, and what all of their meters are to be told, as the state has it now. `rootKey` is the
 * registry's own.
 */
export async function lettersOf(
  state: RegistryState,
  labels: readonly string[],
  rootKey: Uint8Array,
): Promise<Admitted> {
  const tariffs = tariffsOf(state);
  const wanted = new Set(labels);
  const points = state.servicePoints.filter(({ label }) => wanted.has(label));
  const homes = new Map(state.neighbourhoods.map((entry) => [entry.id, entry]));
  const loads = loadTermsOf(state, points);
  const registryFingerprint = await keyFingerprint(rootKey);
  const letters: Letter[] = [];
  const meters: MeterProvisioning[] = [];
  for (const point of points) {
    const { label, network, mdms, enrolmentCode } = point;
    const code = enrolmentCode === null ? "" : encodeEnrolmentCode(fromHex(enrolmentCode));
    const names = { networkPseudonym: network, mdmsPseudonym: mdms };
    const typed = new URLSearchParams({ network, code }).toString();
    const signUp = code === "" ? "" : `/sign-up#${typed}`;
    letters.push({ label, ...names, enrolmentCode: code, signUp, registryFingerprint });
    const calendar = tariffs.get(point.tariff)?.calendar;
    assert(calendar !== undefined, "checked when it was admitted");
    const home = homes.get(point.neighbourhood);
    assert(home !== undefined, "checked when it was admitted");
    const load = loads.get(network) ?? [];
    for (const meter of point.meters) {
      const provisioning = await provisioningOf({ point, home, load }, meter, calendar);
      const prices = isCountedInMeter(calendar) && { prices: { registryRootKey: toHex(rootKey) } };
      meters.push({ ...provisioning, ...prices });
    }
  }
  return { letters, meters, paillierKey: state.paillierKey };
}

interface Placed {
  readonly point: ServicePointRecord;
  readonly home: Neighbourhood;
  readonly load: readonly LoadTerms[];
}

async function provisioningOf(
  { point, home, load }: Placed,
  meter: MeterRecord,
  calendar: Calendar,
): Promise<MeterProvisioning> {
  const { label, network, intervalSeconds, contractStart, fuse, enrolmentCode, recodes } = point;
  const end = Math.min(meter.to ?? Infinity, point.contractEnd ?? Infinity);
  return {
    label,
    meterId: meter.meterId,
    networkPseudonym: network,
    zone: home.zone,
    profile: home.profile,
    intervalSeconds,
    contractStart,
    ...(meter.from > contractStart && { installedAt: meter.from }),
    ...(end < Infinity && { servedUntil: end }),
    fuse,
    registerBank: toHex(await registerBankOf(calendar)),
    calendar,
    enrolmentCode: enrolmentCode ?? "",
    ...(recodes > 0 && { recodes }),
    ...(home.profile === "meter-encrypts" && { contribution: { load } }),
  };
}

/** By network pseudonym, of the cohort versions that have it as a member; one that changes nothing for it is left out. */
function loadTermsOf(
  { cohorts }: RegistryState,
  points: readonly ServicePointRecord[],
): ReadonlyMap<string, readonly LoadTerms[]> {
  const all = new Map(points.map(({ network }): [string, LoadTerms[]] => [network, []]));
  for (const version of cohorts.toSorted((a, b) => a.fromBlock - b.fromBlock)) {
    const { fromBlock, intervalSeconds, loadValueBits: valueBits, exportLoad: exportToo } = version;
    for (const member of version.members) {
      const terms = all.get(member);
      const last = terms?.at(-1);
      const isSame =
        last?.intervalSeconds === intervalSeconds &&
        last.valueBits === valueBits &&
        last.exportToo === exportToo;
      if (!isSame) terms?.push({ fromBlock, intervalSeconds, valueBits, exportToo });
    }
  }
  return all;
}

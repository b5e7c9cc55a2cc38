/**
 * Everything the MDMS checks before it believes a release (docs/protocol.md §8.5). Sees sums over cohorts and billing windows, which is
 * what the MDMS is for; what a release says beyond those shapes does not decode.
 */
import {
  decodeRelease,
  fromBase64Url,
  openRelease,
  openToken,
  ProtocolError,
  toHex,
  verifyRelease,
  type BillRelease,
  type LoadRelease,
  type RecipientSecret,
  type ReleaseContent,
  type SealedRelease,
  type Statement,
} from "@smarter-metering/protocol";
import { addLocalDays, localDayStart, TariffError } from "@smarter-metering/tariff";
import { makeStatement, readRegisters } from "./make-statement.ts";
import type { RegistryContext } from "./registry-context.ts";

export type ReleaseRefusal =
  | "MDMS_MALFORMED"
  /** Not signed by a trustee of the registry. */
  | "MDMS_BAD_SIGNATURE"
  /** Made under another policy than the registry's. */
  | "MDMS_POLICY"
  /** A whole release where trustees hold shares of the key, or a share where one holds all of it. */
  | "MDMS_KEY_HOLDING"
  | "MDMS_UNOPENABLE"
  /** The registry's token for the service point does not open. */
  | "MDMS_TOKEN"
  /** A cohort, cohort version or service point that the registry does not list. */
  | "MDMS_FOREIGN"
  /** Block, slots, interval or window are not the registered ones. */
  | "MDMS_OFF_GRID"
  /** The registers follow another calendar than the service point's tariff, or there is a cost and its calendar has none. */
  | "MDMS_REGISTERS"
  /** No tariff that a registered signer vouches for is in force. */
  | "MDMS_TARIFF";

/** Where a release comes from: a trustee that holds the key, or the agreement of t that hold shares of it. */
export type Origin =
  | { readonly sealed: SealedRelease; readonly trusteeKey: Uint8Array }
  | { readonly agreed: Uint8Array };

interface FromOrigin {
  readonly origin: Origin;
}
export interface CheckedLoad extends FromOrigin {
  readonly kind: "LOAD";
  readonly load: LoadRelease;
  readonly blockEnd: number;
}
export interface CheckedBill extends FromOrigin {
  readonly kind: "BILL";
  readonly bill: BillRelease;
  readonly statement: Statement;
}

export type ReleaseCheck =
  | { readonly outcome: "valid"; readonly release: CheckedLoad | CheckedBill }
  | { readonly outcome: "refused"; readonly code: ReleaseRefusal }
  /** Made under a registry epoch that this MDMS has not seen yet, or cannot look at now. */
  | { readonly outcome: "too-early" };

/** A day before the end of what zone arithmetic handles (year 9999). */
const INSTANT_MAX = 253_402_214_399;

const refused = (code: ReleaseRefusal): ReleaseCheck => ({ outcome: "refused", code });

/** `bytes` is an encoded release from the bus. */
export async function checkRelease(
  bytes: Uint8Array,
  registry: RegistryContext,
  secret: RecipientSecret,
): Promise<ReleaseCheck> {
  const sealed = await attempt(() => decodeRelease(bytes));
  if (sealed === undefined) return refused("MDMS_MALFORMED");
  if (registry.verificationKey !== undefined) return refused("MDMS_KEY_HOLDING");
  const trusteeKey = await signerOf(sealed, registry.trusteeKeys);
  if (trusteeKey === undefined) return refused("MDMS_BAD_SIGNATURE");
  const content = await attempt(() => openRelease(sealed, secret));
  if (content === undefined) return refused("MDMS_UNOPENABLE");
  if (content.registryEpoch > registry.epoch) return { outcome: "too-early" };
  const hadPolicy = await registry.hadPolicy(content.policyId, content.registryEpoch);
  if (hadPolicy === undefined) return { outcome: "too-early" };
  if (!hadPolicy) return refused("MDMS_POLICY");
  return checkContent(content, { sealed, trusteeKey }, registry, secret);
}

/** What a release says must fit the registry, whoever it comes from. */
export async function checkContent(
  content: ReleaseContent,
  origin: Origin,
  registry: RegistryContext,
  secret: RecipientSecret,
): Promise<ReleaseCheck> {
  return content.kind === "LOAD"
    ? checkLoad(content, origin, registry)
    : checkBill(content, origin, registry, secret);
}

/** Undefined for what a peer got wrong; anything else is our failure and is thrown. */
export async function attempt<T>(work: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

async function signerOf(
  sealed: SealedRelease,
  keys: readonly Uint8Array[],
): Promise<Uint8Array | undefined> {
  for (const key of keys) {
    const fits = await attempt(() => verifyRelease(sealed, key).then(() => true));
    if (fits === true) return key;
  }
  return undefined;
}

function checkLoad(load: LoadRelease, origin: Origin, registry: RegistryContext): ReleaseCheck {
  const { blockStart, intervalSeconds } = load;
  const cohort = registry.cohortAt(load.cohort, blockStart);
  if (cohort?.version !== load.cohortVersion || cohort.members !== load.members) {
    return refused("MDMS_FOREIGN");
  }
  if (blockStart > INSTANT_MAX) return refused("MDMS_OFF_GRID");
  const blockEnd = addLocalDays(blockStart, 1, cohort.zone);
  const slots = (blockEnd - blockStart) / intervalSeconds;
  const onGrid =
    localDayStart(blockStart, cohort.zone) === blockStart &&
    intervalSeconds === cohort.intervalSeconds &&
    load.energy_Wh.length === slots &&
    load.contributorsPerSlot.length === slots &&
    load.contributors <= load.members &&
    load.contributorsPerSlot.every((count) => count <= load.contributors);
  if (!onGrid) return refused("MDMS_OFF_GRID");
  return { outcome: "valid", release: { origin, kind: "LOAD", load, blockEnd } };
}

async function checkBill(
  bill: BillRelease,
  origin: Origin,
  registry: RegistryContext,
  secret: RecipientSecret,
): Promise<ReleaseCheck> {
  const token = await attempt(() => openToken(secret, fromBase64Url(bill.servicePointToken)));
  if (token === undefined) return refused("MDMS_TOKEN");
  const point = registry.servicePoints.get(toHex(token));
  if (point === undefined) return refused("MDMS_FOREIGN");
  const { fromGrid, toGrid, fromBorder, toBorder } = bill;
  const inOrder =
    point.contractStart <= fromGrid &&
    fromGrid <= fromBorder &&
    toGrid <= toBorder &&
    fromBorder < toBorder &&
    toBorder <= INSTANT_MAX;
  if (!inOrder) return refused("MDMS_OFF_GRID");
  const tariff = registry.tariffs.get(point.tariff);
  if (tariff === undefined) return refused("MDMS_TARIFF");
  const registers = readRegisters(bill, tariff);
  if (registers === undefined) return refused("MDMS_REGISTERS");
  try {
    const statement = makeStatement(bill, point, tariff, registers);
    return { outcome: "valid", release: { origin, kind: "BILL", bill, statement } };
  } catch (error) {
    if (!(error instanceof TariffError)) throw error;
    return refused(error.code === "TARIFF_NOT_IN_FORCE" ? "MDMS_TARIFF" : "MDMS_OFF_GRID");
  }
}

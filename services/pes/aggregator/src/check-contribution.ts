/**
 * Everything the aggregator checks before a contribution enters its ledger (docs/protocol.md §6.2,
 * §7). Sees ciphertexts, contexts and public keys. Ciphertexts are checked for a whole batch at
 * once: one gcd.
 */
import { itemBytes, type Engine } from "@smarter-metering/paillier";
import {
  billPacking,
  ciphertextsIn,
  concatBytes,
  decodeContribution,
  equalBytes,
  fromHex,
  instantOf,
  isBorder,
  isLoadStream,
  loadPacking,
  ProtocolError,
  toHex,
  valuedSlots,
  verifyContribution,
  type Cohort,
  type Contribution,
  type ContributionHeader,
  type ServicePoint,
} from "@smarter-metering/protocol";
import { partitionOf } from "@smarter-metering/runtime";
import { addLocalDays, localDayStart } from "@smarter-metering/tariff";
import { blockOf, type RegistryContext } from "./registry-context.ts";

const FUTURE_SECONDS_MAX = 300;

export type ContributionRefusal =
  | "CONTRIBUTION_MALFORMED"
  /** Service point, meter or membership is not in the registry epoch at hand. */
  | "CONTRIBUTION_FOREIGN"
  | "CONTRIBUTION_FUTURE"
  | "CONTRIBUTION_PROFILE"
  | "CONTRIBUTION_KEY"
  | "CONTRIBUTION_PACKING"
  | "CONTRIBUTION_OFF_GRID"
  | "CONTRIBUTION_BAD_SIGNATURE"
  | "CONTRIBUTION_CIPHERTEXT";

/** A contribution that may enter the ledger; `cohort` is set for LOAD streams alone. */
export interface CheckedContribution {
  readonly contribution: Contribution;
  readonly encoded: Uint8Array;
  readonly servicePoint: string;
  readonly cohort: Cohort | undefined;
  /** Of its cohort, or of its service point where that is in none: the same for all streams of a block. */
  readonly partition: string;
  /** Slots with a value; 0 for BILL and COST. */
  readonly valued: number;
  readonly instant: number;
}

export type ContributionCheck =
  | { readonly ok: true; readonly checked: CheckedContribution }
  | { readonly ok: false; readonly code: ContributionRefusal };

/** One verdict for each body, in order. */
export async function checkContributions(
  bodies: readonly Uint8Array[],
  registry: RegistryContext,
  nowSeconds: number,
  engine: Engine,
): Promise<ContributionCheck[]> {
  const checks = await Promise.all(bodies.map((body) => checkOne(body, registry, nowSeconds)));
  const ciphertexts = checks.flatMap((check) =>
    check.ok ? [check.checked.contribution.ciphertext] : [],
  );
  const verdicts = await engine.check(registry.key, concatBytes(...ciphertexts));
  let next = 0;
  return checks.map((check) => {
    if (!check.ok) return check;
    const own = verdicts.subarray(next, (next += ciphertextsIn(check.checked.contribution.header)));
    return own.every((verdict) => verdict === 1) ? check : refused("CONTRIBUTION_CIPHERTEXT");
  });
}

const refused = (code: ContributionRefusal): ContributionCheck => ({ ok: false, code });

/** All but the ciphertext's value; its length is right when the verdict is. */
async function checkOne(
  encoded: Uint8Array,
  registry: RegistryContext,
  nowSeconds: number,
): Promise<ContributionCheck> {
  const contribution = decoded(encoded);
  if (contribution === undefined) return refused("CONTRIBUTION_MALFORMED");
  const { header } = contribution;
  const { view, key, keyId } = registry;
  const servicePoint = toHex(header.networkPseudonym);
  const instant = instantOf(header);
  if (instant > nowSeconds + FUTURE_SECONDS_MAX) return refused("CONTRIBUTION_FUTURE");
  const point = view.servicePoint(servicePoint);
  const meter = view.meterAt(servicePoint, toHex(header.meterId), instant);
  if (point === undefined || meter === undefined) return refused("CONTRIBUTION_FOREIGN");
  const isLoad = isLoadStream(header.stream);
  const own = view.cohortOf(servicePoint, header.blockStart);
  const cohort = isLoad ? own : undefined;
  if ((isLoad && cohort === undefined) || !isBilledSo(header, point)) {
    return refused("CONTRIBUTION_FOREIGN");
  }
  if (header.profile !== (cohort ?? point).profile) return refused("CONTRIBUTION_PROFILE");
  if (!equalBytes(header.paillierKeyId, keyId)) return refused("CONTRIBUTION_KEY");
  const ciphertextBytes = ciphertextsIn(header) * itemBytes(key.bits).ciphertext;
  if (contribution.ciphertext.length !== ciphertextBytes) {
    return refused("CONTRIBUTION_CIPHERTEXT");
  }
  if (!isPackingRegistered(header, cohort, key.bits)) return refused("CONTRIBUTION_PACKING");
  const onGrid =
    cohort !== undefined
      ? isLoadOnGrid(header, cohort)
      : header.stream === "STEPS"
        ? isOnSteps(header, point, registry)
        : isBillOnGrid(header, point);
  if (!onGrid) return refused("CONTRIBUTION_OFF_GRID");
  const signers =
    header.profile === "meter-encrypts"
      ? [meter.signingKey]
      : view.parties("opener").map(({ signingKey }) => signingKey);
  if (!(await isSignedByOneOf(contribution, signers))) return refused("CONTRIBUTION_BAD_SIGNATURE");
  const valued = valuedSlots(header);
  const partition = partitionOf(own?.id ?? servicePoint);
  const checked = { contribution, encoded, servicePoint, cohort, partition, valued, instant };
  return { ok: true, checked };
}

/** A cost is of a register, or of steps, as the service point's prices are known before or after. */
function isBilledSo(
  { stream }: ContributionHeader,
  { prices, stepSeconds }: ServicePoint,
): boolean {
  if (stream === "STEPS") return stepSeconds !== undefined;
  return stream !== "COST" || (prices !== undefined && stepSeconds === undefined);
}

function decoded(encoded: Uint8Array): Contribution | undefined {
  try {
    return decodeContribution(encoded);
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

function isPackingRegistered(
  header: ContributionHeader,
  cohort: Cohort | undefined,
  modulusBits: number,
): boolean {
  const packing =
    cohort === undefined
      ? billPacking(modulusBits)
      : loadPacking(cohort.loadValueBits, modulusBits);
  return header.valueBits === packing.valueBits && header.slotBits === packing.slotBits;
}

function isLoadOnGrid(header: ContributionHeader, cohort: Cohort): boolean {
  const { stream, blockStart, intervalSeconds, firstSlot, count } = header;
  return (
    (stream === "LOAD" || cohort.exportLoad) &&
    intervalSeconds === cohort.intervalSeconds &&
    localDayStart(blockStart, cohort.zone) === blockStart &&
    count > 0 &&
    firstSlot + count <= blockOf(cohort, blockStart).slots
  );
}

/** Whole steps of one local day, all of them in the meter's service. */
function isOnSteps(
  header: ContributionHeader,
  { network, stepSeconds, registerBank, zone }: ServicePoint,
  { view }: RegistryContext,
): boolean {
  const { blockStart, firstSlot, count, intervalSeconds } = header;
  const start = blockStart + firstSlot * intervalSeconds;
  return (
    intervalSeconds === stepSeconds &&
    count > 0 &&
    toHex(header.registerBank) === registerBank &&
    localDayStart(blockStart, zone) === blockStart &&
    instantOf(header) <= addLocalDays(blockStart, 1, zone) &&
    view.meterAt(network, toHex(header.meterId), start) !== undefined
  );
}

/** Registers stand at the end of a block, and at both ends of a meter's service (§2.9, §6.3). */
function isBillOnGrid(header: ContributionHeader, point: ServicePoint): boolean {
  const { blockStart } = header;
  return (
    toHex(header.registerBank) === point.registerBank &&
    localDayStart(blockStart, point.zone) === blockStart &&
    isBorder(point, header, addLocalDays(blockStart, 1, point.zone))
  );
}

async function isSignedByOneOf(
  contribution: Contribution,
  signers: readonly string[],
): Promise<boolean> {
  for (const signer of signers) {
    try {
      await verifyContribution(contribution, fromHex(signer, 32));
      return true;
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
    }
  }
  return false;
}

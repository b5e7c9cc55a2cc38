/** From a BILL release to a statement (docs/protocol.md §11): pure, so that the customer's recomputation can be compared with it. */
import {
  REGISTER_BITS,
  signStatement,
  type BillRelease,
  type Signer,
  type Statement,
} from "@smarter-metering/protocol";
import { describeLine, priceBill } from "@smarter-metering/tariff";
import type { CheckedBill, CheckedLoad } from "./check-release.ts";
import type { Storable } from "./release-store.ts";
import type { MdmsServicePoint, RegisteredTariff } from "./registry-context.ts";

export interface Registers {
  readonly bands: readonly { readonly band: string; readonly energyMilliwattHours: bigint }[];
  readonly energyMilliwattHours: bigint;
  readonly exportMilliwattHours: bigint;
  /** Of a calendar with a cost (§6.6): what its register counted, undefined where it was not released. */
  readonly cost: bigint | undefined;
}

/**
 * A release's eight registers by name: one per band of the calendar, then export, then zeros, each below 2⁴⁸ (§2.2), and the cost.
 * Undefined when they follow another calendar, or are not such numbers.
 */
export function readRegisters(
  release: BillRelease,
  { tariff, registerBank }: RegisteredTariff,
): Registers | undefined {
  const { bands } = tariff.calendar;
  const values = release.registers_mWh.map(BigInt);
  const cost = release.cost === undefined ? undefined : BigInt(release.cost);
  if (cost !== undefined && tariff.calendar.cost === undefined) return undefined;
  const inRange = [...values, cost ?? 0n].every((value) => value < 1n << BigInt(REGISTER_BITS));
  const restIsZero = values.slice(bands.length + 1).every((value) => value === 0n);
  if (release.registerBank !== registerBank || !inRange || !restIsZero) return undefined;
  const named = bands.map((band, index) => ({ band, energyMilliwattHours: values[index] ?? 0n }));
  return {
    bands: named,
    energyMilliwattHours: named.reduce((sum, entry) => sum + entry.energyMilliwattHours, 0n),
    exportMilliwattHours: values[bands.length] ?? 0n,
    cost,
  };
}

/** Prices a window. Throws TariffError: the window is off the grid, or no version is in force. */
export function makeStatement(
  release: BillRelease,
  point: MdmsServicePoint,
  { tariff }: RegisteredTariff,
  registers: Registers,
): Statement {
  const bill = priceBill({
    tariff,
    zone: point.zone,
    fromSeconds: release.fromGrid,
    toSeconds: release.toGrid,
    registersMilliwattHours: registers.bands.map((entry) => entry.energyMilliwattHours),
    exportMilliwattHours: registers.exportMilliwattHours,
    ...(registers.cost !== undefined && { cost: registers.cost }),
  });
  const { cost } = tariff.calendar;
  return {
    servicePoint: point.servicePoint,
    from: release.fromGrid,
    to: release.toGrid,
    zone: point.zone,
    registers_mWh: Object.fromEntries(
      registers.bands.map(({ band, energyMilliwattHours }) => [band, String(energyMilliwattHours)]),
    ),
    export_mWh: String(registers.exportMilliwattHours),
    energy_mWh: String(registers.energyMilliwattHours),
    ...(cost && { cost: { prices: cost.prices, counted: registers.cost?.toString() ?? null } }),
    tariff: tariff.tariff,
    tariffVersion: bill.version,
    lines: bill.lines.map((line) => ({
      ...describeLine(bill, line),
      amountE16: String(line.amountE16),
    })),
    amount: bill.amount,
    currency: bill.currency,
    estimated: false,
    requestDigest: release.requestDigest,
  };
}

/** A release as it is stored: a bill with its signed statement. */
export async function withStatement(
  release: CheckedLoad | CheckedBill,
  signer: Signer,
): Promise<Storable> {
  if (release.kind === "LOAD") return release;
  // Ed25519 is deterministic: a repeat after a crash makes the same document.
  return { ...release, jws: await signStatement(release.statement, signer) };
}

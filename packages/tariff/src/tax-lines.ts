// What follows on the charges of one part of a bill: feed-in, levies, taxes, credits.
// docs/protocol.md: statements. Runs in the MDMS and at the customer.

import {
  dailyOf,
  energyOf,
  importOf,
  microOf,
  sumOf,
  taxUnits,
  type BillLine,
  type CreditLine,
  type FeedInLine,
  type LevyLine,
  type PricedPart,
  type TaxLine,
} from "./bill-line.ts";
import type { Credit, Tax, TaxBase } from "./tariff.ts";

/** Feed-in, as a credit; none when nothing was exported and nothing would be paid, or in a later part. */
export function feedInLines(priced: PricedPart): FeedInLine[] {
  const { part, version, exportMilliwattHours } = priced;
  const price = version.feedInMicroPerKilowattHour;
  if (exportMilliwattHours === 0n && (price === 0 || part > 0)) return [];
  const energy = energyOf(exportMilliwattHours, price);
  return [{ kind: "feed-in", part, ...energy, amountE16: -energy.amountE16 }];
}

const taxBaseOf: Readonly<Partial<Record<BillLine["kind"], TaxBase>>> = {
  energy: "energy",
  tier: "energy",
  cost: "energy",
  "cost-fallback": "energy",
  "standing-charge": "standing",
  "monthly-charge": "standing",
  "minimum-charge": "standing",
  levy: "levies",
};

type Rate = Pick<TaxLine, "name" | "taxBasisPoints" | "on">;

/** Levies, then taxes on these and on `charged`, the part's lines so far. */
export function taxLines(priced: PricedPart, charged: readonly BillLine[]): BillLine[] {
  const { part, version } = priced;
  const { taxes = [], taxBasisPoints } = version;
  const isRate = (tax: Tax): tax is Extract<Tax, { on: unknown }> => "on" in tax;
  const levies = taxes.flatMap((tax): LevyLine[] => {
    if (isRate(tax)) return [];
    const energy = energyOf(importOf(priced), tax.microPerKilowattHour);
    return [{ kind: "levy", part, name: tax.name, ...energy }];
  });
  const simple: Rate = { name: undefined, taxBasisPoints, on: ["energy", "standing"] };
  const rates = taxes
    .filter(isRate)
    .map(({ name, basisPoints, on }): Rate => ({ name, taxBasisPoints: basisPoints, on }));
  const due = taxBasisPoints > 0 || version.taxes === undefined ? [simple, ...rates] : rates;
  const taxed = due.map((rate): TaxLine => {
    const base = [...charged, ...levies].filter(({ kind }) => {
      const named = taxBaseOf[kind];
      return named !== undefined && rate.on.includes(named);
    });
    const amountE16 = (sumOf(base) / taxUnits) * BigInt(rate.taxBasisPoints);
    return { kind: "tax", part, ...rate, amountE16 };
  });
  return [...levies, ...taxed];
}

/** Credits for each day of the part; those for the whole bill stand in its first part. */
export function creditLines(priced: PricedPart): CreditLine[] {
  const { part, version, days } = priced;
  return (version.credits ?? []).flatMap((credit: Credit): CreditLine[] => {
    const { name } = credit;
    if ("microPerDay" in credit) {
      const { amountE16, priceMicroPerDay: priceMicro } = dailyOf(days, credit.microPerDay);
      return [{ kind: "credit", part, name, days, priceMicro, amountE16: -amountE16 }];
    }
    if (part > 0) return [];
    const priceMicro = credit.microPerBill;
    const amountE16 = -microOf(priceMicro);
    return [{ kind: "credit", part, name, days: undefined, priceMicro, amountE16 }];
  });
}

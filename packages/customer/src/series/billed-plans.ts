/**
 * The plans of a range of several billing windows (docs/protocol.md §11): a version of a tariff takes effect by window, so each is priced by
 * itself. Pure; runs at the customer.
 */
import type { Span } from "../bill-window.ts";
import { tariffOrUndefined } from "../tariff-errors.ts";
import { calendarSpans, periodAt } from "./calendar-spans.ts";
import { planCosts, type BillingTerms, type CostPlan } from "./cost-plan.ts";

/**
 * A plan for each billing window that `span` touches, in order of time. `bills`: the terms of each bill, in order of time; one whose
 * window begins inside that of another is left out. Time that none of them bills is cut at local months, and priced as by the bill before
 * it, or the first. Windows do not depend on the span: two that overlap price an interval alike. A window in which the tariff is not in
 * force has no plan; without a bill there is none. Throws ZONE_UNKNOWN.
 */
export function billedPlans(bills: readonly BillingTerms[], span: Span): CostPlan[] {
  const [first] = bills;
  if (first === undefined) return [];
  const from = Math.min(first.window.from, periodAt("month", span.from, first.zone).from);
  const to = periodAt("month", span.to, first.zone).to;
  let terms: BillingTerms = { ...first, window: { from, to: from } };
  const all = bills.flatMap((bill) => {
    if (bill.window.from < terms.window.to) return [];
    const before = unbilled(terms, bill.window.from);
    terms = bill;
    return [...before, bill];
  });
  return [...all, ...unbilled(terms, to)]
    .filter(({ window }) => window.from < span.to && window.to > span.from)
    .flatMap((each) => tariffOrUndefined(() => planCosts(each)) ?? []);
}

/** From the end of a bill's window on. */
const unbilled = (bill: BillingTerms, to: number): BillingTerms[] =>
  calendarSpans("month", { from: bill.window.to, to }, bill.zone).map((window) => {
    return { ...bill, window };
  });

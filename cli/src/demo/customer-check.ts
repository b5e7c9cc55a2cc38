/**
 * Every customer of a demonstration logs in, opens his own readings, and re-computes his bill from them: what he sees must be what his meter
 * measured, and what he is asked to pay must follow from it (docs/protocol.md §11).
 */
import { compareStatement, type Reading } from "@smarter-metering/customer";
import { fromHex, parseNetworkView, verifyStatement, wholeView } from "@smarter-metering/protocol";
import { z } from "zod";
import { CliError } from "../cli-error.ts";
import type { MdmsReader } from "../serve/mdms-session.ts";
import type { StatementEntry } from "../serve/released.ts";
import { plainDoor } from "../serve/door.ts";
import { readWithKeys, type JoinedCustomer } from "./customers.ts";
import { tariffOf } from "./demo-tariff.ts";
import type { HouseholdData } from "./household-data.ts";
import type { RunningDemo } from "./run-demo.ts";
import { sideBySide } from "./side-by-side.ts";

export interface CustomerCheck {
  readonly customersChecked: number;
  /** Σ |own readings − source|, mWh. */
  readonly customerDifferenceMilliwattHours: bigint;
  readonly billsRecomputed: number;
  readonly billsExact: number;
}

/** Customers who look at once: opening is the machine's work, and there are two cores. */
const AT_ONCE = 4;

export async function checkCustomers(
  running: RunningDemo,
  customers: readonly JoinedCustomer[],
  mdms: MdmsReader,
  statements: readonly StatementEntry[],
  end: number,
): Promise<CustomerCheck> {
  const mdmsKey = await mdmsKeyOf(running);
  const checks = await sideBySide(customers, AT_ONCE, (customer) => {
    const own = statements.filter(({ servicePoint }) => servicePoint === customer.servicePoint);
    return checkCustomer(running, mdms, mdmsKey, customer, own, end);
  });
  const none = {
    customersChecked: 0,
    customerDifferenceMilliwattHours: 0n,
    billsRecomputed: 0,
    billsExact: 0,
  };
  return checks.reduce(
    (sum, check) => ({
      customersChecked: sum.customersChecked + check.customersChecked,
      customerDifferenceMilliwattHours:
        sum.customerDifferenceMilliwattHours + check.customerDifferenceMilliwattHours,
      billsRecomputed: sum.billsRecomputed + check.billsRecomputed,
      billsExact: sum.billsExact + check.billsExact,
    }),
    none,
  );
}

async function checkCustomer(
  { demo, everything }: RunningDemo,
  mdms: MdmsReader,
  mdmsKey: Uint8Array,
  { label, login, keys, servicePoint }: JoinedCustomer,
  statements: readonly StatementEntry[],
  end: number,
): Promise<CustomerCheck> {
  const { contractStart, prices } = demo.options;
  const tariff = tariffOf(demo.options);
  const household = demo.households.find((candidate) => candidate.label === label);
  if (household === undefined) {
    throw new CliError("DEMO_HOUSEHOLD_UNKNOWN", `no readings for household ${label}`);
  }
  const { readings } = await readWithKeys(plainDoor(everything.urls["ucs"]), login, keys);
  let billsExact = 0;
  for (const { from } of statements) {
    const jws = z.string().parse(await mdms.get(`/v1/statements/${servicePoint}/${from}/signed`));
    const statement = await verifyStatement(jws, mdmsKey);
    if (compareStatement(statement, readings, tariff, prices).explanation === "exact") {
      billsExact += 1;
    }
  }
  return {
    customersChecked: 1,
    customerDifferenceMilliwattHours: differenceOf(household, readings, contractStart, end),
    billsRecomputed: statements.length,
    billsExact,
  };
}

function differenceOf(
  household: HouseholdData,
  readings: readonly Reading[],
  from: number,
  to: number,
): bigint {
  const truth = household.window(from, to);
  if (truth === undefined) return 0n;
  const own = new Map(readings.map((reading) => [reading.startSeconds, reading]));
  let difference = 0;
  for (let index = 0; index < truth.importMilliwattHours.length; index++) {
    const reading = own.get(from + index * household.intervalSeconds);
    const { importMilliwattHours = 0, exportMilliwattHours = 0 } = reading ?? {};
    difference += Math.abs(importMilliwattHours - (truth.importMilliwattHours[index] ?? 0));
    difference += Math.abs(exportMilliwattHours - (truth.exportMilliwattHours[index] ?? 0));
  }
  return BigInt(difference);
}

async function mdmsKeyOf({ everything }: RunningDemo): Promise<Uint8Array> {
  const transport = everything.registry.service.transport();
  const epoch = (await transport.epochs()).length - 1;
  const [mdms] = parseNetworkView(await wholeView(transport, "network", epoch)).parties("mdms");
  if (mdms === undefined) throw new CliError("REGISTRY_INCOMPLETE", "the registry lists no MDMS");
  return fromHex(mdms.signingKey, 32);
}

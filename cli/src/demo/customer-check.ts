/**
 * Every customer of a demonstration logs in, opens his own readings, and re-computes his bill from them: what he sees must be what his meter
 * measured, and what he is asked to pay must follow from it (docs/protocol.md §11).
 */
import { compareStatement, type Reading } from "@smarter-metering/customer";
import { fromHex, parseNetworkView, verifyStatement } from "@smarter-metering/protocol";
import { z } from "zod";
import { CliError } from "../cli-error.ts";
import type { MdmsReader } from "../serve/mdms-session.ts";
import type { StatementEntry } from "../serve/released.ts";
import { customersOf, readOwn } from "./customers.ts";
import { demoTariff } from "./demo-tariff.ts";
import type { HouseholdData } from "./household-data.ts";
import type { RunningDemo } from "./run-demo.ts";

export interface CustomerCheck {
  readonly customersChecked: number;
  /** Σ |own readings − source|, mWh. */
  readonly customerDifferenceMilliwattHours: bigint;
  readonly billsRecomputed: number;
  readonly billsExact: number;
}

export async function checkCustomers(
  running: RunningDemo,
  mdms: MdmsReader,
  statements: readonly StatementEntry[],
  end: number,
): Promise<CustomerCheck> {
  const { demo, everything, access } = running;
  const { contractStart, zone } = demo.options;
  const tariff = demoTariff(zone);
  const mdmsKey = await mdmsKeyOf(running);
  const check = { customersChecked: 0, billsRecomputed: 0, billsExact: 0 };
  let difference = 0n;
  for (const { label, login, password, servicePoint } of customersOf(access)) {
    const household = demo.households.find((candidate) => candidate.label === label);
    if (household === undefined) continue;
    const { readings } = await readOwn(everything.urls["ucs"] ?? "", login, password);
    difference += differenceOf(household, readings, contractStart, end);
    check.customersChecked += 1;
    for (const { from } of statements.filter((entry) => entry.servicePoint === servicePoint)) {
      const jws = z.string().parse(await mdms.get(`/v1/statements/${servicePoint}/${from}/signed`));
      const statement = await verifyStatement(jws, mdmsKey);
      check.billsRecomputed += 1;
      const { explanation } = compareStatement(statement, readings, tariff);
      if (explanation === "exact") check.billsExact += 1;
    }
  }
  return { ...check, customerDifferenceMilliwattHours: difference };
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
  const [mdms] = parseNetworkView(await transport.view("network", epoch)).parties("mdms");
  if (mdms === undefined) throw new CliError("REGISTRY_INCOMPLETE", "the registry lists no MDMS");
  return fromHex(mdms.signingKey, 32);
}

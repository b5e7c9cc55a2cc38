/** `registry move-out`, `registry exchange`, `registry recode`, `cohort plan`: the life of a service point, through the registry (docs/protocol.md §7.3, §9). */
import { networkReader } from "@smarter-metering/protocol";
import type { Admitted, CountedPlan } from "@smarter-metering/registry";
import { dayStartOf, TariffError } from "@smarter-metering/tariff";
import { EXIT, usageError } from "../cli-error.ts";
import type { Command } from "../command.ts";
import { codeOf, readHouseholds, updateHousehold } from "../demo/access.ts";
import { createMeter } from "../deployment/init.ts";
import type { Layout } from "../deployment/layout.ts";
import { tellMeters } from "../deployment/meters-file.ts";
import { newestView } from "../serve/registry-access.ts";
import { changeRegistry } from "../serve/registry-admin.ts";
import type { Terminal } from "../terminal.ts";
import { dirOption, layoutFrom } from "./deployment-option.ts";

const householdOption = {
  household: { type: "string", value: "<label>", text: "as the registry calls it" },
} as const;
const DATE = /^\d{4}-\d{2}-\d{2}$/;
/** With the offset: on the day on which clocks change a wall clock's time may come twice. */
const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2})?(?:Z|[+-]\d{2}:\d{2})$/;

export const registryMoveOut: Command = {
  name: "registry move-out",
  summary: "End a contract at a local midnight to come; its last bill ends there.",
  options: {
    ...dirOption,
    ...householdOption,
    on: { type: "string", value: "<date>", text: "first day without the contract" },
  },
  async run({ terminal }, args) {
    const layout = layoutFrom(args);
    const label = args.required("household");
    const contractEnd = await instantOf(layout, label, args.required("on"));
    const order = { label, contractEnd };
    const told = (await changeRegistry(layout, terminal, "/v1/move-outs", order)) as Admitted;
    await tellMeters(layout, told.meters);
    const ends = iso(contractEnd);
    if (terminal.json) terminal.printJson({ household: label, contractEnd: ends });
    else terminal.print(`the contract of ${label} ends at ${ends}; its enrolment code is void`);
    return EXIT.ok;
  },
};

export const registryExchange: Command = {
  name: "registry exchange",
  summary: "Exchange a simulated household's meter at a time to come.",
  options: {
    ...dirOption,
    ...householdOption,
    at: {
      type: "string",
      value: "<time>",
      text: "as in 2026-12-01T10:30+01:00, between two intervals",
    },
  },
  async run({ terminal }, args) {
    const layout = layoutFrom(args);
    const label = args.required("household");
    const at = await instantOf(layout, label, args.required("at"));
    const meter = await createMeter();
    const { meterId, signingKey } = meter;
    const order = { label, at, meter: { meterId, signingKey } };
    const told = (await changeRegistry(layout, terminal, "/v1/exchanges", order)) as Admitted;
    await tellMeters(layout, told.meters, meter);
    const { enrolmentCode, signUp } = codeOf(told.letters[0]);
    await updateHousehold(layout, label, { enrolmentCode, signUp });
    if (terminal.json) terminal.printJson({ household: label, at: iso(at), enrolmentCode });
    else {
      terminal.print(`the meter of ${label} is exchanged at ${iso(at)}`);
      terminal.print(`code to enrol with the new one: ${enrolmentCode}`);
      terminal.print("A fleet that runs has to be started again before that time.");
    }
    return EXIT.ok;
  },
};

export const registryRecode: Command = {
  name: "registry recode",
  summary: "Issue a new enrolment code for a running contract; the one before is void.",
  options: { ...dirOption, ...householdOption },
  async run({ terminal }, args) {
    const layout = layoutFrom(args);
    const label = args.required("household");
    const told = (await changeRegistry(layout, terminal, "/v1/recodes", { label })) as Admitted;
    await tellMeters(layout, told.meters);
    const { enrolmentCode, signUp } = codeOf(told.letters[0]);
    await updateHousehold(layout, label, { enrolmentCode, signUp });
    const registryFingerprint = told.letters[0]?.registryFingerprint ?? "";
    if (terminal.json) {
      terminal.printJson({ household: label, enrolmentCode, signUp, registryFingerprint });
    } else {
      terminal.print(`new code of ${label}, for one new account: ${enrolmentCode}`);
      terminal.print(`for a QR code, after the portal's address: ${signUp}`);
      terminal.print(`the registry's key, to compare: ${registryFingerprint}`);
      terminal.print("Whoever enrols with it gets the readings of the contract so far.");
      terminal.print("A fleet that runs has to be started again: its meters know the old code.");
    }
    return EXIT.ok;
  },
};

export const cohortPlan: Command = {
  name: "cohort plan",
  summary: "Show which neighbourhoods are merged, who waits, and what a move-out would change.",
  options: {
    ...dirOption,
    household: { type: "string", value: "<label>", text: "as if this contract ended" },
    on: { type: "string", value: "<date>", text: "on this day" },
  },
  async run({ terminal }, args) {
    const layout = layoutFrom(args);
    const [household, on] = [args.text("household"), args.text("on")];
    if ((household === undefined) !== (on === undefined)) {
      throw usageError("--household and --on go together");
    }
    const body =
      household === undefined || on === undefined
        ? undefined
        : { label: household, contractEnd: await instantOf(layout, household, on) };
    const plan = (await changeRegistry(layout, terminal, "/v1/cohort-plan", body)) as CountedPlan;
    if (terminal.json) terminal.printJson(plan);
    else printPlan(plan, terminal);
    return EXIT.ok;
  },
};

/** Who is merged, what changes, who waits. */
export function printPlan({ merged, versions, waiting }: CountedPlan, terminal: Terminal): void {
  for (const { neighbourhood, cohort } of merged) {
    terminal.print(`${neighbourhood} is too small to stand alone: it is summed with ${cohort}`);
  }
  for (const { id, version, fromBlock, members } of versions) {
    terminal.print(`${id} gets version ${version} from ${iso(fromBlock)} on: ${members} members`);
  }
  for (const { where, joiners, leavers, needed } of waiting) {
    const who = `${joiners} who came and ${leavers} who went`;
    terminal.print(`${where}: ${who} wait until ${needed} change together`);
  }
  if (merged.length + versions.length + waiting.length === 0)
    terminal.print("nothing would change");
}

/** A time with its offset, or the midnight of a date in the zone of the household. Throws CLI_USAGE. */
async function instantOf(layout: Layout, label: string, text: string): Promise<number> {
  const network = (await readHouseholds(layout)).get(label)?.networkPseudonym ?? "";
  const { view } = await newestView(layout, networkReader);
  const zone = view.servicePoint(network)?.zone;
  if (zone === undefined) throw usageError(`there is no household ${label}`);
  const instant = INSTANT.test(text) ? Date.parse(text) / 1000 : Number.NaN;
  if (Number.isInteger(instant)) return instant;
  if (!DATE.test(text)) {
    const message = `${JSON.stringify(text)} is no date, and no time as in 2026-12-01T10:30+01:00`;
    throw usageError(message);
  }
  try {
    return dayStartOf(text, zone);
  } catch (error) {
    if (error instanceof TariffError) throw usageError(error.message);
    throw error;
  }
}

const iso = (seconds: number): string =>
  new Date(1000 * seconds).toISOString().replace(".000Z", "Z");

/** `release list`, `release why`, `release request`: what the aggregator has sealed, asked for, and been refused. */
import { z } from "zod";
import { EXIT, usageError } from "../cli-error.ts";
import type { Command } from "../command.ts";
import type { Door } from "../serve/door.ts";
import { callApi, withParty } from "../serve/reach.ts";
import { dirOption, layoutFrom } from "./deployment-option.ts";

const numbers = z.array(z.number());
const standing = z
  .object({ threshold: z.number(), answered: numbers, refused: numbers, silent: numbers })
  .nullable();
/** Of the request's entry in the log; null there before it is appended. */
const logStanding = z
  .object({
    entry: z.number().nullable(),
    needed: z.number(),
    cosigned: numbers,
    silent: numbers,
  })
  .nullable();
const set = z.looseObject({
  kind: z.literal("LOAD"),
  cohort: z.string(),
  blockStart: z.number(),
  members: z.number(),
  slotCount: z.number(),
  slotsCovered: z.number(),
  state: z.string(),
  codes: z.array(z.string()),
  /** Of the request, hex; null before there is one. */
  requestDigest: z.string().nullable(),
  log: logStanding,
  trustees: standing,
});
const bill = z.looseObject({
  kind: z.literal("BILL"),
  servicePoint: z.string(),
  fromGrid: z.number(),
  toGrid: z.number(),
  state: z.string(),
  codes: z.array(z.string()),
  /** Why its cost is not in it. */
  costCodes: z.array(z.string()),
  /** Of the request, hex; null before there is one. */
  requestDigest: z.string().nullable(),
  log: logStanding,
  trustees: standing,
});
const asked = z.object({
  requested: z.array(z.union([set, bill])),
  suppressed: z.array(z.union([set, bill])),
  notDue: z.array(z.object({ what: z.union([set, bill]), reason: z.string(), dueAt: z.number() })),
});
const PAGE = 500;
const iso = (seconds: number): string =>
  new Date(1000 * seconds).toISOString().replace(".000Z", "Z");

function describe(entry: z.infer<typeof set> | z.infer<typeof bill>): string[] {
  const costCodes = entry.kind === "BILL" ? entry.costCodes : [];
  const without = costCodes.length > 0 ? `without its cost: ${costCodes.join(" ")}` : "";
  const why = [...entry.codes, without, waitingFor(entry)].filter((part) => part !== "").join(" ");
  return entry.kind === "LOAD"
    ? ["LOAD", entry.cohort, iso(entry.blockStart), nameOf(entry), entry.state, why]
    : ["BILL", entry.servicePoint, iso(entry.toGrid), nameOf(entry), entry.state, why];
}

/** What `audit replay` takes: the digest's first digits. */
const nameOf = ({ requestDigest }: { readonly requestDigest: string | null }): string =>
  requestDigest?.slice(0, 16) ?? "–";

/**
 * Whom a sealed or requested release waits for, such as "waiting for the log: entry 812 has 2 of 3 cosignatures (2, 4 silent)" or
 * "waiting for trustees: 1 of 2 answers (3, 4 silent)".
 */
function waitingFor({ log, trustees }: z.infer<typeof set> | z.infer<typeof bill>): string {
  if (log !== null) {
    const entry = log.entry === null ? "the next entry" : `entry ${log.entry}`;
    const count = `${log.cosigned.length} of ${log.needed} cosignatures`;
    return `waiting for the log: ${entry} has ${count}${silentOnes(log.silent)}`;
  }
  if (trustees === null) return "";
  const { threshold, answered, refused, silent } = trustees;
  const refusals = refused.length > 0 ? `, ${refused.join(", ")} refused` : "";
  const count = `${answered.length} of ${threshold} answers`;
  return `waiting for trustees: ${count}${refusals}${silentOnes(silent)}`;
}

const silentOnes = (silent: readonly number[]): string =>
  silent.length > 0 ? ` (${silent.join(", ")} silent)` : "";

export const releaseList: Command = {
  name: "release list",
  summary: "List load sets and billing windows with their state.",
  options: dirOption,
  async run({ terminal }, args) {
    const { sets, bills } = await withParty("aggregator", layoutFrom(args), terminal, readReleases);
    if (terminal.json) terminal.printJson({ sets, bills });
    else terminal.print(terminal.table([...sets, ...bills].map(describe), ""));
    return EXIT.ok;
  },
};

/** Every set and window that the aggregator has, newest first. */
export const readReleases = async (door: Door) => ({
  sets: await pages(door, "/v1/sets", "sets", set),
  bills: await pages(door, "/v1/bills", "bills", bill),
});

async function pages<T>(door: Door, path: string, key: string, entry: z.ZodType<T>): Promise<T[]> {
  const all: T[] = [];
  for (;;) {
    const answer = await callApi(door, `${path}?limit=${PAGE}&offset=${all.length}`);
    const page = z.array(entry).parse((answer as Record<string, unknown>)[key]);
    all.push(...page);
    if (page.length < PAGE) return all;
  }
}

export const releaseWhy: Command = {
  name: "release why",
  summary: "Say why a block of a cohort was released or not.",
  operands: "<cohort> <block start, ISO 8601>",
  options: dirOption,
  async run({ terminal }, args) {
    const [cohort, start] = args.operands;
    const seconds = Date.parse(start ?? "") / 1000;
    if (cohort === undefined || !Number.isInteger(seconds)) {
      throw usageError(
        "release why takes a cohort and the start of a block, such as 2026-10-01T22:00:00Z",
      );
    }
    const answer = await withParty("aggregator", layoutFrom(args), terminal, (door) =>
      callApi(door, `/v1/sets/${encodeURIComponent(cohort)}/${seconds}`),
    );
    const { sets } = z.object({ sets: z.array(set) }).parse(answer);
    if (terminal.json) terminal.printJson({ sets });
    for (const entry of terminal.json ? [] : sets) {
      const { state, codes, slotsCovered, slotCount, members } = entry;
      const refusals = codes.length === 0 ? "no refusal" : codes.join(", ");
      const reasons = waitingFor(entry) || refusals;
      const covered = `${slotsCovered} of ${slotCount * members} intervals are in the ledger`;
      terminal.print(`${entry.cohort} ${iso(entry.blockStart)}: ${state}; ${reasons}; ${covered}`);
    }
    return EXIT.ok;
  },
};

export const releaseRequest: Command = {
  name: "release request",
  summary: "Ask for what is due now, of one cohort or one service point.",
  options: {
    ...dirOption,
    cohort: { type: "string", value: "<id>", text: "a neighbourhood's blocks" },
    "service-point": {
      type: "string",
      value: "<network pseudonym>",
      text: "a service point's bills",
    },
  },
  async run({ terminal }, args) {
    const cohort = args.text("cohort");
    const servicePoint = args.text("service-point");
    if ((cohort === undefined) === (servicePoint === undefined)) {
      throw usageError("release request takes either --cohort or --service-point");
    }
    const body = cohort === undefined ? { servicePoint } : { cohort };
    const answer = await withParty("aggregator", layoutFrom(args), terminal, (door) =>
      callApi(door, "/v1/release-requests", { body }),
    );
    const { requested, notDue, suppressed } = asked.parse(answer);
    if (terminal.json) {
      terminal.printJson({ requested, notDue, suppressed });
      return EXIT.ok;
    }
    terminal.print(`requested: ${requested.length}`);
    for (const entry of requested) terminal.print(`  ${describe(entry).join(" ")}`);
    terminal.print(`not due: ${notDue.length}`);
    for (const { what, reason, dueAt } of notDue) {
      terminal.print(`  ${describe(what).join(" ")} ${reason}, at the latest ${iso(dueAt)}`);
    }
    if (suppressed.length > 0) terminal.print(`suppressed: ${suppressed.length}`);
    return EXIT.ok;
  },
};

/** What the MDMS has to show, as its API gives it; shapes of `load show --json` and `statement show --json`. */
import { z } from "zod";
import type { MdmsReader } from "./mdms-session.ts";

const decimal = z.string().regex(/^\d+$/);

export const loadEntry = z.object({
  cohort: z.string(),
  /** ISO 8601, UTC. */
  start: z.string(),
  intervalSeconds: z.number(),
  contributors: z.number(),
  members: z.number(),
  energy_Wh: z.array(z.number()),
  contributorsPerSlot: z.array(z.number()),
  policyId: z.string(),
  requestDigest: z.string(),
});
export type LoadEntry = z.infer<typeof loadEntry>;

export const statementEntry = z.object({
  servicePoint: z.string(),
  kind: z.enum(["first", "regular", "final"]),
  from: z.string(),
  to: z.string(),
  registers_mWh: z.record(z.string(), decimal),
  export_mWh: decimal,
  energy_mWh: decimal,
  /** Of a tariff by prices that change by the hour; null where the cost was not released. */
  cost: z.object({ prices: z.string(), counted: decimal.nullable() }).optional(),
  amount: z.string(),
  currency: z.string(),
  estimated: z.boolean(),
  tariff: z.string(),
  tariffVersion: z.number(),
  lines: z.array(
    z.object({ text: z.string(), quantity: z.string(), price: z.string(), amountE16: z.string() }),
  ),
  requestDigest: z.string(),
  /** Credit notes of prices that were published late, in their order. */
  notes: z
    .array(
      z.object({
        number: z.number(),
        reason: z.string(),
        amount: z.string(),
        corrected: z.string(),
      }),
    )
    .optional(),
});
export type StatementEntry = z.infer<typeof statementEntry>;

export type Direction = "import" | "export";

export const readLoads = (
  mdms: MdmsReader,
  cohort?: string,
  direction?: Direction,
): Promise<LoadEntry[]> =>
  mdms.all(`/v1/load${query({ cohort, direction })}`, "releases", loadEntry);

export const readStatements = (
  mdms: MdmsReader,
  servicePoint?: string,
): Promise<StatementEntry[]> =>
  mdms.all(`/v1/statements${query({ servicePoint })}`, "statements", statementEntry);

const priceEntry = z.object({ signed: z.string() });

/** Documents of a series that touch a window, epoch seconds: JWS by the registry's root. None of windows that ended 400 days ago. */
export async function readPrices(
  mdms: MdmsReader,
  series: string,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<string[]> {
  const path = `/v1/prices${query({ series, from: isoOf(from), to: isoOf(to) })}`;
  return (await mdms.all(path, "prices", priceEntry)).map(({ signed }) => signed);
}

const signedNotes = z.object({
  notes: z.array(z.object({ note: z.string(), correction: z.string() })),
});

/** A statement's credit notes and their corrections, as JWS. */
export async function readNotes(
  mdms: MdmsReader,
  { servicePoint, from }: Pick<StatementEntry, "servicePoint" | "from">,
): Promise<z.output<typeof signedNotes>["notes"]> {
  const path = `/v1/statements/${servicePoint}/${from}/notes`;
  return signedNotes.parse(await mdms.get(path)).notes;
}

const isoOf = (seconds: number): string => new Date(seconds * 1000).toISOString();

export const secondsOf = (iso: string): number => Date.parse(iso) / 1000;

function query(values: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(values).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  return given.length === 0 ? "" : `?${new URLSearchParams(given).toString()}`;
}

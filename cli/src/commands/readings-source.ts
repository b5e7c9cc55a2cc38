/** The options that say what a file of readings is; shared by every command that takes one. */
import {
  readSource,
  UNITS,
  type ReadSourceOptions,
  type Series,
  type SourceReport,
} from "@smarter-metering/readings";
import { usageError } from "../cli-error.ts";
import type { Arguments, CommandContext, Option } from "../command.ts";

export const sourceOptions: Readonly<Record<string, Option>> = {
  unit: {
    type: "string",
    value: "<kW|W|kWh|Wh|mWh>",
    text: "unit of the values, if no header says",
  },
  zone: { type: "string", value: "<IANA zone>", text: "zone of time stamps without offset" },
  interval: {
    type: "string",
    value: "<seconds>",
    text: "interval that the registers of P1 telegrams are read at (900)",
  },
  strict: { type: "boolean", text: "stop at the first bad row instead of counting it" },
};

/** Lengths of interval that a meter can have. */
export const INTERVAL_SECONDS = { min: 60, max: 3600 };

/**
 * Reads `path` with progress; `asked` wins over the command line. Throws ReadingsError, whose
 * message says what to do.
 */
export function readWithProgress(
  path: string,
  args: Arguments,
  { terminal, signal }: CommandContext,
  asked: Pick<ReadSourceOptions, "zone" | "strict" | "findingsPerKindMax" | "intervalSeconds"> = {},
): Promise<{ series: Series[]; report: SourceReport }> {
  const unit = args.oneOf("unit", UNITS);
  const zone = args.text("zone");
  const intervalSeconds = args.integer("interval", undefined, INTERVAL_SECONDS);
  return readSource(path, {
    ...(unit === undefined ? {} : { unit }),
    ...(zone === undefined ? {} : { zone }),
    ...(intervalSeconds === undefined ? {} : { intervalSeconds }),
    strict: args.flag("strict"),
    ...asked,
    signal,
    progress: ({ bytes, bytesTotal }) => terminal.progress("reading", bytes, bytesTotal),
  });
}

export function onlyOperand(args: Arguments, what: string): string {
  const [operand, ...rest] = args.operands;
  if (operand === undefined) throw usageError(`${what} is needed`);
  if (rest[0] !== undefined) throw usageError(`unexpected "${rest[0]}"`);
  return operand;
}

/**
 * JSON lines, one per event. A log is the easiest way out for a reading or a key, so nothing is
 * written unless its field name and kind are on a list that a reviewer can read.
 */
import type { Clock } from "./clock.ts";
import { RuntimeError, systemCode } from "./error.ts";

/**
 * text: a string, cut at 256 characters · number: a finite number · integer: a bigint, printed as
 * decimal text · flag: a boolean · bytes: at most 32 bytes, printed in hex (fingerprints, never keys).
 */
export type LogFieldKind = "text" | "number" | "integer" | "flag" | "bytes";
export type LogFields = Readonly<Record<string, LogFieldKind>>;
export type LogLevel = "debug" | "info" | "warn" | "error";

export interface Logger {
  debug(message: string, values?: Readonly<Record<string, unknown>>): void;
  info(message: string, values?: Readonly<Record<string, unknown>>): void;
  warn(message: string, values?: Readonly<Record<string, unknown>>): void;
  error(message: string, values?: Readonly<Record<string, unknown>>): void;
  /** A logger that adds `values` to every line. */
  child(values: Readonly<Record<string, unknown>>): Logger;
}

export interface LoggerOptions {
  /** The allow-list. A field not on it, or of another kind, is named under `droppedFields`. */
  readonly fields: LogFields;
  readonly clock: Clock;
  /** Takes one line without its newline. */
  readonly sink: (line: string) => void;
  /** Lines below it are not written. Default info. */
  readonly level?: LogLevel;
  /** json for machines (default), text for a terminal. */
  readonly mode?: "json" | "text";
}

/** What the runtime itself logs; services spread it into their own list. */
export const runtimeLogFields: LogFields = {
  role: "text",
  requestId: "text",
  method: "text",
  route: "text",
  status: "number",
  durationMs: "number",
  url: "text",
  stream: "text",
  consumer: "text",
  sequence: "integer",
  attempt: "number",
  count: "number",
  signal: "text",
  step: "text",
  errorCode: "text",
  errorName: "text",
  errorMessage: "text",
  errorAt: "text",
};

const levels: readonly LogLevel[] = ["debug", "info", "warn", "error"];
const textMax = 256;
const bytesMax = 32;
const droppedMax = 16;

/** Messages are literals written by programmers; whatever varies goes into `values`. */
export function createLogger(options: LoggerOptions): Logger {
  return loggerWith(options, {});
}

/** For tests and for callers that want none. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
};

/**
 * The fields that describe an error. Only a RuntimeError's message is kept: those carry no values,
 * while others, such as a JSON parser's, quote their input.
 */
export function errorFields(error: unknown): Readonly<Record<string, string>> {
  if (error instanceof RuntimeError) return { errorCode: error.code, errorMessage: error.message };
  if (!(error instanceof Error)) return { errorName: typeof error };
  const at = /^ +at .*$/m.exec(error.stack ?? "")?.[0].trim() ?? "";
  const code = systemCode(error);
  return { errorName: error.name, errorAt: at, ...(code === undefined ? {} : { errorCode: code }) };
}

function loggerWith(options: LoggerOptions, inherited: Readonly<Record<string, unknown>>): Logger {
  const levelMin = levels.indexOf(options.level ?? "info");
  const at =
    (level: LogLevel) =>
    (message: string, values: Readonly<Record<string, unknown>> = {}): void => {
      if (levels.indexOf(level) < levelMin) return;
      const fields = allowedFields(options.fields, { ...inherited, ...values });
      const time = new Date(options.clock.nowMs()).toISOString();
      const text = message.slice(0, textMax);
      options.sink(
        options.mode === "text"
          ? textLine(time, level, text, fields)
          : JSON.stringify({ time, level, message: text, ...fields }),
      );
    };
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    child: (values) => loggerWith(options, { ...inherited, ...values }),
  };
}

function textLine(time: string, level: LogLevel, message: string, fields: object): string {
  const values = Object.entries(fields).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return [time.slice(11, 19), level.padEnd(5), message, ...values].join(" ");
}

type Printed = string | number | boolean | readonly string[];

function allowedFields(
  allowed: LogFields,
  values: Readonly<Record<string, unknown>>,
): Record<string, Printed> {
  const fields: Record<string, Printed> = {};
  const dropped: string[] = [];
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined) continue;
    const kind = Object.hasOwn(allowed, name) ? allowed[name] : undefined;
    const printed = kind === undefined ? undefined : print(kind, value);
    if (printed === undefined) dropped.push(name.slice(0, textMax));
    else fields[name] = printed;
  }
  if (dropped.length > 0) fields["droppedFields"] = dropped.slice(0, droppedMax);
  return fields;
}

function print(kind: LogFieldKind, value: unknown): string | number | boolean | undefined {
  if (kind === "text") return typeof value === "string" ? value.slice(0, textMax) : undefined;
  if (kind === "number") return Number.isFinite(value) ? (value as number) : undefined;
  if (kind === "integer") return typeof value === "bigint" ? String(value) : undefined;
  if (kind === "flag") return typeof value === "boolean" ? value : undefined;
  const isShort = value instanceof Uint8Array && value.length <= bytesMax;
  return isShort ? Buffer.from(value).toString("hex") : undefined;
}

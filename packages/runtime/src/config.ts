/**
 * JSON configuration, checked at the start of a process: every problem at once, each with its path,
 * what is wrong and what to do. Values are not quoted, they may be secrets.
 */
import { readFileSync, statSync } from "node:fs";
import type { Stats } from "node:fs";
import { dirname, resolve } from "node:path";
import { z } from "zod";
import { RuntimeError } from "./error.ts";
import { isOpenToOthers } from "./secret-file.ts";

/** Schemas for paths, relative to the folder of the configuration file; the value is absolute. */
export interface ConfigPaths {
  /** A file that must exist. */
  file(): z.ZodType<string, string>;
  /** The same, and a warning when group or others may read it. */
  secretFile(): z.ZodType<string, string>;
  /** A path that need not exist yet, such as a data folder. */
  path(): z.ZodType<string, string>;
}

export interface LoadedConfig<T> {
  readonly value: T;
  /** One line each; the process may start and should log them. */
  readonly warnings: readonly string[];
}

const configBytesMax = 4 * 1024 * 1024;

/**
 * Reads `path` and checks it with the schema that `schemaOf` makes. Keys that the schema does not
 * know are refused at every depth, whether or not it is strict. Throws CONFIG_UNREADABLE,
 * CONFIG_FILE_MISSING (only files it refers to are missing), CONFIG_INVALID.
 */
export function loadConfig<T>(
  path: string,
  schemaOf: (paths: ConfigPaths) => z.ZodType<T>,
): LoadedConfig<T> {
  const raw = readJson(path);
  const warnings: string[] = [];
  const parsed = schemaOf(pathSchemas(dirname(resolve(path)), warnings)).safeParse(raw);
  const issues = parsed.success ? [] : parsed.error.issues;
  const problems = parsed.success
    ? unknownKeys(raw, parsed.data, []).map((key) => `${key}: not a known key; remove it`)
    : issues.flatMap(describeIssue);
  if (parsed.success && problems.length === 0) return { value: parsed.data, warnings };
  const onlyMissing = issues.length > 0 && issues.every(isMissingFile);
  const code = onlyMissing ? "CONFIG_FILE_MISSING" : "CONFIG_INVALID";
  throw new RuntimeError(code, `${path}: ${problems.join(" · ")}`, { problems });
}

function readJson(path: string): unknown {
  let text: string;
  try {
    if (statSync(path).size > configBytesMax) throw new Error("too large");
    text = readFileSync(path, "utf8");
  } catch (error) {
    const message = `cannot read the configuration ${path}: check the path and its permissions`;
    throw new RuntimeError("CONFIG_UNREADABLE", message, { cause: error });
  }
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own message quotes the text, which may hold a secret.
    throw new RuntimeError("CONFIG_UNREADABLE", `${path} is not JSON: check commas and quotes`);
  }
}

function pathSchemas(folder: string, warnings: string[]): ConfigPaths {
  const absolute = z
    .string()
    .min(1)
    .transform((path) => resolve(folder, path));
  const existing = (check: (path: string, stats: Stats) => void): z.ZodType<string, string> =>
    absolute.superRefine((path, context) => {
      const stats = statSync(path, { throwIfNoEntry: false });
      if (stats?.isFile() === true) return check(path, stats);
      const message = `no file at ${path}; create it or correct the path`;
      context.addIssue({ code: "custom", params: { missingFile: true }, message });
    });
  return {
    path: () => absolute,
    file: () => existing(() => undefined),
    secretFile: () =>
      existing((path, { mode }) => {
        if (isOpenToOthers(mode)) warnings.push(`others may read ${path}: run chmod 600 on it`);
      }),
  };
}

function isMissingFile(issue: z.core.$ZodIssue): boolean {
  return issue.code === "custom" && issue.params?.["missingFile"] === true;
}

function describeIssue(issue: z.core.$ZodIssue): string[] {
  const path = pathText(issue.path);
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => `${pathText([...issue.path, key])}: not a known key; remove it`);
  }
  return [`${path}: ${issue.message}`];
}

/** Keys of `raw` that a lax schema dropped, at any depth. */
function unknownKeys(raw: unknown, parsed: unknown, path: readonly PropertyKey[]): string[] {
  if (!isObject(raw) || !isObject(parsed)) return [];
  return Object.keys(raw).flatMap((key) =>
    key in parsed ? unknownKeys(raw[key], parsed[key], [...path, key]) : [pathText([...path, key])],
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function pathText(path: readonly PropertyKey[]): string {
  return path.length === 0 ? "(the whole file)" : path.map(String).join(".");
}

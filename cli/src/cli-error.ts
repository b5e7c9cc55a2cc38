/** What went wrong, why, and what to do: the one line a command prints before it exits with `exitCode`. */

/** Documented in docs/operating.md. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  /** The other side said no: wrong password, refused release, missing role. */
  refused: 3,
  /** A check found a difference (statement, audit, doctor). */
  differs: 4,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export class CliError extends Error {
  override readonly name = "CliError";
  readonly code: string;
  readonly exitCode: ExitCode;

  constructor(code: string, message: string, exitCode: ExitCode = EXIT.failed, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.exitCode = exitCode;
  }
}

export const usageError = (message: string): CliError =>
  new CliError("CLI_USAGE", message, EXIT.usage);

/** One line for any error: its code if it has one, its message; never a stack, which could carry arguments. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return "unexpected failure";
  const code = "code" in error && typeof error.code === "string" ? `${error.code}: ` : "";
  return `${code}${error.message}`.replaceAll(/\s*\n\s*/g, "; ");
}

/** True for a Node.js system error such as ENOENT. */
export function isSystemError(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

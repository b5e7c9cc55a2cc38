/** Finds the command, reads its words, runs it, and turns every failure into one line and an exit code. */
import { CliError, describeError, EXIT, isSystemError, usageError } from "./cli-error.ts";
import { Arguments, type Command } from "./command.ts";
import { commands } from "./commands/index.ts";
import { helpOf, overview } from "./help.ts";
import { Terminal } from "./terminal.ts";
import { versionLines } from "./version.ts";

export async function main(words: readonly string[]): Promise<number> {
  const json = words.includes("--json");
  const terminal = new Terminal({ json, quiet: words.includes("--quiet") });
  const controller = new AbortController();
  const stop = (): void => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort();
  };
  process.on("SIGINT", stop).on("SIGTERM", stop);
  process.stdout.on("error", endWithReader);
  try {
    return await dispatch(words, terminal, controller.signal);
  } catch (error) {
    const text = describeError(error);
    terminal.warn(json ? JSON.stringify({ error: text }) : `smarter-metering: ${text}`);
    return error instanceof CliError ? error.exitCode : EXIT.failed;
  } finally {
    process.off("SIGINT", stop).off("SIGTERM", stop);
  }
}

/** Whoever reads our output has seen enough, as `head` does. */
function endWithReader(error: Error): void {
  process.exit(isSystemError(error, "EPIPE") ? EXIT.ok : EXIT.failed);
}

async function dispatch(
  words: readonly string[],
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  const named = words.filter((word) => !word.startsWith("-"));
  if (words.includes("--version")) {
    terminal.print((await versionLines(words.includes("--verbose"))).join("\n"));
    return EXIT.ok;
  }
  const command = findCommand(named);
  if (command === undefined) {
    const [first] = named;
    if (first !== undefined && !commands.some(({ name }) => name.split(" ")[0] === first)) {
      throw usageError(`no command "${first}"; see smarter-metering --help`);
    }
    terminal.print(overview(commands, first));
    return first === undefined || words.includes("--help") ? EXIT.ok : EXIT.usage;
  }
  if (words.includes("--help")) {
    terminal.print(helpOf(command));
    return EXIT.ok;
  }
  const skipped = command.name.split(" ").length;
  const args = new Arguments(command, withoutFirst(words, skipped));
  return command.run({ terminal, signal }, args);
}

function findCommand(named: readonly string[]): Command | undefined {
  const two = named.slice(0, 2).join(" ");
  return (
    commands.find(({ name }) => name === two) ?? commands.find(({ name }) => name === named[0])
  );
}

/** The words without the first `count` that are not options. */
function withoutFirst(words: readonly string[], count: number): string[] {
  let left = count;
  return words.filter((word) => word.startsWith("-") || left-- <= 0);
}

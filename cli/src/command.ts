/** The shape of a command, and how its words are read. Each command is one file in `commands/`. */
import { parseArgs, type ParseArgsConfig } from "node:util";
import { usageError } from "./cli-error.ts";
import type { Terminal } from "./terminal.ts";

export interface Option {
  readonly type: "string" | "boolean";
  /** Shown in the help, such as `<folder>`. */
  readonly value?: string;
  readonly text: string;
  /** It may be given more than once. */
  readonly multiple?: true;
}

export interface CommandContext {
  readonly terminal: Terminal;
  /** Aborted by SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
}

export interface Command {
  /** `noun verb`, or one word. */
  readonly name: string;
  readonly summary: string;
  readonly operands?: string;
  readonly options: Readonly<Record<string, Option>>;
  run(context: CommandContext, args: Arguments): Promise<number>;
}

export const GLOBAL_OPTIONS: Readonly<Record<string, Option>> = {
  help: { type: "boolean", text: "show this help" },
  json: { type: "boolean", text: "one JSON object on stdout, nothing else" },
  quiet: { type: "boolean", text: "no progress, no notes" },
};

/** Parsed words of one command line, with typed access that says what is wrong. */
export class Arguments {
  readonly operands: readonly string[];
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(command: Command, words: readonly string[]) {
    const specification = { ...command.options, ...GLOBAL_OPTIONS };
    const options: ParseArgsConfig["options"] = {};
    for (const [name, { type, multiple = false }] of Object.entries(specification)) {
      options[name] = { type, multiple };
    }
    try {
      const parsed = parseArgs({ args: [...words], options, allowPositionals: true, strict: true });
      this.operands = parsed.positionals;
      this.#values = parsed.values;
    } catch (error) {
      const reason = error instanceof Error ? error.message.split("\n")[0] : "cannot read options";
      throw usageError(`${command.name}: ${reason}; see smarter-metering ${command.name} --help`);
    }
    if (this.operands.length > 0 && command.operands === undefined) {
      throw usageError(`${command.name}: unexpected "${this.operands[0]}"`);
    }
  }

  flag(name: string): boolean {
    return this.#values[name] === true;
  }

  text(name: string): string | undefined {
    const value = this.#values[name];
    return typeof value === "string" ? value : undefined;
  }

  /** Of an option that may be given more than once. */
  texts(name: string): readonly string[] {
    const values = this.#values[name];
    return Array.isArray(values) ? values.filter((value) => typeof value === "string") : [];
  }

  required(name: string): string {
    const value = this.text(name);
    if (value === undefined) throw usageError(`--${name} is needed`);
    return value;
  }

  /** A whole number from `min` to `max`, or `fallback` when the option is absent. */
  integer<Fallback extends number | undefined>(
    name: string,
    fallback: Fallback,
    { min, max }: { readonly min: number; readonly max: number },
  ): number | Fallback {
    const text = this.text(name);
    if (text === undefined) return fallback;
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max) {
      throw usageError(`--${name} takes a whole number from ${min} to ${max}, not "${text}"`);
    }
    return value;
  }

  oneOf<Choice extends string>(name: string, choices: readonly Choice[]): Choice | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const choice = choices.find((candidate) => candidate === text);
    if (choice === undefined) {
      throw usageError(`--${name} is one of ${choices.join(", ")}, not "${text}"`);
    }
    return choice;
  }
}

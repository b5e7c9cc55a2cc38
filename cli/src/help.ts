/** Help texts, made from the commands themselves. */
import { GLOBAL_OPTIONS, type Command, type Option } from "./command.ts";

function optionLines(options: Readonly<Record<string, Option>>): string[] {
  const rows = Object.entries(options).map(([name, { value, text }]) => [
    `  --${name}${value === undefined ? "" : ` ${value}`}`,
    text,
  ]);
  const width = Math.max(...rows.map(([left = ""]) => left.length));
  return rows.map(([left = "", text = ""]) => `${left.padEnd(width)}  ${text}`);
}

export function helpOf(command: Command): string {
  const operands = command.operands === undefined ? "" : ` ${command.operands}`;
  return [
    `smarter-metering ${command.name}${operands} [options]`,
    "",
    command.summary,
    "",
    ...optionLines({ ...command.options, ...GLOBAL_OPTIONS }),
  ].join("\n");
}

export function overview(commands: readonly Command[], noun?: string): string {
  const shown = commands.filter(({ name }) => noun === undefined || name.split(" ")[0] === noun);
  const width = Math.max(...shown.map(({ name }) => name.length));
  return [
    "smarter-metering <noun> <verb> [options]",
    "",
    ...shown.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`),
    "",
    "--help after any command shows its options; --version --verbose shows engine and platform.",
    "Exit codes: 0 done, 1 failed, 2 wrong use, 3 refused, 4 a check found a difference.",
  ].join("\n");
}

/** `--host <name>=<host>`: at which names and addresses a party or a server serves. */
import { usageError } from "../cli-error.ts";
import type { Arguments, Option } from "../command.ts";

export const hostOption: Option = {
  type: "string",
  value: "<name>=<host>",
  multiple: true,
  text: "a name or address that others reach a party or server at; once for each",
};

/** Hosts by name; what they are worth is judged where they are used. */
export function hostsOf(args: Arguments): Readonly<Record<string, readonly string[]>> {
  const hosts: Record<string, string[]> = {};
  for (const text of args.texts("host")) {
    const [, name, host] = /^([a-z][a-z0-9-]*)=(.+)$/.exec(text) ?? [];
    if (name === undefined || host === undefined) {
      throw usageError(`--host takes <name>=<host>, such as registry=node1.example, not "${text}"`);
    }
    (hosts[name] ??= []).push(host);
  }
  return hosts;
}

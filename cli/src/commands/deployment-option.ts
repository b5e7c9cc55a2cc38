/** `--dir`: the deployment a command speaks to. */
import { resolve } from "node:path";
import type { Arguments, Option } from "../command.ts";
import { layoutOf, type Layout } from "../deployment/layout.ts";

export const dirOption: Readonly<Record<string, Option>> = {
  dir: { type: "string", value: "<folder>", text: "the deployment, as made by demo or init" },
};

export const layoutFrom = (args: Arguments): Layout => layoutOf(resolve(args.required("dir")));

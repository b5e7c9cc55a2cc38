/** Changes at a deployment's registry, with the administrator's token of its folder. */
import { join } from "node:path";
import { readSecretFile } from "@smarter-metering/runtime";
import { z } from "zod";
import type { Layout } from "../deployment/layout.ts";
import type { Terminal } from "../terminal.ts";
import { callApi, withRegistry } from "./reach.ts";

const tokens = z.looseObject({ admin: z.string() });

/** Throws SECRET_FILE when the folder holds none. */
export async function adminToken(layout: Layout): Promise<string> {
  const file = await readSecretFile(join(layout.folder("registry"), "tokens.json"));
  return tokens.parse(JSON.parse(new TextDecoder().decode(file))).admin;
}

/** One change, at the running registry or at one that is started here for it; its answer. Throws what the registry refuses with. */
export async function changeRegistry(
  layout: Layout,
  terminal: Terminal,
  path: string,
  body: unknown,
): Promise<unknown> {
  const token = await adminToken(layout);
  return withRegistry(layout, terminal, (door) => callApi(door, path, { token, body }));
}

/**
 * New bearer tokens for parties. A token lies in three places: the party's folder, and what registry and bus accept. The new one is
 * written beside the party's old one first and takes its place last, so a rotation that was stopped anywhere goes on with the same token
 * when it is run again, and never leaves two.
 */
import { existsSync } from "node:fs";
import { rename } from "node:fs/promises";
import { dirname } from "node:path";
import { primitives, toHex } from "@smarter-metering/protocol";
import { readSecretFile, syncFolder, writeSecretFile } from "@smarter-metering/runtime";
import { z } from "zod";
import { CliError, EXIT } from "../cli-error.ts";
import { isPartyFolder, type Layout } from "./layout.ts";
import { loadRoleConfig } from "./role-config.ts";

const registryTokens = z.strictObject({
  admin: z.string(),
  parties: z.record(z.string(), z.string()),
});
const busTokens = z.record(z.string(), z.string());

/** The steps that reach the disk; tests stop between them. */
export interface TokenFiles {
  write(path: string, text: string): Promise<void>;
  move(from: string, to: string): Promise<void>;
}

const onDisk: TokenFiles = {
  write: (path, text) => writeSecretFile(path, text),
  async move(from, to) {
    await rename(from, to);
    await syncFolder(dirname(to));
  },
};

/**
 * Gives each of `parties` (default: all that have a token) a new one, and returns their names. What runs keeps the old ones until it is
 * started again: registry and bus first. Throws PARTY_MISSING for one without a token, or whose folder is on another machine.
 */
export async function rotateTokens(
  layout: Layout,
  parties: readonly string[] | undefined,
  files: TokenFiles = onDisk,
): Promise<string[]> {
  const registryPath = loadRoleConfig("registry", layout.config("registry")).value.tokensFile;
  const busPath = loadRoleConfig("bus", layout.config("bus")).value.tokensFile;
  const known = Object.keys((await readJson(registryPath, registryTokens)).parties);
  const named = parties ?? known;
  for (const name of named) checkParty(layout, name, known);
  for (const name of named) {
    const path = tokenPath(layout, name);
    const next = `${path}.next`;
    if (!existsSync(next)) await files.write(next, toHex(primitives.randomBytes(32)));
    const token = await readText(next);
    const registry = await readJson(registryPath, registryTokens);
    const accepted = { ...registry, parties: { ...registry.parties, [name]: token } };
    await files.write(registryPath, JSON.stringify(accepted));
    const bus = await readJson(busPath, busTokens);
    await files.write(busPath, JSON.stringify({ ...bus, [name]: token }));
    await files.move(next, path);
  }
  return [...named];
}

function checkParty(layout: Layout, name: string, known: readonly string[]): void {
  if (known.includes(name) && existsSync(tokenPath(layout, name))) return;
  const message = `${name} has no token here; those that have: ${known.join(", ")}`;
  throw new CliError("PARTY_MISSING", message, EXIT.refused);
}

function tokenPath(layout: Layout, name: string): string {
  if (!isPartyFolder(name))
    throw new CliError("PARTY_MISSING", `${name} is no party`, EXIT.refused);
  return layout.token(name);
}

const readText = async (path: string): Promise<string> =>
  new TextDecoder().decode(await readSecretFile(path)).trim();

async function readJson<T>(path: string, schema: z.ZodType<T>): Promise<T> {
  const text = await readText(path);
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    // Without the cause: it may quote a token.
    throw new CliError("TOKENS_FILE_INVALID", `${path} holds no tokens; restore it from a backup`);
  }
}

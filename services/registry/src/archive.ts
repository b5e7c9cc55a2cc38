/**
 * The published epochs on disk (docs/protocol.md §9.1): `epochs/000000.jws`, `views/000000.<name>.json`, written once and never
 * changed. Run by the registry. Whoever starts it with a file missing or changed gets REGISTRY_DAMAGED, not a shorter history.
 */
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { documentHash, toHex, verifyEpochChain, VIEW_NAMES } from "@smarter-metering/protocol";
import type { RegistryEpoch, ViewName } from "@smarter-metering/protocol";
import { writeFileAtomic } from "@smarter-metering/runtime";
import { z } from "zod";
import { RegistryError } from "./error.ts";

export interface Archive {
  /** Every epoch's JWS, epoch 0 first. */
  epochs(): readonly string[];
  /** Throws REGISTRY_NO_SUCH_EPOCH. */
  view(name: ViewName, epoch: number): Promise<string>;
  /** Resolves when views and epoch are durable, in this order: an epoch never points to nothing. */
  append(jws: string, views: Readonly<Record<ViewName, string>>): Promise<void>;
}

const numbered = (epoch: number): string => String(epoch).padStart(6, "0");

/** Opens and verifies the whole archive. Throws REGISTRY_DAMAGED. */
export async function openArchive(folder: string, rootKey: Uint8Array): Promise<Archive> {
  const epochPath = (epoch: number): string => join(folder, "epochs", `${numbered(epoch)}.jws`);
  const viewPath = (name: ViewName, epoch: number): string =>
    join(folder, "views", `${numbered(epoch)}.${name}.json`);
  await mkdir(join(folder, "epochs"), { recursive: true, mode: 0o700 });
  await mkdir(join(folder, "views"), { recursive: true, mode: 0o700 });

  const files = (await readdir(join(folder, "epochs"))).filter((file) => file.endsWith(".jws"));
  const epochs: string[] = [];
  for (let epoch = 0; epoch < files.length; epoch++) epochs.push(await read(epochPath(epoch)));
  if (epochs.length > 0) {
    await verifyEpochChain(epochs, rootKey).catch((cause: unknown) => {
      throw damaged("the epochs are not one chain signed by the root", cause);
    });
  }
  for (const [epoch, jws] of epochs.entries()) {
    for (const name of VIEW_NAMES) {
      const text = await read(viewPath(name, epoch));
      if (toHex(await documentHash(text)) !== viewHashes(jws)[name]) {
        throw damaged(`view ${name} of epoch ${epoch} was changed`);
      }
    }
  }

  return {
    epochs: () => epochs,
    async view(name, epoch) {
      if (epoch in epochs) return read(viewPath(name, epoch));
      throw new RegistryError("REGISTRY_NO_SUCH_EPOCH", `there is no epoch ${epoch}`);
    },
    async append(jws, views) {
      const epoch = epochs.length;
      for (const name of VIEW_NAMES) await writeFileAtomic(viewPath(name, epoch), views[name]);
      await writeFileAtomic(epochPath(epoch), jws);
      epochs.push(jws);
    },
  };
}

/** View hashes of a JWS whose signature `verifyEpochChain` has checked. */
function viewHashes(jws: string): RegistryEpoch["views"] {
  const payload = Buffer.from(jws.split(".")[1] ?? "", "base64url").toString("utf8");
  const views = z.record(z.enum(VIEW_NAMES), z.string());
  return z.object({ views }).parse(JSON.parse(payload)).views;
}

async function read(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw damaged(`${path} cannot be read`, cause);
  }
}

function damaged(what: string, cause?: unknown): RegistryError {
  const message = `${what}; restore the registry's folder from a copy`;
  return new RegistryError("REGISTRY_DAMAGED", message, cause);
}

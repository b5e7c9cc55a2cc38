/**
 * The published epochs on disk (docs/protocol.md §9.1): `epochs/000000.jws`, each with its views (view-files.ts), written once and never
 * changed. Run by the registry. Whoever starts it with a file missing or changed gets REGISTRY_DAMAGED, not a shorter history.
 */
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  hashOf,
  readBranch,
  readHead,
  verifyEpochChain,
  VIEW_NAMES,
} from "@smarter-metering/protocol";
import type { RegistryEpoch, RegistryTransport, ViewName } from "@smarter-metering/protocol";
import { writeFileAtomic } from "@smarter-metering/runtime";
import { damaged, RegistryError } from "./error.ts";
import { numbered, ViewFiles } from "./view-files.ts";
import type { Views } from "./views.ts";

/** A view that was never issued, or what is no part of one, is REGISTRY_NO_SUCH_EPOCH. */
export interface Archive extends Pick<RegistryTransport, "head" | "parts"> {
  /** Every epoch's JWS, epoch 0 first. */
  epochs(): readonly string[];
  /** Resolves when views and epoch are durable, in this order: an epoch never points to nothing. */
  append(jws: string, views: Views): Promise<void>;
}

/** Opens and verifies the whole archive. Throws REGISTRY_DAMAGED. */
export async function openArchive(folder: string, rootKey: Uint8Array): Promise<Archive> {
  await mkdir(join(folder, "epochs"), { recursive: true, mode: 0o700 });
  await mkdir(join(folder, "views"), { recursive: true, mode: 0o700 });
  const epochs = await readEpochFiles(folder);
  const views = viewFiles(folder);
  if (epochs.length > 0) {
    const chain = await verifyEpochChain(epochs, rootKey).catch((cause: unknown) => {
      throw damaged("the epochs are not one chain signed by the root", cause);
    });
    const links = chain.links.map(({ epoch }) => epoch);
    for (const name of VIEW_NAMES) await checkView(views[name], name, links);
  }
  return {
    epochs: () => epochs,
    head: (name, epoch) => issuedHead(views[name], epoch, epochs.length),
    parts: (name, hashes) => views[name].parts(hashes),
    async append(jws, made) {
      const epoch = epochs.length;
      for (const name of VIEW_NAMES) await views[name].write(epoch, made[name]);
      await writeFileAtomic(epochPath(folder, epoch), jws);
      epochs.push(jws);
    },
  };
}

/**
 * A registry's folder as a transport, for who administers it: nothing is verified, and nothing written. Throws REGISTRY_DAMAGED for a file
 * that is missing.
 */
export function folderTransport(folder: string): RegistryTransport {
  const views = viewFiles(folder);
  const indexed = new Map<ViewName, Promise<void>>();
  const index = async (name: ViewName): Promise<void> => {
    const { length } = await readEpochFiles(folder);
    for (let epoch = 0; epoch < length; epoch++) await views[name].index(epoch);
  };
  return {
    epochs: () => readEpochFiles(folder),
    head: async (name, epoch) =>
      issuedHead(views[name], epoch, (await readEpochFiles(folder)).length),
    async parts(name, hashes) {
      // What was issued since is not in it: a command reads one epoch.
      const known = indexed.get(name) ?? index(name);
      indexed.set(name, known);
      await known;
      return views[name].parts(hashes);
    },
  };
}

const viewFiles = (folder: string): Readonly<Record<ViewName, ViewFiles>> => ({
  network: new ViewFiles(folder, "network"),
  mdms: new ViewFiles(folder, "mdms"),
  ucs: new ViewFiles(folder, "ucs"),
  public: new ViewFiles(folder, "public"),
});

const epochPath = (folder: string, epoch: number): string =>
  join(folder, "epochs", `${numbered(epoch)}.jws`);

async function readEpochFiles(folder: string): Promise<string[]> {
  const files = (await readdir(join(folder, "epochs"))).filter((file) => file.endsWith(".jws"));
  const epochs: string[] = [];
  for (let epoch = 0; epoch < files.length; epoch++) {
    const path = epochPath(folder, epoch);
    const jws = await readFile(path, "utf8").catch((cause: unknown) => {
      throw damaged(`${path} cannot be read`, cause);
    });
    epochs.push(jws);
  }
  return epochs;
}

function issuedHead(files: ViewFiles, epoch: number, epochs: number): Promise<string> {
  if (epoch < epochs) return files.head(epoch);
  throw new RegistryError("REGISTRY_NO_SUCH_EPOCH", `there is no epoch ${epoch}`);
}

/** Every head is the one that its epoch names, every part that is named is there, and nothing else is. */
async function checkView(
  files: ViewFiles,
  name: ViewName,
  epochs: readonly RegistryEpoch[],
): Promise<void> {
  const named = new Set<string>();
  for (const { epoch, views } of epochs) {
    const wrong = (what: string) => damaged(`${what} of view ${name} of epoch ${epoch}`);
    await files.index(epoch);
    const head = await files.head(epoch);
    if ((await hashOf(head)) !== views[name]) throw wrong("the head was changed: that");
    for (const branch of [...readHead(head).lists.values()].flat()) {
      if (named.has(branch)) continue;
      if (!files.has(branch)) throw wrong(`part ${branch} is missing or was changed: one`);
      named.add(branch);
      const [text = ""] = await files.parts([branch]);
      for (const leaf of readBranch(text)) {
        if (!files.has(leaf)) throw wrong(`part ${leaf} is missing or was changed: one`);
        named.add(leaf);
      }
    }
    if (files.size !== named.size) throw wrong("a part stands there that nothing names: one");
  }
}

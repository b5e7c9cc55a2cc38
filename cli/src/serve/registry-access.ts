/** How a role follows the registry: over HTTP or in the same process, with the newest epoch seen kept in a file. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  fetchView,
  followRegistry,
  fromHex,
  type EpochPin,
  type PinStore,
  type RegistryFeed,
  readViewHead,
  unverifiedEpoch,
  wholeView,
  type RegistryEpoch,
  type RegistryTransport,
  type ViewName,
  type ViewReader,
} from "@smarter-metering/protocol";
import { folderTransport } from "@smarter-metering/registry";
import { writeFileAtomic, type Fetch } from "@smarter-metering/runtime";
import { z } from "zod";
import type { Layout } from "../deployment/layout.ts";
import { CliError, isSystemError } from "../cli-error.ts";

const pinDocument = z.strictObject({
  epoch: z.number().int().nonnegative(),
  hash: z.string().regex(/^[0-9a-f]{64}$/),
});

/** The pin file; a damaged one stops the role, for without it an old registry could be shown as new. */
export function pinFile(path: string): PinStore {
  return {
    async load(): Promise<EpochPin | undefined> {
      try {
        return pinDocument.parse(JSON.parse(await readFile(path, "utf8")));
      } catch (cause) {
        if (isSystemError(cause, "ENOENT")) return undefined;
        const message = `${path} is damaged; restore it, or pin the registry anew after checking its newest epoch`;
        throw new CliError("REGISTRY_PIN_DAMAGED", message, undefined, cause);
      }
    },
    save: (pin) => writeFileAtomic(path, JSON.stringify(pin)),
  };
}

/** The registry over HTTP with a party's bearer token. */
export function httpRegistry(url: string, token: string, fetch: Fetch): RegistryTransport {
  const ask = async (path: string, asked?: unknown): Promise<Response> => {
    let response: Response;
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const body = asked !== undefined && { method: "POST", body: JSON.stringify(asked) };
    try {
      response = await fetch(new URL(path, url), { headers, ...body });
    } catch (cause) {
      const message = `no answer from the registry at ${url}; is it running?`;
      throw new CliError("REGISTRY_UNREACHABLE", message, undefined, cause);
    }
    if (response.ok) return response;
    const message = `the registry at ${url} answers ${response.status} to ${path}; check the token file`;
    throw new CliError("REGISTRY_REFUSED", message);
  };
  return {
    epochs: async () => z.array(z.string()).parse(await (await ask("/v1/epochs")).json()),
    head: async (name, epoch) => (await ask(`/v1/views/${name}/${epoch}`)).text(),
    parts: async (name, hashes) =>
      (await (await ask(`/v1/views/${name}/parts`, { hashes })).text()).split("\n"),
  };
}

export interface FeedOptions<View> {
  readonly transport: RegistryTransport;
  readonly rootKey: string;
  readonly pinPath: string;
  readonly reader: ViewReader<View>;
}

export function registryFeed<View>(options: FeedOptions<View>): Promise<RegistryFeed<View>> {
  const { transport, rootKey, pinPath, reader } = options;
  return followRegistry({
    rootKey: fromHex(rootKey, 32),
    reader,
    transport,
    pins: pinFile(pinPath),
  });
}

/** The epochs in a deployment's own registry folder, epoch 0 first. */
export async function readEpochs(layout: Layout): Promise<readonly string[]> {
  const folder = layout.folder("registry");
  return existsSync(join(folder, "epochs")) ? folderTransport(folder).epochs() : [];
}

/** The newest epoch's view in a deployment's own registry folder. Throws REGISTRY_EMPTY. */
export async function newestView<View>(
  layout: Layout,
  reader: ViewReader<View>,
): Promise<{ epoch: number; view: View }> {
  const newest = await newestEpoch(layout);
  const { view } = await fetchView(reader, folderTransport(layout.folder("registry")), newest);
  return { epoch: newest.epoch, view };
}

/** The same as far as its head says, for what needs no list: those that stand in parts are empty in it. Throws REGISTRY_EMPTY. */
export async function newestHead<View>(
  layout: Layout,
  reader: ViewReader<View>,
): Promise<{ epoch: number; view: View }> {
  const { epoch } = await newestEpoch(layout);
  const head = await folderTransport(layout.folder("registry")).head(reader.name, epoch);
  return { epoch, view: readViewHead(reader, head) };
}

async function newestEpoch(layout: Layout): Promise<RegistryEpoch> {
  const newest = (await readEpochs(layout)).at(-1);
  if (newest !== undefined) return unverifiedEpoch(newest);
  const message = "the registry has issued no epoch yet; the first start of serve does";
  throw new CliError("REGISTRY_EMPTY", message);
}

/** The view of an epoch in a deployment's own registry folder, as one text. */
export const readView = (layout: Layout, name: ViewName, epoch: number): Promise<string> =>
  wholeView(folderTransport(layout.folder("registry")), name, epoch);

/** How a role follows the registry: over HTTP or in the same process, with the newest epoch seen kept in a file. */
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  followRegistry,
  fromHex,
  type EpochPin,
  type PinStore,
  type RegistryFeed,
  type RegistryTransport,
  type ViewName,
} from "@smarter-metering/protocol";
import { writeFileAtomic } from "@smarter-metering/runtime";
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
export function httpRegistry(url: string, token: string): RegistryTransport {
  const get = async (path: string): Promise<Response> => {
    let response: Response;
    try {
      response = await fetch(new URL(path, url), { headers: { authorization: `Bearer ${token}` } });
    } catch (cause) {
      const message = `no answer from the registry at ${url}; is it running?`;
      throw new CliError("REGISTRY_UNREACHABLE", message, undefined, cause);
    }
    if (response.ok) return response;
    const message = `the registry at ${url} answers ${response.status} to ${path}; check the token file`;
    throw new CliError("REGISTRY_REFUSED", message);
  };
  return {
    epochs: async () => z.array(z.string()).parse(await (await get("/v1/epochs")).json()),
    view: async (name, epoch) => (await get(`/v1/views/${name}/${epoch}`)).text(),
  };
}

export interface FeedOptions<View> {
  readonly transport: RegistryTransport;
  readonly rootKey: string;
  readonly pinPath: string;
  readonly viewName: ViewName;
  readonly parse: (text: string) => View;
}

export function registryFeed<View>(options: FeedOptions<View>): Promise<RegistryFeed<View>> {
  const { transport, rootKey, pinPath, viewName, parse } = options;
  return followRegistry({
    rootKey: fromHex(rootKey, 32),
    viewName,
    parse,
    transport,
    pins: pinFile(pinPath),
  });
}

const epochFile = /^\d{6}\.jws$/;

/** The epochs in a deployment's own registry folder, epoch 0 first. */
export async function readEpochs(layout: Layout): Promise<string[]> {
  const folder = join(layout.folder("registry"), "epochs");
  if (!existsSync(folder)) return [];
  const names = (await readdir(folder)).filter((name) => epochFile.test(name)).toSorted();
  return Promise.all(names.map((name) => readFile(join(folder, name), "utf8")));
}

/** The newest epoch's view in a deployment's own registry folder. Throws REGISTRY_EMPTY. */
export async function newestView(
  layout: Layout,
  name: ViewName,
): Promise<{ epoch: number; text: string }> {
  const epoch = (await readEpochs(layout)).length - 1;
  if (epoch < 0) {
    const message = "the registry has issued no epoch yet; the first start of serve does";
    throw new CliError("REGISTRY_EMPTY", message);
  }
  return { epoch, text: await readView(layout, name, epoch) };
}

/** The view of an epoch in a deployment's own registry folder. */
export function readView(layout: Layout, name: ViewName, epoch: number): Promise<string> {
  const file = `${String(epoch).padStart(6, "0")}.${name}.json`;
  return readFile(join(layout.folder("registry"), "views", file), "utf8");
}

/** How a role follows the registry: over HTTP or in the same process, with the newest epoch seen kept in a file. */
import { readFile } from "node:fs/promises";
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

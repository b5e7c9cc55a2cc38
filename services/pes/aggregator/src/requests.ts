/**
 * Makes, stores and publishes the release requests of what is sealed (docs/protocol.md §7.2, §8.1).
 * A request is signed and stored before it is published, so that whatever crashes in between, the
 * same bytes are published again.
 */
import type { Engine } from "@smarter-metering/paillier";
import {
  encodeRequest,
  requestDigest,
  signRequest,
  type ReleaseRequest,
  type Signer,
} from "@smarter-metering/protocol";
import {
  busLimits,
  type Bus,
  type BusMessage,
  type SqlValue,
  type Store,
} from "@smarter-metering/runtime";
import { loadSealedWindows, makeBillRequest } from "./bill-window.ts";
import { loadSealedSets, makeLoadRequest } from "./load-set.ts";
import type { RegistryContext } from "./registry-context.ts";
import { loadPublishable, markRequested, type Publishable } from "./request-state.ts";

/** Requests read, made or published together; a LOAD request is about 1 kB for each member. */
const REQUESTS_MAX = 8;

export interface RequestPorts {
  readonly store: Store;
  readonly bus: Pick<Bus, "publish">;
  readonly engine: Engine;
  readonly signer: Signer;
}

/**
 * Requests everything that is sealed and due. Returns how many requests were published. Stops
 * early, without harm, when the bus is full or the registry does not know a cohort version yet: the
 * next call goes on.
 */
export async function requestSealed(
  ports: RequestPorts,
  registry: RegistryContext,
  nowSeconds: number,
): Promise<number> {
  while (await makeLoadRequests(ports, registry));
  while (await makeBillRequests(ports, registry));
  let published = 0;
  for (;;) {
    const due = await loadPublishable(ports.store, nowSeconds, REQUESTS_MAX);
    if (due.length === 0) return published;
    if (!(await publish(ports, due))) return published;
    published += due.length;
  }
}

/** True while there may be more. */
async function makeLoadRequests(
  { store, engine, signer }: RequestPorts,
  registry: RegistryContext,
): Promise<boolean> {
  const sets = await loadSealedSets(store, REQUESTS_MAX);
  let made = 0;
  for (const set of sets) {
    const request = await makeLoadRequest(store, set, registry, engine);
    if (request === undefined) continue;
    await store.query(
      `update load_set set ${signedColumns}
        where cohort = $5 and version = $6 and stream = $7 and block = $8 and request is null`,
      [...(await signedValues(request, signer)), set.cohort, set.version, set.stream, set.block],
    );
    made += 1;
  }
  return made === REQUESTS_MAX;
}

/** True while there may be more. */
async function makeBillRequests(
  { store, engine, signer }: RequestPorts,
  registry: RegistryContext,
): Promise<boolean> {
  const windows = await loadSealedWindows(store, REQUESTS_MAX);
  for (const window of windows) {
    const request = await makeBillRequest(window, registry, engine);
    await store.query(
      `update bill_window set ${signedColumns}
        where service_point = $5 and from_grid = $6 and request is null`,
      [...(await signedValues(request, signer)), window.servicePoint, window.fromGrid],
    );
  }
  return windows.length === REQUESTS_MAX;
}

const signedColumns = "digest = $1, request = $2, state = $3, codes = $4";

/** A request that no bus message can carry will never be asked: that is said, not retried. */
async function signedValues(request: ReleaseRequest, signer: Signer): Promise<SqlValue[]> {
  const encoded = encodeRequest(await signRequest(request, signer));
  const fits = encoded.length <= busLimits.bodyBytes;
  return [
    await requestDigest(request),
    fits ? encoded : null,
    fits ? "SEALED" : "SUPPRESSED",
    fits ? "" : "REQUEST_TOO_LARGE",
  ];
}

/**
 * False when the bus is full. Published again under the same id, a request is a duplicate there.
 */
async function publish(
  { store, bus }: RequestPorts,
  due: readonly Publishable[],
): Promise<boolean> {
  const messages = due.map(({ digest, attempt, subject, request }): BusMessage => ({
    id: `${Buffer.from(digest).toString("hex")}/${attempt}`,
    subject,
    body: request,
  }));
  if ("full" in (await bus.publish("release-requests", messages))) return false;
  for (const one of due) await markRequested(store, one);
  return true;
}

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
import { busLimits, type Bus, type BusMessage, type Store } from "@smarter-metering/runtime";
import { loadSealedWindows, makeBillRequests } from "./bill-window.ts";
import { loadSealedSets, makeLoadRequest } from "./load-set.ts";
import type { RegistryContext } from "./registry-context.ts";
import { WITHHELD } from "./withhold.ts";
import {
  loadPublishable,
  markRequested,
  type Publishable,
  type SetState,
} from "./request-state.ts";

/** LOAD requests read, made or published together; each is about 1 kB for each member, 1 MiB at most. */
const LOAD_REQUESTS_MAX = 8;
/** BILL requests likewise; each is two registers and their difference, 3 kB. */
const BILL_REQUESTS_MAX = 256;

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
  while (await requestSets(ports, registry));
  while (await requestWindows(ports, registry));
  let published = 0;
  for (;;) {
    const due = await loadPublishable(ports.store, nowSeconds, {
      load_set: LOAD_REQUESTS_MAX,
      bill_window: BILL_REQUESTS_MAX,
    });
    if (due.length === 0) return published;
    if (!(await publish(ports, due))) return published;
    published += due.length;
  }
}

/** True while there may be more. */
async function requestSets(
  { store, engine, signer }: RequestPorts,
  registry: RegistryContext,
): Promise<boolean> {
  const sets = await loadSealedSets(store, LOAD_REQUESTS_MAX);
  let made = 0;
  for (const set of sets) {
    const request = await makeLoadRequest(store, set, registry, engine);
    if (request === undefined) continue;
    const { digest, encoded, state, codes } =
      request === WITHHELD ? LEFT_OUT : await signed(request, signer);
    await store.query(
      `update load_set set digest = $1, request = $2, state = $3, codes = $4
        where cohort = $5 and version = $6 and stream = $7 and block = $8 and request is null`,
      [digest, encoded, state, codes, set.cohort, set.version, set.stream, set.block],
    );
    made += 1;
  }
  return made === LOAD_REQUESTS_MAX;
}

/** True while there may be more. */
async function requestWindows(
  { store, engine, signer }: RequestPorts,
  registry: RegistryContext,
): Promise<boolean> {
  const windows = await loadSealedWindows(store, BILL_REQUESTS_MAX);
  if (windows.length === 0) return false;
  const requests = await makeBillRequests(windows, registry, engine);
  const made = await Promise.all(requests.map((request) => signed(request, signer)));
  await store.query(
    `update bill_window w set digest = r.digest, request = r.request, state = r.state,
       codes = r.codes
      from unnest($1::text[], $2::int8[], $3::bytea[], $4::bytea[], $5::text[], $6::text[])
       as r(service_point, from_grid, digest, request, state, codes)
      where w.service_point = r.service_point and w.from_grid = r.from_grid and w.request is null`,
    [
      windows.map(({ servicePoint }) => servicePoint),
      windows.map(({ fromGrid }) => fromGrid),
      made.map(({ digest }) => digest),
      made.map(({ encoded }) => encoded),
      made.map(({ state }) => state),
      made.map(({ codes }) => codes),
    ],
  );
  return windows.length === BILL_REQUESTS_MAX;
}

/** What is stored of a request. */
interface Signed {
  readonly digest: Uint8Array | null;
  readonly encoded: Uint8Array | null;
  readonly state: SetState;
  readonly codes: string;
}

const LEFT_OUT: Signed = { digest: null, encoded: null, state: "SUPPRESSED", codes: WITHHELD };

/** A request that no bus message can carry will never be asked: that is said, not retried. */
async function signed(request: ReleaseRequest, signer: Signer): Promise<Signed> {
  const encoded = encodeRequest(await signRequest(request, signer));
  const digest = await requestDigest(request);
  return encoded.length <= busLimits.bodyBytes
    ? { digest, encoded, state: "SEALED", codes: "" }
    : { digest, encoded: null, state: "SUPPRESSED", codes: "REQUEST_TOO_LARGE" };
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
  await markRequested(store, due);
  return true;
}

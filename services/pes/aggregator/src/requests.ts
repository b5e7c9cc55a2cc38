/**
 * Makes, stores and publishes the release requests of what is sealed (docs/protocol.md §7.2, §8.1).
 * A request is signed and stored together with its entry for the log, and is published when that
 * stands under the quorum, so that whatever crashes in between, the same request is asked.
 */
import type { NewEntry } from "@smarter-metering/log";
import type { Engine } from "@smarter-metering/paillier";
import {
  encodeAskedRequest,
  encodeRequest,
  encodeSignedTerms,
  signedTermsOf,
  signRequest,
  termsDigest,
  type ReleaseRequest,
  type Signer,
} from "@smarter-metering/protocol";
import { busLimits, type Bus, type BusMessage, type Store } from "@smarter-metering/runtime";
import { stepSecondsOf } from "@smarter-metering/tariff";
import { loadSealedWindows, makeBillRequests } from "./bill-request.ts";
import { queueEntries, TERMS_BYTES_MAX } from "./entry-queue.ts";
import { loadSealedSets, readSealedSet } from "./load-set.ts";
import type { StandingHead } from "./public-log.ts";
import type { RegistryContext } from "./registry-context.ts";
import { sealEntry } from "./seal.ts";
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
/** Where some of them may have a cost that is made of steps, 600 kB each. */
const STEPS_REQUESTS_MAX = 16;
/** A note with the operator's signature and those of 32 trustees, 200 bytes each. */
const HEAD_BYTES_MAX = 8192;

export interface RequestPorts {
  /** The leader's. */
  readonly store: Store;
  readonly bus: Pick<Bus, "publish">;
  readonly engine: Engine;
  readonly signer: Signer;
}

/**
 * Makes the requests of all that is sealed and due, for the log; leaves alone what the registry at
 * hand does not know yet.
 */
export async function makeRequests(
  ports: RequestPorts,
  registry: RegistryContext,
  nowSeconds: number,
): Promise<void> {
  while (await requestSets(ports, registry, nowSeconds));
  while (await requestWindows(ports, registry));
}

/**
 * Publishes the requests that stand under `head`. Returns how many; stops early, without harm, when
 * the bus is full.
 */
export async function publishRequests(
  { store, bus }: RequestPorts,
  head: StandingHead,
): Promise<number> {
  let published = 0;
  for (;;) {
    const due = await loadPublishable(store, head.size, {
      load_set: LOAD_REQUESTS_MAX,
      bill_window: BILL_REQUESTS_MAX,
    });
    if (due.length === 0) return published;
    const messages = due.map((one) => messageOf(one, head));
    if ("full" in (await bus.publish("release-requests", messages))) return published;
    await store.transaction((sql) => markRequested(sql, due));
    published += due.length;
  }
}

/** Published again, perhaps under a later head, it is a duplicate by its id. */
const messageOf = ({ digest, subject, request }: Publishable, head: StandingHead): BusMessage => ({
  id: Buffer.from(digest).toString("hex"),
  subject,
  body: encodeAskedRequest(head.note, request),
});

/** True while there may be more. */
async function requestSets(
  { store, engine, signer }: RequestPorts,
  registry: RegistryContext,
  nowSeconds: number,
): Promise<boolean> {
  const sets = await loadSealedSets(store, registry, nowSeconds, LOAD_REQUESTS_MAX);
  let made = 0;
  for (const set of sets) {
    const read = await readSealedSet(store, set, registry, engine);
    if (read === undefined) continue;
    const { contributions, terms } = read;
    const seal = await sealEntry(set, contributions);
    const { digest, encoded, state, codes, entries } =
      terms === WITHHELD ? LEFT_OUT : await signed({ terms, contributions }, signer);
    await store.transaction(async (sql) => {
      await sql.query(
        `update load_set set digest = $1, request = $2, state = $3, codes = $4
          where cohort = $5 and version = $6 and stream = $7 and block = $8`,
        [digest, encoded, state, codes, set.cohort, set.version, set.stream, set.block],
      );
      await queueEntries(sql, [seal, ...entries]);
    });
    made += 1;
  }
  return made === LOAD_REQUESTS_MAX;
}

/** True while there may be more. */
async function requestWindows(
  { store, engine, signer }: RequestPorts,
  registry: RegistryContext,
): Promise<boolean> {
  const hasSteps = [...registry.calendars.values()].some(stepSecondsOf);
  const limit = hasSteps ? STEPS_REQUESTS_MAX : BILL_REQUESTS_MAX;
  const windows = await loadSealedWindows(store, registry, limit);
  if (windows.length === 0) return false;
  const requests = await makeBillRequests(windows, registry, engine);
  const made = await Promise.all(requests.map((request) => signed(request, signer)));
  await store.transaction(async (sql) => {
    await sql.query(
      `update bill_window w set digest = r.digest, request = r.request, state = r.state,
         codes = r.codes, cost = r.cost
        from unnest($1::text[], $2::int8[], $3::bytea[], $4::bytea[], $5::text[], $6::text[],
          $7::text[]) as r(service_point, from_grid, digest, request, state, codes, cost)
        where w.service_point = r.service_point and w.from_grid = r.from_grid`,
      [
        windows.map(({ servicePoint }) => servicePoint),
        windows.map(({ fromGrid }) => fromGrid),
        made.map(({ digest }) => digest),
        made.map(({ encoded }) => encoded),
        made.map(({ state }) => state),
        made.map(({ codes }) => codes),
        windows.map(({ cost }) => cost),
      ],
    );
    await queueEntries(
      sql,
      made.flatMap(({ entries }) => entries),
    );
  });
  return windows.length === limit;
}

/** What is stored of a request, and what the log will have of it. */
interface Signed {
  readonly digest: Uint8Array | null;
  readonly encoded: Uint8Array | null;
  readonly state: SetState;
  readonly codes: string;
  readonly entries: readonly NewEntry[];
}

const LEFT_OUT: Signed = {
  digest: null,
  encoded: null,
  state: "SUPPRESSED",
  codes: WITHHELD,
  entries: [],
};

/** A request that no message of bus or log can carry will never be asked: that is said, not retried. */
async function signed(request: ReleaseRequest, signer: Signer): Promise<Signed> {
  const signedRequest = await signRequest(request, signer);
  const encoded = encodeRequest(signedRequest);
  const terms = await signedTermsOf(signedRequest);
  const digest = await termsDigest(terms);
  const body = encodeSignedTerms(terms);
  const fits =
    encoded.length + HEAD_BYTES_MAX <= busLimits.bodyBytes && body.length <= TERMS_BYTES_MAX;
  return fits
    ? { digest, encoded, state: "SEALED", codes: "", entries: [{ kind: "release-request", body }] }
    : { digest, encoded: null, state: "SUPPRESSED", codes: "REQUEST_TOO_LARGE", entries: [] };
}

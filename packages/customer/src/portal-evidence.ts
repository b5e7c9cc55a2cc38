/**
 * The registry, and what the aggregator shows of this household, through the portal (docs/protocol.md §7.4, §9.1, §10.3): read as it is
 * given. Nothing here is believed: `checkPortalRegistry`, `verifyBill` and `whoSawWhat` say what of it holds.
 */
import { fromHex } from "@smarter-metering/protocol";
import type { ShownContribution } from "./check-contributions.ts";
import {
  bytesOf,
  decoded,
  integerOf,
  listOf,
  malformed,
  textOf,
  type JsonObject,
} from "./portal-answer.ts";
import type { PortalConnection } from "./portal-connection.ts";

/** Of 1000 contributions or 64 requests: ten years are 40. */
const PAGES_MAX = 200;

export interface ShownRegistry {
  /** Ed25519, raw: the one that the portal was installed with. */
  readonly rootKey: Uint8Array;
  /** Every epoch's JWS, epoch 0 first. */
  readonly epochs: readonly string[];
  /** The newest epoch's public view, text. */
  readonly view: string;
}

export type ShownState = "OPEN" | "SEALED" | "REQUESTED" | "RELEASED" | "SUPPRESSED";
const STATES: readonly ShownState[] = ["OPEN", "SEALED", "REQUESTED", "RELEASED", "SUPPRESSED"];

/** A set or window that this household's contributions are in, in the aggregator's words but for `terms`. */
export interface ShownRequest {
  readonly stream: "LOAD" | "LOAD_EXPORT" | "BILL";
  /** The block, or the window on the grid; epoch seconds. */
  readonly from: number;
  readonly to: number;
  readonly state: ShownState;
  readonly codes: readonly string[];
  /** As signed and logged; undefined while nothing was asked for. */
  readonly terms: Uint8Array | undefined;
  readonly receipt: string | undefined;
  /** Of LOAD: where this household's contributions stand among those of the request. */
  readonly own: readonly { readonly index: number; readonly path: readonly Uint8Array[] }[];
}

export interface ShownEvidence {
  readonly contributions: readonly ShownContribution[];
  readonly requests: readonly ShownRequest[];
}

interface Span {
  readonly from: number;
  readonly to: number;
}

export async function readRegistry(connection: PortalConnection): Promise<ShownRegistry> {
  const answer = await connection.call("GET", "/v1/registry");
  return {
    rootKey: hexOf(textOf(answer, "rootKey"), 32),
    epochs: textsOf(answer, "epochs"),
    view: textOf(answer, "view"),
  };
}

export async function readEvidence(
  connection: PortalConnection,
  { from, to }: Span,
): Promise<ShownEvidence> {
  const read = (kind: "contributions" | "requests"): Promise<JsonObject[]> =>
    readPages(connection, `/v1/evidence/${kind}?from=${from}&to=${to}`, kind);
  // Requests first: what they are made of is there by then, also while new ones come.
  const requests = (await read("requests")).map(requestOf);
  const contributions = (await read("contributions")).map((entry) => ({
    contribution: bytesOf(entry, "encoded"),
    ...(entry.receipt !== null && { receipt: textOf(entry, "receipt") }),
  }));
  return { contributions, requests };
}

/** The pages of a list that grows at its end; an empty one is the last. */
async function readPages(
  connection: PortalConnection,
  path: string,
  key: string,
): Promise<JsonObject[]> {
  const all: JsonObject[] = [];
  for (let page = 0; page < PAGES_MAX; page++) {
    const found = listOf(await connection.call("GET", `${path}&offset=${all.length}`), key);
    if (found.length === 0) return all;
    all.push(...found);
  }
  throw malformed(`more than ${PAGES_MAX} pages of ${key}`);
}

function requestOf(entry: JsonObject): ShownRequest {
  const [stream, state] = [textOf(entry, "stream"), textOf(entry, "state")];
  if (stream !== "LOAD" && stream !== "LOAD_EXPORT" && stream !== "BILL") {
    throw malformed("a request of no stream");
  }
  const known = STATES.find((one) => one === state);
  if (known === undefined) throw malformed("a request in no state");
  return {
    stream,
    from: integerOf(entry, "from"),
    to: integerOf(entry, "to"),
    state: known,
    codes: textsOf(entry, "codes"),
    terms: entry.terms === null ? undefined : decoded(textOf(entry, "terms")),
    receipt: entry.receipt === null ? undefined : textOf(entry, "receipt"),
    own: listOf(entry, "own").map((place) => ({
      index: integerOf(place, "index"),
      path: textsOf(place, "path").map((hash) => hexOf(hash, 32)),
    })),
  };
}

function textsOf(answer: JsonObject, key: string): string[] {
  const value = answer[key];
  if (!Array.isArray(value)) throw malformed(`no list ${key}`);
  return value.map((entry: unknown) => {
    if (typeof entry !== "string") throw malformed(`${key} is not a list of texts`);
    return entry;
  });
}

function hexOf(text: string, length: number): Uint8Array {
  try {
    return fromHex(text, length);
  } catch (cause) {
    throw malformed("not hex", cause);
  }
}

/**
 * Another party's HTTP API, asked with the MDMS's own token. Network and token are handed in; what comes back is believed no further than
 * its shape. A refusal of the peer is an answer; a peer that does not answer is not.
 */
import { MdmsError } from "../error.ts";

/** A question to another party, and its answer, are a page of JSON: not more. */
const ANSWER_BYTES_MAX = 4 * 1024 * 1024;
const ANSWER_WITHIN_MS = 10_000;

export interface PeerOptions {
  readonly url: string;
  readonly token: string;
  readonly fetch: (url: URL, init: RequestInit) => Promise<Response>;
}

/** What a peer refuses with, to be passed on to whoever asked. */
export interface PeerRefusal {
  readonly status: number;
  readonly code: string;
  readonly title: string;
}
export type PeerAnswer =
  | { readonly ok: true; readonly body: unknown }
  | { readonly ok: false; readonly refusal: PeerRefusal };

/** GET, or POST where there is a body. Throws MDMS_PEER_UNREACHABLE: no answer, not JSON, or our token is refused. */
export type Peer = (path: string, body?: unknown) => Promise<PeerAnswer>;

/** `name` is the peer's in words, such as "registry". */
export function peerAt(name: string, { url, token, fetch }: PeerOptions): Peer {
  const unreachable = (what: string, cause?: unknown): MdmsError => {
    const message = `the ${name} ${what}; is it running, and does it know this token?`;
    return new MdmsError("MDMS_PEER_UNREACHABLE", message, { cause });
  };
  return async (path, body) => {
    const headers: Record<string, string> = { authorization: `Bearer ${token}` };
    if (body !== undefined) headers["content-type"] = "application/json";
    const init = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
    let response: Response;
    let text: string;
    try {
      const signal = AbortSignal.timeout(ANSWER_WITHIN_MS);
      response = await fetch(new URL(path, url), { ...init, headers, signal });
      text = await response.text();
    } catch (cause) {
      throw unreachable("does not answer", cause);
    }
    if (response.status === 401 || response.status >= 500 || text.length > ANSWER_BYTES_MAX) {
      throw unreachable(`answers ${response.status}`);
    }
    const answer = parsed(text);
    if (answer === undefined) throw unreachable("does not answer in JSON");
    if (response.ok) return { ok: true, body: answer };
    const { code, title } = Object(answer) as Readonly<Record<string, unknown>>;
    const refusal = {
      status: response.status,
      code: typeof code === "string" ? code : "PEER_REFUSED",
      title: typeof title === "string" ? title : `the ${name} refuses this`,
    };
    return { ok: false, refusal };
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/**
 * The application's own server, asked for JSON: same origin, cookies of the session, CSRF header and Idempotency-Key on writes,
 * problem+json as ProblemError. Reads are revalidated by ETag through the browser's cache (`no-cache`), nothing is kept here.
 */
import { ProblemError, problemOf } from "./problem.ts";

export interface ReadOptions {
  readonly signal?: AbortSignal;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
}

export interface WriteOptions {
  readonly signal?: AbortSignal;
  /** The same key for the same wish, when it is tried again; a fresh one unless told. */
  readonly idempotencyKey?: string;
  /** For If-Match. */
  readonly etag?: string;
}

export interface Api {
  get<T>(path: string, options?: ReadOptions): Promise<T>;
  post<T>(path: string, body?: unknown, options?: WriteOptions): Promise<T>;
  put<T>(path: string, body?: unknown, options?: WriteOptions): Promise<T>;
  delete<T>(path: string, options?: WriteOptions): Promise<T>;
  csv(path: string, options?: ReadOptions): Promise<Blob>;
  /** Server-sent events by name, JSON decoded; the browser reconnects. Gives the function that stops. */
  events(path: string, handlers: EventHandlers): () => void;
}

export interface EventHandlers {
  readonly on: Readonly<Record<string, (data: unknown) => void>>;
  /** false: the line is cut and is being set up again. */
  readonly onConnected?: (isConnected: boolean) => void;
}

export interface ApiOptions {
  /** "" unless told: the page's own origin. */
  readonly origin?: string;
  /** The session's token for the header x-csrf-token. */
  readonly csrf: () => string | undefined;
  /** Told of every 401 before the error is thrown. */
  readonly onUnauthenticated: () => void;
  /** For tests. */
  readonly fetch?: typeof fetch;
}

/** @throws {ProblemError} from every call that was not answered with success; an abort passes as DOMException AbortError. */
export function createApi(options: ApiOptions): Api {
  const { origin = "", csrf, onUnauthenticated } = options;
  const fetchIt = options.fetch ?? fetch.bind(globalThis);

  async function send(path: string, init: RequestInit): Promise<Response> {
    let response: Response;
    try {
      response = await fetchIt(origin + path, { credentials: "same-origin", ...init });
    } catch (error) {
      if (init.signal?.aborted === true) throw error;
      const title = "the server cannot be reached";
      throw new ProblemError({ status: 0, code: "UNREACHABLE", title }, { cause: error });
    }
    if (response.ok) return response;
    if (response.status === 401) onUnauthenticated();
    throw problemOf(response.status, await response.json().catch(() => undefined));
  }

  const read = (path: string, accept: string, { signal, query }: ReadOptions): Promise<Response> =>
    send(path + queryText(query), {
      headers: { accept },
      cache: "no-cache",
      ...(signal === undefined ? {} : { signal }),
    });

  async function write<T>(
    method: string,
    path: string,
    body: unknown,
    { signal, etag, idempotencyKey = crypto.randomUUID() }: WriteOptions = {},
  ): Promise<T> {
    const token = csrf();
    const headers: Record<string, string> = { "idempotency-key": idempotencyKey };
    if (body !== undefined) headers["content-type"] = "application/json";
    if (token !== undefined) headers["x-csrf-token"] = token;
    if (etag !== undefined) headers["if-match"] = etag;
    const response = await send(path, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    });
    return bodyOf<T>(response);
  }

  return {
    get: async <T>(path: string, options: ReadOptions = {}) =>
      bodyOf<T>(await read(path, "application/json", options)),
    post: (path, body, options) => write("POST", path, body, options),
    put: (path, body, options) => write("PUT", path, body, options),
    delete: (path, options) => write("DELETE", path, undefined, options),
    csv: async (path, options = {}) => (await read(path, "text/csv", options)).blob(),
    events: (path, handlers) => listenTo(origin + path, handlers),
  };
}

function queryText(query: ReadOptions["query"]): string {
  const pairs = Object.entries(query ?? {}).flatMap(([name, value]) =>
    value === undefined || value === "" ? [] : [[name, String(value)]],
  );
  return pairs.length === 0 ? "" : `?${new URLSearchParams(pairs).toString()}`;
}

/** The server's word for T: the applications' answers are typed from its OpenAPI, not checked again here. */
async function bodyOf<T>(response: Response): Promise<T> {
  const text = await response.text();
  try {
    return (text === "" ? undefined : JSON.parse(text)) as T;
  } catch (error) {
    const title = "the answer is not JSON";
    throw new ProblemError(
      { status: response.status, code: "UNREADABLE", title },
      { cause: error },
    );
  }
}

function listenTo(url: string, { on, onConnected }: EventHandlers): () => void {
  const source = new EventSource(url);
  source.addEventListener("open", () => onConnected?.(true));
  source.addEventListener("error", () => onConnected?.(false));
  for (const [name, handle] of Object.entries(on)) {
    source.addEventListener(name, (event: MessageEvent<string>) => handle(parsed(event.data)));
  }
  return () => source.close();
}

/** An event that is not JSON is handed on as its text. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

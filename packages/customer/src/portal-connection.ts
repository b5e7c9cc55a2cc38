/** How the client speaks with the portal (docs/protocol.md §10.3): one origin, JSON both ways, the session's token if it has one. */
import { CustomerError } from "./error.ts";
import { readAnswer, textOf, type JsonObject } from "./portal-answer.ts";

export interface ConnectionOptions {
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  /** As `https://portal.example.org`, without a path. */
  readonly origin: string;
  /** `cookie` in a browser, where scripts never see the token; `bearer` elsewhere. */
  readonly session: "bearer" | "cookie";
}

export class PortalConnection {
  readonly #options: ConnectionOptions;
  #token: string | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  /** Throws CUSTOMER_PORTAL_UNREACHABLE. */
  async send(path: string, init: RequestInit = {}): Promise<Response> {
    const { fetch, origin, session } = this.#options;
    const headers = new Headers(init.headers);
    if (this.#token !== undefined) headers.set("authorization", `Bearer ${this.#token}`);
    try {
      return await fetch(`${origin}${path}`, {
        ...init,
        headers,
        credentials: session === "cookie" ? "same-origin" : "omit",
        redirect: "error",
        cache: "no-store",
      });
    } catch (cause) {
      const message = "the portal cannot be reached; try again later";
      throw new CustomerError("CUSTOMER_PORTAL_UNREACHABLE", message, { cause });
    }
  }

  /** Throws what `readAnswer` throws, besides. */
  async call(method: string, path: string, body?: unknown): Promise<JsonObject> {
    const json = { body: JSON.stringify(body), headers: { "content-type": "application/json" } };
    return readAnswer(await this.send(path, body === undefined ? { method } : { method, ...json }));
  }

  /** Posts what proves an account. A 401 is CUSTOMER_UNLOCK_FAILED: to the customer the same as a vault that stays closed. */
  async prove(path: string, proof: unknown): Promise<JsonObject> {
    try {
      return await this.call("POST", path, proof);
    } catch (error) {
      if (!(error instanceof CustomerError) || error.problem?.status !== 401) throw error;
      throw new CustomerError("CUSTOMER_UNLOCK_FAILED", "the vault does not open with this");
    }
  }

  /** Goes on under the session that `answer` opened. */
  enter(answer: JsonObject): void {
    if (this.#options.session === "bearer") this.#token = textOf(answer, "token");
  }

  leave(): void {
    this.#token = undefined;
  }
}

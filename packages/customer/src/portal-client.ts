/**
 * The customer's side of the portal's API (docs/protocol.md §10): typed calls over a `fetch` that is handed in. What the portal says is
 * never believed for a key: keys come out of the vault and out of the enrolment's proofs.
 */
import { fromHex, toBase64Url, toHex } from "@smarter-metering/protocol";
import { finishEnrolment, prepareEnrolment, type PinnedMeter } from "./enrolment.ts";
import { CustomerError } from "./error.ts";
import { eventData } from "./event-stream.ts";
import { derivePasswordKeys, type PasswordKeys, type PasswordParameters } from "./passwords.ts";
import {
  asObject,
  bytesListOf,
  bytesOf,
  decoded,
  integerOf,
  malformed,
  readAnswer,
  textOf,
  type JsonObject,
} from "./portal-answer.ts";
import {
  unlockVault,
  type OpenVault,
  type PasswordRegistration,
  type Registration,
  type VaultItems,
} from "./vault.ts";
import { ITEM_TYPES } from "./wrapped-item.ts";

/** A year of daily frames fits many times. */
const PAGES_MAX = 10_000;

export interface PortalOptions {
  readonly fetch: typeof globalThis.fetch;
  /** As `https://portal.example.org`, without a path. */
  readonly origin: string;
  /** `cookie` in a browser, where scripts never see the token; `bearer` elsewhere. */
  readonly session: "bearer" | "cookie";
}

export interface Login {
  readonly vault: OpenVault;
  /** To change the password without asking for the old one twice. */
  readonly keys: PasswordKeys;
  readonly items: VaultItems;
  /** Network pseudonym, hex; null before enrolment. */
  readonly servicePoint: string | null;
}

export interface PortalClient {
  signUp(registration: Registration): Promise<{ readonly account: string }>;
  parameters(login: string): Promise<PasswordParameters>;
  /** Throws CUSTOMER_UNLOCK_FAILED for a wrong password, whoever noticed it. */
  login(login: string, password: string): Promise<Login>;
  changeVault(changed: PasswordRegistration): Promise<void>;
  /**
   * Enrols with the parsed code of the letter. `wait` is awaited between questions, of which there are `attempts` at most; then
   * CUSTOMER_ENROLMENT_PENDING. Throws CUSTOMER_ENROLMENT_FAILED.
   */
  enrol(options: {
    readonly code: Uint8Array;
    readonly networkPseudonym: Uint8Array;
    readonly vault: OpenVault;
    readonly attempts: number;
    readonly wait: () => Promise<void>;
  }): Promise<PinnedMeter>;
  envelopes(): Promise<Uint8Array[]>;
  /** Sealed frames of [fromSeconds, toSeconds), a page at a time. */
  frames(fromSeconds: number, toSeconds: number): AsyncGenerator<Uint8Array[]>;
  /** Sealed frames as they arrive, until the portal closes or `signal` aborts. */
  live(signal?: AbortSignal): AsyncGenerator<Uint8Array>;
  logout(): Promise<void>;
}

export function createPortalClient(options: PortalOptions): PortalClient {
  let token: string | undefined;

  async function send(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    if (token !== undefined) headers.set("authorization", `Bearer ${token}`);
    try {
      return await options.fetch(`${options.origin}${path}`, {
        ...init,
        headers,
        credentials: options.session === "cookie" ? "same-origin" : "omit",
        redirect: "error",
        cache: "no-store",
      });
    } catch (cause) {
      const message = "the portal cannot be reached; try again later";
      throw new CustomerError("CUSTOMER_PORTAL_UNREACHABLE", message, { cause });
    }
  }

  async function call(method: string, path: string, body?: unknown): Promise<JsonObject> {
    const json = { body: JSON.stringify(body), headers: { "content-type": "application/json" } };
    return readAnswer(await send(path, body === undefined ? { method } : { method, ...json }));
  }

  async function parameters(login: string): Promise<PasswordParameters> {
    const answer = await call("GET", `/v1/logins/${encodeURIComponent(login)}`);
    return { salt: bytesOf(answer, "salt"), iterations: integerOf(answer, "iterations") };
  }

  async function enrolmentAnswer(path: string): Promise<Uint8Array | undefined> {
    const answer = await call("GET", path);
    const state = textOf(answer, "state");
    if (state === "accepted") return bytesOf(answer, "answer");
    if (state === "pending") return undefined;
    throw new CustomerError("CUSTOMER_ENROLMENT_FAILED", "enrolment failed: the meter refused");
  }

  return {
    parameters,

    async signUp(registration) {
      return { account: textOf(await call("POST", "/v1/accounts", { registration }), "account") };
    },

    async login(login, password) {
      const keys = await derivePasswordKeys(password, await parameters(login));
      const authenticationKey = toBase64Url(keys.authenticationKey);
      const answer = await call("POST", "/v1/sessions", { login, authenticationKey }).catch(
        (error: unknown) => {
          throw unauthorized(error) ?? error;
        },
      );
      const items = itemsOf(answer);
      const vault = await unlockVault(login, keys, items);
      if (options.session === "bearer") token = textOf(answer, "token");
      return { vault, keys, items, servicePoint: servicePointOf(answer) };
    },

    async changeVault(changed) {
      await call("PUT", "/v1/vault", changed);
    },

    async enrol({ code, networkPseudonym, vault, attempts, wait }) {
      const pseudonym = toHex(networkPseudonym);
      const offered = await call("GET", `/v1/enrolment-offers/${pseudonym}`);
      const { context, request } = await prepareEnrolment(code, networkPseudonym, vault, {
        offer: bytesOf(offered, "offer"),
        meterKey: keyOf(offered),
      });
      await call("POST", "/v1/enrolments", { request: toBase64Url(request) });
      for (let attempt = 0; attempt < attempts; attempt++) {
        const answer = await enrolmentAnswer(`/v1/enrolments/${pseudonym}`);
        if (answer !== undefined) return finishEnrolment(code, context, answer);
        await wait();
      }
      const message = "the meter has not answered yet; ask again later";
      throw new CustomerError("CUSTOMER_ENROLMENT_PENDING", message);
    },

    async envelopes() {
      return bytesListOf(await call("GET", "/v1/envelopes"), "envelopes");
    },

    async *frames(fromSeconds, toSeconds) {
      const range = `from=${fromSeconds}&to=${toSeconds}`;
      let path = `/v1/frames?${range}`;
      for (let page = 0; page < PAGES_MAX; page++) {
        const answer = await call("GET", path);
        yield bytesListOf(answer, "frames");
        if (answer.next === undefined) return;
        path = `/v1/frames?${range}&cursor=${encodeURIComponent(textOf(answer, "next"))}`;
      }
      throw malformed(`more than ${PAGES_MAX} pages`);
    },

    async *live(signal) {
      const accept = { accept: "text/event-stream" };
      const response = await send("/v1/live", { headers: accept, signal: signal ?? null });
      if (!response.ok || response.body === null) {
        await readAnswer(response);
        throw malformed("no stream");
      }
      for await (const data of eventData(response.body)) yield decoded(data);
    },

    async logout() {
      await call("DELETE", "/v1/sessions");
      token = undefined;
    },
  };
}

/** The portal's 401 and a vault that stays closed are one thing to the customer: the password is wrong. */
function unauthorized(error: unknown): CustomerError | undefined {
  const refused = error instanceof CustomerError && error.problem?.status === 401;
  const message = "the vault does not open with this";
  return refused ? new CustomerError("CUSTOMER_UNLOCK_FAILED", message) : undefined;
}

function servicePointOf(answer: JsonObject): string | null {
  return answer.servicePoint === null ? null : textOf(answer, "servicePoint");
}

function itemsOf(answer: JsonObject): VaultItems {
  const items = asObject(answer.items);
  const read = ITEM_TYPES.map((type) => {
    const item = asObject(items[type]);
    return [
      type,
      {
        version: integerOf(item, "version"),
        nonce: textOf(item, "nonce"),
        ciphertext: textOf(item, "ciphertext"),
      },
    ] as const;
  });
  return Object.fromEntries(read) as VaultItems;
}

function keyOf(answer: JsonObject): Uint8Array {
  try {
    return fromHex(textOf(answer, "meterKey"), 32);
  } catch (cause) {
    throw malformed("meterKey is not a key", cause);
  }
}

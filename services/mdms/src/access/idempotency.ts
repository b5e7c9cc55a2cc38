/**
 * A write with an `Idempotency-Key` happens once: whoever sends the same again within a day gets the same answer (as in the IETF draft
 * of that header). A key belongs to a login, a route and a body; another body under it is refused.
 */
import { equalBytes, primitives, utf8 } from "@smarter-metering/protocol";
import type { Clock, Store } from "@smarter-metering/runtime";
import type { Context } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { MdmsError } from "../error.ts";

const KEPT_SECONDS = 24 * 3600;
/** A request is cut long before: one without an answer by then has died with the process. */
const UNANSWERED_SECONDS = 60;
const KEY_PATTERN = /^[\x21-\x7e]{8,128}$/;
/** A longer answer is not kept: the write, which then is one of many rows, is asked for anew. */
const ANSWER_CHARS_MAX = 256 * 1024;
/** Keys of one login; when full, the oldest go. */
const KEYS_MAX = 1000;

interface Row {
  readonly requestHash: Uint8Array;
  readonly status: number | null;
  readonly contentType: string | null;
  readonly body: string | null;
}

export class Idempotency {
  readonly #store: Store;
  readonly #clock: Clock;

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /**
   * The answer that was given to the same request before, or undefined after `make` has answered. Throws MDMS_IDEMPOTENCY_KEY,
   * MDMS_IDEMPOTENCY_MISMATCH, MDMS_IDEMPOTENCY_BUSY.
   */
  async once(
    context: Context,
    login: string,
    make: () => Promise<void>,
  ): Promise<Response | undefined> {
    const key = context.req.header("idempotency-key");
    if (key === undefined) {
      await make();
      return undefined;
    }
    if (!KEY_PATTERN.test(key)) {
      throw new MdmsError(
        "MDMS_IDEMPOTENCY_KEY",
        "an idempotency key is 8 to 128 ASCII characters",
      );
    }
    const hash = await hashOfRequest(context);
    const earlier = await this.#claim(login, key, hash);
    if (earlier !== undefined) return repeated(context, earlier, hash);
    try {
      await make();
    } finally {
      // An error that was answered is an answer; a failure of the server is none.
      const { res } = context;
      const answered = context.finalized && res.status < 500 && res.status !== 429;
      if (answered) await this.#keep(login, key, res);
      else await this.#release(login, key);
    }
    return undefined;
  }

  async forget(): Promise<void> {
    const before = this.#nowSeconds() - KEPT_SECONDS;
    await this.#store.query("delete from idempotency where created_at <= $1", [before]);
  }

  /** Undefined when the request is to be carried out. */
  #claim(login: string, key: string, hash: Uint8Array): Promise<Row | undefined> {
    const now = this.#nowSeconds();
    return this.#store.transaction(async (sql) => {
      await sql.query(
        `delete from idempotency where login = $1 and key = $2
          and (created_at <= $3 or (status is null and created_at <= $4))`,
        [login, key, now - KEPT_SECONDS, now - UNANSWERED_SECONDS],
      );
      const [earlier] = await sql.query<Row>(
        `select request_hash as "requestHash", status, content_type as "contentType", body
          from idempotency where login = $1 and key = $2`,
        [login, key],
      );
      if (earlier !== undefined) return earlier;
      await sql.query(
        "insert into idempotency (login, key, request_hash, created_at) values ($1, $2, $3, $4)",
        [login, key, hash, now],
      );
      await sql.query(
        `delete from idempotency where (login, key) in (select login, key from idempotency
          where login = $1 order by created_at desc, key offset $2)`,
        [login, KEYS_MAX],
      );
      return undefined;
    });
  }

  async #keep(login: string, key: string, response: Response): Promise<void> {
    const body = await response.clone().text();
    if (body.length > ANSWER_CHARS_MAX) return this.#release(login, key);
    await this.#store.query(
      `update idempotency set status = $3, content_type = $4, body = $5
        where login = $1 and key = $2`,
      [login, key, response.status, response.headers.get("content-type"), body],
    );
  }

  async #release(login: string, key: string): Promise<void> {
    await this.#store.query("delete from idempotency where login = $1 and key = $2", [login, key]);
  }

  #nowSeconds(): number {
    return Math.floor(this.#clock.nowMs() / 1000);
  }
}

async function hashOfRequest({ req }: Context): Promise<Uint8Array> {
  const { pathname, search } = new URL(req.url);
  return primitives.sha256(
    utf8(`${req.method} ${pathname}${search}\0`),
    new Uint8Array(await req.arrayBuffer()),
  );
}

function repeated(context: Context, earlier: Row, hash: Uint8Array): Response {
  if (!equalBytes(earlier.requestHash, hash)) {
    const message = "this idempotency key was used for another request; take a new one";
    throw new MdmsError("MDMS_IDEMPOTENCY_MISMATCH", message);
  }
  if (earlier.status === null) {
    const message = "the same request is being carried out; ask again in a moment";
    throw new MdmsError("MDMS_IDEMPOTENCY_BUSY", message);
  }
  const headers = {
    "idempotency-replayed": "true",
    ...(earlier.contentType !== null && { "content-type": earlier.contentType }),
  };
  if (earlier.body === null || earlier.body === "") return context.body(null, 204, headers);
  return context.body(earlier.body, earlier.status as ContentfulStatusCode, headers); // As it was answered.
}

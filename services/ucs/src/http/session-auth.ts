/**
 * Sessions over HTTP: a bearer token for programs, a cookie for the portal's own page. A cookie comes by itself, so a change under one
 * needs the CSRF token too, which only the page that logged in has.
 */
import { primitives, toBase64Url, utf8 } from "@smarter-metering/protocol";
import { SessionCookie, type AppEnv, type Clock } from "@smarter-metering/runtime";
import type { Context } from "hono";
import type { AccountStore, SessionScope } from "../account-store.ts";
import { UcsError } from "../error.ts";

const TOKEN_BYTES = 32;
const cookie = new SessionCookie("session");
/** A page that wants a cookie asks with this header, which no other origin can send. */
const PAGE_HEADER = "x-portal-page";
const CSRF_HEADER = "x-csrf-token";
const SAFE_METHODS = ["GET", "HEAD"];
/** A session ends after this time, used or not, unless configured otherwise. */
export const SESSION_SECONDS = 12 * 3600;
/** For typing a new password. */
const RECOVERY_SECONDS = 600;

export interface Session {
  readonly token: string;
  readonly login: string;
  readonly scope: SessionScope;
}

export interface SessionAuth {
  /** A session of one of `scopes`, by default a full one. Throws UCS_SESSION_REQUIRED, UCS_CSRF. */
  require(context: Context<AppEnv>, scopes?: readonly SessionScope[]): Promise<Session>;
  /** Opens a session and gives the client what it needs to use it. In a page it takes the place of the one before. */
  open(
    context: Context<AppEnv>,
    account: Pick<Session, "login" | "scope">,
  ): Promise<{ token: string } | { csrf: string }>;
  close(context: Context<AppEnv>, session: Session): Promise<void>;
  /** Whether the session has neither expired nor ended. */
  isOpen(session: Session): Promise<boolean>;
}

export function sessionAuth(
  accounts: AccountStore,
  clock: Clock,
  sessionSeconds: number,
): SessionAuth {
  const nowSeconds = (): number => Math.floor(clock.nowMs() / 1000);

  return {
    async require(context, scopes = ["full"]) {
      const bearer = bearerOf(context);
      const token = bearer ?? cookie.get(context);
      const found = token === undefined ? undefined : await accounts.session(token, nowSeconds());
      if (token === undefined || found === undefined || !scopes.includes(found.scope)) {
        throw new UcsError("UCS_SESSION_REQUIRED");
      }
      if (bearer === undefined && !SAFE_METHODS.includes(context.req.method)) {
        const given = utf8(context.req.header(CSRF_HEADER) ?? "");
        if (!primitives.equalSecret(given, utf8(await csrfOf(token)))) {
          throw new UcsError("UCS_CSRF");
        }
      }
      return { token, ...found };
    },

    async open(context, account) {
      const token = toBase64Url(primitives.randomBytes(TOKEN_BYTES));
      const maxAge = account.scope === "full" ? sessionSeconds : RECOVERY_SECONDS;
      await accounts.openSession(account, token, nowSeconds(), maxAge);
      if (context.req.header(PAGE_HEADER) === undefined) return { token };
      // A page that was loaded again has lost its keys and token: its session ends where the next one takes the cookie's place.
      const earlier = cookie.get(context);
      if (earlier !== undefined) await accounts.closeSession(earlier);
      cookie.set(context, token, maxAge);
      return { csrf: await csrfOf(token) };
    },

    async close(context, { token }) {
      await accounts.closeSession(token);
      cookie.delete(context);
    },

    async isOpen({ token }) {
      return (await accounts.session(token, nowSeconds())) !== undefined;
    },
  };
}

function bearerOf(context: Context<AppEnv>): string | undefined {
  return /^Bearer ([A-Za-z0-9_-]{1,100})$/.exec(context.req.header("authorization") ?? "")?.[1];
}

/** Follows from the token, so that it needs no row and cannot outlive the session. */
async function csrfOf(token: string): Promise<string> {
  return toBase64Url(await primitives.hmacSha256(utf8(token), utf8("smarter-metering/csrf/v1")));
}

/**
 * Stands before every route: who is it, may he, is it his own wish (CSRF), and the audit trail. API routes answer with problems, pages
 * send to the login.
 */
import { primitives, utf8 } from "@smarter-metering/protocol";
import { problemResponse, statusProblem, type AppEnv } from "@smarter-metering/runtime";
import type { Context, MiddlewareHandler } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import { MdmsError } from "../error.ts";
import { forbiddenPage } from "../pages/layout.ts";
import type { AuditTrail } from "./audit.ts";
import type { Logins } from "./operators.ts";
import { may, type Permission, type Role } from "./roles.ts";
import { SESSION_SECONDS, type Session, type Sessions } from "./sessions.ts";

export interface OperatorEnv {
  Variables: AppEnv["Variables"] & { session: Session; token: string };
}

export interface Requirement {
  /** Absent: any operator who is logged in. */
  readonly permission?: Permission;
  /** The action's name in the audit trail. */
  readonly action: string;
  /** What is looked at: an id from the path or the query. */
  readonly subject?: (context: Context) => string | undefined;
}

export interface GuardPorts {
  readonly logins: Logins;
  readonly sessions: Sessions;
  readonly audit: AuditTrail;
  /** False on plain loopback HTTP alone. */
  readonly secureCookies: boolean;
}

/** The account a refused login named is not recorded: people type passwords into the wrong field. */
const NOBODY = "-";

export class Guard {
  readonly #ports: GuardPorts;
  readonly #cookie: string;

  constructor(ports: GuardPorts) {
    this.#ports = ports;
    this.#cookie = ports.secureCookies ? "__Host-mdms-session" : "mdms-session";
  }

  /** Throws MDMS_LOGIN_REFUSED or MDMS_LOGIN_BUSY. */
  async logIn(
    login: string,
    password: string,
  ): Promise<{ readonly token: string; readonly role: Role; readonly expiresAt: number }> {
    const { logins, sessions, audit } = this.#ports;
    let role: Role;
    try {
      role = await logins.check(login, password);
    } catch (error) {
      if (error instanceof MdmsError && error.code === "MDMS_LOGIN_REFUSED") {
        await audit.record({ login: NOBODY, action: "log-in", subject: "", outcome: "refused" });
      }
      throw error;
    }
    await audit.record({ login, action: "log-in", subject: "", outcome: "allowed" });
    return { ...(await sessions.open(login)), role };
  }

  async logOut(context: Context<OperatorEnv>): Promise<void> {
    await this.#ports.sessions.end(context.get("token"));
    deleteCookie(context, this.#cookie, { path: "/", secure: this.#ports.secureCookies });
  }

  setCookie(context: Context, token: string): void {
    setCookie(context, this.#cookie, token, {
      path: "/",
      httpOnly: true,
      sameSite: "Strict",
      secure: this.#ports.secureCookies,
      maxAge: SESSION_SECONDS,
    });
  }

  /** For API routes: 401 and 403 as problems. */
  api(requirement: Requirement): MiddlewareHandler<OperatorEnv> {
    return this.#check(requirement, {
      // With an ETag: a client may keep it and has to ask whether it still holds.
      cacheControl: "private, no-cache",
      stranger: (context) => problemResponse(context, statusProblem(401)),
      forbidden: (context) => problemResponse(context, statusProblem(403)),
    });
  }

  /** For pages: without a session, to the login. */
  page(requirement: Requirement): MiddlewareHandler<OperatorEnv> {
    return this.#check(requirement, {
      // The back button shows nothing to whoever sits there after the log-out.
      cacheControl: "no-store",
      stranger: (context) => context.redirect("/login", 303),
      forbidden: (context, session) => context.html(forbiddenPage(session), 403),
    });
  }

  #check(
    { permission, action, subject }: Requirement,
    answer: {
      readonly cacheControl: string;
      stranger(context: Context): Response;
      forbidden(context: Context, session: Session): Response | Promise<Response>;
    },
  ): MiddlewareHandler<OperatorEnv> {
    const { sessions, audit } = this.#ports;
    return async (context, next) => {
      const bearer = bearerOf(context);
      const token = bearer ?? getCookie(context, this.#cookie);
      const session = token === undefined ? undefined : await sessions.find(token);
      if (token === undefined || session === undefined) return answer.stranger(context);
      // A browser sends a cookie unasked, a bearer token it never does.
      if (bearer === undefined && isWrite(context)) await checkCsrf(context, session);
      const allowed = permission === undefined || may(session.role, permission);
      await audit.record({
        login: session.login,
        action,
        subject: subject?.(context) ?? "",
        outcome: allowed ? "allowed" : "refused",
      });
      if (!allowed) return answer.forbidden(context, session);
      context.set("session", session);
      context.set("token", token);
      context.header("cache-control", answer.cacheControl);
      return next();
    };
  }
}

function bearerOf(context: Context): string | undefined {
  return /^Bearer (\S{1,256})$/.exec(context.req.header("authorization") ?? "")?.[1];
}

const isWrite = (context: Context): boolean => !["GET", "HEAD"].includes(context.req.method);

/** Throws MDMS_CSRF unless the token comes in a header or, from a form, in the field `csrf`. */
async function checkCsrf(context: Context, session: Session): Promise<void> {
  let given: unknown = context.req.header("x-csrf-token");
  given ??= (await context.req.parseBody().catch(() => ({ csrf: undefined })))["csrf"];
  if (typeof given === "string") {
    if (primitives.equalSecret(utf8(given), utf8(session.csrfToken))) return;
  }
  throw new MdmsError("MDMS_CSRF", "this form is not of this session; load the page again");
}

/** A login by another site's form is refused: it would put the visitor into someone else's session. */
export function isForeignSite(context: Context): boolean {
  const site = context.req.header("sec-fetch-site");
  return site !== undefined && site !== "same-origin" && site !== "none";
}

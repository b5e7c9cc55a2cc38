/**
 * Stands before every route: who is it, may he, is it his own wish (CSRF), and the audit trail. Refusals are problems (RFC 9457).
 */
import assert from "node:assert/strict";
import { primitives, utf8 } from "@smarter-metering/protocol";
import {
  problemResponse,
  SessionCookie,
  statusProblem,
  type AppEnv,
} from "@smarter-metering/runtime";
import type { Context, MiddlewareHandler } from "hono";
import { wantsCsv } from "../api/csv.ts";
import { MdmsError } from "../error.ts";
import type { AuditTrail } from "./audit.ts";
import type { Idempotency } from "./idempotency.ts";
import type { Credentials, Logins } from "./logins.ts";
import { checkCsrf, isWrite } from "./own-wish.ts";
import { may, type Permission } from "./roles.ts";
import { SESSION_SECONDS, type Session, type SessionKind, type Sessions } from "./sessions.ts";

export interface OperatorEnv {
  Variables: AppEnv["Variables"] & { session: Session; token: string };
}

/** What a route asks of whoever comes. */
export interface Requirement {
  /** Absent: any operator who is logged in. */
  readonly permission?: Permission;
  /** The action's name in the audit trail. */
  readonly action: string;
  /** What is looked at: an id from the path or the query. */
  readonly subject?: (context: Context) => string | undefined;
  /** Open to an account that has yet to set up the second factor which its role has to have. */
  readonly beforeEnrolment?: true;
  /** Request or answer hold a secret: no idempotency key keeps either. */
  readonly secret?: true;
}

export interface GuardPorts {
  readonly logins: Logins;
  readonly sessions: Sessions;
  readonly audit: AuditTrail;
  readonly idempotency: Idempotency;
  /** Of this run, for whoever reads the MDMS's folder: administers accounts. Absent: nobody does. */
  readonly operatorToken: string | undefined;
}

const cookie = new SessionCookie("mdms-session");
/** The account a refused login named is not recorded: people type passwords into the wrong field. */
const NOBODY = "-";
/** In the audit trail, for whoever has the operator token; no login is like it. */
const COMMAND_LINE = "(command line)";

export class Guard {
  readonly #ports: GuardPorts;

  constructor(ports: GuardPorts) {
    this.#ports = ports;
  }

  /** A token, and the session that it opens. Throws MDMS_LOGIN_REFUSED or MDMS_LOGIN_BUSY. */
  async logIn(
    credentials: Credentials,
    kind: SessionKind,
  ): Promise<{ readonly token: string; readonly session: Session }> {
    const { logins, sessions, audit } = this.#ports;
    const { login } = credentials;
    try {
      await logins.check(credentials);
    } catch (error) {
      if (error instanceof MdmsError && error.code === "MDMS_LOGIN_REFUSED") {
        await audit.record({ login: NOBODY, action: "log-in", subject: "", outcome: "refused" });
      }
      throw error;
    }
    await audit.record({ login, action: "log-in", subject: "", outcome: "allowed" });
    const { token } = await sessions.open(login, kind);
    const session = await sessions.find(token);
    assert(session !== undefined, "it was opened just now");
    return { token, session };
  }

  /** Throws MDMS_PROOF_REFUSED or MDMS_LOGIN_BUSY; wrong tries count as at the login. */
  async prove(session: Session, proof: Pick<Credentials, "password" | "code">): Promise<void> {
    try {
      await this.#ports.logins.check({ ...proof, login: session.login });
    } catch (error) {
      if (!(error instanceof MdmsError && error.code === "MDMS_LOGIN_REFUSED")) throw error;
      throw new MdmsError("MDMS_PROOF_REFUSED", error.message);
    }
  }

  async logOut(context: Context<OperatorEnv>): Promise<void> {
    const { login, id } = context.get("session");
    await this.#ports.sessions.end(login, id);
    cookie.delete(context);
  }

  setCookie(context: Context, token: string): void {
    cookie.set(context, token, SESSION_SECONDS);
  }

  /** 401 and 403 as problems; a write with an idempotency key happens once. */
  api(requirement: Requirement): MiddlewareHandler<OperatorEnv> {
    const { sessions, audit, idempotency } = this.#ports;
    const { permission, action, subject } = requirement;
    return async (context, next) => {
      const bearer = bearerOf(context);
      const token = bearer ?? cookie.get(context);
      const session = token === undefined ? undefined : await sessions.find(token);
      if (token === undefined || session === undefined) {
        return problemResponse(context, statusProblem(401));
      }
      // A browser sends a cookie unasked, a bearer token it never does.
      if (bearer === undefined && isWrite(context)) checkCsrf(context, session.csrfToken);
      const enrolled = !session.mustEnrol || requirement.beforeEnrolment === true;
      const allowed = enrolled && (permission === undefined || may(session.role, permission));
      await audit.record({
        login: session.login,
        action: wantsCsv(context) ? `${action}.csv` : action,
        subject: subject?.(context) ?? "",
        outcome: allowed ? "allowed" : "refused",
      });
      if (!enrolled) throw new MdmsError("MDMS_TOTP_REQUIRED", SET_UP_FIRST);
      if (!allowed) return problemResponse(context, statusProblem(403));
      context.set("session", session);
      context.set("token", token);
      // With an ETag: a client may keep it and has to ask whether it still holds.
      context.header("cache-control", "private, no-cache");
      if (!isWrite(context) || requirement.secret === true) return next();
      return idempotency.once(context, session.login, next);
    };
  }

  /** For whoever reads the MDMS's folder: the bearer token of this run, whatever the cookies. */
  machine({ action, subject }: Pick<Requirement, "action" | "subject">): MiddlewareHandler {
    const { operatorToken, audit } = this.#ports;
    return async (context, next) => {
      const [given, right] = [bearerOf(context), operatorToken];
      if (given === undefined || right === undefined || !(await isSame(given, right))) {
        return problemResponse(context, statusProblem(401));
      }
      const entry = { login: COMMAND_LINE, action, subject: subject?.(context) ?? "" } as const;
      await audit.record({ ...entry, outcome: "allowed" });
      context.header("cache-control", "no-store");
      return next();
    };
  }
}

const SET_UP_FIRST = "this role has to have a second factor: set one up under /v1/account/totp";

/** Compared as hashes: as long for a token that is as long as the right one as for any other. */
async function isSame(given: string, right: string): Promise<boolean> {
  const hashes = [given, right].map((token) => primitives.sha256(utf8(token)));
  const [a, b] = await Promise.all(hashes);
  return a !== undefined && b !== undefined && primitives.equalSecret(a, b);
}

function bearerOf(context: Context): string | undefined {
  return /^Bearer (\S{1,256})$/.exec(context.req.header("authorization") ?? "")?.[1];
}

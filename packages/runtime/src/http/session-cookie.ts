/** A session's cookie: where it goes, and under which name. One place for both web applications. */
import type { Context } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";

/** Such as `session` for `__Host-session`; without its prefix on plain HTTP to this very machine. */
export class SessionCookie {
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
  }

  get(context: Context): string | undefined {
    return getCookie(context, this.#placeOf(context).name);
  }

  /** HttpOnly, SameSite=Strict, for the whole origin. */
  set(context: Context, token: string, maxAge: number): void {
    const { name, secure } = this.#placeOf(context);
    const lifetime = { path: "/", maxAge, secure };
    setCookie(context, name, token, { ...lifetime, httpOnly: true, sameSite: "Strict" });
  }

  delete(context: Context): void {
    const { name, secure } = this.#placeOf(context);
    deleteCookie(context, name, { path: "/", secure });
  }

  /** Secure everywhere but on plain HTTP to this very machine. A proxy in front has to pass the Host header on. */
  #placeOf(context: Context): { name: string; secure: boolean } {
    const { protocol, hostname } = new URL(context.req.url);
    const isLoopback = ["localhost", "127.0.0.1", "[::1]"].includes(hostname);
    const secure = !(protocol === "http:" && isLoopback);
    // The prefix makes a browser refuse the cookie from another host of the same site (RFC 6265bis §4.1.3.2).
    return { name: secure ? `__Host-${this.#name}` : this.#name, secure };
  }
}

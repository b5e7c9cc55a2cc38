/**
 * The frame of every page. Pages are made on the server with hono's `html`, which escapes every value; they run no script. The
 * stylesheet is the only thing a page loads.
 */
import { html } from "hono/html";
import { may, type Permission } from "../access/roles.ts";
import type { Session } from "../access/sessions.ts";

/** Escaped markup. */
export type Html = ReturnType<typeof html>;

const LINKS: readonly {
  readonly href: string;
  readonly text: string;
  readonly permission: Permission;
}[] = [
  { href: "/", text: "Overview", permission: "neighbourhoods" },
  { href: "/load", text: "Neighbourhoods", permission: "neighbourhoods" },
  { href: "/feeders", text: "Feeders", permission: "neighbourhoods" },
  { href: "/service-points", text: "Meters", permission: "customers" },
  { href: "/tariffs", text: "Tariffs", permission: "neighbourhoods" },
  { href: "/privacy", text: "Privacy", permission: "neighbourhoods" },
  { href: "/audit", text: "Audit", permission: "audit" },
];

export interface PageFrame {
  readonly title: string;
  /** Absent: nobody is logged in, and there is no navigation. */
  readonly session?: Session;
  /** The policy's id when it is an unsafe one: every page says so. */
  readonly unsafePolicy?: string | undefined;
}

export function page(frame: PageFrame, body: Html): Html {
  const { title, session, unsafePolicy } = frame;
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title} · Smarter Metering</title>
        <link rel="stylesheet" href="/style.css" />
      </head>
      <body>
        ${session === undefined ? "" : header(session)}
        ${unsafePolicy === undefined ? "" : unsafeBanner(unsafePolicy)}
        <main>
          <h1>${title}</h1>
          ${body}
        </main>
      </body>
    </html>`;
}

function header(session: Session): Html {
  const links = LINKS.filter(({ permission }) => may(session.role, permission));
  return html`<header>
    <nav aria-label="Main">
      ${links.map(({ href, text }) => html`<a href="${href}">${text}</a> `)}
    </nav>
    <form method="post" action="/logout">
      <span>${session.login} (${session.role})</span>
      <input type="hidden" name="csrf" value="${session.csrfToken}" />
      <button>Log out</button>
    </form>
  </header>`;
}

function unsafeBanner(policyId: string): Html {
  return html`<p class="unsafe" role="alert">
    Policy ${policyId} is UNSAFE: it may go below the hard floors. For demonstrations only.
  </p>`;
}

export function forbiddenPage(session: Session): Html {
  const text = html`<p>The role ${session.role} may not see this page.</p>`;
  return page({ title: "Not for this role", session }, text);
}

export function notFoundPage(session: Session): Html {
  return page({ title: "Nothing here", session }, html`<p>There is nothing at this address.</p>`);
}

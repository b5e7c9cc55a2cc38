/** The portal's pages: the files of one folder, read once at the start and served as they are. */
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import type { App } from "@smarter-metering/runtime";

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
};

/** Everything from here, nothing inline, no frames, no forms that leave the page. */
export const PORTAL_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join("; ");

/** Serves the files of `folder`, without its sub-folders, and index.html at `/`. */
export async function addWebFiles(app: App, folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const type = MEDIA_TYPES[extname(name)];
    if (type === undefined) continue;
    const bytes = await readFile(join(folder, name));
    const etag = `"${createHash("sha256").update(bytes).digest("base64url")}"`;
    const headers = { "content-type": type, etag, "cache-control": "no-cache" };
    app.get(name === "index.html" ? "/" : `/${name}`, (context) =>
      context.req.header("if-none-match") === etag
        ? context.body(null, 304, headers)
        : context.body(new Uint8Array(bytes), 200, headers),
    );
  }
}

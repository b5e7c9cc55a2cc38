/**
 * A built web application, served by its party: the files of one folder, read and compressed once at the start, with the policy under
 * which a page that holds keys or personal data may run.
 */
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { extname, join, sep } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { Context } from "hono";
import type { App } from "./app.ts";
import { problemResponse, statusProblem } from "./problem.ts";

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
  ".webmanifest": "application/manifest+json",
};

/**
 * Everything from the own origin, nothing inline, no frames, no forms that leave the page, no markup from strings (Trusted Types; the
 * one policy that the pages make is for the address of their own worker).
 */
export const WEB_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "worker-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types worker",
].join("; ");

/** What a page of ours never asks for. */
const PERMISSIONS_POLICY =
  "camera=(), geolocation=(), microphone=(), payment=(), usb=(), serial=(), browsing-topics=()";

interface WebFile {
  readonly type: string;
  readonly plain: Uint8Array<ArrayBuffer>;
  readonly compressed: Uint8Array<ArrayBuffer>;
  readonly etag: string;
  /** Its name has the hash of what is in it: it never changes. */
  readonly isHashed: boolean;
}

const compress = promisify(gzip);

/**
 * Serves the files of `folder` at their paths, and its index.html for every other address that a browser opens (the page finds its way by
 * itself). To be called after all other routes. Rejects when there is no index.html.
 */
export async function addWebFiles(app: App, folder: string): Promise<void> {
  const files = new Map<string, WebFile>();
  for (const name of await readdir(folder, { recursive: true })) {
    const type = MEDIA_TYPES[extname(name)];
    if (type === undefined) continue;
    const path = `/${name.split(sep).join("/")}`;
    const plain = new Uint8Array(await readFile(join(folder, name)));
    files.set(path, {
      type,
      plain,
      compressed: new Uint8Array(await compress(plain, { level: 9 })),
      etag: `"${createHash("sha256").update(plain).digest("base64url")}"`,
      isHashed: path.startsWith("/assets/"),
    });
  }
  const index = files.get("/index.html");
  if (index === undefined) throw new Error(`${folder} has no index.html: build the pages`);
  app.get("/*", (context) => {
    const { path } = context.req;
    const file = files.get(path) ?? (isPage(context) ? index : undefined);
    return file === undefined
      ? problemResponse(context, statusProblem(404))
      : answer(context, file);
  });
}

/** An address without an extension that a browser opens, not one that a program asks for. */
function isPage({ req }: Context): boolean {
  if (req.path === "/") return true;
  const isApi = /^\/v\d+(\/|$)/.test(req.path) || extname(req.path) !== "";
  return !isApi && (req.header("accept") ?? "").includes("text/html");
}

function answer(context: Context, file: WebFile): Response {
  const headers = {
    "content-type": file.type,
    etag: file.etag,
    vary: "accept-encoding",
    "cache-control": file.isHashed ? "public, max-age=31536000, immutable" : "no-cache",
    "permissions-policy": PERMISSIONS_POLICY,
  };
  if (context.req.header("if-none-match") === file.etag) return context.body(null, 304, headers);
  const takesGzip = /\bgzip\b/.test(context.req.header("accept-encoding") ?? "");
  return takesGzip
    ? context.body(file.compressed, 200, { ...headers, "content-encoding": "gzip" })
    : context.body(file.plain, 200, headers);
}

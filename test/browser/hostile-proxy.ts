/**
 * A portal that has turned against its customers: stands between a browser and an honest portal, passes everything on, and changes what
 * the attack of the moment changes. It has what the portal has: everything that is sent, and no key.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A page of frames is far below it. */
const BODY_BYTES_MAX = 32 * 1024 * 1024;
/** Hop by hop, or of an encoding that is undone on the way. */
const DROPPED = /^(connection|content-encoding|content-length|keep-alive|transfer-encoding|etag)$/;

export interface Exchange {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly body: string;
}

/** What the portal answered. */
export interface Given {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

export interface Attack {
  /** The answer instead of `given`; undefined leaves it. Not asked for streams. */
  readonly answer?: (asked: Exchange, given: Given) => Given | undefined;
  /** Told to whoever listens to live readings, before anything else: base64url. */
  readonly live?: string;
}

export interface HostileProxy {
  readonly url: string;
  /** What it does from now on; undefined: nothing. Forgets what was asked before. */
  attack(attack: Attack | undefined): void;
  /** Since the attack began. */
  asked(): readonly Exchange[];
  close(): Promise<void>;
}

/** Changes the JSON of successful answers whose path begins so. */
export const onJson =
  <Body>(path: string, change: (body: Body) => unknown): NonNullable<Attack["answer"]> =>
  (asked, given) => {
    const isMeant = asked.path.startsWith(path) && given.status < 300 && given.text !== "";
    if (!isMeant) return undefined;
    return { ...given, text: JSON.stringify(change(JSON.parse(given.text) as Body)) };
  };

/** On a free port of this machine; `portal`: the honest one's origin. */
export async function startHostileProxy(portal: string): Promise<HostileProxy> {
  let current: Attack = {};
  let exchanges: Exchange[] = [];
  const pass = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const { method = "GET", url: path = "/" } = incoming;
    const asked = { method, path, body: (await bytesOf(incoming)).toString("utf8") };
    exchanges.push(asked);
    await answer(portal, current, asked, incoming, outgoing);
  };
  const server = createServer((incoming, outgoing) => {
    pass(incoming, outgoing).catch(() => outgoing.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    attack(attack = {}) {
      current = attack;
      exchanges = [];
    },
    asked: () => exchanges,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

async function answer(
  portal: string,
  attack: Attack,
  asked: Exchange,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const { method, path, body } = asked;
  const ended = new AbortController();
  outgoing.once("close", () => ended.abort());
  const response = await fetch(`${portal}${path}`, {
    method,
    headers: sentOn(incoming),
    ...(body !== "" && { body }),
    redirect: "manual",
    signal: ended.signal,
  });
  for (const [name, value] of response.headers) {
    if (!DROPPED.test(name) && name !== "set-cookie") outgoing.setHeader(name, value);
  }
  outgoing.setHeader("set-cookie", response.headers.getSetCookie());
  // A file that was changed must not outlive its attack in the browser's cache.
  outgoing.setHeader("cache-control", "no-store");
  const type = response.headers.get("content-type") ?? "";
  if (type.startsWith("text/event-stream") && response.body !== null) {
    outgoing.writeHead(response.status);
    if (attack.live !== undefined) outgoing.write(`data: ${attack.live}\n\n`);
    for await (const chunk of response.body) outgoing.write(chunk);
    outgoing.end();
    return;
  }
  const given = { status: response.status, type, text: await response.text() };
  const told = attack.answer?.(asked, given) ?? given;
  if (told.type !== "") outgoing.setHeader("content-type", told.type);
  outgoing.writeHead(told.status);
  outgoing.end(told.text);
}

function sentOn({ headers }: IncomingMessage): Record<string, string> {
  const passed = Object.entries(headers).filter(([name]) => !DROPPED.test(name) && name !== "host");
  const texts = passed.map(([name, value]) => [name, String(value)] as const);
  return { ...Object.fromEntries(texts), "accept-encoding": "identity" };
}

async function bytesOf(incoming: IncomingMessage): Promise<Buffer<ArrayBuffer>> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    length += chunk.length;
    assert(length <= BODY_BYTES_MAX, "the page sends without end");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Reading the portal's JSON answers (docs/protocol.md §10): strict in what is used, with a limit on size. */
import { fromBase64Url, fromUtf8, parseJson } from "@smarter-metering/protocol";
import { CustomerError } from "./error.ts";
import type { WrappedItem } from "./wrapped-item.ts";

/** A page of frames is far below it. */
const ANSWER_BYTES_MAX = 32 * 1024 * 1024;

export type JsonObject = Readonly<Record<string, unknown>>;

export function malformed(what: string, cause?: unknown): CustomerError {
  return new CustomerError("CUSTOMER_PORTAL_MALFORMED", `the portal's answer: ${what}`, { cause });
}

/** Throws CUSTOMER_PORTAL_REFUSED for a problem (RFC 9457) and CUSTOMER_PORTAL_MALFORMED. */
export async function readAnswer(response: Response): Promise<JsonObject> {
  const bytes = await readBody(response);
  const isJson = /\bjson\b/.test(response.headers.get("content-type") ?? "");
  const answer = isJson && bytes.length > 0 ? asObject(parsed(bytes)) : {};
  if (response.ok) return answer;
  const code = typeof answer.code === "string" ? answer.code.slice(0, 100) : "";
  const { status } = response;
  throw new CustomerError("CUSTOMER_PORTAL_REFUSED", `the portal refused: ${status} ${code}`, {
    problem: { status, code },
  });
}

async function readBody(response: Response): Promise<Uint8Array> {
  if (response.body === null) return new Uint8Array(0);
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader = response.body.getReader();
  for (let step = await reader.read(); !step.done; step = await reader.read()) {
    length += step.value.length;
    if (length > ANSWER_BYTES_MAX) {
      await reader.cancel();
      throw malformed(`over ${ANSWER_BYTES_MAX} bytes`);
    }
    chunks.push(step.value);
  }
  const bytes = new Uint8Array(length);
  chunks.reduce((offset, chunk) => (bytes.set(chunk, offset), offset + chunk.length), 0);
  return bytes;
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return parseJson(fromUtf8(bytes));
  } catch (cause) {
    throw malformed("not JSON", cause);
  }
}

export function asObject(value: unknown): JsonObject {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw malformed("not an object");
  }
  return value as JsonObject;
}

export function textOf(answer: JsonObject, key: string): string {
  const value = answer[key];
  if (typeof value !== "string") throw malformed(`no text ${key}`);
  return value;
}

export function integerOf(answer: JsonObject, key: string): number {
  const value = answer[key];
  if (!Number.isSafeInteger(value)) throw malformed(`no integer ${key}`);
  return value as number;
}

export function bytesOf(answer: JsonObject, key: string): Uint8Array {
  return decoded(textOf(answer, key));
}

export function bytesListOf(answer: JsonObject, key: string): Uint8Array[] {
  const list = answer[key];
  if (!Array.isArray(list)) throw malformed(`no list ${key}`);
  return list.map((value: unknown) => {
    if (typeof value !== "string") throw malformed(`${key} is not a list of texts`);
    return decoded(value);
  });
}

export function booleanOf(answer: JsonObject, key: string): boolean {
  const value = answer[key];
  if (typeof value !== "boolean") throw malformed(`no yes or no in ${key}`);
  return value;
}

export function listOf(answer: JsonObject, key: string): JsonObject[] {
  const list = answer[key];
  if (!Array.isArray(list)) throw malformed(`no list ${key}`);
  return list.map(asObject);
}

export function itemOf(value: unknown): WrappedItem {
  const item = asObject(value);
  return {
    version: integerOf(item, "version"),
    nonce: textOf(item, "nonce"),
    ciphertext: textOf(item, "ciphertext"),
  };
}

/** base64url of a message. Throws CUSTOMER_PORTAL_MALFORMED. */
export function decoded(text: string): Uint8Array {
  try {
    return fromBase64Url(text);
  } catch (cause) {
    throw malformed("not base64url", cause);
  }
}

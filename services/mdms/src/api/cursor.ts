/** Cursors of pages: the last row's place, as opaque text. */
import {
  fromBase64Url,
  fromUtf8,
  parseJson,
  toBase64Url,
  utf8,
  ProtocolError,
} from "@smarter-metering/protocol";
import { z } from "@smarter-metering/runtime";

/** Place of a row ordered by an instant, then by an id. */
export type Place = readonly [seconds: number, id: string];

/** An id that may go into a query: no control characters, for the database takes no NUL. */
export const printableId = z
  .string()
  .max(64)
  .regex(/^\P{C}*$/u);
const place = z.tuple([z.number().int(), printableId]);

export function encodeCursor([seconds, id]: Place): string {
  return toBase64Url(utf8(JSON.stringify([seconds, id])));
}

/** Undefined unless `text` is a cursor that was handed out. */
export function decodeCursor(text: string): Place | undefined {
  try {
    return place.safeParse(parseJson(fromUtf8(fromBase64Url(text)))).data;
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

/** The schema of a query parameter `cursor`. */
export const cursor = z
  .string()
  .max(200)
  .transform((text, context) => {
    const decoded = decodeCursor(text);
    if (decoded !== undefined) return decoded;
    context.addIssue({ code: "custom", message: "not a cursor of this list" });
    return z.NEVER;
  })
  .openapi({ type: "string", description: "`next` of the page before" });

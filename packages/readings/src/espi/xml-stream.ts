// XML as a stream of elements, with saxes doing the syntax. What XML may do beyond elements and
// text is refused before it is looked at: a document type, hence entities and what they expand to
// or fetch; another encoding than UTF-8. Memory is one chunk, one open path and one element's text.
import { SaxesParser } from "saxes";
import { ReadingsError } from "../readings-error.ts";

/** An ESPI feed is ten deep. */
const DEPTH_MAX = 64;
/** Of text, attributes or a comment, without an element beginning or ending meanwhile. */
const QUIET_CHARACTERS_MAX = 1_048_576;
/** A chunk is parsed in pieces, so that the bounds above hold whatever a chunk's size. */
const PIECE_CHARACTERS = 65_536;

export interface XmlElement {
  readonly namespace: string;
  readonly name: string;
  /** The value of the attribute `name` without a prefix. */
  attribute(name: string): string | undefined;
  /** Where its tag ends; both count from 1. */
  readonly line: number;
  readonly column: number;
}

export interface XmlHandler {
  opened(element: XmlElement): void;
  /** `text` is what stood in it behind its last child: of an element without children, all of it. */
  closed(element: XmlElement, text: string): void;
  /** After each chunk. */
  paused(): void;
}

/** Throws READINGS_XML_REFUSED, with line and column, and what `chunks` and `handler` throw. */
export async function readXml(
  chunks: AsyncIterable<Uint8Array>,
  file: string,
  handler: XmlHandler,
): Promise<void> {
  const stream = new XmlStream(file, handler);
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const decode = (chunk?: Uint8Array): string => {
    try {
      return chunk === undefined ? decoder.decode() : decoder.decode(chunk, { stream: true });
    } catch (cause) {
      throw stream.refused("not UTF-8 text", cause);
    }
  };
  for await (const chunk of chunks) {
    stream.write(decode(chunk));
    handler.paused();
  }
  stream.write(decode());
  stream.end();
  handler.paused();
}

class XmlStream {
  readonly #file: string;
  readonly #parser = new SaxesParser({ xmlns: true });
  readonly #open: { element: XmlElement; text: string }[] = [];
  #quietCharacters = 0;

  constructor(file: string, handler: XmlHandler) {
    this.#file = file;
    const parser = this.#parser;
    parser.on("error", (error) => {
      // Its message begins with the place, which ours names in our way.
      throw this.refused(error.message.replace(/^\d+:\d+: /, ""));
    });
    parser.on("xmldecl", ({ encoding }) => {
      if (encoding === undefined || /^utf-?8$/i.test(encoding)) return;
      throw this.refused(`it says that it is ${encoding}; save it as UTF-8`);
    });
    parser.on("doctype", () => {
      throw this.refused("a document type (DTD) is not read, nor any entity of it");
    });
    parser.on("opentag", ({ uri, local, attributes }) => {
      this.#quietCharacters = 0;
      const element: XmlElement = {
        namespace: uri,
        name: local,
        attribute: (name) => attributes[name]?.value,
        line: parser.line,
        column: parser.column,
      };
      if (this.#open.length >= DEPTH_MAX) throw this.refused(`more than ${DEPTH_MAX} deep`);
      const parent = this.#open.at(-1);
      if (parent !== undefined) parent.text = "";
      this.#open.push({ element, text: "" });
      handler.opened(element);
    });
    parser.on("text", (text) => this.#addText(text));
    parser.on("cdata", (text) => this.#addText(text));
    parser.on("closetag", () => {
      this.#quietCharacters = 0;
      const closed = this.#open.pop();
      if (closed !== undefined) handler.closed(closed.element, closed.text);
    });
  }

  write(text: string): void {
    for (let at = 0; at < text.length; at += PIECE_CHARACTERS) {
      const piece = text.slice(at, at + PIECE_CHARACTERS);
      this.#quietCharacters += piece.length;
      this.#parser.write(piece);
      if (this.#quietCharacters > QUIET_CHARACTERS_MAX) {
        throw this.refused(`more than ${QUIET_CHARACTERS_MAX} characters without an element`);
      }
    }
  }

  end(): void {
    this.#parser.close();
  }

  refused(why: string, cause?: unknown): ReadingsError {
    const place = `${this.#file}:${this.#parser.line}:${this.#parser.column + 1}`;
    const message = `${place}: not XML that is read here: ${why}`;
    return new ReadingsError("READINGS_XML_REFUSED", message, { cause });
  }

  #addText(text: string): void {
    const top = this.#open.at(-1);
    if (top !== undefined) top.text += text;
  }
}

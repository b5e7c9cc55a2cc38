// The bytes of a table as they pass: a byte order mark, line ends of two kinds, and where a last
// line without an end stands, none of which the rows show.
import type { FindingLog } from "./finding.ts";

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf] as const;

/** Findings of one file; `lastLine` is of use when all bytes have passed. */
export class LineEnds {
  readonly #file: string;
  readonly #findings: FindingLog;
  #line = 1;
  /** Bytes of the line so far. */
  #lineBytes = 0;
  #before = 0;
  #firstEnd: "CR LF" | "LF" | undefined;

  constructor(file: string, findings: FindingLog) {
    this.#file = file;
    this.#findings = findings;
  }

  /** The same chunks. */
  async *watch(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    let isFirst = true;
    for await (const chunk of chunks) {
      if (isFirst && BYTE_ORDER_MARK.every((byte, index) => chunk[index] === byte)) {
        this.#add("byte-order-mark", 1, "not needed in UTF-8, and read over");
      }
      isFirst = false;
      this.#look(chunk);
      yield chunk;
    }
  }

  /** The last line, when other lines have an end and it has none. */
  get lastLine(): { readonly line: number; readonly column: number } | undefined {
    if (this.#firstEnd === undefined || this.#lineBytes === 0) return undefined;
    return { line: this.#line, column: this.#lineBytes + 1 };
  }

  #look(chunk: Uint8Array): void {
    let at = 0;
    for (let feed = chunk.indexOf(LINE_FEED); feed >= 0; feed = chunk.indexOf(LINE_FEED, at)) {
      const isCrLf = (feed === 0 ? this.#before : chunk[feed - 1]) === CARRIAGE_RETURN;
      const end = isCrLf ? "CR LF" : "LF";
      this.#firstEnd ??= end;
      if (end !== this.#firstEnd) {
        const column = this.#lineBytes + feed - at + (isCrLf ? 0 : 1);
        this.#add("mixed-line-ends", column, `ends with ${end}, the first with ${this.#firstEnd}`);
      }
      at = feed + 1;
      this.#line += 1;
      this.#lineBytes = 0;
    }
    this.#lineBytes += chunk.length - at;
    this.#before = chunk.at(-1) ?? this.#before;
  }

  #add(kind: "byte-order-mark" | "mixed-line-ends", column: number, detail: string): void {
    this.#findings.add({ kind, file: this.#file, line: this.#line, column, detail });
  }
}

// Cuts the bytes of a P1 port into telegrams: from a line that begins with `/` to the one that
// begins with `!`. Runs at the customer's own port or on the customer's own file. A damaged
// telegram costs itself alone: the next `/` begins anew.

/** The longest telegrams, with texts and a year of monthly peaks, have about 3,000 bytes. */
export const TELEGRAM_BYTES_MAX = 16_384;

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const BEGIN = 0x2f;
const END = 0x21;

/** Bytes of one telegram, from `/` to the end of the line with `!`. */
export interface RawTelegram {
  readonly kind: "raw";
  readonly bytes: Uint8Array;
  /** Of its first line; counts from 1. */
  readonly line: number;
}

/** Bytes that are not used, and where they stand; `line` and `column` count from 1. */
export interface TelegramFault {
  readonly kind: "fault";
  readonly line: number;
  readonly column: number;
  readonly detail: string;
}

/** Holds at most one telegram. */
export class TelegramFramer {
  readonly #bytes = new Uint8Array(TELEGRAM_BYTES_MAX);
  #length = 0;
  /** Where the line that is being read begins in `#bytes`. */
  #lineAt = 0;
  #line = 1;
  #state: "outside" | "noise" | "telegram" = "outside";
  #telegramLine = 1;

  /** What `chunk` completes. */
  push(chunk: Uint8Array): (RawTelegram | TelegramFault)[] {
    const found: (RawTelegram | TelegramFault)[] = [];
    let at = 0;
    while (at < chunk.length) {
      const feed = chunk.indexOf(LINE_FEED, at);
      const end = feed < 0 ? chunk.length : feed + 1;
      this.#append(chunk.subarray(at, end), found);
      if (feed >= 0) this.#endLine(found);
      at = end;
    }
    return found;
  }

  /** At the end of the bytes: a last line may lack its end. */
  finish(): (RawTelegram | TelegramFault)[] {
    const found: (RawTelegram | TelegramFault)[] = [];
    if (this.#length > this.#lineAt) this.#endLine(found);
    if (this.#state === "telegram") found.push(this.#cutOff());
    this.#drop("outside");
    return found;
  }

  #append(part: Uint8Array, found: (RawTelegram | TelegramFault)[]): void {
    if (this.#length + part.length > TELEGRAM_BYTES_MAX) {
      if (this.#state !== "noise") {
        const detail = `no telegram: more than ${TELEGRAM_BYTES_MAX} bytes without an end`;
        found.push({ kind: "fault", line: this.#line, column: 1, detail });
      }
      this.#drop("noise");
      // Of a line that is too long the rest alone is looked at: it begins with no `/` by chance.
      this.#bytes[0] = 0;
      this.#length = 1;
      return;
    }
    this.#bytes.set(part, this.#length);
    this.#length += part.length;
  }

  #endLine(found: (RawTelegram | TelegramFault)[]): void {
    const first = this.#bytes[this.#lineAt];
    if (first === BEGIN) {
      if (this.#state === "telegram") found.push(this.#cutOff());
      this.#bytes.copyWithin(0, this.#lineAt, this.#length);
      this.#length -= this.#lineAt;
      this.#state = "telegram";
      this.#telegramLine = this.#line;
    } else if (this.#state !== "telegram") {
      const isBlank = first === LINE_FEED || first === CARRIAGE_RETURN;
      if (!isBlank && this.#state === "outside") {
        const detail = "bytes outside of a telegram, up to the next line that begins with /";
        found.push({ kind: "fault", line: this.#line, column: 1, detail });
        this.#state = "noise";
      }
      this.#length = 0;
    } else if (first === END) {
      const bytes = this.#bytes.slice(0, this.#length);
      found.push({ kind: "raw", bytes, line: this.#telegramLine });
      this.#drop("outside");
    }
    this.#lineAt = this.#length;
    this.#line += 1;
  }

  #cutOff(): TelegramFault {
    const detail = `a telegram without an end (line ${this.#line}): cut off`;
    return { kind: "fault", line: this.#telegramLine, column: 1, detail };
  }

  #drop(state: "outside" | "noise"): void {
    this.#length = 0;
    this.#lineAt = 0;
    this.#state = state;
  }
}

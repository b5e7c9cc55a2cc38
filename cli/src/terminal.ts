/** What a person sees: notes and progress on stderr, results on stdout; colours and moving bars on a terminal alone. */

export interface TerminalOptions {
  readonly json: boolean;
  readonly quiet: boolean;
}

export class Terminal {
  readonly json: boolean;
  readonly #quiet: boolean;
  readonly #moving: boolean;
  readonly #colours: boolean;
  #barShown = false;
  #lastPercent = -1;
  #lastLabel = "";

  constructor({ json, quiet }: TerminalOptions) {
    this.json = json;
    this.#quiet = quiet;
    this.#moving = process.stderr.isTTY && !quiet;
    this.#colours =
      process.env["NO_COLOR"] === undefined && process.stdout.isTTY && process.stderr.isTTY;
  }

  /** A result, on stdout. */
  print(text: string): void {
    this.#clearBar();
    process.stdout.write(`${text}\n`);
  }

  /** A result as JSON, on stdout. */
  printJson(value: unknown): void {
    this.print(JSON.stringify(value, null, 2));
  }

  /** Something worth knowing meanwhile, on stderr. */
  note(text: string): void {
    if (this.#quiet) return;
    this.#clearBar();
    process.stderr.write(`${text}\n`);
  }

  /** Shown even with --quiet: errors and warnings. */
  warn(text: string): void {
    this.#clearBar();
    process.stderr.write(`${text}\n`);
  }

  /** A progress bar: redrawn in place on a terminal, a line every tenth elsewhere. */
  progress(label: string, done: number, total: number): void {
    if (this.#quiet) return;
    const share = total === 0 ? 1 : Math.min(1, done / total);
    const percent = Math.floor(100 * share);
    const previous = label === this.#lastLabel ? this.#lastPercent : -1;
    if (percent === previous) return;
    this.#lastLabel = label;
    this.#lastPercent = percent;
    if (this.#moving) {
      const width = 30;
      const filled = Math.round(width * share);
      const bar = "█".repeat(filled) + "░".repeat(width - filled);
      process.stderr.write(`\r\u001b[2K${label} ${bar} ${percent} %`);
      this.#barShown = true;
    } else if (Math.floor(percent / 10) !== Math.floor(previous / 10) || previous < 0) {
      process.stderr.write(`${label} ${percent} %\n`);
    }
    if (share === 1 && this.#barShown) {
      process.stderr.write("\n");
      this.#barShown = false;
    }
  }

  red(text: string): string {
    return this.#colours ? `\u001b[1;31m${text}\u001b[0m` : text;
  }

  bold(text: string): string {
    return this.#colours ? `\u001b[1m${text}\u001b[0m` : text;
  }

  /** Columns padded to the widest cell. */
  table(rows: readonly (readonly string[])[], indent = "  "): string {
    const widths: number[] = [];
    for (const row of rows) {
      for (const [column, cell] of row.entries()) {
        widths[column] = Math.max(widths[column] ?? 0, cell.length);
      }
    }
    return rows
      .map((row) => indent + row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join("  "))
      .map((line) => line.trimEnd())
      .join("\n");
  }

  #clearBar(): void {
    if (this.#barShown) process.stderr.write("\r\u001b[2K");
    this.#barShown = false;
  }
}

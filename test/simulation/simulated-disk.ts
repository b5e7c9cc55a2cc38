/**
 * A process's disk: real files, and what of them would be there after a power loss. What was written and not fsynced then vanishes, is torn
 * or stays, as the seed says; a renamed file may have its old name again. Every call is a turn, at which the process may die.
 */
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { machineDisk, type Disk, type DiskFile } from "@smarter-metering/runtime";
import type { Chance } from "./chance.ts";

type Content = Buffer | undefined;

/** The disk itself, which outlives processes. */
export class SimulatedDisk {
  /** Content that is safe, of files with anything that is not. */
  readonly #safe = new Map<string, Content>();
  /** Names that were changed since their folder was synced, with what they meant before. */
  readonly #names: { readonly path: string; readonly before: Content }[] = [];
  /** Files that are open: a file keeps its content under another name. */
  readonly #open = new Set<{ path: string | undefined }>();
  readonly isFull: () => boolean;

  constructor(isFull: () => boolean) {
    this.isFull = isFull;
  }

  /** As a process sees it; `turn` is asked before each call. */
  of(turn: (what: string) => Promise<void>): Disk {
    const step = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
      await turn(`disk ${what}`);
      return work();
    };
    return {
      open: (path, flags, mode) =>
        step("open", async () => {
          if (!existsSync(path)) this.#names.push({ path, before: undefined });
          return this.#file(path, await machineDisk.open(path, flags, mode), step);
        }),
      rename: (from, to) => step("rename", () => this.#rename(from, to)),
      remove: (path) => step("remove", () => machineDisk.remove(path)),
      syncFolder: (folder) => step("sync folder", async () => this.#syncFolder(folder)),
    };
  }

  #file(
    firstPath: string,
    file: DiskFile,
    step: <T>(what: string, work: () => Promise<T>) => Promise<T>,
  ): DiskFile {
    const handle: { path: string | undefined } = { path: firstPath };
    this.#open.add(handle);
    const change = <T>(work: () => Promise<T>): Promise<T> =>
      step("write", async () => {
        if (this.isFull()) throw Object.assign(new Error("no space left"), { code: "ENOSPC" });
        const { path } = handle;
        if (path !== undefined && !this.#safe.has(path)) this.#safe.set(path, contentOf(path));
        return work();
      });
    const sync = (): Promise<void> =>
      step("sync", async () => {
        if (handle.path !== undefined) this.#safe.delete(handle.path);
      });
    return {
      stat: () => file.stat(),
      readFile: () => file.readFile(),
      write: (buffer, offset, length, position) =>
        change(() => file.write(buffer, offset, length, position)),
      writeFile: (data) => change(() => file.writeFile(data)),
      truncate: (bytes) => change(() => file.truncate(bytes)),
      datasync: sync,
      sync,
      close: () => {
        this.#open.delete(handle);
        return file.close();
      },
    };
  }

  async #rename(from: string, to: string): Promise<void> {
    this.#names.push({ path: to, before: contentOf(to) });
    const safe = this.#safe.has(from);
    const content = this.#safe.get(from);
    renameSync(from, to);
    for (const handle of this.#open) {
      if (handle.path === to) handle.path = undefined;
      if (handle.path === from) handle.path = to;
    }
    this.#safe.delete(from);
    if (safe) this.#safe.set(to, content);
    else this.#safe.delete(to);
  }

  #syncFolder(folder: string): void {
    const kept = this.#names.filter(({ path }) => dirname(path) !== folder);
    this.#names.splice(0, this.#names.length, ...kept);
  }

  /** The process must be dead. Says how many files are not as they were. */
  losePower(chance: Chance): number {
    let changed = 0;
    for (const [path, safe] of this.#safe) {
      const now = contentOf(path);
      const after = leftOf(safe, now, chance);
      if (after !== undefined && now?.equals(after) === true) continue;
      put(path, after);
      changed += 1;
    }
    for (const { path, before } of this.#names.toReversed()) {
      if (chance.isTrue("name stays", 0.5)) continue;
      put(path, before);
      changed += 1;
    }
    this.#safe.clear();
    this.#names.length = 0;
    return changed;
  }
}

/** Of a file that only grows: what was safe, and some of what was not. */
function leftOf(safe: Content, now: Content, chance: Chance): Content {
  if (now === undefined) return undefined;
  const from = safe?.length ?? 0;
  const fate = chance.pick("unsynced", ["gone", "torn", "there"]);
  if (fate === "there" || now.length <= from) return fate === "there" ? now : safe;
  if (fate === "gone") return safe ?? Buffer.alloc(0);
  return now.subarray(0, chance.integer("torn at", from, now.length - 1));
}

const contentOf = (path: string): Content => (existsSync(path) ? readFileSync(path) : undefined);

function put(path: string, content: Content): void {
  if (content === undefined) rmSync(path, { force: true });
  else writeFileSync(path, content, { mode: 0o600 });
}

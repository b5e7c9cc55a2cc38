/**
 * One view's files (docs/protocol.md §9.1): `views/<epoch>.<name>.json` has the head of the epoch and those of its parts that no earlier
 * epoch had, a line each; never changed. Run by the registry, and by who reads its folder.
 */
import { createReadStream } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { PARTS_CHARACTERS_MAX, primitives, toHex } from "@smarter-metering/protocol";
import type { PartedView, ViewName } from "@smarter-metering/protocol";
import { writeFileAtomic } from "@smarter-metering/runtime";
import { damaged, RegistryError } from "./error.ts";

/** Where a part is: bytes of an epoch's file. */
interface Place {
  readonly epoch: number;
  readonly offset: number;
  readonly length: number;
}

const READ_BYTES = 1024 * 1024;
const LINE_FEED = 0x0a;

export class ViewFiles {
  readonly #folder: string;
  readonly #name: ViewName;
  readonly #places = new Map<string, Place>();

  /** `folder`: the registry's. */
  constructor(folder: string, name: ViewName) {
    this.#folder = folder;
    this.#name = name;
  }

  /** How many parts are known. */
  get size(): number {
    return this.#places.size;
  }

  has(hash: string): boolean {
    return this.#places.has(hash);
  }

  /** Looks where the parts of an epoch's file are; after those of the epochs before. Throws REGISTRY_DAMAGED. */
  async index(epoch: number): Promise<void> {
    let offset = 0;
    for await (const line of this.#lines(epoch)) {
      const { length } = line;
      if (offset > 0) {
        const hash = toHex(await primitives.sha256(line));
        this.#places.set(hash, { epoch, offset, length });
      }
      offset += length + 1;
    }
  }

  /** Of an epoch that was issued. Throws REGISTRY_DAMAGED. */
  async head(epoch: number): Promise<string> {
    for await (const line of this.#lines(epoch)) return line.toString("utf8");
    throw damaged(`${this.#path(epoch)} is empty`);
  }

  /** As many of these parts as fit into one answer, one or more. Throws REGISTRY_NO_SUCH_EPOCH for what is no part of such a view. */
  async parts(hashes: readonly string[]): Promise<string[]> {
    const files = new Map<number, FileHandle>();
    const texts: string[] = [];
    let room = PARTS_CHARACTERS_MAX;
    try {
      for (const hash of hashes) {
        const place = this.#places.get(hash);
        if (place === undefined) {
          throw new RegistryError("REGISTRY_NO_SUCH_EPOCH", `no ${this.#name} view has that part`);
        }
        room -= place.length;
        if (room < 0 && texts.length > 0) break;
        let file = files.get(place.epoch);
        if (file === undefined) {
          file = await open(this.#path(place.epoch), "r");
          files.set(place.epoch, file);
        }
        const bytes = Buffer.alloc(place.length);
        await file.read(bytes, 0, place.length, place.offset);
        texts.push(bytes.toString("utf8"));
      }
      return texts;
    } finally {
      for (const file of files.values()) await file.close();
    }
  }

  /** Resolves when the file is durable. */
  async write(epoch: number, { head, parts }: PartedView): Promise<void> {
    // Of an attempt that failed: its file is replaced.
    for (const [hash, place] of this.#places) {
      if (place.epoch === epoch) this.#places.delete(hash);
    }
    const places = new Map<string, Place>();
    const fresh = new Map(parts.map((part) => [part.hash, part]));
    const has = (hash: string): boolean => this.has(hash);
    function* lines(): Generator<string> {
      let offset = Buffer.byteLength(head);
      yield head;
      for (const part of fresh.values()) {
        if (has(part.hash)) continue;
        const text = part.text();
        const length = Buffer.byteLength(text);
        places.set(part.hash, { epoch, offset: offset + 1, length });
        offset += 1 + length;
        yield `\n${text}`;
      }
    }
    await writeFileAtomic(this.#path(epoch), lines());
    for (const [hash, place] of places) this.#places.set(hash, place);
  }

  async *#lines(epoch: number): AsyncGenerator<Buffer> {
    const path = this.#path(epoch);
    let begun: Buffer[] = [];
    try {
      for await (const chunk of createReadStream(path, { highWaterMark: READ_BYTES })) {
        let rest = chunk as Buffer; // A stream without an encoding gives bytes.
        for (let end = rest.indexOf(LINE_FEED); end !== -1; end = rest.indexOf(LINE_FEED)) {
          yield Buffer.concat([...begun, rest.subarray(0, end)]);
          begun = [];
          rest = rest.subarray(end + 1);
        }
        begun.push(rest);
      }
    } catch (cause) {
      throw damaged(`${path} cannot be read`, cause);
    }
    yield Buffer.concat(begun);
  }

  #path(epoch: number): string {
    return join(this.#folder, "views", `${numbered(epoch)}.${this.#name}.json`);
  }
}

/** As files are called. */
export const numbered = (epoch: number): string => String(epoch).padStart(6, "0");

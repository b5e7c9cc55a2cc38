/**
 * The registry's state on disk: a head, `state.json`, and its parts (docs/protocol.md §9.1 has views cut alike), `state-parts/<hash>.json`. Run
 * by the registry; nobody else may read them. A change writes the parts that it touches, then the head, which is the commit point: a
 * crash leaves parts that no head names, and the next start takes them away.
 */
import { mkdir, open, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { hashOf, partedView, parseJson, readBranch, readHead } from "@smarter-metering/protocol";
import type { PartedView } from "@smarter-metering/protocol";
import { syncFolder, writeFileAtomic } from "@smarter-metering/runtime";
import { damaged, RegistryError } from "./error.ts";
import { inRuns, LeafMemory } from "./leaves.ts";
import { registryState, type RegistryState } from "./state.ts";

/** 310 kB. */
const POINTS_PER_PART = 256;
const COHORTS_PER_PART = 32;
/** Files that are written at a time. */
const FILES_AT_ONCE = 8;

/** Lists in parts, each with what reads one of its parts. */
const LISTS = {
  prices: registryState.shape.prices.unwrap(),
  cohorts: registryState.shape.cohorts,
  servicePoints: registryState.shape.servicePoints,
};
type ListName = keyof typeof LISTS;
const isListName = (list: string): list is ListName => Object.hasOwn(LISTS, list);

const statePath = (folder: string): string => join(folder, "state.json");

/** One registry's; whoever saves holds its lock. */
export class StateFiles {
  readonly #folder: string;
  readonly #memory = {
    prices: new LeafMemory<string>(),
    cohorts: new LeafMemory<RegistryState["cohorts"][number]>(),
    servicePoints: new LeafMemory<RegistryState["servicePoints"][number]>(),
  };
  /** Hashes of the parts that are on disk, durable and named by the head. */
  #parts: ReadonlySet<string> = new Set();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Throws REGISTRY_DAMAGED, with the file's name, when one is missing or not what it was. */
  async load(): Promise<RegistryState> {
    const path = statePath(this.#folder);
    try {
      const { document, lists } = readHead(await readFile(path, "utf8"));
      const parts = new Set<string>();
      const inParts: Partial<Record<ListName, unknown[]>> = {};
      for (const [list, branches] of lists) {
        if (!isListName(list)) throw new Error(`no list ${list}`);
        const entries: unknown[] = [];
        for (const branch of branches) {
          const leaves = readBranch(await this.#read(branch, parts));
          for (const leaf of leaves) {
            const text = await this.#read(leaf, parts);
            for (const entry of LISTS[list].parse(parseJson(text))) entries.push(entry);
          }
        }
        inParts[list] = entries;
      }
      const empty = Object.fromEntries(Object.keys(inParts).map((list) => [list, []]));
      // Every list in parts was read by its own shape, part by part.
      const state = {
        ...registryState.parse({ ...document, ...empty }),
        ...(inParts as Partial<Pick<RegistryState, ListName>>),
      };
      this.#parts = parts;
      return state;
    } catch (cause) {
      if (cause instanceof RegistryError) throw cause;
      const message = `${path} is missing or not a registry state; restore it, or run init anew`;
      throw new RegistryError("REGISTRY_DAMAGED", message, cause);
    }
  }

  /** Durable and whole, readable by the owner alone; resolves after fsync. What the state does not hold any more is gone from the disk. */
  async save(state: RegistryState): Promise<void> {
    const { head, parts } = await this.#parted(state);
    const wanted = new Map(parts.map((part) => [part.hash, part]));
    const fresh = [...wanted.values()].filter(({ hash }) => !this.#parts.has(hash));
    await mkdir(this.#partsFolder, { recursive: true, mode: 0o700 });
    for (const some of inRuns(fresh, FILES_AT_ONCE)) {
      await Promise.all(some.map((part) => writeDurably(this.#partPath(part.hash), part.text())));
    }
    await syncFolder(this.#partsFolder);
    await writeFileAtomic(statePath(this.#folder), head);
    const before = this.#parts;
    this.#parts = new Set(wanted.keys());
    for (const hash of before) {
      if (!wanted.has(hash)) await rm(this.#partPath(hash), { force: true });
    }
  }

  /** Takes away what a crash left, after `load`. */
  async sweep(): Promise<void> {
    await mkdir(this.#partsFolder, { recursive: true, mode: 0o700 });
    for (const name of await readdir(this.#partsFolder)) {
      if (!this.#parts.has(name.replace(/\.json$/, ""))) await rm(join(this.#partsFolder, name));
    }
  }

  async #parted(state: RegistryState): Promise<PartedView> {
    const { prices, cohorts, servicePoints, ...rest } = state;
    const {
      prices: _p,
      cohorts: _c,
      servicePoints: _s,
      ...head
    } = registryState.parse({
      ...rest,
      prices: [],
      cohorts: [],
      servicePoints: [],
    });
    const memory = this.#memory;
    return partedView(head, {
      prices: await memory.prices.leaves(inRuns(prices, 1), textIn("prices")),
      cohorts: await memory.cohorts.leaves(inRuns(cohorts, COHORTS_PER_PART), textIn("cohorts")),
      servicePoints: await memory.servicePoints.leaves(
        inRuns(servicePoints, POINTS_PER_PART),
        textIn("servicePoints"),
      ),
    });
  }

  async #read(hash: string, parts: Set<string>): Promise<string> {
    parts.add(hash);
    const path = this.#partPath(hash);
    let cause: unknown;
    try {
      const text = await readFile(path, "utf8");
      if ((await hashOf(text)) === hash) return text;
    } catch (error) {
      cause = error;
    }
    throw damaged(`${path} is missing or was changed`, cause);
  }

  get #partsFolder(): string {
    return join(this.#folder, "state-parts");
  }

  #partPath(hash: string): string {
    return join(this.#partsFolder, `${hash}.json`);
  }
}

/** Of entries that are what they should be: a programmer's error is not to reach the disk. */
const textIn =
  (list: ListName) =>
  (entries: readonly unknown[]): string =>
    JSON.stringify(LISTS[list].parse(entries));

/** A registry's state, read by nobody who runs it. Throws REGISTRY_DAMAGED. */
export const loadState = (folder: string): Promise<RegistryState> => new StateFiles(folder).load();

/** A state to begin with, in a folder where no registry runs. Resolves when durable. */
export const saveState = (folder: string, state: RegistryState): Promise<void> =>
  new StateFiles(folder).save(state);

async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, "w", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * Fetching a view from the registry (docs/protocol.md §9.1): its head, and of its parts those that are not known yet. Run by every party
 * that follows the registry. Whatever does not have the hash under which it was asked for is refused.
 */
import { ProtocolError } from "./error.ts";
import type { RegistryEpoch, ViewName } from "./registry-epoch.ts";
import { hashOf, readBranch, readHead, type ViewHead } from "./view-parts.ts";
import { checkLists, type Leaf, type ViewReader } from "./view-reader.ts";

/** Hashes in one call of `parts`. */
export const PARTS_ASKED_MAX = 256;
/** Characters of one answer to `parts`, unless its first part alone is longer. */
export const PARTS_CHARACTERS_MAX = 8 * 1024 * 1024;
/** Parts asked for at a time: those of service points are 2 MB, and read in one go. */
const PARTS_AT_ONCE = 64;

export interface RegistryTransport {
  /** Every epoch's JWS, epoch 0 first. */
  epochs(): Promise<readonly string[]>;
  /** A view's head. */
  head(name: ViewName, epoch: number): Promise<string>;
  /** The first of these parts of a view, one or more, in this order: as many as fit into one answer. At most PARTS_ASKED_MAX are asked for. */
  parts(name: ViewName, hashes: readonly string[]): Promise<readonly string[]>;
}

/** A view with what it was read from. */
export interface FetchedView<View> {
  readonly view: View;
  /** What each branch names, by its hash. */
  readonly branches: ReadonlyMap<string, readonly string[]>;
  /** By list and hash. */
  readonly leaves: ReadonlyMap<string, Leaf>;
}

type Source = Pick<RegistryTransport, "head" | "parts">;

/**
 * The view that a verified epoch names. Shares with views fetched before, the nearest of them first, whatever has the same hash. Throws
 * REGISTRY_INVALID, and what the transport throws.
 */
export async function fetchView<View>(
  reader: ViewReader<View>,
  source: Source,
  epoch: RegistryEpoch,
  known: readonly FetchedView<View>[] = [],
): Promise<FetchedView<View>> {
  const { name } = reader;
  const text = await source.head(name, epoch.epoch);
  if ((await hashOf(text)) !== epoch.views[name]) {
    throw invalid(`view ${name} is not the one of epoch ${epoch.epoch}`);
  }
  const head = readHead(text);
  checkLists(reader, head);
  const branches = await fetchBranches(source, name, head, known);
  const wanted = [...head.lists].flatMap(([list, named]) =>
    named.flatMap((branch) => (branches.get(branch) ?? []).map((leaf) => wantedLeaf(list, leaf))),
  );
  const [nearest] = known;
  const shared = wanted.filter(({ key }) => nearest?.leaves.has(key) === true).length;
  // A registry that has cut a list anew has little in common with itself.
  const base = 2 * shared >= wanted.length ? nearest : undefined;
  const builder = reader.builder(wanted.length, base?.view);
  const keys = new Set(wanted.map(({ key }) => key));
  for (const [key, leaf] of base?.leaves ?? []) if (!keys.has(key)) builder.remove(leaf);
  const leaves = new Map<string, Leaf>();
  // Index and text of a leaf one after the other: between two answers of the registry this thread does something else.
  for await (const [key, leaf] of leavesOf(reader, source, wanted, known)) {
    if (!leaves.has(key) && base?.leaves.has(key) !== true) builder.add(leaf);
    leaves.set(key, leaf);
  }
  const view = builder.finish(
    head,
    wanted.flatMap(({ key }) => leaves.get(key) ?? []),
  );
  return { view, branches, leaves };
}

/** A leaf that a head names: the same text in two lists is two leaves. */
interface WantedLeaf {
  readonly list: string;
  readonly hash: string;
  readonly key: string;
}

const wantedLeaf = (list: string, hash: string): WantedLeaf => ({
  list,
  hash,
  key: `${list} ${hash}`,
});

async function fetchBranches<View>(
  source: Source,
  name: ViewName,
  head: ViewHead,
  known: readonly FetchedView<View>[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const wanted = new Set([...head.lists.values()].flat());
  const branches = new Map<string, readonly string[]>();
  for (const hash of wanted) {
    const kept = firstOf(known, (fetched) => fetched.branches.get(hash));
    if (kept === undefined) continue;
    branches.set(hash, kept);
    wanted.delete(hash);
  }
  for await (const [hash, text] of fetchParts(source, name, [...wanted])) {
    branches.set(hash, readBranch(text));
  }
  return branches;
}

/** Those that are known first. */
async function* leavesOf<View>(
  reader: ViewReader<View>,
  source: Source,
  wanted: readonly WantedLeaf[],
  known: readonly FetchedView<View>[],
): AsyncGenerator<readonly [key: string, leaf: Leaf]> {
  const missing = new Map<string, Set<string>>();
  for (const { list, hash, key } of wanted) {
    const kept = firstOf(known, (fetched) => fetched.leaves.get(key));
    if (kept !== undefined) yield [key, kept];
    else if (!missing.get(list)?.add(hash)) missing.set(list, new Set([hash]));
  }
  for (const [list, hashes] of missing) {
    for await (const [hash, text] of fetchParts(source, reader.name, [...hashes])) {
      yield [wantedLeaf(list, hash).key, reader.leaf(list, text)];
    }
  }
}

/** Throws REGISTRY_INVALID for an answer that is not what was asked for. */
export async function* fetchParts(
  source: Pick<RegistryTransport, "parts">,
  name: ViewName,
  hashes: readonly string[],
): AsyncGenerator<readonly [hash: string, text: string]> {
  let at = 0;
  while (at < hashes.length) {
    const asked = hashes.slice(at, at + PARTS_AT_ONCE);
    const texts = await source.parts(name, asked);
    if (texts.length === 0 || texts.length > asked.length) {
      throw invalid(`${texts.length} parts of view ${name} for ${asked.length} asked for`);
    }
    for (const [index, text] of texts.entries()) {
      const hash = asked[index] ?? "";
      if ((await hashOf(text)) !== hash) throw invalid(`part ${hash} of view ${name} is another`);
      yield [hash, text];
    }
    at += texts.length;
  }
}

/** A view as one text (view-text.ts). Its parts are checked, its head is not. Throws like `fetchView`. */
export async function wholeView(source: Source, name: ViewName, epoch: number): Promise<string> {
  const head = await source.head(name, epoch);
  const branches = [...readHead(head).lists.values()].flat();
  const texts = new Map<string, string>();
  for await (const [hash, text] of fetchParts(source, name, [...new Set(branches)])) {
    texts.set(hash, text);
  }
  const order = branches.flatMap((hash) => [hash, ...readBranch(texts.get(hash) ?? "")]);
  const missing = [...new Set(order)].filter((hash) => !texts.has(hash));
  for await (const [hash, text] of fetchParts(source, name, missing)) texts.set(hash, text);
  return [head, ...order.map((hash) => texts.get(hash) ?? "")].join("\n");
}

function firstOf<T, R>(list: readonly T[], find: (entry: T) => R | undefined): R | undefined {
  for (const entry of list) {
    const found = find(entry);
    if (found !== undefined) return found;
  }
  return undefined;
}

const invalid = (what: string): ProtocolError => new ProtocolError("REGISTRY_INVALID", what);

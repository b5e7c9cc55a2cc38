/**
 * A registry's view in parts (docs/protocol.md §9.1). The registry makes them, every party reads its own: a head, whose hash the signed
 * epoch names, names branches by their hashes; a branch names leaves; a leaf holds entries of one list. A change of one entry changes a
 * leaf, a branch and the head, and whoever has the rest does not ask for it again.
 */
import { toHex } from "./bytes.ts";
import { ProtocolError } from "./error.ts";
import { documentHash, parseJson } from "./jws.ts";
import { list, optional, partOf, readShape, table, text } from "./shape.ts";

/** Leaves that the registry names in one branch: 8.6 kB. */
const BRANCH_LEAVES = 128;
/** Leaves of a branch that a reader takes. */
const BRANCH_LEAVES_MAX = 4096;

/** What a head or a branch names. */
export interface Part {
  /** SHA-256 of the text, hex. */
  readonly hash: string;
  /** JSON on one line. Made when it is asked for: most parts of an epoch are known from the one before. */
  text(): string;
}

export interface PartedView {
  readonly head: string;
  /** Each list's branches, every one followed by its leaves. */
  readonly parts: readonly Part[];
}

/** A head as it is read. */
export interface ViewHead {
  /** What stands in the head itself. */
  readonly document: Readonly<Record<string, unknown>>;
  /** The lists that stand in parts, and the hashes of their branches, in order. */
  readonly lists: ReadonlyMap<string, readonly string[]>;
}

const hash = text(/^[0-9a-f]{64}$/);
const headParts = partOf({ parts: optional(table(/^[A-Za-z]{1,32}$/, list(hash))) });
const branch = list(hash);

/** A view whose `lists` stand in these leaves, in this order; `document` is all else. The same gives the same bytes. */
export async function partedView(
  document: Readonly<Record<string, unknown>>,
  lists: Readonly<Record<string, readonly Part[]>>,
): Promise<PartedView> {
  const named: Record<string, string[]> = {};
  const parts: Part[] = [];
  for (const [name, leaves] of Object.entries(lists)) {
    const branches: string[] = [];
    for (let from = 0; from < leaves.length; from += BRANCH_LEAVES) {
      const own = leaves.slice(from, from + BRANCH_LEAVES);
      const made = await partOfText(JSON.stringify(own.map((leaf) => leaf.hash)));
      branches.push(made.hash);
      parts.push(made, ...own);
    }
    named[name] = branches;
  }
  return { head: JSON.stringify({ ...document, parts: named }), parts };
}

/** A part that is kept as text. */
export async function partOfText(content: string): Promise<Part> {
  return { hash: await hashOf(content), text: () => content };
}

/** SHA-256 of a head's or a part's text, hex. */
export const hashOf = async (content: string): Promise<string> =>
  toHex(await documentHash(content));

/** Throws REGISTRY_INVALID. */
export function readHead(content: string): ViewHead {
  const document = readAs("the head of a view", () => {
    const value = parseJson(content);
    return { parts: readShape(headParts, value, "a head").parts, value };
  });
  // `headParts` reads objects alone.
  const { parts: _, ...rest } = document.value as Record<string, unknown>;
  return { document: rest, lists: new Map(Object.entries(document.parts ?? {})) };
}

/** The hashes of a branch's leaves, in order. Throws REGISTRY_INVALID. */
export function readBranch(content: string): readonly string[] {
  const leaves = readAs("a branch", () => readShape(branch, parseJson(content), "a branch"));
  if (leaves.length > BRANCH_LEAVES_MAX) throw invalid(`a branch has ${leaves.length} leaves`);
  return leaves;
}

function readAs<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause;
    throw new ProtocolError("REGISTRY_INVALID", `not ${what} of the registry`, cause);
  }
}

const invalid = (what: string): ProtocolError => new ProtocolError("REGISTRY_INVALID", what);

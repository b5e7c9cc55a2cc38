/**
 * What a party makes of its view (docs/protocol.md §9.1), whether it comes as one text or in parts. A list stands in the head itself or in
 * parts; how it is cut is the registry's choice and means nothing to who reads it.
 */
import { ProtocolError } from "./error.ts";
import { parseJson } from "./jws.ts";
import type { ViewName } from "./registry-epoch.ts";
import type { ViewHead } from "./view-parts.ts";

/** Entries of a list, as one leaf or the head has them. The same text is read once, and the same object ever after. */
export interface Leaf {
  readonly list: string;
  readonly entries: readonly unknown[];
}

export interface ViewReader<View> {
  readonly name: ViewName;
  /** Lists that may stand in parts. */
  readonly lists: readonly string[];
  /** Of one of `lists`, from its text. Throws REGISTRY_INVALID. */
  leaf(list: string, text: string): Leaf;
  /** `earlier`: another view of the same reader, to share what stays the same; `leaves`: about how many there will be. */
  builder(leaves: number, earlier?: View): ViewBuilder<View>;
}

/** Takes what is new and what is gone, then the whole. */
export interface ViewBuilder<View> {
  add(leaf: Leaf): void;
  remove(leaf: Leaf): void;
  /** All leaves in order. Throws REGISTRY_INVALID. */
  finish(head: ViewHead, leaves: readonly Leaf[]): View;
}

type ReadEntries = (value: unknown) => readonly unknown[];

export interface DocumentShape<Document> {
  readonly name: ViewName;
  /** Reads the whole document; lists in parts are empty in it. Throws. */
  readonly document: (value: unknown) => Document;
  /** Reads entries of a list. Throws. */
  readonly lists: { readonly [Name in keyof Document]?: ReadEntries };
}

/** Of a view that is its document. */
export function documentReader<Document extends object>(
  shape: DocumentShape<Document>,
): ViewReader<Document> {
  const { name } = shape;
  const lists = new Map(Object.entries<ReadEntries | undefined>(shape.lists));
  const refused = (cause: unknown): ProtocolError =>
    new ProtocolError("REGISTRY_INVALID", `not a ${name} view`, cause);
  return {
    name,
    lists: [...lists.keys()],
    leaf(list, text) {
      const read = lists.get(list);
      if (read === undefined) throw refused(undefined);
      try {
        return { list, entries: read(parseJson(text)) };
      } catch (cause) {
        throw refused(cause);
      }
    },
    builder: () => ({
      add: () => undefined,
      remove: () => undefined,
      finish(head, leaves) {
        const parted = [...head.lists.keys()].map((list): [string, unknown] => [list, []]);
        let document: Document;
        try {
          document = shape.document({ ...head.document, ...Object.fromEntries(parted) });
        } catch (cause) {
          throw refused(cause);
        }
        const entries = parted.map(([list]) => [
          list,
          leaves.flatMap((leaf) => (leaf.list === list ? leaf.entries : [])),
        ]);
        // Each list's entries were read by its own shape.
        return { ...document, ...(Object.fromEntries(entries) as Partial<Document>) };
      },
    }),
  };
}

/** Lists of a head that its reader does not know, or that stand in it twice. Throws REGISTRY_INVALID. */
export function checkLists(reader: ViewReader<unknown>, { document, lists }: ViewHead): void {
  for (const list of lists.keys()) {
    if (reader.lists.includes(list) && !Object.hasOwn(document, list)) continue;
    const message = `a ${reader.name} view has no list ${list} in parts`;
    throw new ProtocolError("REGISTRY_INVALID", message);
  }
}

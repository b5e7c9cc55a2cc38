/**
 * A view as one text (docs/protocol.md §9.1): its head, then each list's branches, every one followed by its leaves, a line each. For
 * whoever takes a view as a whole: a customer's browser, an arbiter, an auditor of a small registry.
 */
import { ProtocolError } from "./error.ts";
import type { RegistryEpoch, ViewName } from "./registry-epoch.ts";
import { hashOf, readBranch, readHead } from "./view-parts.ts";
import { checkLists, type Leaf, type ViewReader } from "./view-reader.ts";

/** The head of a view that is one text. */
export const headOfText = (text: string): string => text.slice(0, lineEnd(text));

function lineEnd(text: string): number {
  const end = text.indexOf("\n");
  return end === -1 ? text.length : end;
}

/** A line that stands under the name of a hash; `list`: it is a leaf of that. */
interface NamedLine {
  readonly hash: string;
  readonly line: string;
  readonly list: string | undefined;
}

/** Throws REGISTRY_INVALID for lines that are missing, or too many. */
function* namedLines(text: string): Generator<NamedLine> {
  const [head = "", ...lines] = text.split("\n");
  let at = 0;
  const next = (): string => {
    const line = lines[at++];
    if (line !== undefined) return line;
    throw new ProtocolError("REGISTRY_INVALID", "parts of the view are missing");
  };
  for (const [list, branches] of readHead(head).lists) {
    for (const hash of branches) {
      const branch = next();
      yield { hash, line: branch, list: undefined };
      for (const leaf of readBranch(branch)) yield { hash: leaf, line: next(), list };
    }
  }
  if (at < lines.length) throw new ProtocolError("REGISTRY_INVALID", "the view has parts too many");
}

/** Checks a view's text against the epoch that names its head, and returns it. Throws REGISTRY_INVALID. */
export async function verifyView(
  epoch: RegistryEpoch,
  name: ViewName,
  text: string,
): Promise<string> {
  const refuse = (what: string): never => {
    const message = `${what} is not the one of epoch ${epoch.epoch}`;
    throw new ProtocolError("REGISTRY_INVALID", message);
  };
  if ((await hashOf(headOfText(text))) !== epoch.views[name]) refuse(`view ${name}`);
  for (const { hash, line } of namedLines(text)) {
    if ((await hashOf(line)) !== hash) refuse(`part ${hash} of view ${name}`);
  }
  return text;
}

/** The view as far as its head says: lists that stand in parts are empty in it. Throws REGISTRY_INVALID. */
export function readViewHead<View>(reader: ViewReader<View>, head: string): View {
  const read = readHead(head);
  checkLists(reader, read);
  return reader.builder(0).finish(read, []);
}

/** The view in a text that is verified, or one's own. Throws REGISTRY_INVALID. */
export function readViewText<View>(reader: ViewReader<View>, text: string): View {
  const head = readHead(headOfText(text));
  checkLists(reader, head);
  const leaves: Leaf[] = [];
  for (const { line, list } of namedLines(text)) {
    if (list !== undefined) leaves.push(reader.leaf(list, line));
  }
  const builder = reader.builder(leaves.length);
  for (const leaf of leaves) builder.add(leaf);
  return builder.finish(head, leaves);
}

/**
 * Whether the registry that a portal shows is the one there is (docs/protocol.md §9.1, §11.5): under the root key that this account saw
 * before, or that its bills came with, sealed under a key the portal does not know; and no older than it was.
 */
import {
  equalBytes,
  parsePublicView,
  ProtocolError,
  type PublicView,
} from "@smarter-metering/protocol";
import { LinkBook, type Link } from "./link.ts";
import type { RegistryPin } from "./pinned-meters.ts";
import type { ShownRegistry } from "./portal-evidence.ts";
import type { OpenedStatement } from "./portal-statements.ts";
import { checkRegistry, type RegistryEvidence } from "./registered.ts";

export interface PortalRegistry {
  /** For `verifyBill`; under the root key that is believed, whatever the portal shows. */
  readonly evidence: RegistryEvidence;
  /** Whose word the root key is: the portal's alone as long as there is neither a pin nor a bill. */
  readonly trusted: "pin" | "bill" | "portal";
  /** Undefined unless the root vouches for it. */
  readonly view: PublicView | undefined;
  /** To be remembered (`PortalClient.remember`); undefined where nothing vouches for it but the portal. */
  readonly pin: RegistryPin | undefined;
  /** Link "registry". */
  readonly links: readonly Link[];
}

/** Never throws for what a party sent. */
export async function checkPortalRegistry(
  shown: ShownRegistry,
  {
    pin,
    statements,
  }: { readonly pin: RegistryPin | undefined; readonly statements: readonly OpenedStatement[] },
): Promise<PortalRegistry> {
  const book = new LinkBook();
  const billed = statements[0]?.rootKey;
  const trusted = pin !== undefined ? "pin" : billed !== undefined ? "bill" : "portal";
  const rootKey = pin?.rootKey ?? billed ?? shown.rootKey;
  const roots = [
    ["the portal", shown.rootKey] as const,
    ...statements.map(
      (statement) => [`statement ${statement.sequence}`, statement.rootKey] as const,
    ),
  ];
  for (const [whose, root] of roots) {
    if (!equalBytes(root, rootKey)) book.broken("REGISTRY_OTHER_ROOT", `root key of ${whose}`);
  }
  const { epochs, view: text } = shown;
  const evidence: RegistryEvidence = {
    rootKey,
    ...(pin !== undefined && { pin }),
    epochs,
    view: { name: "public", text },
  };
  const registered = await checkRegistry(evidence, book);
  const view = registered && viewIn(text);
  const isSound = registered !== undefined && view !== undefined && !book.isBroken("registry");
  return {
    evidence,
    trusted,
    view,
    pin: isSound && trusted !== "portal" ? { rootKey, ...registered.pin } : undefined,
    links: book.links(),
  };
}

function viewIn(text: string): PublicView | undefined {
  try {
    return parsePublicView(text);
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

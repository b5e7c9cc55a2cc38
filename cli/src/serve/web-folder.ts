/** Where the portal's built pages are; `npm ci` builds them. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Null when the pages were not built: the portal then serves its API alone. */
export function portalWebFolder(): string | null {
  const folder = fileURLToPath(new URL("../../../services/ucs/dist/web", import.meta.url));
  return existsSync(folder) ? folder : null;
}

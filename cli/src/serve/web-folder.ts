/** Where the built pages are; `npm ci` builds them. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Null when the pages were not built: the service then serves its API alone. */
export function webFolderOf(service: "mdms" | "ucs"): string | null {
  const folder = fileURLToPath(new URL(`../../../services/${service}/dist/web`, import.meta.url));
  return existsSync(folder) ? folder : null;
}

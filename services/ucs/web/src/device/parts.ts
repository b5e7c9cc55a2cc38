/**
 * Parts of the worker that the first page does without. The build writes their files and hashes in here: each is fetched and checked before
 * it runs, and then comes out of the cache, for a name with a hash never changes.
 */
import { DeviceError } from "./error.ts";

/** Addresses and hashes in turn, separated by spaces. */
const FILES = { checks: "FILES_OF_checks", exports: "FILES_OF_exports" } as const;

/** Throws DEVICE_PART_REFUSED. */
export async function checks() {
  await verify(FILES.checks);
  return import("./checks.ts");
}

/** Throws DEVICE_PART_REFUSED. */
export async function exports() {
  await verify(FILES.exports);
  return import("./exports.ts");
}

async function verify(files: string): Promise<void> {
  const words = files.split(" ");
  for (let index = 0; index < words.length; index += 2) {
    const [path = "", integrity = ""] = words.slice(index, index + 2);
    try {
      const answer = await fetch(path, { integrity });
      await answer.arrayBuffer();
    } catch {
      // Not there, or not what was built: this browser does not say which.
      throw new DeviceError("DEVICE_PART_REFUSED");
    }
  }
}

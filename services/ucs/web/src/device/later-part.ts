/**
 * The part of the worker that the first page does without. The build writes its address and hash in here: its bytes are checked before they
 * run, and then come out of the cache, for a name with a hash never changes.
 */
import { DeviceError } from "./error.ts";

const PATH = "PATH_OF_later";
const INTEGRITY = "INTEGRITY_OF_later";

/** Throws DEVICE_PART_REFUSED. */
export async function laterPart() {
  try {
    const answer = await fetch(PATH, { integrity: INTEGRITY });
    await answer.arrayBuffer();
  } catch {
    // Not there, or not what was built: a browser does not say which.
    throw new DeviceError("DEVICE_PART_REFUSED");
  }
  return import("./later.ts");
}

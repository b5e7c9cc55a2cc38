/**
 * Copies the native engine that native/build.mjs compiled here to native/prebuilds/, from where it
 * is packed for machines of the same kind that have no compiler. Run on each kind before `npm pack`.
 */
import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { prebuildName } from "../src/engine/native/load.ts";

const native = fileURLToPath(new URL("../native", import.meta.url));
const target = join(native, "prebuilds", prebuildName());
mkdirSync(target, { recursive: true });
copyFileSync(join(native, "build/paillier.node"), join(target, "paillier.node"));
console.log(`paillier: native/prebuilds/${prebuildName()}/paillier.node`);

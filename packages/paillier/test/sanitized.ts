/**
 * The part of the native engine's tests that runs on a build with sanitizers, beside addon.test.ts
 * (scripts/sanitizers.ts): every operation with every kernel, at 2048 bits.
 */
import assert from "node:assert/strict";

import { createNativeEngine } from "../src/engine/native/native.ts";
import { engineConformance } from "./engine-conformance.ts";
import { findAddonUnderTest } from "./native-addon.ts";

const found = findAddonUnderTest();
assert(found !== undefined, "a build with sanitizers");
const { addon } = found;
for (const kernel of addon.kernels()) {
  engineConformance(
    `native with sanitizers, ${kernel}`,
    () => createNativeEngine(addon, { kernel }),
    {
      bits: [2048],
      counts: [1, 3, 8, 9],
    },
  );
}

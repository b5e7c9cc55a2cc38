#!/usr/bin/env node
/**
 * The committed entry of the command line. Node that runs TypeScript as it is (22.18 and later) imports the sources; older ones
 * get a loader first.
 */
if (!process.features.typescript) {
  const { register } = await import("tsx/esm/api");
  register();
}
const { main } = await import("../src/main.ts");
process.exitCode = await main(process.argv.slice(2));

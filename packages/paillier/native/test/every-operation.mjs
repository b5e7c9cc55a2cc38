/**
 * Every operation, refusals included, with every kernel, and then the end of the process: for
 * LeakSanitizer, which looks at that end. Arguments: the addon, and a key as raw p and q in hex.
 */
import { createRequire } from "node:module";
import process from "node:process";

const [, , path, p, q] = process.argv;
const addon = createRequire(import.meta.url)(path);
const bytes = (hex) => new Uint8Array(Buffer.from(hex, "hex"));
const prime = bytes(p).length;
const n = bytes((BigInt(`0x${p}`) * BigInt(`0x${q}`)).toString(16));
const hs = new Uint8Array(4 * prime).fill(4, -1);
const items = (count, width) =>
  Uint8Array.from({ length: count * width }, (_, i) => ((i + 1) % width === 0 ? 7 : 0));

async function work(kernel, isClosed) {
  const key = addon.openPublicKey(n, hs, kernel);
  const secret = addon.openSecretKey(bytes(p), bytes(q), kernel);
  for (const count of [1, 5]) {
    const [c, m, a] = [items(count, 4 * prime), items(count, 2 * prime), items(count, prime)];
    const all = Uint32Array.of(count);
    await addon.run("buildSecretTables", secret, hs, undefined, undefined, 4);
    for (const [operation, holder, ...rest] of [
      ["encrypt", key, m, a, undefined, 0],
      ["rerandomize", key, c, a, undefined, 0],
      ["blind", key, a, undefined, undefined, 0],
      ["encryptBlinded", key, c, m, undefined, 0],
      ["product", key, c, undefined, all, 0],
      ["weightedProduct", key, c, a, all, 0],
      ["repack", key, c, undefined, all, 3],
      ["subtract", key, c, c, undefined, 0],
      ["subtract", key, c, new Uint8Array(c.length), undefined, 0], // rejects
      ["check", key, c, undefined, undefined, 0],
      ["power", key, c, a, undefined, 0],
      ["decrypt", secret, c, undefined, undefined, 0],
      ["decrypt", secret, new Uint8Array(c.length), undefined, undefined, 0], // rejects
      ["encryptSecret", secret, m, a, undefined, 0],
      ["product", key, c, undefined, Uint32Array.of(count + 1), 0], // throws
      ["buildTable", key, undefined, undefined, undefined, 5],
    ]) {
      try {
        await addon.run(operation, holder, ...rest);
      } catch (error) {
        if (!(error instanceof TypeError) && error.code !== "NOT_A_UNIT") throw error;
      }
    }
  }
  if (!isClosed) return;
  addon.close(key);
  addon.close(secret);
}

for (const kernel of addon.kernels()) {
  await work(kernel, true);
  await work(kernel, false);
}

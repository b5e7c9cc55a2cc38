/** One rotation in a process of its own, which kills itself at a step: `<folder> <registry file> <step> <before|after>`. */
import { openKeyFolder, rotateKey } from "@smarter-metering/opener";
import { testRecipient } from "../../../../test/support/world.ts";
import { fileRegistry, NOW, WEEK } from "./file-registry.ts";

const [folderPath = "", registryPath = "", killStep = "", killWhen = ""] = process.argv.slice(2);

/** Kills the process before or after each call of that name. */
function killing<T extends object>(target: T): T {
  return new Proxy(target, {
    get(inner, name) {
      const method: unknown = Reflect.get(inner, name);
      if (typeof method !== "function" || name !== killStep) return method;
      return async (...words: unknown[]) => {
        if (killWhen === "before") process.kill(process.pid, "SIGKILL");
        await Reflect.apply(method, inner, words);
        process.kill(process.pid, "SIGKILL");
      };
    },
  });
}

await rotateKey(killing(await openKeyFolder(folderPath)), killing(fileRegistry(registryPath)), {
  nowSeconds: NOW,
  validSeconds: WEEK,
  atOnce: false,
  generate: () => testRecipient("mdms"),
});

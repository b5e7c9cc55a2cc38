/** python phe as a contender: a process of its own that works on request (python_phe.py). */
import { spawn, spawnSync } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { KeyPair } from "@smarter-metering/paillier";
import type { Contender } from "./contenders.ts";
import { operations, type Operation } from "./operations.ts";

export type PythonPhe = {
  readonly versions: string;
  contender(bits: number): Contender;
  close(): void;
};

/** Undefined when python3 cannot import phe and gmpy2. */
export async function startPythonPhe(pairs: readonly KeyPair[]): Promise<PythonPhe | undefined> {
  const { status } = spawnSync("python3", ["-c", "import phe, gmpy2"], { stdio: "ignore" });
  if (status !== 0) return undefined;
  const script = fileURLToPath(new URL("python_phe.py", import.meta.url));
  const child = spawn("python3", [script], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async (): Promise<string> => {
    const { done, value } = await lines.next();
    if (done === true) throw new Error("python3 python_phe.py ended early");
    return value;
  };
  const keys = pairs.map(({ publicKey, secretKey: { p, q } }) => [
    publicKey.bits,
    [p.toString(16), q.toString(16)],
  ]);
  child.stdin.write(`${JSON.stringify(Object.fromEntries(keys))}\n`);
  const versions = await answer();
  const trial = (bits: number, operation: Operation) => async (milliseconds: number) => {
    child.stdin.write(`${bits} ${operation} ${milliseconds}\n`);
    return Number(await answer());
  };
  // The keys of that very object; it does not encrypt with a secret key.
  const names = (Object.keys(operations) as Operation[]).filter((name) => name !== "encryptSecret");
  return {
    versions,
    contender: (bits) => ({
      name: "python phe",
      trials: Object.fromEntries(names.map((name) => [name, trial(bits, name)])),
    }),
    close: () => child.stdin.end(),
  };
}

/** A process of tests: runs the command lines in its argument one after another; a zero byte follows what each printed, with its code. */
import { main } from "../../cli/src/main.ts";

const [, , lines = "[]"] = process.argv;
for (const words of JSON.parse(lines) as string[][]) {
  const code = await main(words);
  process.stdout.write(`\0${code}\n`);
  process.stderr.write("\0\n");
}

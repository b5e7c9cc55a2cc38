/** What a test has opened, closed at its end; and also when not all of it could be opened, or a process would outlive the test. */
import { after } from "node:test";

interface Closable {
  close(): Promise<unknown>;
}

/** To be called where hooks are declared. What passes through the function that it returns is closed afterwards, the last first. */
export function keepUntilEnd(): <T extends Closable>(opening: T | Promise<T>) => Promise<T> {
  const opened: Closable[] = [];
  after(async () => {
    for (const one of opened.toReversed()) await one.close();
  });
  return async (opening) => {
    const one = await opening;
    opened.push(one);
    return one;
  };
}

/** Starting a role in steps: when one fails, what the earlier ones opened is closed, so that a role that refuses to start ends. */

export interface Closable {
  close(): Promise<void>;
}

/** Notes something to be closed, and hands it back. */
export type Keep = <Part extends Closable>(part: Part | Promise<Part>) => Promise<Part>;

/** Runs `start`. When it throws, closes in reverse order what it kept, then throws the same. */
export async function opening<Result>(start: (keep: Keep) => Promise<Result>): Promise<Result> {
  const kept: Closable[] = [];
  try {
    return await start(async (part) => {
      const opened = await part;
      kept.push(opened);
      return opened;
    });
  } catch (error) {
    for (const part of kept.toReversed()) await part.close();
    throw error;
  }
}

// A stream of telegrams, from a file or a socket, told apart and parsed as its bytes come.
import { parseTelegram } from "./telegram.ts";
import type { Telegram } from "./telegram.ts";
import { TelegramFramer } from "./telegram-framer.ts";
import type { TelegramFault } from "./telegram-framer.ts";

/**
 * Telegrams and faults in the order of the bytes; at most one telegram and one chunk are held.
 * What `chunks` throws is thrown.
 */
export async function* readTelegrams(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Telegram | TelegramFault> {
  const framer = new TelegramFramer();
  for await (const chunk of chunks) {
    for (const found of framer.push(chunk)) {
      yield found.kind === "raw" ? parseTelegram(found) : found;
    }
  }
  for (const found of framer.finish()) yield found.kind === "raw" ? parseTelegram(found) : found;
}

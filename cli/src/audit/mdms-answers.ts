/** What the MDMS holds of the trustees' answer to a request: sealed to it, and signed (docs/protocol.md §8.5, §8.6). */
import { fromBase64Url } from "@smarter-metering/protocol";
import { z } from "zod";
import { CliError } from "../cli-error.ts";
import type { MdmsReader } from "../serve/mdms-session.ts";

const bytes = z.string().transform(fromBase64Url);
const answers = z.object({
  /** Of the trustee that holds the whole key; null where shares were combined. */
  release: bytes.nullable(),
  partials: z.array(bytes),
});
export type MdmsAnswers = z.output<typeof answers>;

/** Neither release nor partials where nothing was released. */
export async function readAnswers(mdms: MdmsReader, digest: string): Promise<MdmsAnswers> {
  try {
    return answers.parse(await mdms.get(`/v1/releases/${digest}`));
  } catch (error) {
    if (!(error instanceof CliError && error.code === "NOT_FOUND")) throw error;
    return { release: null, partials: [] };
  }
}

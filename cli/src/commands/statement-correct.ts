/**
 * `statement correct`: prices that were published late. Signs what a tariff should have been, and has the MDMS make a credit note for each
 * statement that it changes (docs/protocol.md §11.4).
 */
import { join } from "node:path";
import { signTariffCorrection } from "@smarter-metering/protocol";
import { parseTariff } from "@smarter-metering/tariff";
import { z } from "zod";
import { EXIT } from "../cli-error.ts";
import type { Arguments, Command } from "../command.ts";
import { loadKeysFile } from "../deployment/keys-file.ts";
import { withMdms, type MdmsReader } from "../serve/mdms-session.ts";
import type { Terminal } from "../terminal.ts";
import { dirOption, layoutFrom } from "./deployment-option.ts";
import { parseJsonText, readTextFile } from "./json-file.ts";
import { onlyOperand } from "./readings-source.ts";

const NUMBER_MAX = 999_999;

export const statementCorrect: Command = {
  name: "statement correct",
  summary: "Make credit notes for statements that were priced before their prices were published.",
  operands: "<tariff.json, or a correction signed before>",
  options: {
    ...dirOption,
    reason: { type: "string", value: "<text>", text: "for customers, on one line" },
    from: { type: "string", value: "<date>", text: "first day of windows that it is about" },
    until: { type: "string", value: "<date>", text: "the day after the last of them" },
    number: { type: "string", value: "<n>", text: "counts corrections of the tariff; default 1" },
    preview: { type: "boolean", text: "compute all notes and keep none" },
  },
  async run({ terminal }, args) {
    const correction = await correctionOf(args);
    const preview = args.flag("preview");
    const layout = layoutFrom(args);
    const made = await withMdms(
      layout,
      terminal,
      (mdms) => applyAll(mdms, { correction, preview }, terminal),
      "billing",
    );
    if (terminal.json) terminal.printJson({ preview, correction, ...made });
    else print(made, preview, terminal);
    return made.unmatched.length === 0 ? EXIT.ok : EXIT.differs;
  },
};

/** A compact JWS. Throws TariffError, FILE_UNREADABLE, FILE_NOT_JSON, SECRET_FILE, KEYS_FILE_INVALID. */
async function correctionOf(args: Arguments): Promise<string> {
  const path = onlyOperand(args, "a tariff file");
  const text = (await readTextFile(path)).trim();
  if (/^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/.test(text)) return text;
  const document = {
    kind: "smarter-metering/tariff-correction",
    number: args.integer("number", 1, { min: 1, max: NUMBER_MAX }),
    reason: args.required("reason"),
    from: args.required("from"),
    until: args.required("until"),
    tariff: parseTariff(parseJsonText(text, path)),
  } as const;
  const folder = layoutFrom(args).folder("registry");
  const { signer } = await loadKeysFile(join(folder, "tariff-signer-keys.json"));
  return signTariffCorrection(document, signer);
}

const at = { servicePoint: z.string(), from: z.string() };
const step = z.object({
  tariff: z.string(),
  number: z.number(),
  examined: z.number(),
  notes: z.array(
    z.object({ ...at, amount: z.string(), corrected: z.string(), currency: z.string() }),
  ),
  unmatched: z.array(z.object(at)),
  next: z.string().optional(),
});
type Made = Omit<z.output<typeof step>, "next">;

async function applyAll(
  mdms: MdmsReader,
  request: { readonly correction: string; readonly preview: boolean },
  terminal: Terminal,
): Promise<Made> {
  let { next, ...made } = step.parse(await mdms.post("/v1/corrections", request));
  while (next !== undefined) {
    terminal.progress("correcting statements", made.examined, made.examined);
    const more = step.parse(await mdms.post("/v1/corrections", { ...request, cursor: next }));
    made = {
      ...made,
      examined: made.examined + more.examined,
      notes: [...made.notes, ...more.notes],
      unmatched: [...made.unmatched, ...more.unmatched],
    };
    ({ next } = more);
  }
  return made;
}

function print(
  { tariff, number, examined, notes, unmatched }: Made,
  preview: boolean,
  terminal: Terminal,
): void {
  const rows = notes.map(({ servicePoint, from, amount, corrected, currency }) => {
    return [servicePoint, from, amount, corrected, currency];
  });
  terminal.print(terminal.table([["service point", "from", "note", "corrected", ""], ...rows], ""));
  const what = preview ? "notes would be made" : "notes were made";
  terminal.print(
    `correction ${number} of ${tariff}: of ${examined} statements ${notes.length} ${what}`,
  );
  for (const { servicePoint, from } of unmatched) {
    terminal.print(
      `${servicePoint}, ${from}: not what the published tariff gives; no note was made`,
    );
  }
}

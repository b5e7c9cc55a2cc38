/** Reads from the MDMS as an operator, page by page. */
import { z } from "zod";
import { readOperators, type OperatorAccess } from "../demo/access.ts";
import { CliError, EXIT } from "../cli-error.ts";
import type { Layout } from "../deployment/layout.ts";
import type { Terminal } from "../terminal.ts";
import type { Door } from "./door.ts";
import { callApi, withParty } from "./reach.ts";

const session = z.object({ token: z.string() });
const PAGES_MAX = 10_000;

export interface MdmsReader {
  /** All entries under `key` of a paged GET, following `next`. */
  all<T>(path: string, key: string, entry: z.ZodType<T>): Promise<T[]>;
  get(path: string): Promise<unknown>;
  post(path: string, body: unknown): Promise<unknown>;
}

/** Logs in as the operator of `operators.json` with the wanted role. */
export function withMdms<T>(
  layout: Layout,
  terminal: Terminal,
  use: (mdms: MdmsReader) => Promise<T>,
  role: OperatorAccess["role"] = "operator",
): Promise<T> {
  return withParty("mdms", layout, terminal, async (door) =>
    use(await openMdms(door, layout, role)),
  );
}

export async function openMdms(
  door: Door,
  layout: Layout,
  role: OperatorAccess["role"] = "operator",
): Promise<MdmsReader> {
  const operator = (await readOperators(layout)).find((entry) => entry.role === role);
  if (operator === undefined) {
    const message = `no operator with the role ${role} in mdms/operators.json`;
    throw new CliError("OPERATOR_MISSING", message, EXIT.refused);
  }
  const { login, password } = operator;
  const { token } = session.parse(
    await callApi(door, "/v1/sessions", { body: { login, password } }),
  );
  const get = (path: string): Promise<unknown> => callApi(door, path, { token });
  return {
    get,
    post: (path, body) => callApi(door, path, { token, body }),
    async all(path, key, entry) {
      const page = z.looseObject({ [key]: z.array(entry), next: z.string().nullish() });
      const entries: z.output<typeof entry>[] = [];
      let cursor: string | undefined;
      for (let pages = 0; pages < PAGES_MAX; pages++) {
        const joint = path.includes("?") ? "&" : "?";
        const suffix = cursor === undefined ? "" : `${joint}cursor=${encodeURIComponent(cursor)}`;
        const answer = page.parse(await get(`${path}${suffix}`)) as Record<string, unknown>;
        entries.push(...(answer[key] as z.output<typeof entry>[]));
        if (typeof answer["next"] !== "string") return entries;
        cursor = answer["next"];
      }
      throw new CliError("API_ENDLESS", `${path} has no end`);
    },
  };
}

/** Who asks the registry (docs/protocol.md §9): parties and the administrator by bearer token. Run by the registry. */
import { primitives, utf8, type Role } from "@smarter-metering/protocol";
import { mayBe, problemResponse, statusProblem, type AppEnv } from "@smarter-metering/runtime";
import type { Context, MiddlewareHandler } from "hono";

/** Bearer tokens; a party without one has no access. */
export interface RegistryTokens {
  readonly admin: string;
  /** By role; of several trustees by role and number, such as `trustee-2`. */
  readonly parties: Readonly<Record<string, string>>;
}

/** A token, and whose certificate has to come with it where the connection has one: a stolen token alone opens nothing. */
export interface HeldToken {
  readonly token: string;
  readonly peer: string;
}

export const tokensOf = ({ parties }: RegistryTokens, role: Role): HeldToken[] =>
  Object.entries(parties)
    .filter(([name]) => name.replace(/-\d+$/, "") === role)
    .map(([name, token]) => ({ token, peer: `party/${name}` }));

/** The administrator works in the registry's own folder. */
export const adminOf = ({ admin }: RegistryTokens): HeldToken => ({
  token: admin,
  peer: "party/registry",
});

/** Compares hashes in constant time: neither bytes nor length of a token show in the answer's timing. */
export async function bears(c: Context, accepted: readonly HeldToken[]): Promise<boolean> {
  const [, given] = /^Bearer (.{16,})$/.exec(c.req.header("authorization") ?? "") ?? [];
  if (given === undefined) return false;
  const hash = await primitives.sha256(utf8(given));
  let fits = false;
  for (const { token, peer } of accepted) {
    const isEqual = primitives.equalSecret(await primitives.sha256(utf8(token)), hash);
    fits = (isEqual && mayBe(c, peer)) || fits;
  }
  return fits;
}

/** 401 for whoever has none of these tokens. */
export const only =
  (accepted: readonly HeldToken[]): MiddlewareHandler<AppEnv> =>
  async (c, next) =>
    (await bears(c, accepted)) ? next() : problemResponse(c, statusProblem(401));

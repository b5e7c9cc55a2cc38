/**
 * What a portal has of its customers, learnt as a customer learns it: sealed all of it, which is what a hostile portal can play with. Used by
 * test/browser/hostile-portal.test.ts.
 */
import assert from "node:assert/strict";
import { createPortalClient, type PortalClient } from "@smarter-metering/customer";
import {
  decodeSealedStatement,
  fromHex,
  parseEnrolmentCode,
  primitives,
} from "@smarter-metering/protocol";
import type { Household } from "../e2e/deployment-output.ts";
import type { Account } from "./portal-steps.ts";

const FAR_FUTURE = 99_999_999_999;

/** What the portal has of one household, as it gives it. */
export interface Held {
  readonly session: Readonly<Record<string, unknown>>;
  readonly frames: readonly string[];
  readonly envelopes: readonly string[];
  readonly statements: readonly string[];
  readonly contributions: readonly unknown[];
  readonly requests: readonly unknown[];
  /** Its meter's answer to the enrolment. */
  readonly enrolment: unknown;
}

export const accountOf = ({ login, password }: Household): Account => {
  assert(login !== null && password !== null, "the household has no account");
  return { name: login, password };
};

export const clientOf = (origin: string, ask: typeof fetch): PortalClient =>
  createPortalClient({
    fetch: ask,
    origin,
    session: "bearer",
    random: (length) => primitives.randomBytes(length),
  });

/** Logs in as the customer whom the portal plays with, to learn what the portal has of him: all of it is closed but to him. */
export async function heldOf(portal: string, household: Household): Promise<Held> {
  const answers = new Map<string, Record<string, unknown>[]>();
  const recorded: typeof fetch = async (input, init) => {
    const response = await fetch(input, init);
    const { pathname } = new URL(response.url);
    const isJson = response.headers.get("content-type")?.includes("json") === true;
    if (isJson) {
      const body = (await response.clone().json()) as Record<string, unknown>;
      answers.set(pathname, [...(answers.get(pathname) ?? []), body]);
    }
    return response;
  };
  const client = clientOf(portal, recorded);
  const { name, password } = accountOf(household);
  const login = await client.login(name, password);
  await client.envelopes();
  let frames = 0;
  for await (const page of client.frames(0, FAR_FUTURE)) frames += page.length;
  assert(frames > 0, `${name} has no frames`);
  const { statements } = await client.statements(login);
  const [bill] = statements;
  assert(bill !== undefined, `${name} has no bill`);
  await client.evidence(bill.from, FAR_FUTURE);
  // Looked at again: the meter's answer is still there.
  await client.enrol(login, {
    code: parseEnrolmentCode(household.enrolmentCode),
    networkPseudonym: fromHex(household.networkPseudonym, 16),
    attempts: 1,
    wait: () => Promise.resolve(),
  });
  await client.logout();
  const all = <Item>(path: string, key: string): Item[] =>
    (answers.get(path) ?? []).flatMap((body) => body[key] as Item[]);
  return {
    session: answers.get("/v1/sessions")?.[0] ?? {},
    frames: all("/v1/frames", "frames"),
    envelopes: all("/v1/envelopes", "envelopes"),
    statements: all("/v1/statements", "statements"),
    contributions: all("/v1/evidence/contributions", "contributions"),
    requests: all("/v1/evidence/requests", "requests"),
    enrolment: answers.get(`/v1/enrolments/${household.networkPseudonym}`)?.[0],
  };
}

/** The address of the only bill. */
export function billPath({ statements: [bill = ""] }: Held): string {
  return `/bills/${decodeSealedStatement(Buffer.from(bill, "base64url")).from}`;
}

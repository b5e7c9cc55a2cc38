/**
 * Lies of a hostile portal: what it answers instead of the truth, where the customer is told, and by which code. A finding's code stands on
 * the page; of a problem, its words.
 */
import type { CustomerErrorCode } from "@smarter-metering/customer";
import type { FindingCode } from "../../services/ucs/web/src/device/messages.ts";
import type { Held } from "./held-by-portal.ts";
import { onJson, type Attack } from "./hostile-proxy.ts";

/** base64url with one bit changed, `place` from 0 at the start to 1 at the end. */
export function flipped(text: string, place: number): string {
  const bytes = Buffer.from(text, "base64url");
  const index = Math.floor(place * (bytes.length - 1));
  bytes[index] = (bytes[index] ?? 0) ^ 1;
  return bytes.toString("base64url");
}

export type Code =
  CustomerErrorCode | FindingCode | "UCS_EVIDENCE_UNAVAILABLE" | "DEVICE_PART_REFUSED";

export interface Lie {
  readonly name: string;
  readonly answer: (own: Held, other: Held) => NonNullable<Attack["answer"]>;
  /** Where the customer is told. */
  readonly page: string;
  readonly code: Code;
}

export type Items = Readonly<Record<string, unknown>>;
interface Session {
  readonly items: Items;
}
interface Request {
  readonly terms: string | null;
  readonly receipt: string | null;
}

/** A list of the portal's as `change` has it; of pages each one. */
const list =
  (path: string, change: (own: Held, other: Held) => readonly unknown[] | undefined) =>
  (own: Held, other: Held): NonNullable<Attack["answer"]> => {
    const key = path.split("/").at(-1) ?? "";
    return onJson<Items>(path, (body) => {
      // The last page of a list of evidence is empty, and has to stay so for the list to end.
      const isEnd = (body[key] as unknown[]).length === 0;
      return isEnd ? body : { ...body, [key]: change(own, other) };
    });
  };

export const session =
  (change: (body: Session, other: Held) => unknown) => (_own: Held, other: Held) =>
    onJson<Session>("/v1/sessions", (body) => change(body, other));

const registry = (change: (body: Registry) => unknown) => () => onJson("/v1/registry", change);
interface Registry {
  readonly rootKey: string;
  readonly epochs: readonly string[];
  readonly view: string;
}

const away = (path: string, code: string) => (): NonNullable<Attack["answer"]> => (asked) =>
  asked.path.startsWith(path)
    ? { status: 503, type: "application/problem+json", text: JSON.stringify({ code }) }
    : undefined;

/** What keeps the vault closed: said on the page of the login. */
export const AT_LOGIN: readonly Lie[] = [
  {
    name: "fewer iterations than the floor",
    answer: () => onJson<Items>("/v1/logins/", (body) => ({ ...body, iterations: 999_999 })),
    page: "/",
    code: "CUSTOMER_WEAK_ITERATIONS",
  },
  {
    name: "a salt of the wrong length",
    answer: () => onJson<Items>("/v1/logins/", (body) => ({ ...body, salt: "AAAA" })),
    page: "/",
    code: "CUSTOMER_PORTAL_MALFORMED",
  },
  {
    name: "another salt",
    answer: () =>
      onJson<{ salt: string }>("/v1/logins/", (body) => {
        return { ...body, salt: flipped(body.salt, 0) };
      }),
    page: "/",
    code: "CUSTOMER_UNLOCK_FAILED",
  },
  {
    name: "the wrapped items of another account",
    answer: session((body, other) => ({ ...body, items: other.session["items"] })),
    page: "/",
    code: "CUSTOMER_UNLOCK_FAILED",
  },
  {
    name: "the private key of another account",
    answer: session((body, other) => {
      const { "private-key": key } = other.session["items"] as Items;
      return { ...body, items: { ...body.items, "private-key": key } };
    }),
    page: "/",
    code: "CUSTOMER_UNLOCK_FAILED",
  },
  {
    name: "an item under another version",
    answer: session((body) => {
      const item = body.items["private-key"] as { version: number };
      const older = { ...item, version: item.version + 1 };
      return { ...body, items: { ...body.items, "private-key": older } };
    }),
    page: "/",
    code: "CUSTOMER_UNLOCK_FAILED",
  },
];

export const BILL = "/bills/first";

/** What a vault that is open finds out. Those of one group are told together: they change different answers. */
export const GROUPS: readonly (readonly Lie[])[] = [
  [
    {
      name: "a frame of another household among the own",
      answer: list("/v1/frames", (own, other) => [...own.frames, other.frames[0]]),
      page: "/",
      code: "FRAMES_FOREIGN",
    },
    {
      name: "a bill with a changed byte",
      answer: list("/v1/statements", ({ statements: [bill = ""] }) => [flipped(bill, 0.6)]),
      page: "/bills",
      code: "STATEMENT_UNOPENABLE",
    },
    {
      name: "a release of another household",
      answer: list("/v1/evidence/requests", (_own, { requests }) => requests),
      page: "/privacy",
      code: "REQUEST_FOREIGN",
    },
  ],
  [
    {
      name: "all frames of another household",
      answer: list("/v1/frames", (_own, { frames }) => frames),
      page: "/",
      code: "FRAMES_FOREIGN",
    },
    {
      name: "the bill of another household",
      answer: list("/v1/statements", (_own, { statements }) => statements),
      page: "/bills",
      code: "STATEMENT_UNOPENABLE",
    },
  ],
  [
    {
      name: "a frame twice, the second time with other readings",
      answer: list("/v1/frames", ({ frames }) => [...frames, flipped(frames[3] ?? "", 0.5)]),
      page: "/",
      code: "FRAMES_UNSIGNED",
    },
    {
      name: "no bill any more",
      answer: list("/v1/statements", () => []),
      page: "/bills",
      code: "STATEMENT_ROLLBACK",
    },
  ],
  [
    {
      name: "a changed envelope",
      answer: list("/v1/envelopes", ({ envelopes: [envelope = ""] }) => [flipped(envelope, 0.7)]),
      page: "/",
      code: "ENVELOPES_INVALID",
    },
    {
      name: "another root of the registry",
      answer: registry((body) => ({ ...body, rootKey: "ab".repeat(32) })),
      page: "/bills",
      code: "REGISTRY_OTHER_ROOT",
    },
    {
      name: "the evidence withheld",
      answer: away("/v1/evidence", "UCS_EVIDENCE_UNAVAILABLE"),
      page: "/privacy",
      code: "UCS_EVIDENCE_UNAVAILABLE",
    },
  ],
  [
    {
      name: "a contribution dropped",
      answer: list("/v1/evidence/contributions", ({ contributions }) => contributions.slice(1)),
      page: BILL,
      code: "CONTRIBUTION_MISSING",
    },
    {
      name: "releases whose terms are changed",
      answer: list("/v1/evidence/requests", ({ requests }) =>
        (requests as Request[]).map((request) => {
          return { ...request, terms: request.terms && flipped(request.terms, 0.9) };
        }),
      ),
      page: "/privacy",
      code: "REQUEST_UNSIGNED",
    },
    {
      name: "the bill as it was before its credit note",
      answer: list("/v1/statements", ({ statements }) => statements),
      page: "/bills",
      code: "STATEMENT_ROLLBACK",
    },
  ],
  [
    {
      name: "no envelope",
      answer: list("/v1/envelopes", () => []),
      page: "/",
      code: "FRAMES_UNOPENABLE",
    },
    {
      name: "the registry without its newest epoch",
      answer: registry(({ epochs, ...body }) => ({ ...body, epochs: epochs.slice(0, -1) })),
      page: "/bills",
      code: "REGISTRY_ROLLBACK",
    },
  ],
  [
    {
      name: "another view of the registry than the signed one",
      answer: registry(({ view, ...body }) => ({ ...body, view: view.replace("north", "south") })),
      page: "/bills",
      code: "REGISTRY_VIEW",
    },
  ],
  [
    {
      name: "the registry withheld",
      answer: away("/v1/registry", "UCS_EVIDENCE_UNAVAILABLE"),
      page: "/bills",
      code: "UCS_EVIDENCE_UNAVAILABLE",
    },
  ],
  [
    {
      name: "the oldest frames dropped",
      answer: list("/v1/frames", ({ frames }) => frames.slice(5)),
      page: BILL,
      code: "WINDOW_BORDER",
    },
    {
      name: "the contributions of another household",
      answer: list("/v1/evidence/contributions", (_own, other) => other.contributions),
      page: BILL,
      code: "CONTRIBUTION_FOREIGN",
    },
  ],
  [
    {
      name: "a frame dropped from the middle",
      answer: list("/v1/frames", ({ frames }) => frames.toSpliced(5, 1)),
      page: BILL,
      code: "WINDOW_GAP",
    },
    {
      name: "receipts of the log exchanged",
      answer: list("/v1/evidence/requests", ({ requests }) => {
        const all = requests as Request[];
        const receipts = all.map(({ receipt }) => receipt).reverse();
        return all.map((request, at) => ({ ...request, receipt: receipts[at] }));
      }),
      page: "/privacy",
      code: "LOG_RECEIPT_INVALID",
    },
  ],
];

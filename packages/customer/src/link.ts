/**
 * The links of a checked chain (docs/protocol.md §11.2): what holds, what is broken and where, what could not be checked. A link that is
 * broken is named once; what fails only because of it is said to wait for it.
 */

/** In the order in which one rests on the other. */
export const LINKS = [
  "registry",
  "tariff",
  "statement",
  "prices",
  "envelope",
  "frame",
  "chain",
  "window",
  "registers",
  "price",
  "note",
  "contribution",
  "release",
  "log",
  "slot",
] as const;
export type LinkName = (typeof LINKS)[number];

const AGAIN = "fetch it again; if it stays so, complain with this line";
const ASK_METER = "report the meter to its operator with these frames: only its key can sign them";
const ASK_SUPPLIER = "ask the supplier for a corrected statement and hand in this line";

/** Everything that can be broken: the link it breaks, what it means, what to do. */
const BROKEN = {
  REGISTRY_INVALID: ["registry", "not signed by the root key, or out of its chain", AGAIN],
  REGISTRY_ROLLBACK: ["registry", "the registry takes back what it showed before", AGAIN],
  REGISTRY_OTHER_ROOT: [
    "registry",
    "another registry than the one of before or of the bills",
    AGAIN,
  ],
  REGISTRY_VIEW: ["registry", "this view is not the one of the newest epoch", AGAIN],
  METER_UNREGISTERED: [
    "registry",
    "the registry knows no such meter at this service point then",
    "ask which meter was installed",
  ],
  TARIFF_UNSIGNED: ["tariff", "no registered signer vouches for this tariff", AGAIN],
  TARIFF_OTHER: [
    "tariff",
    "the statement is priced by another tariff, or another version of it",
    "fetch the tariff that the statement names, or ask why it changed",
  ],
  STATEMENT_UNSIGNED: ["statement", "not signed by the registered data manager", AGAIN],
  STATEMENT_UNOPENABLE: ["statement", "not sealed for this contract, or changed on its way", AGAIN],
  STATEMENT_MISSING: [
    "statement",
    "a newer statement lists one that the portal does not show",
    AGAIN,
  ],
  STATEMENT_ROLLBACK: ["statement", "the portal shows an older one than there is", AGAIN],
  STATEMENT_FOREIGN: ["statement", "made for another service point", ASK_SUPPLIER],
  STATEMENT_WINDOW: ["statement", "made for another window than the one asked for", ASK_SUPPLIER],
  PRICES_INVALID: [
    "prices",
    "not signed by the registry's root, or not the prices that the tariff names",
    AGAIN,
  ],
  PRICES_MISSING: [
    "prices",
    "there are no prices for all of this window",
    "ask the data manager for the window's prices",
  ],
  ENVELOPE_INVALID: ["envelope", "not the meter's for this account, or it does not open", AGAIN],
  ENVELOPE_MISSING: [
    "envelope",
    "no envelope brings the key of these frames",
    "enrol with the meter again; it wraps its keys anew",
  ],
  FRAME_MALFORMED: ["frame", "not a frame", AGAIN],
  FRAME_FOREIGN: ["frame", "of a meter that the enrolment did not prove", AGAIN],
  FRAME_UNSIGNED: ["frame", "the meter did not sign this", AGAIN],
  FRAME_UNOPENABLE: ["frame", "signed by the meter, but its own key does not open it", ASK_METER],
  CHAIN_FORKED: ["chain", "the meter signed frames that contradict each other", ASK_METER],
  CHAIN_UNLINKED: ["chain", "does not follow from the frame before it", ASK_METER],
  WINDOW_GAP: ["window", "no frame covers this time", "ask the portal for the missing frames"],
  WINDOW_BORDER: [
    "window",
    "no frame ends where the window starts",
    "ask the portal for the frame before the window",
  ],
  REGISTERS_BANK: ["registers", "the meter counts by another calendar", ASK_SUPPLIER],
  REGISTERS_DISAGREE: ["registers", "the meter's registers are not its readings' sum", ASK_METER],
  REGISTERS_DIFFER: ["registers", "the statement bills another consumption", ASK_SUPPLIER],
  COST_DISAGREES: [
    "registers",
    "the meter's cost register is not what its readings cost at the signed prices",
    ASK_METER,
  ],
  COST_DIFFERS: ["registers", "the statement bills another cost", ASK_SUPPLIER],
  PRICE_DIFFERS: [
    "price",
    "lines or amount do not follow from the statement's registers and the tariff",
    ASK_SUPPLIER,
  ],
  NOTE_INVALID: [
    "note",
    "not signed by the registered data manager, or not the next one of this statement",
    AGAIN,
  ],
  NOTE_UNFOUNDED: [
    "note",
    "no registered tariff signer vouches for the prices of this note",
    ASK_SUPPLIER,
  ],
  NOTE_DIFFERS: [
    "note",
    "lines or amount do not follow from the statement's registers and the corrected prices",
    ASK_SUPPLIER,
  ],
  CONTRIBUTION_MALFORMED: ["contribution", "not a contribution", AGAIN],
  CONTRIBUTION_UNSIGNED: ["contribution", "not signed by who must have encrypted it", AGAIN],
  CONTRIBUTION_FOREIGN: ["contribution", "made of no frame of this household", AGAIN],
  CONTRIBUTION_DIFFERS: [
    "contribution",
    "validly signed, and not what these readings give",
    "report who encrypted it: the sums it went into are wrong",
  ],
  CONTRIBUTION_MISSING: ["contribution", "nothing was contributed of this frame", AGAIN],
  RELEASE_MALFORMED: ["release", "not a release", AGAIN],
  RELEASE_UNSIGNED: ["release", "no registered trustee signed it", AGAIN],
  RELEASE_OTHER: ["release", "the trustees answered another request than the statement's", AGAIN],
  RELEASE_MISSING: ["release", "fewer trustees answered than it takes to decrypt", AGAIN],
  RELEASE_WINDOW: [
    "release",
    "what was released is another household's, or another window than the statement's",
    ASK_SUPPLIER,
  ],
  RELEASE_DIFFERS: [
    "release",
    "released from other contributions than those at the borders of this window",
    "report the aggregator with this line: it signed that request",
  ],
  RELEASE_COST: [
    "release",
    "a cost is billed that was not released, or one was released that is not billed",
    ASK_SUPPLIER,
  ],
  REQUEST_UNSIGNED: ["release", "the aggregator did not sign this request", AGAIN],
  REQUEST_FOREIGN: ["release", "nothing of this household is in this request", AGAIN],
  LOG_ENTRY_INVALID: ["log", "the logged request is not the one that the statement names", AGAIN],
  LOG_HEAD_INVALID: ["log", "the log's head is not signed by its operator and a quorum", AGAIN],
  LOG_RECEIPT_INVALID: ["log", "the receipt does not prove that this is in the log", AGAIN],
  LOG_RECEIPT_MISSING: ["log", "no receipt, where others have one", AGAIN],
  PACKET_MALFORMED: ["slot", "not a dispute packet", "ask for it again"],
  SLOT_UNCOMMITTED: [
    "slot",
    "the meter did not commit to this value at this time",
    "believe nothing of this interval",
  ],
} as const satisfies Readonly<Record<string, readonly [LinkName, string, string]>>;
export type BrokenCode = keyof typeof BROKEN;

export interface Link {
  readonly link: LinkName;
  readonly status: "ok" | "broken" | "not-checked";
  /** Of a broken link; empty otherwise. */
  readonly code: BrokenCode | "";
  /** Ids: position as received, counter, block, epoch. Never a reading. */
  readonly where: string;
  readonly what: string;
  readonly todo: string;
}

/** Collects links, in whatever order they are checked. */
export class LinkBook {
  readonly #links: Link[] = [];

  ok(link: LinkName, what: string): void {
    this.#links.push({ link, status: "ok", code: "", where: "", what, todo: "" });
  }

  notChecked(link: LinkName, what: string, todo = ""): void {
    this.#links.push({ link, status: "not-checked", code: "", where: "", what, todo });
  }

  broken(code: BrokenCode, where: string): void {
    const [link, what, todo] = BROKEN[code];
    this.#links.push({ link, status: "broken", code, where, what, todo });
  }

  isBroken(link: LinkName): boolean {
    return this.#links.some((entry) => entry.link === link && entry.status === "broken");
  }

  /** In the order of LINKS; of each the broken ones, or else what was said of it. */
  links(): Link[] {
    return LINKS.flatMap((name) => {
      const all = this.#links.filter(({ link }) => link === name);
      const broken = all.filter(({ status }) => status === "broken");
      return broken.length > 0 ? broken : all;
    });
  }
}

/** The last instant that a Date can say. */
const DATE_SECONDS_MAX = 8_640_000_000_000;

/** An instant for people; a damaged header can name any. */
export const instantText = (seconds: number): string =>
  seconds <= DATE_SECONDS_MAX
    ? new Date(1000 * seconds).toISOString().replace(".000Z", "Z")
    : `second ${seconds}`;

/**
 * What is missing and not explained by what was found broken: a broken thing that names a missing one is that one, damaged; a broken thing
 * whose name is itself damaged is one that nothing else explains.
 */
export function unexplained<Missing>(
  missing: readonly Missing[],
  broken: readonly (string | undefined)[],
  nameOf: (missing: Missing) => string,
): Missing[] {
  const names = new Set(missing.map(nameOf));
  const named = new Set(broken.filter((name) => name !== undefined && names.has(name)));
  const unnamed = broken.filter((name) => name === undefined || !names.has(name)).length;
  return missing.filter((entry) => !named.has(nameOf(entry))).slice(unnamed);
}

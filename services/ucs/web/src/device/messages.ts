/**
 * What page and worker say to each other. The worker is the customer's device (docs/protocol.md §10): it alone has password keys, vault,
 * data keys and readings, and it alone talks to the portal. What it answers is what is drawn: sums, columns, reports, files; no key but
 * the recovery key and the invitation that a person has to write down.
 */
import type {
  BrokenCode,
  CustomerErrorCode,
  DeletionFacts,
  Link,
  RemainingFact,
  Sighting,
} from "@smarter-metering/customer";

export interface Session {
  readonly login: string;
  /** A meter's key is proven: there is something to open. */
  readonly isEnrolled: boolean;
  /** The portal knows a service point for the account, though this vault may not have its meter's key. */
  readonly isKnown: boolean;
  /** Reads in a household that somebody else enrolled. */
  readonly isInvited: boolean;
  /** Epoch seconds when another account was enrolled for the meter; null: that did not happen. */
  readonly takenOverAt: number | null;
}

export type Span = "day" | "week" | "month" | "year";

/** Seconds of a span of time, by what is known of them. */
export interface Coverage {
  readonly measured: number;
  readonly estimated: number;
  readonly missing: number;
}

/** One bar. Energy in mWh; null where nothing is known. */
export interface Bar {
  readonly from: number;
  readonly to: number;
  readonly imported: number | null;
  readonly exported: number | null;
  /** Of the same place in the period before. */
  readonly before: number | null;
  readonly coverage: Coverage;
  /** Exact decimal text, in the tariff's currency; null without a tariff or where nothing is known. */
  readonly cost: string | null;
  /** Of a kWh, levies and taxes included, where the bar begins; of hours alone. */
  readonly price: string | null;
  /** Mean of the interval in which most was used. */
  readonly peakWatts: number | null;
}

export interface Figures {
  readonly imported: number;
  readonly exported: number;
  /** The same stretch of the period before; null when it is not known. */
  readonly before: number | null;
  readonly peak: { readonly watts: number; readonly at: number } | null;
  readonly baseLoadWatts: number | null;
  readonly bands: readonly { readonly name: string; readonly imported: number }[];
  readonly coverage: Coverage;
}

export interface Cost {
  readonly currency: string;
  /** Energy alone, exact decimal text. */
  readonly energy: string | null;
  /** With standing charges, levies and taxes, as the bill would be; null where it cannot be told. */
  readonly total: string | null;
}

export interface Period {
  readonly span: Span;
  readonly zone: string;
  /** First day of this, the earlier and the later period, YYYY-MM-DD. */
  readonly date: string;
  readonly earlierDate: string;
  readonly laterDate: string;
  /** Where the earlier one begins, epoch seconds. */
  readonly earlierFrom: number;
  /** End of the newest reading; null: there is none. */
  readonly newest: number | null;
  readonly from: number;
  readonly to: number;
  readonly bars: readonly Bar[];
  readonly figures: Figures;
  readonly cost: Cost | null;
}

export interface Overview {
  readonly zone: string;
  /** End of the newest reading; null: there is none. */
  readonly newest: number | null;
  /** The day of the newest reading. */
  readonly day: Period | null;
  /** The day before it. */
  readonly dayBefore: Period | null;
  readonly month: Period | null;
  readonly findings: Findings;
}

export type Register = "import" | "export";

/** Mean, least and most power of each column in W; NaN: a gap. `x`: epoch seconds. */
export interface Columns {
  readonly from: number;
  readonly to: number;
  readonly x: Float64Array;
  readonly min: Float64Array;
  readonly max: Float64Array;
  readonly mean: Float64Array;
}

/** Something that an honest portal, meter and registry never show. */
export type FindingCode =
  | BrokenCode
  | "FRAMES_MALFORMED"
  | "FRAMES_FOREIGN"
  | "FRAMES_UNSIGNED"
  | "FRAMES_CONTRADICT"
  | "FRAMES_UNLINKED"
  | "FRAMES_UNOPENABLE"
  | "ENVELOPES_INVALID";

export type Findings = readonly { readonly code: FindingCode; readonly count: number }[];

export interface BillSummary {
  readonly from: number;
  readonly to: number;
  readonly zone: string;
  readonly amount: string;
  readonly currency: string;
  readonly energy: string;
  /** After credit notes; equal to `amount` without any. */
  readonly owed: string;
  readonly notes: number;
  readonly estimated: boolean;
  /** Null: not looked at yet. */
  readonly verdict: Verdict | null;
}

export interface Verdict {
  readonly explanation: "exact" | "window-extended" | "estimated" | "broken-link" | "not-computed";
  /** Own amount less the bill's, exact decimal text; null when it could not be computed. */
  readonly difference: string | null;
}

export interface BillLine {
  readonly text: string;
  readonly quantity: string;
  readonly price: string;
  /** Decimal text, as exact as it was reckoned. */
  readonly amount: string;
}

export interface BillDetails extends BillSummary {
  readonly tariff: string;
  readonly tariffVersion: number;
  readonly digest: string;
  readonly lines: readonly BillLine[];
  readonly registers: readonly { readonly band: string; readonly energy: string }[];
  readonly exported: string;
  readonly credits: readonly {
    readonly reason: string;
    readonly amount: string;
    readonly lines: readonly BillLine[];
  }[];
  readonly before: BillSummary | null;
  readonly links: readonly Link[];
  /** Seconds and mWh of the window by quality; empty when the readings could not be opened. */
  readonly quality: readonly {
    readonly quality: string;
    readonly seconds: number;
    readonly energy: string;
  }[];
}

export interface Bills {
  readonly bills: readonly BillSummary[];
  /** Windows of the past that should have a bill and have none. */
  readonly unbilled: readonly { readonly from: number; readonly to: number }[];
  /** Bundles that did not open or verify. */
  readonly findings: Findings;
}

/** A sum that the household is in, or its own bill (docs/protocol.md §8). */
export interface Release {
  readonly kind: Sighting["kind"];
  readonly from: number;
  readonly to: number;
  readonly state: Sighting["state"];
  readonly codes: readonly string[];
  readonly stepSeconds: number | null;
  /** Other households in the sum, in the interval with the fewest; null for a bill, and while nothing was asked for. */
  readonly others: number | null;
  readonly cohort: string | null;
  readonly policy: string;
  readonly logged: { readonly index: number; readonly size: number } | null;
  readonly trustees: number | null;
  readonly withCost: boolean;
  readonly proven: Sighting["proven"];
}

export interface Privacy {
  readonly zone: string;
  readonly month: string;
  /** Registry root key fingerprint, in groups. */
  readonly rootFingerprint: string;
  /** Nothing but the portal's word stands for the root key yet. */
  readonly isRootUnproven: boolean;
  readonly epoch: number | null;
  readonly releases: readonly Release[];
  readonly links: readonly Link[];
  readonly findings: Findings;
}

export interface PolicyNotice {
  readonly inForceFrom: number;
  readonly changes: readonly string[];
}

export interface Person {
  readonly login: string;
  readonly since: number;
}

export interface HouseholdView {
  readonly self: string;
  readonly isFirst: boolean;
  readonly persons: readonly Person[];
  readonly invitations: readonly {
    readonly id: string;
    readonly expiresAt: number;
    readonly openedBy: string | null;
  }[];
  readonly events: readonly {
    readonly at: number;
    readonly login: string;
    readonly event: string;
  }[];
}

export interface MadeFile {
  readonly name: string;
  readonly blob: Blob;
}

export interface Range {
  readonly from: number;
  readonly to: number;
}

/** Every question: its argument and its answer. */
export interface Calls {
  logIn: [{ readonly login: string; readonly password: string }, Session];
  /** Makes the keys; nothing is sent yet. */
  prepareAccount: [
    { readonly login: string; readonly password: string },
    { readonly recoveryKey: string },
  ];
  /** With the recovery key as it was typed back. Throws DRILL_DIFFERS. */
  makeAccount: [{ readonly typed: string }, Session];
  recover: [
    { readonly login: string; readonly recoveryKey: string; readonly newPassword: string },
    Session,
  ];
  /** `network` null: the portal knows the service point. */
  enrol: [{ readonly code: string; readonly network: string | null }, Session];
  join: [{ readonly invitation: string }, Session];
  logOut: [null, null];
  overview: [null, Overview];
  /** `date` null: the period of the newest reading. */
  period: [{ readonly span: Span; readonly date: string | null }, Period];
  /** Local days, YYYY-MM-DD; both included. */
  days: [{ readonly first: string; readonly last: string }, Range];
  /** From the first to the last reading in memory. */
  extent: [null, Range];
  /** Reads what is missing of the range into memory. */
  load: [Range, null];
  columns: [Range & { readonly register: Register; readonly count: number }, Columns];
  bills: [null, Bills];
  /** Computes it again, without what went into sums. */
  checkBill: [{ readonly from: number }, BillSummary];
  bill: [{ readonly from: number }, BillDetails];
  /** `month` null: the one of the newest reading. */
  privacy: [{ readonly month: string | null }, Privacy];
  csv: [Range, MadeFile];
  greenButton: [Range, MadeFile];
  recipient: [{ readonly key: string }, { readonly fingerprint: string; readonly kind: string }];
  /** With the proof, the other sees the number on the network too. */
  share: [
    Range & { readonly key: string; readonly purpose: string; readonly withProof: boolean },
    MadeFile,
  ];
  household: [null, HouseholdView];
  invite: [null, { readonly text: string; readonly expiresAt: number }];
  withdrawInvitation: [{ readonly id: string }, null];
  endAccess: [{ readonly login: string }, null];
  changePassword: [{ readonly old: string; readonly new: string }, null];
  /** Opens the vault with it and changes nothing. */
  tryRecoveryKey: [{ readonly typed: string }, null];
  deletionFacts: [null, DeletionFacts];
  deleteAccount: [{ readonly password: string }, readonly RemainingFact[]];
  policyNotice: [null, PolicyNotice | null];
}
export type CallName = keyof Calls;

export interface Question {
  readonly id: number;
  readonly call: CallName;
  readonly argument: unknown;
}
/** The page does not want the answer any more. */
export interface Cancellation {
  readonly cancel: number;
}

/** `CUSTOMER_…`, a code of the portal's own problem, or of a package that reads what was typed. */
export type ProblemCode =
  Exclude<CustomerErrorCode, "CUSTOMER_PORTAL_REFUSED"> | (string & { readonly problem?: never });

export type Answer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly problem: ProblemCode };
export interface Advance {
  readonly id: number;
  readonly done: number;
  readonly total: number;
}

/** What the worker says unasked. */
export type DeviceEvent =
  /** A reading came; `watts`: its mean power. */
  | {
      readonly event: "live";
      readonly at: number;
      readonly watts: number;
      readonly seconds: number;
    }
  /** The stream of readings is there, or is being tried again. */
  | { readonly event: "connection"; readonly isLive: boolean }
  /** More of the past has been opened in the background. */
  | { readonly event: "loaded"; readonly from: number; readonly to: number }
  /** The portal has ended the session. */
  | { readonly event: "ended" };

export type Spoken = Answer | Advance | DeviceEvent;

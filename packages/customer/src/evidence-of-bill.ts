/**
 * A bill's evidence as a browser gets it (docs/protocol.md §11.2): the sealed bundle, the public view and what the aggregator shows of this
 * household, put together for `verifyBill`. On the customer's device; nothing of it is believed here.
 */
import {
  createPortableEngine,
  engineKeyOf,
  parsePublicKey,
  type PublicKey,
} from "@smarter-metering/paillier";
import {
  decodeContribution,
  decodeSignedTerms,
  fromHex,
  ProtocolError,
  termsDigest,
  toHex,
  unverifiedDocument,
  type Contribution,
  type ContributionContext,
  type FrameHeader,
  type PublicView,
} from "@smarter-metering/protocol";
import {
  addLocalDays,
  isCountedInMeter,
  parseCalendar,
  parseDynamicPrices,
  pricesEndSeconds,
  stepSecondsOf,
  TariffError,
} from "@smarter-metering/tariff";
import type { SealedAnswers } from "./check-answers.ts";
import type { ContributionEvidence } from "./check-contributions.ts";
import type { HouseholdKeys } from "./invitation.ts";
import { logQuorumOf, receiptsOf, thresholdOf } from "./log-quorum.ts";
import type { Sealed } from "./open-frames.ts";
import type { ShownEvidence, ShownRequest } from "./portal-evidence.ts";
import type { PortalRegistry } from "./portal-registry.ts";
import type { OpenedStatement } from "./portal-statements.ts";
import { saidByStatement, type SaidByStatement } from "./said-by-statement.ts";
import type { BillEvidence } from "./verify-bill.ts";

export interface PortalMaterial {
  readonly statement: OpenedStatement;
  readonly registry: PortalRegistry;
  /** Whose frames they are, and what opens them. */
  readonly reading: HouseholdKeys;
  /** Envelopes, and frames of the window and of the day before it at least. */
  readonly sealed: Sealed;
  /** Of the span that `spanOfStatement` gives, at least; undefined where the aggregator does not answer. */
  readonly shown: ShownEvidence | undefined;
}

interface Span {
  readonly from: number;
  readonly to: number;
}

/**
 * What to fetch for a statement, epoch seconds: its window, and as much more as a late border can take (§7.3). Undefined for one that is no
 * statement at all.
 */
export function spanOfStatement({ statement }: OpenedStatement): Span | undefined {
  const said = saidByStatement(statement);
  return said && { from: said.from, to: said.to + LATE_BORDER_SECONDS_MAX };
}

/** 72 h (`billCutoffSeconds`), and a day to spare. */
const LATE_BORDER_SECONDS_MAX = 4 * 86_400;

/** Undefined for one that is no statement at all, or under a registry without a view. */
export async function evidenceOfBill(material: PortalMaterial): Promise<BillEvidence | undefined> {
  const { statement, registry, reading, sealed, shown } = material;
  const said = saidByStatement(statement.statement);
  const { view } = registry;
  if (said === undefined || view === undefined) return undefined;
  const request = shown && (await requestOf(shown.requests, said.requestDigest));
  const span = spanOfRequest(said, request);
  const prices = pricesOf(view, said);
  return {
    ...sealed,
    registry: registry.evidence,
    meters: reading.meters,
    secret: reading.recipientSecret,
    servicePoint: said.servicePoint,
    window: { from: said.from, to: said.to },
    statement: statement.statement,
    tariff: statement.tariff,
    ...(statement.notes.length > 0 && { notes: statement.notes }),
    ...(prices.length > 0 && { prices }),
    ...(shown && { contributions: contributionsOf(shown, view, said, span) }),
    ...(request?.terms && {
      release: {
        terms: request.terms,
        ...(request.receipt !== undefined && { receipt: request.receipt }),
        answers: await answersOf(statement, view),
      },
    }),
    checkReceipt: receiptsOf(() => logQuorumOf(view)),
  };
}

async function requestOf(
  requests: readonly ShownRequest[],
  digest: string,
): Promise<ShownRequest | undefined> {
  for (const request of requests) {
    if (request.stream !== "BILL" || request.terms === undefined) continue;
    try {
      if (toHex(await termsDigest(decodeSignedTerms(request.terms))) === digest) return request;
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
    }
  }
  return undefined;
}

/** The window, or, where a border came late (§7.3), as far as the borders of the request. */
function spanOfRequest({ from, to }: Span, request: ShownRequest | undefined): Span {
  if (request?.terms === undefined) return { from, to };
  const { terms } = decodeSignedTerms(request.terms);
  if (terms.kind !== "BILL") return { from, to };
  return { from: Math.min(from, terms.fromBorder), to: Math.max(to, terms.toBorder) };
}

/** Documents of the series that share an instant with the window. */
function pricesOf(view: PublicView, { prices: series, from, to }: SaidByStatement): string[] {
  return (view.prices ?? []).filter((jws) => {
    const document = attempt(() =>
      parseDynamicPrices(unverifiedDocument("smarter-metering/prices", jws)),
    );
    if (document === undefined || document.prices !== series) return false;
    return document.startSeconds < to && pricesEndSeconds(document) > from;
  });
}

async function answersOf(
  { answers: { release, partials } }: OpenedStatement,
  view: PublicView,
): Promise<SealedAnswers> {
  return release === null ? { partials, threshold: await thresholdOf(view) } : { release };
}

function contributionsOf(
  shown: ShownEvidence,
  view: PublicView,
  { zone }: SaidByStatement,
  span: Span,
): ContributionEvidence {
  const key = once(() => parsePublicKey(view.paillierKey));
  const engine = createPortableEngine();
  const byFrame = new Map<string, Contribution[]>();
  const own = shown.contributions.filter(({ contribution }) => {
    const decoded = attempt(() => decodeContribution(contribution));
    if (decoded === undefined) return true; // Named by `verifyBill`.
    const frame = toHex(decoded.header.frameHash);
    byFrame.set(frame, [...(byFrame.get(frame) ?? []), decoded]);
    const { blockStart, firstSlot, count, intervalSeconds } = decoded.header;
    const instant = blockStart + (firstSlot + count) * intervalSeconds;
    return instant >= span.from && instant <= span.to;
  });
  return {
    shown: own,
    async contextOf(frame, hash) {
      const end = endOf(frame);
      if (end < span.from || end > span.to) return undefined;
      return contextOf(frame, byFrame.get(toHex(hash)) ?? [], { view, zone, key: await key() });
    },
    encrypt: async (message, blinding) =>
      engine.encrypt(engineKeyOf(await key()), message, blinding),
  };
}

const endOf = ({ blockStart, firstSlot, count, intervalSeconds }: FrameHeader): number =>
  blockStart + (firstSlot + count) * intervalSeconds;

/**
 * What the frame must have contributed by: the calendar of its own register bank, and the terms of LOAD that its shown contributions name. A
 * wrong context makes the check fail, never pass; of a LOAD contribution that is kept back altogether this says nothing.
 */
function contextOf(
  frame: FrameHeader,
  shown: readonly Contribution[],
  {
    view,
    zone,
    key,
  }: { readonly view: PublicView; readonly zone: string; readonly key: PublicKey },
): ContributionContext | undefined {
  const document = view.calendars[toHex(frame.registerBank)];
  const calendar = document === undefined ? undefined : attempt(() => parseCalendar(document));
  if (calendar === undefined) return undefined;
  const of = (stream: string) => shown.find(({ header }) => header.stream === stream)?.header;
  const load = of("LOAD");
  const end = endOf(frame);
  const blockEnd = addLocalDays(frame.blockStart, 1, zone);
  const stepSeconds = stepSecondsOf(calendar);
  return {
    paillierKeyId: fromHex(key.id, 32),
    modulusBits: key.bits,
    blockSeconds: blockEnd - frame.blockStart,
    // Inside a block only a meter that is taken away then leaves its registers.
    ...(end < blockEnd && of("BILL") !== undefined && { servedUntil: end }),
    bandCount: calendar.bands.length,
    hasCost: isCountedInMeter(calendar),
    ...(stepSeconds !== undefined && { stepSeconds }),
    load: load && {
      intervalSeconds: load.intervalSeconds,
      valueBits: load.valueBits,
      exportToo: of("LOAD_EXPORT") !== undefined,
    },
  };
}

/** Undefined for what is malformed. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof ProtocolError || error instanceof TariffError) return undefined;
    throw error;
  }
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}

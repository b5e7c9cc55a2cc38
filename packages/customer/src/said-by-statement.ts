/** What a statement says of itself before anybody has verified it (docs/protocol.md §11): enough to know what to fetch for that. */
import { ProtocolError, unverifiedDocument } from "@smarter-metering/protocol";

export interface SaidByStatement {
  /** MDMS pseudonym, hex. */
  readonly servicePoint: string;
  /** The window, epoch seconds. */
  readonly from: number;
  readonly to: number;
  readonly zone: string;
  readonly requestDigest: string;
  /** The series of prices that it is billed by, if there is one. */
  readonly prices: string | undefined;
}

const record = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {};

/** Undefined for a JWS that is no statement at all. */
export function saidByStatement(jws: string): SaidByStatement | undefined {
  try {
    const document = record(unverifiedDocument("smarter-metering/statement", jws));
    const { servicePoint, from, to, zone, requestDigest } = document;
    const { prices } = record(document.cost);
    const isSaid =
      typeof servicePoint === "string" &&
      typeof zone === "string" &&
      typeof requestDigest === "string" &&
      Number.isSafeInteger(from) &&
      Number.isSafeInteger(to);
    if (!isSaid) return undefined;
    const series = typeof prices === "string" ? prices : undefined;
    return {
      servicePoint,
      from: Number(from),
      to: Number(to),
      zone,
      requestDigest,
      prices: series,
    };
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

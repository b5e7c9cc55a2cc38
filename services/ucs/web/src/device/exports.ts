/** Files that a customer takes along, made on his device from his own readings (docs/protocol.md §11.6): a table, a Green Button, a share. */
import {
  billedPlans,
  csvOf,
  greenButtonXml,
  listReadings,
  parseShareRecipient,
  runsIn,
  shareReadings,
  type Reading,
} from "@smarter-metering/customer";
import { localDate } from "@smarter-metering/tariff";
import type { Account } from "./account.ts";
import type { BillBook } from "./bill-book.ts";
import type { Terms } from "./costs.ts";
import { DeviceError } from "./error.ts";
import type { MadeFile, Range } from "./messages.ts";
import type { HouseholdReadings } from "./readings.ts";

/** How long a third party is asked to keep what is shared. */
const KEPT_SECONDS = 90 * 86_400;

export interface ExportSource extends Range {
  readonly zone: string;
  readonly readings: HouseholdReadings;
  readonly terms: Terms | undefined;
  readonly statements: BillBook;
}

export async function csvFile(source: ExportSource): Promise<MadeFile> {
  const { zone } = source;
  const parts = [...csvOf({ readings: readingsOf(source), zone, ...costsOf(source) })];
  return fileOf(source, "csv", parts, "text/csv");
}

export async function greenButtonFile(source: ExportSource): Promise<MadeFile> {
  const { zone, from, to } = source;
  const statements = await source.statements.verified({ from, to });
  const readings = readingsOf(source);
  const parts: string[] = [];
  const xml = greenButtonXml({ readings, zone, statements, ...costsOf(source) });
  for await (const part of xml) parts.push(part);
  return fileOf(source, "xml", parts, "application/atom+xml");
}

export async function recipientOf(key: string) {
  const { algorithm, fingerprint } = await parseShareRecipient(key);
  return { fingerprint, kind: algorithm };
}

export interface ShareWish {
  readonly key: string;
  readonly purpose: string;
  /** Without it, the other has only the customer's word. */
  readonly withProof: boolean;
  readonly nowSeconds: number;
}

export async function shareFile(
  source: ExportSource,
  { key, purpose, withProof, nowSeconds }: ShareWish,
  account: Account,
): Promise<MadeFile> {
  const { from, to, zone, readings } = source;
  const { meters, recipientSecret: secret } = account.keys;
  const sealed = withProof ? await readings.sealed({ from, to }) : undefined;
  const jwe = await shareReadings({
    from,
    to,
    zone,
    readings: readingsOf(source),
    recipient: await parseShareRecipient(key),
    purpose,
    nowSeconds,
    deleteBy: nowSeconds + KEPT_SECONDS,
    ...(sealed !== undefined && { evidence: { meters, secret, ...sealed } }),
  });
  return fileOf(source, "jwe", [jwe], "application/jose");
}

function readingsOf({ readings, from, to }: ExportSource): Reading[] {
  const listed = listReadings(runsIn(readings.series, { from, to }));
  if (listed.length === 0) throw new DeviceError("RANGE_EMPTY");
  return listed;
}

/** By the plans that the screen's bars have. */
const costsOf = ({ terms, from, to }: ExportSource) =>
  terms && { plans: billedPlans(terms.billed, { from, to }) };

/** A name without the household's: where the file ends up is not known. */
function fileOf(
  { from, to, zone }: Range & { zone: string },
  kind: string,
  parts: string[],
  type: string,
) {
  const [first, last] = [localDate(from, zone), localDate(to - 1, zone)];
  return { name: `electricity-${first}-${last}.${kind}`, blob: new Blob(parts, { type }) };
}

/** Statement and tariff (docs/protocol.md §11.2): signed by the registered parties, the customer's own, and made for each other. */
import { verifyDocument, verifyStatement, type Statement } from "@smarter-metering/protocol";
import { localDate, parseTariff, versionOn, type Tariff } from "@smarter-metering/tariff";
import { instantText, type LinkBook } from "./link.ts";
import { verifiedByAny, type Registered } from "./registered.ts";
import { tariffOrUndefined } from "./tariff-errors.ts";

/** What a customer is billed by, and what he knows of it himself. */
export interface SignedDocuments {
  /** The MDMS pseudonym of his service point, hex, and the window he asked for. */
  readonly servicePoint: string;
  readonly window: { readonly from: number; readonly to: number };
  /** JWS by the MDMS. */
  readonly statement: string;
  /** JWS by a tariff signer. */
  readonly tariff: string;
}

export async function checkStatement(
  { statement: jws, servicePoint, window }: SignedDocuments,
  registered: Registered | undefined,
  book: LinkBook,
): Promise<Statement | undefined> {
  if (registered === undefined) {
    book.notChecked("statement", "waits for the registry");
    return undefined;
  }
  const statement = await verifiedByAny(registered.keysOf("mdms"), (key) =>
    verifyStatement(jws, key),
  );
  const where = `window ${instantText(window.from)} to ${instantText(window.to)}`;
  if (statement === undefined) {
    book.broken("STATEMENT_UNSIGNED", where);
  } else if (statement.servicePoint !== servicePoint) {
    book.broken("STATEMENT_FOREIGN", `service point ${statement.servicePoint}`);
  } else if (statement.from !== window.from || statement.to !== window.to) {
    const { from, to } = statement;
    book.broken("STATEMENT_WINDOW", `window ${instantText(from)} to ${instantText(to)}`);
  } else {
    book.ok("statement", where);
    return statement;
  }
  return undefined;
}

export async function checkTariff(
  { tariff: jws }: SignedDocuments,
  registered: Registered | undefined,
  statement: Statement | undefined,
  book: LinkBook,
): Promise<Tariff | undefined> {
  if (registered === undefined) {
    book.notChecked("tariff", "waits for the registry");
    return undefined;
  }
  const tariff = await verifiedByAny(registered.keysOf("tariff-signer"), async (key) => {
    const document = await verifyDocument("smarter-metering/tariff", jws, key);
    return tariffOrUndefined(() => parseTariff(document));
  });
  if (tariff === undefined) {
    book.broken("TARIFF_UNSIGNED", statement === undefined ? "" : `tariff ${statement.tariff}`);
  } else if (statement !== undefined && !isPricedBy(statement, tariff)) {
    const { tariff: name, tariffVersion } = statement;
    book.broken("TARIFF_OTHER", `tariff ${name}, version ${tariffVersion}`);
  } else {
    book.ok("tariff", `tariff ${tariff.tariff}`);
    return tariff;
  }
  return undefined;
}

function isPricedBy(statement: Statement, tariff: Tariff): boolean {
  const { from, zone, tariff: name, tariffVersion, currency } = statement;
  const version = tariffOrUndefined(() => versionOn(tariff, localDate(from, zone)));
  return (
    name === tariff.tariff && currency === tariff.currency && tariffVersion === version?.version
  );
}

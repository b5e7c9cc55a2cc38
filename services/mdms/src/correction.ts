/** A correction of a tariff (docs/protocol.md §11.4), checked against the registry before anything is made of it. Public data only. */
import {
  documentHash,
  ProtocolError,
  registerBankOf,
  toHex,
  verifyTariffCorrection,
  type TariffCorrection,
} from "@smarter-metering/protocol";
import {
  parseDate,
  parseTariff,
  TariffError,
  versionOn,
  type Tariff,
} from "@smarter-metering/tariff";
import { MdmsError } from "./error.ts";
import type { RegistryContext } from "./registry-context.ts";

export interface CheckedCorrection {
  readonly document: Omit<TariffCorrection, "tariff">;
  /** As it should have been. */
  readonly tariff: Tariff;
  /** As it is published: statements were priced by it. */
  readonly published: Tariff;
  readonly jws: string;
  /** SHA-256 of the JWS. */
  readonly digest: Uint8Array;
}

const invalid = (message: string, cause?: unknown): MdmsError =>
  new MdmsError("MDMS_CORRECTION_INVALID", message, { cause });

/** Throws MDMS_CORRECTION_INVALID: its message says what is wrong. */
export async function checkCorrection(
  jws: string,
  { tariffs, tariffSignerKeys }: RegistryContext,
): Promise<CheckedCorrection> {
  const { tariff: unparsed, ...document } = await verified(jws, tariffSignerKeys);
  const tariff = tariffOf(unparsed, document);
  if (document.from >= document.until) throw invalid("it ends before it begins");
  const registered = tariffs.get(tariff.tariff);
  if (registered === undefined) throw invalid(`the registry has no tariff ${tariff.tariff}`);
  const { tariff: published, registerBank } = registered;
  const isSameMoney =
    tariff.currency === published.currency && tariff.minorDigits === published.minorDigits;
  if (!isSameMoney || toHex(await registerBankOf(tariff.calendar)) !== registerBank) {
    throw invalid("only prices can be corrected: currency and calendar are the published ones");
  }
  return { document, tariff, published, jws, digest: await documentHash(jws) };
}

async function verified(jws: string, keys: readonly Uint8Array[]): Promise<TariffCorrection> {
  let reason: unknown;
  for (const key of keys) {
    try {
      return await verifyTariffCorrection(jws, key);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      reason = error; // Perhaps another signer's.
    }
  }
  throw invalid("no registered tariff signer signed such a correction", reason);
}

function tariffOf(
  value: unknown,
  { from, until }: Pick<TariffCorrection, "from" | "until">,
): Tariff {
  try {
    const tariff = parseTariff(value);
    parseDate(until);
    parseDate(from);
    versionOn(tariff, from);
    return tariff;
  } catch (error) {
    if (error instanceof TariffError)
      throw invalid(`its tariff or its dates: ${error.message}`, error);
    throw error;
  }
}

// The one error class of this package. Messages carry ids, paths and times, never readings.

export type TariffErrorCode =
  | "ZONE_UNKNOWN"
  | "DATE_INVALID"
  | "TARIFF_MALFORMED"
  | "TARIFF_UNKNOWN_KEY"
  | "TARIFF_OUT_OF_RANGE"
  | "TARIFF_BAND_UNKNOWN"
  | "TARIFF_SEASON_UNKNOWN"
  | "TARIFF_DUPLICATE"
  | "TARIFF_RULES_OVERLAP"
  | "TARIFF_SEASONS_OVERLAP"
  | "TARIFF_TOO_MANY_REGISTERS"
  | "TARIFF_VERSIONS_UNORDERED"
  | "TARIFF_VERSION_TOO_NEAR"
  | "TARIFF_BOUNDARY_INSIDE_INTERVAL"
  | "TARIFF_NOT_IN_FORCE"
  | "TARIFF_REGISTERS_MISMATCH"
  | "TARIFF_WINDOW_INVALID"
  | "TARIFF_PRICES_MISSING";

/** A zone, tariff document or billing window that cannot be used; `path` is where it says so. */
export class TariffError extends Error {
  override readonly name = "TariffError";
  readonly code: TariffErrorCode;
  /** Place in the document, as in `versions[0].taxBasisPoints`; empty when it has none. */
  readonly path: string;

  constructor(code: TariffErrorCode, message: string, path = "", options?: ErrorOptions) {
    super(path === "" ? message : `${path}: ${message}`, options);
    this.code = code;
    this.path = path;
  }
}

/** What is wrong with a tariff, as a value: for those who list it all instead of stopping. */
export type TariffFault = Pick<TariffError, "code" | "path" | "message">;

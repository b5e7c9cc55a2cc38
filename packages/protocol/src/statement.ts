/** Statements (docs/protocol.md §11): a bill, signed by the MDMS, that the customer can re-compute. */
import { signDocument, verifyDocument } from "./jws.ts";
import {
  flag,
  integer,
  list,
  nullable,
  object,
  optional,
  readShape,
  table,
  text,
  type ShapeOf,
} from "./shape.ts";
import type { Signer } from "./signature.ts";

const decimal = text(/^-?\d+$/);
const register = text(/^\d+$/);
const seconds = integer(0);

const statement = object({
  /** MDMS pseudonym, hex. */
  servicePoint: text(/^[0-9a-f]{32}$/),
  from: seconds,
  to: seconds,
  zone: text(),
  /** Per band of the tariff's calendar. */
  registers_mWh: table(/^/, decimal),
  export_mWh: decimal,
  energy_mWh: decimal,
  /**
   * Where the tariff's calendar has a cost (§6.6): the series of prices, and what the register counted over the whole window, Σ mWh ×
   * (price − floor) / price step: one number, as finely divided as the energy beside it. Null: it was not released (§8.3, R9), and the
   * window is billed at the tariff's price for that.
   */
  cost: optional(object({ prices: text(), counted: nullable(register) })),
  tariff: text(),
  /** In force on the window's first day; where another takes effect inside, the lines say from when (§11). */
  tariffVersion: integer(1),
  lines: list(
    object({
      text: text(),
      quantity: text(),
      price: text(),
      /** Exact, in 10⁻¹⁶ of the currency unit (packages/tariff). */
      amountE16: decimal,
    }),
  ),
  amount: text(),
  currency: text(/^.{3}$/),
  estimated: flag,
  requestDigest: text(),
});
export type Statement = ShapeOf<typeof statement>;

export async function signStatement(document: Statement, mdms: Signer): Promise<string> {
  return signDocument("smarter-metering/statement", parsed(document), mdms);
}

/** Throws PROTOCOL_MALFORMED or PROTOCOL_BAD_SIGNATURE. */
export async function verifyStatement(jws: string, mdmsKey: Uint8Array): Promise<Statement> {
  return parsed(await verifyDocument("smarter-metering/statement", jws, mdmsKey));
}

const parsed = (document: unknown): Statement => readShape(statement, document, "a statement");

/** Statements (docs/protocol.md §11): a bill, signed by the MDMS, that the customer can re-compute. */
import { z } from "zod";
import { ProtocolError } from "./error.ts";
import { signDocument, verifyDocument } from "./jws.ts";
import type { Signer } from "./signature.ts";

const decimal = z.string().regex(/^-?\d+$/);
const register = z.string().regex(/^\d+$/);
const seconds = z.number().int().nonnegative();

const statement = z.strictObject({
  /** MDMS pseudonym, hex. */
  servicePoint: z.string().regex(/^[0-9a-f]{32}$/),
  from: seconds,
  to: seconds,
  zone: z.string(),
  /** Per band of the tariff's calendar. */
  registers_mWh: z.record(z.string(), decimal),
  export_mWh: decimal,
  energy_mWh: decimal,
  /**
   * Where the tariff's calendar has a cost (§6.6): the series of prices, and what the register counted over the whole window, Σ mWh ×
   * (price − floor) / price step: one number, as finely divided as the energy beside it. Null: it was not released (§8.3, R9), and the
   * window is billed at the tariff's price for that.
   */
  cost: z.strictObject({ prices: z.string(), counted: register.nullable() }).optional(),
  tariff: z.string(),
  /** In force on the window's first day; where another takes effect inside, the lines say from when (§11). */
  tariffVersion: z.number().int().positive(),
  lines: z.array(
    z.strictObject({
      text: z.string(),
      quantity: z.string(),
      price: z.string(),
      /** Exact, in 10⁻¹⁶ of the currency unit (packages/tariff). */
      amountE16: decimal,
    }),
  ),
  amount: z.string(),
  currency: z.string().length(3),
  estimated: z.boolean(),
  requestDigest: z.string(),
});
export type Statement = z.infer<typeof statement>;

export function signStatement(document: Statement, mdms: Signer): Promise<string> {
  return signDocument("smarter-metering/statement", statement.parse(document), mdms);
}

/** Throws PROTOCOL_MALFORMED or PROTOCOL_BAD_SIGNATURE. */
export async function verifyStatement(jws: string, mdmsKey: Uint8Array): Promise<Statement> {
  const parsed = statement.safeParse(
    await verifyDocument("smarter-metering/statement", jws, mdmsKey),
  );
  if (parsed.success) return parsed.data;
  throw new ProtocolError("PROTOCOL_MALFORMED", "malformed message: not a statement", parsed.error);
}

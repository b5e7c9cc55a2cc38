/** `vectors.json`, made by make-vectors.ts: what every engine must answer, and must refuse. */
import { readFileSync } from "node:fs";

import type { PublicKey } from "../src/index.ts";
import type { OperationName, Operands } from "./engine-operations.ts";

/** Numbers are hex. */
export type Vectors = {
  readonly bits: number;
  readonly operands: {
    readonly messages: readonly string[];
    readonly blindings: readonly string[];
    /** Also the results of `encrypt`. */
    readonly ciphertexts: readonly string[];
    readonly divisors: readonly string[];
    readonly scalars: readonly string[];
    readonly groupSizes: readonly number[];
    readonly shiftBits: number;
    readonly exponent: string;
    readonly longExponent: string;
  };
  readonly results: Readonly<Record<OperationName, readonly string[]>>;
  /** Of `power` with `longExponent`. */
  readonly longPower: readonly string[];
  /** Not coprime to n: `check` says 0, `decrypt` and `subtract` fail. */
  readonly refused: readonly string[];
};

export const vectors = JSON.parse(
  readFileSync(new URL("vectors.json", import.meta.url), "utf8"),
) as Vectors[];

export const numberOf = (hex: string): bigint => BigInt(`0x${hex}`);

/** The operands of `vector`, under the fixed key of that size. */
export function operandsOf({ bits, operands }: Vectors, { n, hs }: PublicKey): Operands {
  const exponent = numberOf(operands.exponent);
  return {
    bits,
    n,
    hs,
    messages: operands.messages.map(numberOf),
    blindings: operands.blindings.map(numberOf),
    ciphertexts: operands.ciphertexts.map(numberOf),
    divisors: operands.divisors.map(numberOf),
    scalars: operands.scalars.map(numberOf),
    scalarBytes: 4,
    groupSizes: operands.groupSizes,
    shiftBits: operands.shiftBits,
    exponent,
    exponentBytes: 9,
  };
}

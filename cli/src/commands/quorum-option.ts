/** `--trustees t/n`: how many share the Paillier key, and how many of them decrypt together. */
import { trusteesMax, type Quorum } from "@smarter-metering/paillier";
import { usageError } from "../cli-error.ts";
import type { Arguments, Option } from "../command.ts";

export const trusteesOption: Option = {
  type: "string",
  value: "<t/n>",
  text: "any t of n trustees decrypt together (1/1: one holds the whole key)",
};

/** Undefined: one trustee holds the whole key. */
export function quorumOf(args: Arguments): Quorum | undefined {
  const given = args.text("trustees");
  if (given === undefined || given === "1" || given === "1/1") return undefined;
  const [, t, n] = /^(\d{1,2})\/(\d{1,2})$/.exec(given) ?? [];
  const [threshold, trustees] = [Number(t), Number(n)];
  if (threshold >= 2 && threshold <= trustees && trustees <= trusteesMax) {
    return { threshold, trustees };
  }
  throw usageError(`--trustees takes t/n with 2 ≤ t ≤ n ≤ ${trusteesMax}, such as 2/4`);
}

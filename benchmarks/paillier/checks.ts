/**
 * What the figures of a run are held against: gates, which are ratios within the run and fail it
 * (`--gates`), and absolute targets, which belong to machines with AVX512-IFMA and are shown.
 */
import { operations, targets, type Operation } from "./operations.ts";
import { bestOf, type Check, type Phase } from "./results.ts";

const sizes = [2048, 3072];

function ratio(
  phase: Phase,
  bits: number,
  operation: Operation,
  [over, under]: readonly [string, string],
): number {
  const [a, b] = [over, under].map((name) => bestOf(phase, bits, operation, name));
  return a === undefined || b === undefined ? 0 : a / b; // a row that is missing fails its gate
}

function check(name: string, bits: number, value: number, wanted: number): Check {
  return { name, bits, value, wanted, holds: value >= wanted };
}

/** Those that this machine can be asked for: a kernel that it does not have is no failure. */
export function gatesOf(oneCore: Phase, allCores: Phase): Check[] {
  const { kernels } = oneCore;
  const [fastest] = kernels;
  const withoutIfma = kernels.find((kernel) => kernel !== "ifma");
  return sizes.flatMap((bits) => {
    const encryption = (over: string, under: string, wanted: number): Check =>
      check(
        `encrypt: ${over} over ${under}`,
        bits,
        ratio(oneCore, bits, "encrypt", [over, under]),
        wanted,
      );
    const alone = (over: string): Check =>
      check(
        `decrypt (one): ${over} over portable`,
        bits,
        ratio(oneCore, bits, "decryptOne", [over, "portable"]),
        0.95, // not slower; two equals differ by that much from run to run
      );
    return [
      encryption("portable", "paillier-bigint", 20),
      ...(kernels.includes("ifma") ? [encryption("native-ifma", "portable", 8)] : []),
      ...(withoutIfma === undefined ? [] : [encryption(`native-${withoutIfma}`, "portable", 3)]),
      ...(fastest === undefined ? [] : [alone(`native-${fastest}`)]),
      ...allCores.scaling
        .filter((row) => row.bits === bits && row.operation === "encrypt")
        .map((row) => check(`encrypt: two cores over one, ${row.contender}`, bits, row.ratio, 1.8)),
    ];
  });
}

/** None where there is no IFMA. */
export function targetsOf(oneCore: Phase): Check[] {
  if (!oneCore.kernels.includes("ifma")) return [];
  return targets.map(([operation, bits, wanted]) => {
    const value = bestOf(oneCore, bits, operation, "native-ifma") ?? 0;
    return check(operations[operation], bits, value, wanted);
  });
}

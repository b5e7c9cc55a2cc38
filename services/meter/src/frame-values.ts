/** From a source's readings to a frame's body (docs/protocol.md §2.2). Plaintext. Pure. */
import { REGISTERS, type FrameBody } from "@smarter-metering/protocol";
import { MeterError } from "./error.ts";
import type { Registers } from "./registers.ts";
import type { Readings } from "./source.ts";

/** Throws METER_SOURCE. */
export function checkLength(readings: Readings, count: number): void {
  const { importMilliwattHours, exportMilliwattHours, quality } = readings;
  if ([importMilliwattHours, exportMilliwattHours, quality].some((list) => list.length !== count)) {
    throw new MeterError("METER_SOURCE", `a source gave another number of readings than ${count}`);
  }
}

export function part(readings: Readings, first: number, count: number): Readings {
  const take = (values: ArrayLike<number>): number[] =>
    Array.from({ length: count }, (_, index) => values[first + index] ?? 0);
  return {
    importMilliwattHours: take(readings.importMilliwattHours),
    exportMilliwattHours: take(readings.exportMilliwattHours),
    quality: take(readings.quality),
  };
}

/** `blindingSeed` itself, no copy: wiped with the body. */
export function bodyOf(
  readings: Readings,
  registers: Registers,
  blindingSeed: Uint8Array | undefined,
): FrameBody {
  return {
    importMilliwattHours: Uint32Array.from(readings.importMilliwattHours),
    exportMilliwattHours: Uint32Array.from(readings.exportMilliwattHours),
    quality: Uint8Array.from(readings.quality),
    registersMilliwattHours: Array.from({ length: REGISTERS }, (_, i) => registers[i] ?? 0n),
    ...(blindingSeed && { blindingSeed }),
  };
}

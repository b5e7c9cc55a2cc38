/**
 * What a request in the log waits for (docs/protocol.md §13.4), for the aggregator's operators: which trustees have
 * cosigned a head over it.
 */
import { cosignersOf, parseHead } from "@smarter-metering/log";
import type { LogReader } from "@smarter-metering/log/store";
import { indexOf } from "./quorum.ts";
import type { RegistryContext } from "./registry-context.ts";

/** Trustees by their numbers. */
export interface LogStanding {
  /** Its place in the log, from 0; null while it is to be appended. */
  readonly entry: number | null;
  /** Cosignatures that the head over it needs. */
  readonly needed: number;
  readonly cosigned: readonly number[];
  readonly silent: readonly number[];
}

/** By entry. Entries that one append made are under one head. */
export async function logStandingsOf(
  log: LogReader,
  registry: RegistryContext,
  entries: readonly number[],
): Promise<ReadonlyMap<number, LogStanding>> {
  const found = new Map<number, LogStanding>();
  let size = 0;
  let standing = notAppended(registry);
  for (const entry of entries.toSorted((a, b) => a - b)) {
    if (entry >= size) {
      const note = await log.headOver(entry);
      if (note === undefined) break;
      size = parseHead(note).size;
      standing = await standingUnder(note, registry);
    }
    found.set(entry, { ...standing, entry });
  }
  return found;
}

export const notAppended = ({ quorum, logQuorum }: RegistryContext): LogStanding => ({
  entry: null,
  needed: logQuorum.cosignersMin,
  cosigned: [],
  silent: quorum.trustees.map(indexOf),
});

async function standingUnder(note: string, registry: RegistryContext): Promise<LogStanding> {
  const { quorum, logQuorum } = registry;
  const cosigners = new Set(await cosignersOf(parseHead(note), logQuorum));
  const hasCosigned = logQuorum.trustees.map((key) => cosigners.has(key));
  const numbers = quorum.trustees.map(indexOf);
  return {
    ...notAppended(registry),
    cosigned: numbers.filter((_, at) => hasCosigned[at]),
    silent: numbers.filter((_, at) => !hasCosigned[at]),
  };
}

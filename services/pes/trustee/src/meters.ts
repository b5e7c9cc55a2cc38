/** What a trustee's operators watch: releases, refusals, its ledger, and the log it follows. */
import { statSync } from "node:fs";
import { LEDGER_BYTES_MAX, ledgerPath } from "./ledger.ts";
import type { Counter, Metrics } from "@smarter-metering/runtime";

export interface TrusteeMeters {
  readonly released: Counter;
  /** By code. */
  readonly refusals: Counter;
}

export function trusteeMeters(
  metrics: Metrics,
  ledgerFolder: string,
  log: { readonly confirmedSize: number },
): TrusteeMeters {
  const bytes = metrics.gauge("trustee_ledger_bytes", "Size of the ledger's journal");
  const max = metrics.gauge(
    "trustee_ledger_max_bytes",
    "Where it is full, and nothing more is released",
  );
  const confirmed = metrics.gauge(
    "trustee_log_confirmed_entries",
    "Entries of the log that this trustee knows to stand under the quorum",
  );
  max.set(LEDGER_BYTES_MAX);
  metrics.collect("ledger", () => {
    bytes.set(statSync(ledgerPath(ledgerFolder)).size);
    confirmed.set(log.confirmedSize);
  });
  return {
    released: metrics.counter("trustee_releases_total", "Aggregates released"),
    refusals: metrics.counter("trustee_refusals_total", "Refusals by code", ["code"]),
  };
}

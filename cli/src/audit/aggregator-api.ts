/** What the aggregator shows to whoever checks it: log, ledger and requests, over its API. Nothing of it is believed here. */
import { BATCH_ENTRIES_MAX } from "@smarter-metering/log";
import { fromBase64Url } from "@smarter-metering/protocol";
import { z } from "zod";
import { CliError } from "../cli-error.ts";
import type { Door } from "../serve/door.ts";
import { callApi } from "../serve/reach.ts";
import type { ShownLog } from "./audit-log.ts";

const PAGE = 1000;

const bytes = z.string().transform(fromBase64Url);
const logHead = z.object({
  size: z.number().int().nonnegative(),
  /** A note by the operator; of an empty log there is none. */
  head: z.string().nullable(),
  /** The newest note of the quorum. */
  standing: z.string().nullable(),
});
const logEntries = z.object({ entries: z.array(bytes) });
const contributions = z.object({
  contributions: z.array(z.object({ encoded: bytes, receipt: z.string().nullable() })),
});
const request = z.object({
  terms: bytes,
  contributions: z.array(bytes),
  receipt: z.string().nullable(),
  state: z.string(),
});

export type ShownRequest = z.output<typeof request>;
export type LedgerContribution = z.output<typeof contributions>["contributions"][number];

export async function readLog(door: Door): Promise<ShownLog> {
  const { head, standing } = logHead.parse(await callApi(door, "/v1/log/head"));
  return {
    head: head ?? undefined,
    standing: standing ?? undefined,
    async read(from, limit) {
      const path = `/v1/log/entries?from=${from}&limit=${Math.min(limit, BATCH_ENTRIES_MAX)}`;
      return logEntries.parse(await callApi(door, path)).entries;
    },
  };
}

/** What the ledger has of a service point that ends in [from, to], all streams, in the order of their instants. */
export async function readContributions(
  door: Door,
  servicePoint: string,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<LedgerContribution[]> {
  const query = `servicePoint=${servicePoint}&from=${from}&to=${to}&limit=${PAGE}`;
  const all: LedgerContribution[] = [];
  for (;;) {
    const path = `/v1/contributions?${query}&offset=${all.length}`;
    const page = contributions.parse(await callApi(door, path)).contributions;
    all.push(...page);
    if (page.length < PAGE) return all;
  }
}

/** By its digest, hex; undefined for one that is not in the log. */
export async function readRequest(door: Door, digest: string): Promise<ShownRequest | undefined> {
  try {
    return request.parse(await callApi(door, `/v1/requests/${digest}`));
  } catch (error) {
    if (error instanceof CliError && error.code === "REQUEST_UNKNOWN") return undefined;
    throw error;
  }
}

/**
 * `/v1/ledger`, `/v1/completeness`: what was asked for, released, suppressed or refused, and why (docs/protocol.md §7.5). Sets of cohorts as
 * the aggregator tells them, with what was released of them here; bills as numbers.
 */
import { fromHex, toHex } from "@smarter-metering/protocol";
import { createRoute, z, type App, type Sql } from "@smarter-metering/runtime";
import type { LedgerBlock, LedgerDoor } from "../peers/ledger-door.ts";
import type { WebPorts } from "../web-ports.ts";
import { MdmsError } from "../error.ts";
import { answers, listAnswers } from "./answers.ts";
import { csvResponse, pagesFrom, wantsCsv } from "./csv.ts";
import { LEDGER_COLUMNS, ledgerCells } from "./ledger-csv.ts";
import {
  blockQuery,
  completeness,
  LEDGER_PAGE_MAX,
  ledgerPage,
  ledgerSummary,
} from "./ledger-schemas.ts";
import { peerRefusals, present, refused } from "./peer-answers.ts";
import { range, toIso } from "./schemas.ts";

export interface LedgerApiPorts extends WebPorts {
  readonly ledger: LedgerDoor | undefined;
}

export function addLedgerApi(app: App, ports: LedgerApiPorts): void {
  addBlocks(app, ports);
  addSummary(app, ports);
  addCompleteness(app, ports);
}

const DOOR = "the aggregator's ledger: give it `ledger` with the door's address and token";

function addBlocks(app: App, { store, ledger, guard }: LedgerApiPorts): void {
  const route = createRoute({
    method: "get",
    path: "/v1/ledger",
    summary:
      "Load of neighbourhoods by cohort and day: state, contributors, codes, who answered what",
    middleware: guard.api({
      permission: "ledger",
      action: "ledger.view",
      subject: (c) => c.req.query("cohort"),
    }),
    request: { query: blockQuery },
    responses: { ...listAnswers("The newest first", ledgerPage), ...peerRefusals },
  });
  app.openapi(route, async (c) => {
    const door = present(ledger, DOOR);
    const { format: _, ...query } = c.req.valid("query");
    const isCsv = wantsCsv(c);
    const asked = await door.blocks(isCsv ? { ...query, limit: LEDGER_PAGE_MAX } : query);
    if ("refusal" in asked) return refused(c, asked.refusal);
    const pageOf = async ({ blocks, next }: typeof asked.value) => {
      const released = await releasesOf(store, blocks);
      return { rows: blocks.map((block) => entryOf(block, released)), next: next ?? undefined };
    };
    const first = await pageOf(asked.value);
    if (!isCsv) {
      return c.json({ entries: first.rows, ...(first.next && { next: first.next }) }, 200);
    }
    const pages = pagesFrom(async (cursor: string | undefined) => {
      if (cursor === undefined) return first;
      const more = await door.blocks({ ...query, cursor, limit: LEDGER_PAGE_MAX });
      // The headers are out: a file that breaks off is seen to be broken, one that ends is not.
      if ("refusal" in more) throw new MdmsError("MDMS_PEER_UNREACHABLE", more.refusal.title);
      return pageOf(more.value);
    }, ledgerCells);
    return csvResponse(c, { name: "ledger", columns: LEDGER_COLUMNS, pages });
  });
}

interface Released {
  readonly policyId: string;
  readonly registryEpoch: number;
}

/** What is known here of the blocks that were released, by request digest. */
async function releasesOf(
  sql: Sql,
  blocks: readonly LedgerBlock[],
): Promise<ReadonlyMap<string, Released>> {
  const digests = blocks.flatMap(({ requestDigest }) => requestDigest ?? []);
  const rows = await sql.query<{ digest: Uint8Array; policyId: string; registryEpoch: bigint }>(
    `select digest, policy_id as "policyId", registry_epoch as "registryEpoch" from release
      where digest = any($1::bytea[])`,
    [digests.map((digest) => fromHex(digest, 32))],
  );
  return new Map(
    rows.map(({ digest, policyId, registryEpoch }) => {
      return [toHex(digest), { policyId, registryEpoch: Number(registryEpoch) }];
    }),
  );
}

function entryOf(block: LedgerBlock, released: ReadonlyMap<string, Released>) {
  const { blockStart, blockEnd, sealedAt, ...rest } = block;
  const known = released.get(block.requestDigest ?? "");
  return {
    ...rest,
    start: toIso(blockStart),
    end: toIso(blockEnd),
    sealedAt: sealedAt === null ? null : toIso(sealedAt),
    policyId: known?.policyId ?? null,
    registryEpoch: known?.registryEpoch ?? null,
  };
}

function addSummary(app: App, { ledger, guard }: LedgerApiPorts): void {
  const route = createRoute({
    method: "get",
    path: "/v1/ledger/summary",
    summary: "How many blocks and bills are in which state, and under which codes",
    middleware: guard.api({ permission: "ledger", action: "ledger.summary" }),
    request: { query: z.object(range) },
    responses: { ...answers("Numbers", ledgerSummary), ...peerRefusals },
  });
  app.openapi(route, async (c) => {
    const door = present(ledger, DOOR);
    const query = c.req.valid("query");
    const [sets, bills] = await Promise.all([door.summary(query), door.bills(query)]);
    if ("refusal" in sets) return refused(c, sets.refusal);
    if ("refusal" in bills) return refused(c, bills.refusal);
    const answer = {
      blocks: sets.value.sets,
      bills: bills.value.bills.map(({ fromGrid, toGrid, ...rest }) => {
        return { from: toIso(fromGrid), to: toIso(toGrid), ...rest };
      }),
      moreBills: bills.value.more,
      contributions: sets.value.contributions,
    };
    return c.json(answer, 200);
  });
}

/** Basis points, so that no page rounds 99.996 % to all. */
const shareOf = (part: number, whole: number): number =>
  whole === 0 ? 0 : Math.floor((part * 10_000) / whole);

function addCompleteness(app: App, { ledger, guard }: LedgerApiPorts): void {
  const route = createRoute({
    method: "get",
    path: "/v1/completeness",
    summary:
      "Meters reporting: of each neighbourhood's day contributors, members, intervals covered",
    middleware: guard.api({
      permission: "neighbourhoods",
      action: "completeness.view",
      subject: (c) => c.req.query("cohort"),
    }),
    request: { query: blockQuery.omit({ state: true, code: true, stream: true, format: true }) },
    responses: { ...answers("The newest day first", completeness), ...peerRefusals },
  });
  app.openapi(route, async (c) => {
    const query = { ...c.req.valid("query"), stream: "LOAD" };
    const asked = await present(ledger, DOOR).blocks(query);
    if ("refusal" in asked) return refused(c, asked.refusal);
    const { blocks, next } = asked.value;
    const days = blocks.map(({ cohort, blockStart, members, contributors, ...block }) => {
      const slotsExpected = members * block.slotCount;
      const { slotsCovered, slotsValued } = block;
      const coveredBasisPoints = shareOf(slotsCovered, slotsExpected);
      const slots = { slotsExpected, slotsCovered, slotsValued, coveredBasisPoints };
      return { cohort, start: toIso(blockStart), members, contributors, ...slots };
    });
    return c.json({ days, ...(next !== null && { next }) }, 200);
  });
}

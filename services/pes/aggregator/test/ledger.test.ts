/** The MDMS's own door to the ledger (docs/protocol.md §7.5): sets in full, bills as numbers, and no network pseudonym in any answer. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { encodeRefusal, fromHex, signRefusal, toHex } from "@smarter-metering/protocol";
import type { App, Store } from "@smarter-metering/runtime";
import { makeWorld, type World } from "../../../../test/support/world.ts";
import {
  contribute,
  HOUR,
  householdOf,
  onlyStream,
  openLedger,
  startBench,
  type Bench,
} from "./bench.ts";

const TOKEN = "token-of-the-ledgers-door";
const WINDOW = 28;

interface Block {
  readonly blockStart: number;
  readonly state: string;
  readonly codes: readonly string[];
  readonly members: number;
  readonly contributors: number;
  readonly requestDigest: string | null;
  readonly answers: readonly { trustee: number; codes: readonly string[] }[];
}

let world: World;
let store: Store;
let bench: Bench;
let door: App;
before(async () => {
  world = await makeWorld({ households: 4, loadIntervalSeconds: HOUR });
  store = await openLedger();
  bench = await startBench(world, store, world.dayStart(2) + HOUR);
  door = bench.aggregator.ledgerHttp(TOKEN);
  for (const [day, households] of [
    [0, [0, 1, 2, 3]],
    [1, [0, 1]],
  ] as const) {
    for (const index of households) {
      const made = await contribute(world, index, { blockStart: world.dayStart(day) });
      await bench.bus.deliver("contributions", onlyStream(made, "LOAD"));
    }
  }
  await bench.tick();
  await store.query("delete from bill_window", []);
  // A window that was refused, one that waits, and one whose cost alone is kept back.
  const windows = [
    ["REQUESTED", "", ""],
    ["SUPPRESSED", "R8_OVERLAP,R5_EXPOSED", ""],
    ["SUPPRESSED", "R8_OVERLAP", ""],
    ["RELEASED", "", "R9_COST_LEVERAGE"],
  ];
  for (const [index, row] of windows.entries()) {
    await store.query(
      `insert into bill_window (service_point, from_grid, to_grid, state, codes, cost)
        values ($1, $2, $3, $4, $5, $6)`,
      [householdOf(world, index).network, world.dayStart(0), world.dayStart(WINDOW), ...row],
    );
  }
});
after(async () => {
  await bench.aggregator.close();
  await store.close();
  await world.close();
});

const ask = (path: string, token: string | undefined = TOKEN): Promise<Response> => {
  const headers = { authorization: `Bearer ${token}` };
  return Promise.resolve(door.request(path, { headers }));
};
const blocksOf = async (path: string): Promise<{ blocks: Block[]; next: string | null }> => {
  const answer = await ask(path);
  assert.equal(answer.status, 200, path);
  return (await answer.json()) as { blocks: Block[]; next: string | null };
};
const stateOf = ({ blockStart, state, contributors, members }: Block) => {
  return [blockStart, state, contributors, members];
};

test("blocks: the newest first, page by page, with who answered what", async () => {
  const { blocks, next } = await blocksOf("/v1/ledger/blocks?limit=1");
  assert.deepEqual(blocks.map(stateOf), [[world.dayStart(1), "OPEN", 2, 4]]);
  const second = await blocksOf(`/v1/ledger/blocks?limit=1&cursor=${next}`);
  assert.deepEqual(second.blocks.map(stateOf), [[world.dayStart(0), "REQUESTED", 4, 4]]);
  const third = await blocksOf(`/v1/ledger/blocks?limit=1&cursor=${second.next}`);
  assert.deepEqual(third, { blocks: [], next: null });

  const digest = second.blocks[0]?.requestDigest ?? "";
  const codes = ["R1_TOO_FEW_CONTRIBUTORS"];
  const { signer } = world.parties.trustee;
  const reasons = codes.map((code) => ({ code, reason: "" }));
  const refusal = encodeRefusal(
    await signRefusal({ requestDigest: fromHex(digest), reasons }, signer),
  );
  await bench.bus.deliver("refusals", [{ id: "1", subject: "refusal", body: refusal }]);
  const day = `from=${world.dayStart(0)}&to=${world.dayStart(1)}`;
  const [refused] = (await blocksOf(`/v1/ledger/blocks?${day}&cohort=north`)).blocks;
  assert.equal(refused?.state, "SUPPRESSED");
  assert.deepEqual(refused.answers, [{ trustee: 1, codes }]);
  assert.deepEqual((await blocksOf("/v1/ledger/blocks?state=RELEASED")).blocks, []);
  for (const [code, expected] of [
    [codes[0], [world.dayStart(0)]],
    ["R1_TOO_FEW", []],
    ["", []],
  ] as const) {
    const found = (await blocksOf(`/v1/ledger/blocks?code=${code}`)).blocks;
    assert.deepEqual(
      found.map(({ blockStart }) => blockStart),
      expected,
      code,
    );
  }
  assert.deepEqual((await blocksOf("/v1/ledger/blocks?cohort=south")).blocks, []);
});

test("bills are numbers by window, state and code", async () => {
  const { bills, more } = (await (await ask("/v1/ledger/bills")).json()) as {
    bills: { state: string; code: string | null; costCode: string | null; windows: number }[];
    more: boolean;
  };
  assert.equal(more, false);
  assert.deepEqual(
    bills
      .map(({ state, code, costCode, windows }) => [state, code, costCode, windows])
      .toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)),
    [
      ["RELEASED", null, "R9_COST_LEVERAGE", 1],
      ["REQUESTED", null, null, 1],
      ["SUPPRESSED", "R5_EXPOSED", null, 1],
      ["SUPPRESSED", "R8_OVERLAP", null, 2],
    ],
  );
  const later = await ask(`/v1/ledger/bills?from=${world.dayStart(WINDOW)}`);
  assert.deepEqual(await later.json(), { bills: [], more: false });
});

test("the summary counts sets by state and code, and contributions by outcome", async () => {
  const summary = (await (await ask("/v1/ledger/summary")).json()) as {
    sets: { cohort: string; state: string; code: string | null; blocks: number }[];
    contributions: Record<string, Record<string, number>>;
  };
  assert.deepEqual(
    summary.sets.map(({ cohort, state, code, blocks }) => [cohort, state, code, blocks]),
    [
      ["north", "OPEN", null, 1],
      ["north", "SUPPRESSED", "R1_TOO_FEW_CONTRIBUTORS", 1],
    ],
  );
  assert.equal(summary.contributions["LOAD"]?.["accepted"], 6);
});

test("nothing behind the door names a service point, and nothing else is behind it", async () => {
  const paths = ["/v1/ledger/blocks", "/v1/ledger/bills", "/v1/ledger/summary"];
  const names = world.households.flatMap(({ network, mdms }) => [network, mdms]);
  const digests = (
    await store.query<{ hash: Uint8Array }>("select frame_hash as hash from contribution")
  ).map(({ hash }) => toHex(hash));
  for (const path of paths) {
    const text = await (await ask(path)).text();
    for (const secret of [...names, ...digests]) assert(!text.includes(secret), path);
    for (const token of [undefined, "another-token-of-that-kind", `${TOKEN}x`]) {
      const headers: HeadersInit = token === undefined ? {} : { authorization: `Bearer ${token}` };
      assert.equal((await door.request(path, { headers })).status, 401, path);
    }
  }
  const network = householdOf(world, 0).network;
  for (const path of [
    "/v1/sets",
    "/v1/bills",
    `/v1/contributions?servicePoint=${network}&from=0&to=1`,
    `/v1/requests/${"00".repeat(32)}`,
    "/v1/log/entries",
  ]) {
    assert.equal((await ask(path)).status, 404, path);
  }
  for (const query of [
    "limit=0",
    "limit=201",
    "cursor=1",
    "from=-1",
    "state=GONE",
    "stream=BILL",
  ]) {
    assert.equal((await ask(`/v1/ledger/blocks?${query}`)).status, 400, query);
  }
});

/**
 * The operator's log over a database: appends, proofs, cosignatures, followers, crashes, and a database that lost its
 * end.
 */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import * as fc from "fast-check";
import { leafHash } from "@smarter-metering/protocol";
import { openStore, type Sql, type Store } from "@smarter-metering/runtime";
import { testPlace } from "../../runtime/test/test-place.ts";
import {
  BATCH_ENTRIES_MAX,
  checkReceipt,
  decodeEntry,
  formatHead,
  initialiseFollower,
  openFollower,
  parseHead,
  parseReceipt,
  proveConsistency,
  proveInclusion,
  rebuild,
  verifyConsistency,
  verifyHead,
  verifyInclusion,
  type LogFollower,
  type NewEntry,
  type Quorum,
} from "../src/index.ts";
import { openLog, type StoreLog } from "../src/store-log.ts";
import { Tiles } from "../src/tiles.ts";
import { rangeHash } from "../src/tree.ts";
import {
  hashEntry,
  logSigner,
  MemoryFile,
  quorumOf,
  requestEntry,
  sha256,
  startSeconds,
  stranger,
  treeHash,
  trusteeSigner,
} from "./operator.ts";

const entry = (number: number): NewEntry => {
  const { kind, body } = number % 7 === 3 ? requestEntry(`request ${number}`) : hashEntry(number);
  return { kind, body };
};
const entries = (from: number, to: number): NewEntry[] =>
  Array.from({ length: to - from }, (_, at) => entry(from + at));

let store: Store;
let published = new MemoryFile();
let seconds = startSeconds;
const open = (): Promise<StoreLog> =>
  openLog({ store, signer: logSigner, published, nowSeconds: () => seconds });

before(async () => {
  store = await openStore({ place: await testPlace(), schema: "test", migrations: [] });
  await open();
});
after(() => store.close());
beforeEach(async () => {
  await store.query("truncate log_entry, log_tile, log_head");
  published = new MemoryFile();
  seconds = startSeconds;
});

async function followers(quorum: Quorum): Promise<LogFollower[]> {
  return Promise.all(
    quorum.trustees.map(async (_, at) => {
      const state = new MemoryFile();
      const nowSeconds = (): number => seconds;
      const ports = { quorum, signer: await trusteeSigner(at), state, nowSeconds };
      await initialiseFollower(ports);
      return openFollower(ports);
    }),
  );
}

/** Takes all there is; the cosignatures go back. */
async function follow(log: StoreLog, follower: LogFollower, quorum: Quorum): Promise<void> {
  for (;;) {
    const batch = await log.batch(follower.size);
    if (batch === undefined) return;
    const { cosigned } = await follower.take(batch);
    await log.addCosignatures(cosigned, quorum);
    if (follower.size === log.size) return;
  }
}

const all = async (log: StoreLog): Promise<Uint8Array[]> => {
  const read: Uint8Array[] = [];
  while (read.length < log.size) read.push(...(await log.entries(read.length, 300)));
  return read;
};

describe("the operator's log", () => {
  test("is empty at first", async () => {
    const log = await open();
    assert.equal(log.size, 0);
    assert.equal(await log.batch(0), undefined);
    assert.equal(await log.quorumHead(), undefined);
    assert.equal(await log.receipt(0), undefined);
    assert.equal(await log.find(entry(0)), undefined);
    assert.deepEqual(await log.entries(0, 10), []);
  });

  test("law: however it is appended and reopened, heads and proofs are those of the definition", async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 7 });
    await fc.assert(
      fc.asyncProperty(sizes, fc.nat(), async (steps, pick) => {
        await store.query("truncate log_entry, log_tile, log_head");
        published = new MemoryFile();
        let log = await open();
        const heads = [];
        for (const step of steps) {
          const { indexes, head } = await log.append(entries(log.size, log.size + step));
          assert.deepEqual(indexes.at(-1), log.size - 1);
          heads.push(parseHead(head));
          if (step % 3 === 0) log = await open();
        }
        const encoded = await all(log);
        for (const { size, root } of heads)
          assert.deepEqual(root, treeHash(encoded.slice(0, size)));
        const [older, newer] = [heads[pick % heads.length], heads.at(-1)];
        assert.ok(older !== undefined && newer !== undefined);
        const proof = await log.consistency(older.size, newer.size);
        const claim = {
          oldSize: older.size,
          oldRoot: older.root,
          size: newer.size,
          root: newer.root,
        };
        assert.ok(await verifyConsistency(claim, proof));
      }),
      { numRuns: 12 },
    );
  });

  test("an entry is in the log once: appending again, in parts or twice in a batch changes nothing", async () => {
    const log = await open();
    const first = await log.append(entries(0, 10));
    assert.deepEqual(await log.append(entries(0, 10)), first);
    seconds += 5;
    const mixed = await log.append([entry(12), entry(3), entry(12), entry(11)]);
    assert.deepEqual(mixed.indexes, [10, 3, 10, 11]);
    assert.equal(log.size, 12);
    assert.equal(await log.find(entry(11)), 11);
    assert.equal(await log.find(entry(13)), undefined);
    const other = { kind: "release", body: entry(0).body } as const;
    assert.deepEqual((await log.append([other])).indexes, [12]);
    const times = (await all(log)).map((bytes) => decodeEntry(bytes).timeSeconds - startSeconds);
    assert.deepEqual(times, [...Array.from({ length: 10 }, () => 0), 5, 5, 5]);
  });

  test("appends at once are appended one after the other; log time does not run backwards", async () => {
    const log = await open();
    const made = await Promise.all([0, 20, 10].map((from) => log.append(entries(from, from + 15))));
    assert.equal(log.size, 35);
    assert.deepEqual(
      made.map(({ head }) => parseHead(head).size),
      [15, 30, 35],
    );
    seconds -= 100;
    await log.append(entries(50, 51));
    const [last] = await log.entries(35, 1);
    assert.equal(decodeEntry(last ?? assert.fail()).timeSeconds, startSeconds);
  });

  test("a batch that is empty, too large or holds no entries is a programmer's error", async () => {
    const log = await open();
    for (const wrong of [
      [],
      entries(0, BATCH_ENTRIES_MAX + 1),
      [{ kind: "release", body: new Uint8Array(31) }],
      [{ kind: "release-request", body: new Uint8Array(32_769) }],
    ] as NewEntry[][]) {
      await assert.rejects(log.append(wrong), { code: "ERR_ASSERTION" });
    }
    assert.equal(log.size, 0);
  });
});

describe("operator and trustees", () => {
  test("cosign, confirm and prove: receipts of every entry stand, and those of the last wait", async () => {
    const quorum = await quorumOf(2, 4);
    const [one, two, three, four] = await followers(quorum);
    assert.ok(one && two && three && four);
    const log = await open();
    await log.append(entries(0, 300));
    for (const follower of [one, two]) await follow(log, follower, quorum);
    assert.equal(await log.quorumHead(), undefined);
    await log.append(entries(300, 310));
    await follow(log, three, quorum);
    // Three has cosigned both heads, and the first now has its quorum.
    assert.equal(parseHead((await log.quorumHead()) ?? "").size, 300);
    for (const follower of [one, two, three]) await follow(log, follower, quorum);
    const head = (await log.quorumHead()) ?? assert.fail();
    assert.ok((await verifyHead(parseHead(head), quorum)).ok);
    assert.equal(await one.confirm(head), 310);
    assert.equal(await four.confirm(head), 0);
    await log.append(entries(310, 312));
    for (const index of [0, 1, 255, 256, 299, 300, 309]) {
      const receipt = parseReceipt((await log.receipt(index)) ?? assert.fail());
      await checkReceipt(receipt, entry(index), quorum);
      await assert.rejects(checkReceipt(receipt, entry(index + 1), quorum), { code: "LOG_PROOF" });
    }
    assert.equal(await log.receipt(310), undefined);
    const several = [entry(309), entry(310), entry(9999), entry(0), entry(309)];
    assert.deepEqual(await log.receipts(several), [
      await log.receipt(309),
      undefined,
      undefined,
      await log.receipt(0),
      await log.receipt(309),
    ]);
    await follow(log, four, quorum);
    assert.equal(four.size, 312);
    assert.equal(await four.confirm(head), 310);
    let requests = 0;
    const read = (from: number, limit: number): Promise<Uint8Array[]> => log.entries(from, limit);
    await rebuild(read, parseHead(four.cosigned ?? ""), ({ kind }) => {
      if (kind === "release-request") requests += 1;
    });
    assert.equal(requests, 45);
  });

  test("keeps the signatures of its trustees, each once, and nothing else", async () => {
    const quorum = await quorumOf(2, 3);
    const [one, two] = await followers(quorum);
    assert.ok(one && two);
    const log = await open();
    const { head } = await log.append(entries(0, 4));
    const batch = (await log.batch(0)) ?? assert.fail();
    const [first, second] = [(await one.take(batch)).cosigned, (await two.take(batch)).cosigned];
    assert.equal(await log.addCosignatures(head, quorum), false);
    for (let again = 0; again < 3; again++)
      assert.equal(await log.addCosignatures(first, quorum), false);
    const kept = async (): Promise<number> =>
      parseHead((await log.batch(4))?.head ?? "").signatures.length;
    assert.equal(await kept(), 2);
    const forged = parseHead(second);
    const lines = forged.signatures.map((line) => ({
      ...line,
      value: line.value.map((byte) => byte ^ 1),
    }));
    await log.addCosignatures(formatHead({ ...forged, signatures: lines }), quorum);
    assert.equal(await kept(), 2);
    await log.addCosignatures(second, quorum);
    assert.equal(await kept(), 3);
    const wrongRoot = formatHead({ ...forged, root: treeHash([]) });
    await assert.rejects(log.addCosignatures(wrongRoot, quorum), { code: "LOG_FORKED" });
    const beyond = formatHead({ ...forged, size: 5 });
    await assert.rejects(log.addCosignatures(beyond, quorum), { code: "LOG_FORKED" });
    const other = formatHead({ ...forged, origin: "another" });
    await assert.rejects(log.addCosignatures(other, quorum), { code: "LOG_HEAD_ORIGIN" });
  });

  test("all followers are given the same heads, one that was away too", async () => {
    const quorum = await quorumOf(1, 3);
    const [one, two, away] = await followers(quorum);
    assert.ok(one && two && away);
    const log = await open();
    const taken = async (follower: LogFollower): Promise<number[]> => {
      const sizes: number[] = [];
      while (follower.size < log.size) {
        const { cosigned } = await follower.take((await log.batch(follower.size)) ?? assert.fail());
        await log.addCosignatures(cosigned, quorum);
        sizes.push(follower.size);
      }
      return sizes;
    };
    for (const [from, to] of [
      [0, 700],
      [700, 1400],
      [1400, 1410],
    ] as const) {
      await log.append(entries(from, to));
    }
    assert.deepEqual(await taken(one), [700, 1400, 1410]);
    await log.append(entries(1410, 1500));
    assert.deepEqual(await taken(two), [700, 1400, 1410, 1500]);
    assert.deepEqual(await taken(away), [700, 1400, 1410, 1500]);
    assert.equal(parseHead((await log.headOver(700)) ?? "").size, 1400);
    assert.equal(await log.headOver(1500), undefined);
    assert.deepEqual((await log.batch(1500))?.entries, []);
    assert.equal(await log.batch(1501), undefined);
    assert.equal((await log.entries(0, 5000)).length, BATCH_ENTRIES_MAX);
  });
});

describe("a crash or a power loss of the operator", () => {
  test("a head that could not be made durable is shown to nobody, and leaves when the append is repeated", async () => {
    const log = await open();
    await log.append(entries(0, 3));
    published.failure = "before";
    await assert.rejects(log.append(entries(3, 6)), { message: "disk" });
    assert.equal(log.size, 3);
    assert.equal(await log.find(entry(4)), undefined);
    assert.equal((await log.batch(0))?.entries.length, 3);
    published.failure = undefined;
    assert.deepEqual((await log.append(entries(3, 6))).indexes, [3, 4, 5]);
    assert.equal(log.size, 6);
    assert.equal((await log.batch(3))?.entries.length, 3);
  });

  test("after a crash between database and file the log opens, from the very first entry on", async () => {
    const log = await open();
    published.failure = "before";
    await assert.rejects(log.append(entries(0, 2)), { message: "disk" });
    published.failure = undefined;
    assert.equal((await open()).size, 2);
  });

  test("a database that lost entries, has others, or lost its file does not open", async () => {
    const log = await open();
    await log.append(entries(0, 3));
    const before = published.bytes;
    await log.append(entries(3, 6));
    await store.query("delete from log_head where size = 6");
    await assert.rejects(open(), { code: "LOG_TRUNCATED" });
    published.bytes = before;
    const { head } = await (await open()).append(entries(100, 101)).catch(() => ({ head: "" }));
    assert.equal(head, "", "tiles that are ahead of the heads are noticed");
    await store.query("truncate log_entry, log_tile, log_head");
    published = new MemoryFile();
    await (await open()).append(entries(20, 23));
    published.bytes = before;
    await assert.rejects(open(), { code: "LOG_FORKED" });
    published.bytes = undefined;
    await assert.rejects(open(), { code: "LOG_STATE_MISSING" });
    const other = openLog({
      store,
      signer: stranger,
      published: Object.assign(new MemoryFile(), { bytes: before }),
      nowSeconds: () => seconds,
    });
    await assert.rejects(other, { code: "LOG_HEAD_ORIGIN" });
  });
});

test("tiles of three levels give the proofs of the definition, with a few reads", async () => {
  const size = 66_000;
  const leaf = await leafHash(Uint8Array.of(7));
  const leaves = Array.from({ length: size }, (_, at) =>
    at % 1000 === 999 ? new Uint8Array(32).fill(at / 1000) : leaf,
  );
  await store.transaction(async (sql) => {
    const tiles = new Tiles(sql);
    await tiles.append(0, leaves.slice(0, 40_000));
    await tiles.save();
  });
  await store.transaction(async (sql) => {
    const tiles = new Tiles(sql);
    await tiles.append(40_000, leaves.slice(40_000));
    await tiles.save();
  });
  let reads = 0;
  const counting: Sql = {
    query: (sql, params) => {
      reads += 1;
      return store.query(sql, params);
    },
  };
  const fresh = (): Tiles["subtree"] => new Tiles(counting).subtree;
  const plain = (start: number, end: number): Uint8Array => {
    if (end - start === 1) return leaves[start] ?? assert.fail();
    let middle = start + 1;
    while ((middle - start) * 2 < end - start) middle = start + (middle - start) * 2;
    return sha256(Uint8Array.of(1), plain(start, middle), plain(middle, end));
  };
  const root = await rangeHash(0, size, fresh());
  assert.deepEqual(root, plain(0, size));
  for (const index of [0, 999, 39_999, 65_535, 65_536, 65_999]) {
    reads = 0;
    const proof = await proveInclusion(index, size, fresh());
    assert.ok(reads <= 6, `${reads} reads`);
    const claim = { index, size, leaf: leaves[index] ?? assert.fail(), root };
    assert.ok(await verifyInclusion(claim, proof));
  }
  for (const oldSize of [1, 256, 40_000, 65_536, 65_999]) {
    const oldRoot = await rangeHash(0, oldSize, fresh());
    const proof = await proveConsistency(oldSize, size, fresh());
    assert.ok(await verifyConsistency({ oldSize, oldRoot, size, root }, proof));
  }
});

/** The follower: what it refuses, what it keeps over a crash, and that no operator can split a quorum of trustees. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import {
  BATCH_ENTRIES_MAX,
  cosignersOf,
  encodeEntry,
  formatHead,
  initialiseFollower,
  openFollower,
  parseHead,
  provesFork,
  rebuild,
  signHead,
  trusteeKey,
  verifyHead,
  type Entry,
  type FollowerPorts,
  type LogBatch,
  type LogErrorCode,
  type LogFollower,
  type Quorum,
} from "../src/index.ts";
import {
  batchOf,
  hashEntry,
  MemoryFile,
  quorumOf,
  requestEntry,
  startSeconds,
  stranger,
  treeHash,
  trusteeSigner,
} from "./operator.ts";

const nowSeconds = (): number => startSeconds + 1000;

interface Party {
  readonly ports: FollowerPorts & { readonly state: MemoryFile };
  readonly follower: LogFollower;
}

async function trustee(index: number, quorum: Quorum): Promise<Party> {
  const state = new MemoryFile();
  const ports = { quorum, signer: await trusteeSigner(index), state, nowSeconds };
  await initialiseFollower(ports);
  return { ports, follower: await openFollower(ports) };
}

const numbered = (from: number, to: number): Entry[] =>
  Array.from({ length: to - from }, (_, at) => hashEntry(from + at));

/** One head with the signatures of several notes of it. */
function merged(notes: readonly string[]): string {
  const heads = notes.map(parseHead);
  const [first] = heads;
  assert.ok(first !== undefined);
  assert.ok(
    heads.every(({ size, root }) => size === first.size && Buffer.from(root).equals(first.root)),
  );
  const cosignatures = heads.flatMap(({ signatures }) => signatures.slice(1));
  return formatHead({ ...first, signatures: [...first.signatures.slice(0, 1), ...cosignatures] });
}

const common = numbered(0, 5);
const history = [...common, ...numbered(5, 12)];
/** Another history from entry 5 on. */
const fork = [...common, ...numbered(100, 108)];

describe("a follower", () => {
  test("takes the log in batches, and confirms what a quorum cosigned", async () => {
    const quorum = await quorumOf(2, 2);
    const [one, two] = [await trustee(0, quorum), await trustee(1, quorum)];
    let seen: readonly Entry[] = [];
    for (const size of [5, 6, 12]) {
      const [a, b] = await Promise.all(
        [one, two].map(async ({ follower }) =>
          follower.take(await batchOf(history.slice(0, size), follower.size)),
        ),
      );
      assert.ok(a !== undefined && b !== undefined);
      assert.deepEqual(a.entries, b.entries);
      assert.deepEqual(
        a.entries.map(({ index }) => index),
        numbered(seen.length, size).map((_, at) => seen.length + at),
      );
      seen = [...seen, ...a.entries.map(({ index: _, ...entry }) => entry)];
      await assert.rejects(one.follower.confirm(a.cosigned), { code: "LOG_HEAD_QUORUM" });
      const confirmed = one.follower.confirmedSize;
      assert.ok(confirmed < size);
      assert.equal(await one.follower.confirm(merged([a.cosigned, b.cosigned])), size);
      assert.equal(one.follower.confirmedSize, size);
    }
    assert.deepEqual(seen, history);
    assert.deepEqual(
      parseHead(one.follower.cosigned ?? "").root,
      treeHash(history.map(encodeEntry)),
    );
  });

  test("gives the same cosignature when the newest head comes again", async () => {
    const { follower } = await trustee(0, await quorumOf(1, 1));
    const first = await follower.take(await batchOf(history, 0));
    const again = await follower.take(await batchOf(history, 12));
    assert.deepEqual(again, { cosigned: first.cosigned, entries: [] });
  });

  test("waits for the entries of a head that is ahead, and takes heads of before in any order", async () => {
    const quorum = await quorumOf(2, 4);
    const [late, ...others] = await Promise.all([0, 1, 2, 3].map((at) => trustee(at, quorum)));
    assert.ok(late !== undefined);
    const notes: string[] = [];
    for (const size of [5, 6, 12]) {
      const taken = others.map(async ({ follower }) =>
        follower.take(await batchOf(history.slice(0, size), follower.size)),
      );
      notes.push(merged((await Promise.all(taken)).map(({ cosigned }) => cosigned)));
    }
    const [first = "", second = "", third = ""] = notes;
    const { follower } = late;
    assert.equal(await follower.confirm(third), 0);
    for (const size of [5, 6, 12]) {
      await follower.take(await batchOf(history.slice(0, size), follower.size));
    }
    for (const [note, confirmed] of [
      [second, 6],
      [first, 6],
      [third, 12],
      [second, 12],
    ] as const) {
      assert.equal(await follower.confirm(note), confirmed);
    }
    const again = await openFollower(late.ports);
    assert.equal(again.confirmedSize, 0);
    assert.equal(await again.confirm(third), 12);
  });

  /** What an operator may hand to a follower that has taken the five common entries. */
  const refused: [name: string, code: LogErrorCode, make: () => Promise<LogBatch>][] = [
    ["an older head", "LOG_TRUNCATED", () => batchOf(common.slice(0, 4), 4)],
    ["entries that are missing", "LOG_MALFORMED", () => batchOf(history, 6)],
    ["entries from the beginning", "LOG_MALFORMED", () => batchOf(history, 0)],
    [
      "entries of another history",
      "LOG_FORKED",
      async () => ({
        ...(await batchOf(fork, 5)),
        entries: fork
          .slice(5)
          .map((one, at) => encodeEntry({ ...one, timeSeconds: startSeconds + 5 + at })),
      }),
    ],
    [
      "a history that differs before",
      "LOG_FORKED",
      () => batchOf([...numbered(50, 55), ...numbered(60, 64)], 5),
    ],
    [
      "two entries exchanged",
      "LOG_FORKED",
      async () => {
        const same = [
          ...common,
          ...numbered(5, 9).map((one) => ({ ...one, timeSeconds: startSeconds + 9 })),
        ];
        const { entries, head } = await batchOf(same, 5);
        const [a, b, ...rest] = entries;
        assert.ok(a !== undefined && b !== undefined);
        return { head, entries: [b, a, ...rest] };
      },
    ],
    [
      "an entry of one bit more",
      "LOG_MALFORMED",
      async () => withEntry(await batchOf(history, 5), (bytes) => Uint8Array.of(...bytes, 0)),
    ],
    [
      "an entry of another kind",
      "LOG_FORKED",
      async () =>
        withEntry(await batchOf(history, 5), (bytes) =>
          bytes.map((byte, at) => (at === 1 ? 2 : byte)),
        ),
    ],
    ["a head of another log", "LOG_HEAD_ORIGIN", () => batchOf(history, 5, { signer: stranger })],
    [
      "a head without a signature",
      "LOG_MALFORMED",
      async () => ({ ...(await batchOf(history, 5)), head: "" }),
    ],
    [
      "a head that somebody else signed",
      "LOG_HEAD_SIGNATURE",
      async () => {
        const { entries, head } = await batchOf(history, 5);
        const parsed = parseHead(head);
        const key = { ...(await quorumOf(1, 1)).log, publicKey: stranger.publicKey };
        const signature = await signHead(parsed, startSeconds + 11, key, stranger);
        return { entries, head: formatHead({ ...parsed, signatures: [signature] }) };
      },
    ],
    [
      "time that runs backwards",
      "LOG_TIME",
      () => batchOf([...common, hashEntry(5, startSeconds + 3)], 5),
    ],
    [
      "a head signed before its last entry",
      "LOG_TIME",
      () => batchOf(history, 5, { headSeconds: startSeconds + 10 }),
    ],
    [
      "a head from the future",
      "LOG_TIME",
      () => batchOf(history, 5, { headSeconds: nowSeconds() + 301 }),
    ],
    [
      "more entries than a batch holds",
      "LOG_MALFORMED",
      () =>
        batchOf(
          [
            ...common,
            ...Array.from({ length: BATCH_ENTRIES_MAX + 1 }, (_, at) =>
              hashEntry(at, startSeconds + 5),
            ),
          ],
          5,
        ),
    ],
  ];
  for (const [name, code, make] of refused) {
    test(`refuses ${name}, and goes on with the true log`, async () => {
      const { ports, follower } = await trustee(0, await quorumOf(2, 3));
      await follower.take(await batchOf(common, 0));
      const before = ports.state.bytes;
      await assert.rejects(follower.take(await make()), { name: "LogError", code });
      assert.equal(ports.state.bytes, before);
      assert.equal(follower.size, 5);
      assert.equal((await follower.take(await batchOf(history, 5))).entries.length, 7);
    });
  }

  test("keeps two heads of one size as evidence, and takes nothing more, also after a restart", async () => {
    const quorum = await quorumOf(2, 3);
    for (const show of ["take", "confirm"] as const) {
      const [one, two] = [await trustee(0, quorum), await trustee(1, quorum)];
      await one.follower.take(await batchOf(history.slice(0, 8), 0));
      const other = await two.follower.take(await batchOf(fork.slice(0, 8), 0));
      const shown =
        show === "take"
          ? one.follower.take(await batchOf(fork.slice(0, 8), 8))
          : one.follower.confirm(other.cosigned);
      await assert.rejects(shown, { code: "LOG_FORKED" });
      for (const follower of [one.follower, await openFollower(one.ports)]) {
        const evidence = follower.fork;
        assert.ok(evidence !== undefined && (await provesFork(evidence, quorum.log)));
        await assert.rejects(follower.take(await batchOf(history, 8)), { code: "LOG_FORKED" });
        await assert.rejects(follower.confirm(other.cosigned), { code: "LOG_FORKED" });
      }
    }
  });
});

function withEntry(batch: LogBatch, change: (bytes: Uint8Array) => Uint8Array): LogBatch {
  const [first, ...rest] = batch.entries;
  assert.ok(first !== undefined);
  return { ...batch, entries: [change(first), ...rest] };
}

describe("a follower's memory", () => {
  test("a failed write lets no cosignature out, and the follower then does nothing until it is opened again", async () => {
    for (const failure of ["before", "after"] as const) {
      const { ports, follower } = await trustee(0, await quorumOf(2, 3));
      await follower.take(await batchOf(common, 0));
      ports.state.failure = failure;
      const failed = { code: "LOG_STATE_FAILED" };
      await assert.rejects(follower.take(await batchOf(history, 5)), failed);
      ports.state.failure = undefined;
      await assert.rejects(follower.take(await batchOf(history, 5)), failed);
      const again = await openFollower(ports);
      const isWritten = failure === "after";
      assert.equal(again.size, isWritten ? 12 : 5);
      const other = [...common, ...numbered(20, 27)];
      const offered = again.take(await batchOf(other, again.size));
      if (isWritten) await assert.rejects(offered, { code: "LOG_FORKED" });
      else assert.equal((await offered).entries.length, 7);
    }
  });

  test("without its state, with a damaged one or with another's it does not open", async () => {
    const quorum = await quorumOf(2, 3);
    const { ports, follower } = await trustee(0, quorum);
    await follower.take(await batchOf(history, 0));
    const bytes = ports.state.bytes ?? assert.fail();
    const opened = (state: Uint8Array | undefined): Promise<LogFollower> =>
      openFollower({ ...ports, state: Object.assign(new MemoryFile(), { bytes: state }) });
    await assert.rejects(opened(undefined), { code: "LOG_STATE_MISSING" });
    const damaged = { code: "LOG_STATE_DAMAGED" };
    for (let length = 0; length < bytes.length; length += 13) {
      await assert.rejects(opened(bytes.slice(0, length)), damaged);
    }
    // Every byte but those of the times, of the last entry and of the operator's own line, is covered by our signature or the root.
    const frontierEnd = 1 + 1 + 80 + 8 + 2 + 2 * 32;
    for (let at = 0; at < frontierEnd + 2; at += 3) {
      const wrong = bytes.map((byte, index) => (index === at ? byte ^ 1 : byte));
      await assert.rejects(opened(wrong), damaged, `byte ${at}`);
    }
    const other = { ...ports, signer: await trusteeSigner(1) };
    await assert.rejects(openFollower(other), damaged);
    await assert.rejects(openFollower({ ...ports, signer: stranger }), { name: "TypeError" });
    await initialiseFollower(ports);
    assert.equal(ports.state.bytes, bytes);
    assert.equal((await opened(bytes)).size, 12);
  });

  test("an old copy of the state notices its key's newer signature", async () => {
    const { ports, follower } = await trustee(0, await quorumOf(2, 3));
    await follower.take(await batchOf(common, 0));
    const old = Object.assign(new MemoryFile(), { bytes: ports.state.bytes });
    const { cosigned } = await follower.take(await batchOf(history, 5));
    const restored = await openFollower({ ...ports, state: old });
    const { entries } = await batchOf(history, 5);
    await assert.rejects(restored.take({ entries, head: cosigned }), { code: "LOG_STATE_STALE" });
  });

  test("law: whatever is shown, fails or restarts, what was cosigned is one history", async () => {
    const quorum = await quorumOf(2, 3);
    const step = fc.record({
      of: fc.constantFrom(history, fork),
      size: fc.integer({ min: 1, max: 12 }),
      failure: fc.constantFrom(
        undefined,
        undefined,
        undefined,
        "before" as const,
        "after" as const,
      ),
      restart: fc.boolean(),
    });
    let forks = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 14 }), async (steps) => {
        const { ports, follower } = await trustee(0, quorum);
        let running = follower;
        const roots = new Map<number, string>();
        const histories = new Set<string>();
        for (const { of, size, failure, restart } of steps) {
          if (restart) running = await openFollower(ports);
          ports.state.failure = failure;
          const { follower: at } = { follower: running };
          const shown = await batchOf(of.slice(0, size), Math.min(at.size, size));
          const taken = await at.take(shown).catch(() => undefined);
          ports.state.failure = undefined;
          if (taken === undefined) continue;
          const head = parseHead(taken.cosigned);
          const root = Buffer.from(head.root).toString("hex");
          assert.equal(roots.get(head.size) ?? root, root);
          roots.set(head.size, root);
          if (head.size > common.length) histories.add(of === history ? "history" : "fork");
        }
        if (running.fork !== undefined) forks += 1;
        assert.ok(histories.size <= 1);
      }),
      { numRuns: 150 },
    );
    assert.ok(forks > 5, `only ${forks} runs saw a fork`);
  });
});

describe("rebuild", () => {
  /** A ledger as a trustee would keep it: the first request for a block is the one that counts. */
  const blocks = ["request a for 1", "request b for 2", "request c for 1"];
  const log = [
    ...common,
    ...blocks.map((text) => requestEntry(text, startSeconds + 9)),
    ...numbered(10, 14),
  ];
  const encoded = log.map(encodeEntry);
  const upTo = { size: encoded.length, root: treeHash(encoded) };
  const reading = (from: number, limit: number): Promise<Uint8Array[]> =>
    Promise.resolve(encoded.slice(from, from + Math.min(limit, 5)));

  test("folds the entries of the seen log, in order", async () => {
    const spent = new Map<string, number>();
    await rebuild(reading, upTo, ({ kind, body, index }) => {
      const [, , , block = ""] = Buffer.from(body).toString("utf8").split(" ");
      if (kind === "release-request" && !spent.has(block)) spent.set(block, index);
    });
    assert.deepEqual(
      [...spent],
      [
        ["1", 5],
        ["2", 6],
      ],
    );
    let steps = 0;
    const empty = { size: 0, root: treeHash([]) };
    await rebuild(reading, empty, () => void (steps += 1));
    assert.equal(steps, 0);
  });

  test("refuses less, more, other and reordered entries", async () => {
    const ignore = (): void => undefined;
    const short = (from: number, limit: number): Promise<Uint8Array[]> =>
      Promise.resolve(encoded.slice(0, 9).slice(from, from + limit));
    await assert.rejects(rebuild(short, upTo, ignore), { code: "LOG_TRUNCATED" });
    const all = (): Promise<Uint8Array[]> => Promise.resolve([...encoded, ...encoded]);
    await assert.rejects(rebuild(all, upTo, ignore), { code: "LOG_MALFORMED" });
    const [a, b, ...rest] = encoded;
    assert.ok(a !== undefined && b !== undefined);
    const exchanged = (from: number, limit: number): Promise<Uint8Array[]> =>
      Promise.resolve([b, a, ...rest].slice(from, from + limit));
    await assert.rejects(rebuild(exchanged, upTo, ignore), { code: "LOG_FORKED" });
    await assert.rejects(rebuild(reading, { ...upTo, root: treeHash([]) }, ignore), {
      code: "LOG_FORKED",
    });
  });
});

/**
 * Design 2.9's attack: a release over S in one history, over S without x in another; t − 1 corrupt trustees sign and
 * decrypt whatever they are asked to. `cosignersMin` is what the honest ones wait for. Returns which releases get t
 * shares.
 */
async function splitView(
  { threshold, count, cosignersMin }: { threshold: number; count: number; cosignersMin: number },
  /** What the operator shows honest trustee i, which is trustee t − 1 + i, first. */
  shown: readonly ("S" | "S without x")[],
): Promise<string[]> {
  const quorum = { ...(await quorumOf(threshold, count)), cosignersMin };
  const histories = new Map(
    (["S", "S without x"] as const).map((text) => [
      text,
      [...common, requestEntry(text, startSeconds + 9)],
    ]),
  );
  const honest = await Promise.all(shown.map((_, at) => trustee(threshold - 1 + at, quorum)));
  const released: string[] = [];
  const heads = new Map<string, string>();
  for (const [text, entries] of histories) {
    const batch = await batchOf(entries, 0);
    const notes = await corruptCosignatures(batch.head, threshold - 1);
    // The operator asks everybody, those first to whom it shows this history first.
    for (const [at, { follower }] of honest.entries()) {
      if (shown[at] === text) notes.push((await follower.take(batch)).cosigned);
    }
    heads.set(text, merged([batch.head, ...notes]));
  }
  for (const [text, entries] of histories) {
    const batch = await batchOf(entries, 6);
    for (const [at, { follower }] of honest.entries()) {
      if (shown[at] === text) continue;
      await assert.rejects(follower.take(batch), { code: "LOG_FORKED" });
    }
    let shares = threshold - 1;
    // Opened again, or the evidence just shown would stop them: each has seen its own history alone.
    for (const [at, party] of honest.entries()) {
      const { follower } = await trusteeThatSaw(party, histories.get(shown[at] ?? "S") ?? []);
      const confirmed = await follower.confirm(heads.get(text) ?? "").catch(() => 0);
      if (confirmed === entries.length) shares += 1;
    }
    if (shares >= threshold) released.push(text);
  }
  return released;
}

async function corruptCosignatures(head: string, corrupt: number): Promise<string[]> {
  const parsed = parseHead(head);
  return Promise.all(
    Array.from({ length: corrupt }, async (_, at) => {
      const signer = await trusteeSigner(at);
      const line = await signHead(parsed, startSeconds, await trusteeKey(signer.publicKey), signer);
      return formatHead({ ...parsed, signatures: [...parsed.signatures, line] });
    }),
  );
}

async function trusteeThatSaw({ ports }: Party, entries: readonly Entry[]): Promise<Party> {
  const fresh = { ...ports, state: new MemoryFile() };
  await initialiseFollower(fresh);
  const follower = await openFollower(fresh);
  await follower.take(await batchOf(entries, 0));
  return { ports: fresh, follower };
}

const views = ["S", "S without x"] as const;
/** Every way to show `honest` trustees one of two histories. */
const assignments = (honest: number): (typeof views)[number][][] =>
  Array.from({ length: 2 ** honest }, (_, bits) =>
    Array.from({ length: honest }, (_, at) => views[(bits >> at) & 1] ?? "S"),
  );

describe("a split view by the operator and t − 1 corrupt trustees", () => {
  const deployments = [
    [2, 3],
    [2, 4],
    [3, 4],
    [3, 5],
    [2, 5],
  ] as const;
  for (const [threshold, count] of deployments) {
    test(`${threshold} of ${count}: with q cosignatures nobody completes both releases, however it is shown`, async () => {
      const { cosignersMin } = await quorumOf(threshold, count);
      const deployment = { threshold, count, cosignersMin };
      let completed = 0;
      for (const shown of assignments(count - threshold + 1)) {
        const released = await splitView(deployment, shown);
        assert.ok(released.length <= 1, shown.join(" | "));
        completed += released.length;
      }
      // Those in which enough trustees see the same: the quorum does not stop an honest operator.
      assert.ok(completed >= 2);
    });

    test(`${threshold} of ${count}: with one cosignature fewer both releases complete (control)`, async () => {
      const { cosignersMin } = await quorumOf(threshold, count);
      const deployment = { threshold, count, cosignersMin: cosignersMin - 1 };
      const both: string[] = [];
      for (const shown of assignments(count - threshold + 1)) {
        const released = await splitView(deployment, shown);
        if (released.length === 2) both.push(shown.join(" | "));
      }
      // The overlap 2(q − 1) − n is t − 1 or t − 2: both complete exactly when there is a split.
      assert.ok(both.length > 0);
    });
  }

  test("the design's case: of 2 of 3, trustees 1 and 2 are shown S, 1 and 3 S without x", async () => {
    const split = ["S", "S without x"] as const;
    const told = (cosignersMin: number): Promise<string[]> =>
      splitView({ threshold: 2, count: 3, cosignersMin }, split);
    assert.deepEqual(await told(3), []);
    assert.deepEqual(await told(2), ["S", "S without x"]);
  });

  test("law: two sets of q cosigners share t trustees, and two of q − 1 need not", () => {
    for (let count = 1; count <= 12; count++) {
      for (let threshold = 1; threshold <= count; threshold++) {
        const q = Math.ceil((count + threshold) / 2);
        assert.ok(2 * q - count >= threshold);
        assert.ok(2 * (q - 1) - count < threshold);
      }
    }
  });
});

test("a head that stands names its cosigners", async () => {
  const quorum = await quorumOf(1, 2);
  const parties = await Promise.all([0, 1].map((at) => trustee(at, quorum)));
  const notes = await Promise.all(
    parties.map(async ({ follower }) => (await follower.take(await batchOf(history, 0))).cosigned),
  );
  const head = parseHead(merged(notes));
  assert.ok((await verifyHead(head, quorum)).ok);
  assert.equal((await cosignersOf(head, quorum)).length, 2);
});

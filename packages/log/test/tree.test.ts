/**
 * Tree, proofs, entries, heads, quorums and receipts: vectors, laws against the definition, and what must be refused.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import { equalBytes, fromHex, leafHash, primitives, toHex, utf8 } from "@smarter-metering/protocol";
import {
  checkReceipt,
  createQuorum,
  decodeEntry,
  EMPTY_FRONTIER,
  encodeEntry,
  entryId,
  extendFrontier,
  formatHead,
  formatReceipt,
  frontierRoot,
  logKey,
  parseHead,
  parseReceipt,
  proveConsistency,
  proveInclusion,
  provesFork,
  signHead,
  signedAt,
  trusteeKey,
  verifyConsistency,
  verifyHead,
  verifyInclusion,
  type Entry,
  type SignedHead,
  type SubtreeReader,
} from "../src/index.ts";
import {
  hashEntry,
  logSigner,
  quorumOf,
  requestEntry,
  sha256,
  startSeconds,
  stranger,
  treeHash,
  trusteeSigner,
} from "./operator.ts";

/** The eight leaves that implementations of certificate transparency test with; the roots of their trees are vectors of the protocol. */
const ctLeaves = [
  "",
  "00",
  "10",
  "2021",
  "3031",
  "40414243",
  "5051525354555657",
  "606162636465666768696a6b6c6d6e6f",
].map((text) => fromHex(text));

/** Perfect subtrees of `leaves`, hashed as the definition says. */
function readerOf(leaves: readonly Uint8Array[]): SubtreeReader {
  const known = new Map<string, Uint8Array>();
  return (level, index) => {
    const count = 2 ** level;
    assert.ok((index + 1) * count <= leaves.length, "a subtree beyond the tree");
    const name = `${level}/${index}`;
    const hash = known.get(name) ?? treeHash(leaves.slice(index * count, (index + 1) * count));
    known.set(name, hash);
    return Promise.resolve(hash);
  };
}

/** RFC 9162 §2.1.3.2, step by step: nothing of it is in the code that is tested. */
function rfcInclusion(
  index: number,
  size: number,
  leaf: Uint8Array,
  path: readonly Uint8Array[],
): Uint8Array | undefined {
  if (index >= size) return undefined;
  let [fn, sn, r] = [index, size - 1, leaf];
  for (const p of path) {
    if (sn === 0) return undefined;
    if (fn % 2 === 1 || fn === sn) {
      r = sha256(Uint8Array.of(1), p, r);
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [fn >> 1, sn >> 1];
    } else {
      r = sha256(Uint8Array.of(1), r, p);
    }
    [fn, sn] = [fn >> 1, sn >> 1];
  }
  return sn === 0 ? r : undefined;
}

/** RFC 9162 §2.1.4.2 for 0 < first < second. */
function rfcConsistency(
  first: number,
  firstRoot: Uint8Array,
  second: number,
  path: readonly Uint8Array[],
): readonly [Uint8Array, Uint8Array] | undefined {
  const isPower = (first & (first - 1)) === 0;
  const [start, ...rest] = isPower ? [firstRoot, ...path] : path;
  if (path.length === 0 || start === undefined) return undefined;
  let [fn, sn] = [first - 1, second - 1];
  while (fn % 2 === 1) [fn, sn] = [fn >> 1, sn >> 1];
  let [fr, sr] = [start, start];
  for (const c of rest) {
    if (sn === 0) return undefined;
    if (fn % 2 === 1 || fn === sn) {
      fr = sha256(Uint8Array.of(1), c, fr);
      sr = sha256(Uint8Array.of(1), c, sr);
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [fn >> 1, sn >> 1];
    } else {
      sr = sha256(Uint8Array.of(1), sr, c);
    }
    [fn, sn] = [fn >> 1, sn >> 1];
  }
  return sn === 0 ? [fr, sr] : undefined;
}

const SIZE_MAX = 130;
const leaves = Array.from({ length: SIZE_MAX }, (_, at) => Uint8Array.of(at >> 8, at));
const leafHashes = leaves.map((leaf) => sha256(Uint8Array.of(0), leaf));
const roots = Array.from({ length: SIZE_MAX + 1 }, (_, size) => treeHash(leaves.slice(0, size)));
const reader = readerOf(leaves);
const rootAt = (size: number): Uint8Array => roots[size] ?? assert.fail("no such size");
const leafAt = (index: number): Uint8Array => leafHashes[index] ?? assert.fail("no such leaf");
const nodesAt = (proof: readonly Uint8Array[]): string[] => proof.map(toHex);

describe("the tree of RFC 6962", () => {
  test("the vectors of certificate transparency", async () => {
    const subtree = readerOf(ctLeaves);
    assert.deepEqual(nodesAt(await proveInclusion(0, 8, subtree)), [
      "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
      "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
      "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]);
    assert.deepEqual(nodesAt(await proveConsistency(6, 8, subtree)), [
      "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
      "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
      "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]);
    assert.deepEqual(nodesAt(await proveConsistency(2, 5, subtree)), [
      "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
      "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ]);
    assert.deepEqual(await proveConsistency(8, 8, subtree), []);
  });

  test("law: the frontier has the root of the definition, however the leaves come in", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(20), { maxLength: 12 }), async (steps) => {
        let frontier = EMPTY_FRONTIER;
        for (const step of steps) {
          const next = leafHashes.slice(frontier.size, frontier.size + step);
          frontier = await extendFrontier(frontier, next);
          assert.deepEqual(await frontierRoot(frontier), rootAt(frontier.size));
        }
      }),
    );
  });

  test("law: every inclusion proof up to size 130 is what RFC 9162 verifies", async () => {
    for (let size = 1; size <= SIZE_MAX; size++) {
      for (let index = 0; index < size; index++) {
        const proof = await proveInclusion(index, size, reader);
        const claim = { index, size, leaf: leafAt(index), root: rootAt(size) };
        assert.ok(await verifyInclusion(claim, proof));
        assert.deepEqual(rfcInclusion(index, size, claim.leaf, proof), claim.root);
      }
    }
  });

  test("law: every consistency proof up to size 130 is what RFC 9162 verifies", async () => {
    for (let size = 0; size <= SIZE_MAX; size++) {
      for (let oldSize = 0; oldSize <= size; oldSize++) {
        const proof = await proveConsistency(oldSize, size, reader);
        const claim = { oldSize, size, oldRoot: rootAt(oldSize), root: rootAt(size) };
        assert.ok(await verifyConsistency(claim, proof));
        if (oldSize === 0 || oldSize === size) assert.equal(proof.length, 0);
        else {
          const both = rfcConsistency(oldSize, claim.oldRoot, size, proof);
          assert.deepEqual(both, [claim.oldRoot, claim.root]);
        }
      }
    }
  });

  /** One change to a proof; undefined where there is nothing to change. */
  const mutations: Record<string, (proof: readonly Uint8Array[], at: number) => Uint8Array[]> = {
    "a bit flipped": (proof, at) =>
      proof.map((hash, index) => (index === at % proof.length ? flipped(hash, at) : hash)),
    "a node left out": (proof, at) => proof.filter((_, index) => index !== at % proof.length),
    "a node too many": (proof, at) => [...proof, sha256(Uint8Array.of(at % 256))],
    "a node twice": (proof, at) =>
      proof.flatMap((hash, index) => (index === at % proof.length ? [hash, hash] : [hash])),
    "two nodes in one": (proof) => [Uint8Array.from(proof.flatMap((hash) => [...hash]))],
    reversed: (proof) => [...proof].reverse(),
    "a short node": (proof, at) =>
      proof.map((hash, index) => (index === at % proof.length ? hash.slice(1) : hash)),
  };
  const same = (a: readonly Uint8Array[], b: readonly Uint8Array[]): boolean =>
    a.length === b.length && a.every((hash, at) => equalBytes(hash, b[at] ?? new Uint8Array(0)));

  for (const [name, mutate] of Object.entries(mutations)) {
    test(`a proof with ${name} is refused`, async () => {
      let refused = 0;
      const sizes = fc.tuple(fc.integer({ min: 1, max: SIZE_MAX }), fc.nat(), fc.nat());
      await fc.assert(
        fc.asyncProperty(sizes, async ([size, pick, at]) => {
          const index = pick % size;
          const claim = { index, size, leaf: leafAt(index), root: rootAt(size) };
          const proof = await proveInclusion(index, size, reader);
          const wrong = mutate(proof, at);
          if (same(wrong, proof)) return;
          assert.equal(await verifyInclusion(claim, wrong), false);
          const oldSize = index + 1;
          const older = await proveConsistency(oldSize, size, reader);
          const wrongOlder = mutate(older, at);
          if (same(wrongOlder, older)) return;
          refused += 1;
          const prefix = { oldSize, size, oldRoot: rootAt(oldSize), root: rootAt(size) };
          assert.equal(await verifyConsistency(prefix, wrongOlder), false);
        }),
      );
      assert.ok(refused > 20, `only ${refused} proofs were changed`);
    });
  }

  test("a proof is for its leaf, its index, its sizes and its roots alone", async () => {
    for (let size = 2; size <= 20; size++) {
      for (let index = 0; index < size; index++) {
        const proof = await proveInclusion(index, size, reader);
        const claim = { index, size, leaf: leafAt(index), root: rootAt(size) };
        const other = (index + 1) % size;
        for (const wrong of [
          { ...claim, leaf: leafAt(other) },
          { ...claim, index: other },
          { ...claim, root: rootAt(size + 1) },
          { ...claim, index: size },
          { ...claim, index: -1 },
          { ...claim, index: index + 0.5 },
          { ...claim, size: Number.POSITIVE_INFINITY },
        ]) {
          assert.equal(await verifyInclusion(wrong, proof), false);
        }
        const oldSize = index + 1;
        const prefix = { oldSize, size, oldRoot: rootAt(oldSize), root: rootAt(size) };
        const older = await proveConsistency(oldSize, size, reader);
        for (const wrong of [
          { ...prefix, oldRoot: rootAt(index) },
          { ...prefix, root: rootAt(size + 1) },
          { ...prefix, oldSize: size + 1 },
          { ...prefix, oldSize: -1 },
          { ...prefix, oldSize: oldSize - 1 },
        ]) {
          assert.equal(await verifyConsistency(wrong, older), false);
        }
      }
    }
  });

  test("a leaf is no node: an inner node is not included as an entry", async () => {
    const [left, right] = [leafAt(0), leafAt(1)];
    const posing = await leafHash(Uint8Array.of(...left, ...right));
    const [, ...above] = await proveInclusion(0, 8, reader);
    const claim = { index: 0, size: 4, leaf: posing, root: rootAt(8) };
    assert.equal(await verifyInclusion(claim, above), false);
  });

  test("sizes beyond 2^32 and 2^49 take the right way", async () => {
    // A tree of equal leaves has one hash for each level.
    const levels = [leafAt(0)];
    for (let level = 0; level < 53; level++) {
      const last = levels[level] ?? assert.fail();
      levels.push(sha256(Uint8Array.of(1), last, last));
    }
    const equal: SubtreeReader = (level) => Promise.resolve(levels[level] ?? assert.fail());
    for (const size of [2 ** 32 + 1, 2 ** 49 - 1, 2 ** 49 + 1, 2 ** 53 - 1]) {
      // With the definition's split the last leaf of 2^k + 1 has one sibling.
      const proof = await proveInclusion(size - 1, size, equal);
      const root = proof.reduce((hash, left) => sha256(Uint8Array.of(1), left, hash), leafAt(0));
      const claim = { index: size - 1, size, leaf: leafAt(0), root };
      assert.ok(await verifyInclusion(claim, proof));
      let ones = 0;
      for (let rest = BigInt(size - 1); rest > 0n; rest >>= 1n) ones += Number(rest & 1n);
      assert.equal(proof.length, ones);
    }
  });
});

const flipped = (bytes: Uint8Array, bit: number): Uint8Array => {
  const out = Uint8Array.from(bytes);
  const at = Math.floor(bit / 8) % out.length;
  out[at] = (out[at] ?? 0) ^ (1 << (bit % 8));
  return out;
};

describe("entries", () => {
  test("have one encoding", async () => {
    const hash: Entry = { kind: "seal", timeSeconds: 258, body: sha256() };
    assert.equal(toHex(encodeEntry(hash)), `01020000000000000102${toHex(sha256())}`);
    const request = requestEntry("terms", 1);
    assert.equal(toHex(encodeEntry(request)), "010300000000000000010005" + toHex(utf8("terms")));
    for (const entry of [hash, request, hashEntry(7)]) {
      assert.deepEqual(encodeEntry(decodeEntry(encodeEntry(entry))), encodeEntry(entry));
    }
    assert.notDeepEqual(await entryId(hash), await entryId({ ...hash, kind: "release" }));
    assert.deepEqual(await entryId(hash), await entryId({ ...hash, timeSeconds: 1 } as Entry));
  });

  const good = toHex(encodeEntry(hashEntry(0)));
  const refused: [name: string, hex: string][] = [
    ["another version", `02${good.slice(2)}`],
    ["kind 0", `0100${good.slice(4)}`],
    ["an unknown kind", `010a${good.slice(4)}`],
    ["a short hash", good.slice(0, -2)],
    ["trailing bytes", `${good}00`],
    ["a time beyond 2^53", `0101ffffffffffffffff${good.slice(20)}`],
    ["an empty message", "010300000000000000010000"],
    ["a long message", `0103${"00".repeat(8)}8001${"00".repeat(32_769)}`],
    ["nothing", ""],
  ];
  for (const [name, hex] of refused) {
    test(`${name} is refused`, () => {
      assert.throws(() => decodeEntry(fromHex(hex)), { code: "LOG_MALFORMED" });
    });
  }
});

/** A head with the operator's signature and those of the trustees given. */
async function headOf(
  root: Uint8Array,
  size: number,
  cosigners: readonly number[],
  by = logSigner,
): Promise<SignedHead> {
  const key = await logKey(logSigner.publicKey);
  const head = { origin: key.name, size, root };
  const own = await signHead(head, startSeconds, { ...key, publicKey: by.publicKey }, by);
  const others = cosigners.map(async (index) => {
    const signer = await trusteeSigner(index);
    return signHead(head, startSeconds + index, await trusteeKey(signer.publicKey), signer);
  });
  return { ...head, signatures: [own, ...(await Promise.all(others))] };
}

describe("heads", () => {
  test("are C2SP notes: the published example is read and written as it is", () => {
    const text = `example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
`;
    const head = parseHead(text);
    assert.equal(head.size, 20_852_163);
    assert.equal(formatHead(head), text);
    assert.equal(toHex(head.signatures[1]?.keyId ?? assert.fail()), "8d66cf3f");
  });

  test("what is signed is, byte for byte, a C2SP cosignature", async () => {
    const head = await headOf(rootAt(3), 3, [0]);
    const [own, cosignature] = head.signatures;
    assert.ok(own !== undefined && cosignature !== undefined);
    assert.equal(own.name, head.origin);
    const { publicKey } = await trusteeSigner(0);
    const data = `cosignature/v1\ntime ${startSeconds}\n${head.origin}\n3\n${Buffer.from(rootAt(3)).toString("base64")}\n`;
    const signature = cosignature.value.slice(8);
    assert.ok(await primitives.ed25519Verify(publicKey, signature, utf8(data)));
    const id = sha256(utf8(`${cosignature.name}\n`), Uint8Array.of(4), publicKey).slice(0, 4);
    assert.deepEqual(cosignature.keyId, id);
    assert.equal(toHex(cosignature.value.slice(0, 8)), startSeconds.toString(16).padStart(16, "0"));
  });

  const parts = {
    origin: "log",
    size: "3",
    root: Buffer.from(rootAt(3)).toString("base64"),
    lines: "— log AAAAAAA=\n",
  };
  const note = (change: Partial<typeof parts>): string => {
    const { origin, size, root, lines } = { ...parts, ...change };
    return `${origin}\n${size}\n${root}\n\n${lines}`;
  };
  test("the parts of the table below make a head", () => assert.equal(parseHead(note({})).size, 3));
  const refused: [name: string, text: string][] = [
    ["no origin", note({ origin: "" })],
    ["a space in the origin", note({ origin: "a b" })],
    ["a control character", note({ origin: "a\u0001b" })],
    ["an extension line", note({ root: `${parts.root}\nextension` })],
    ["a leading zero", note({ size: "03" })],
    ["a negative size", note({ size: "-3" })],
    ["a size beyond 2^53", note({ size: "9999999999999999" })],
    ["a short root", note({ root: "AAAA" })],
    [
      "a root in base64url",
      note({ root: parts.root.replaceAll("+", "-").replaceAll("/", "_").replace(/^./, "_") }),
    ],
    ["stray bits in the root", note({ root: `${parts.root.slice(0, -2)}B=` })],
    ["no signature", note({ lines: "" })],
    ["a signature of a key id alone", note({ lines: "— log AAAAAA==\n" })],
    ["a plus in a name", note({ lines: "— a+b AAAAAAA=\n" })],
    ["a hyphen for a dash", note({ lines: "- log AAAAAAA=\n" })],
    ["a carriage return", note({ size: "3\r" })],
    ["no last newline", note({}).slice(0, -1)],
    ["too many signatures", note({ lines: parts.lines.repeat(65) })],
    ["a text too long", note({ lines: `— log ${"AAAA".repeat(20_000)}\n` })],
  ];
  for (const [name, text] of refused) {
    test(`a note with ${name} is refused`, () => {
      assert.throws(() => parseHead(text), { code: "LOG_MALFORMED" });
    });
  }

  test("a quorum of ⌈(n+t)/2⌉ different trustees and the operator make a head stand", async () => {
    const quorum = await quorumOf(2, 4);
    assert.equal(quorum.cosignersMin, 3);
    const standing = await verifyHead(await headOf(rootAt(5), 5, [3, 0, 1]), quorum);
    assert.ok(standing.ok);
    assert.equal(standing.timeSeconds, startSeconds);
    assert.deepEqual(
      standing.cosigners,
      [0, 1, 3].map((at) => quorum.trustees[at]),
    );
    const code = async (head: SignedHead): Promise<string> => {
      const verdict = await verifyHead(head, quorum);
      return verdict.ok ? "ok" : verdict.code;
    };
    const full = await headOf(rootAt(5), 5, [0, 1, 2, 3]);
    assert.equal(await code(await headOf(rootAt(5), 5, [0, 1])), "LOG_HEAD_QUORUM");
    assert.equal(await code(await headOf(rootAt(5), 5, [0, 1, 1, 1])), "LOG_HEAD_QUORUM");
    assert.equal(await code(await headOf(rootAt(5), 5, [0, 1, 7])), "LOG_HEAD_QUORUM");
    assert.equal(await code({ ...full, size: 6 }), "LOG_HEAD_SIGNATURE");
    assert.equal(await code({ ...full, root: rootAt(6) }), "LOG_HEAD_SIGNATURE");
    assert.equal(await code({ ...full, origin: "another" }), "LOG_HEAD_ORIGIN");
    assert.equal(
      await code({ ...full, signatures: full.signatures.slice(1) }),
      "LOG_HEAD_SIGNATURE",
    );
    assert.equal(await code(await headOf(rootAt(5), 5, [0, 1, 2], stranger)), "LOG_HEAD_SIGNATURE");
    // A trustee's line under another trustee's name, and a time that was not signed.
    const renamed = full.signatures.map((line, at) => ({
      ...line,
      name: full.signatures[at === 2 ? 3 : at]?.name ?? "",
    }));
    assert.equal(await code({ ...full, signatures: renamed.slice(0, 4) }), "LOG_HEAD_QUORUM");
    for (let bit = 0; bit < 72 * 8; bit += 37) {
      const [own, ...rest] = full.signatures;
      assert.ok(own !== undefined);
      const signatures = [{ ...own, value: flipped(own.value, bit) }, ...rest];
      assert.equal(await code({ ...full, signatures }), "LOG_HEAD_SIGNATURE");
    }
  });

  test("a quorum needs a threshold within its trustees and a key for each party", async () => {
    const keys = await Promise.all(
      [0, 1, 2].map(async (at) => (await trusteeSigner(at)).publicKey),
    );
    const sizes: Record<string, number> = {};
    for (const [t, n] of [
      [1, 1],
      [2, 3],
      [2, 4],
      [3, 5],
      [3, 6],
      [3, 7],
    ] as const) {
      sizes[`${t} of ${n}`] = (await quorumOf(t, n)).cosignersMin;
    }
    assert.deepEqual(sizes, {
      "1 of 1": 1,
      "2 of 3": 3,
      "2 of 4": 3,
      "3 of 5": 4,
      "3 of 6": 5,
      "3 of 7": 5,
    });
    const [first = new Uint8Array(0)] = keys;
    for (const [list, threshold] of [
      [keys, 0],
      [keys, 4],
      [keys, 1.5],
      [[], 0],
      [[...keys, first], 2],
      [[...keys, logSigner.publicKey], 2],
    ] as const) {
      const made = createQuorum(logSigner.publicKey, list, threshold);
      await assert.rejects(made, { code: "LOG_QUORUM_INVALID" });
    }
  });

  test("two roots for one size convict whoever signed both, and nobody else", async () => {
    const first = await headOf(rootAt(5), 5, [0, 1]);
    const second = await headOf(rootAt(6), 5, [0, 2]);
    const { log, trustees } = await quorumOf(2, 3);
    const convicted = await Promise.all(
      [log, ...trustees].map((key) => provesFork({ first, second }, key)),
    );
    assert.deepEqual(convicted, [true, true, false, false]);
    assert.equal(await provesFork({ first, second: first }, log), false);
    assert.equal(await provesFork({ first, second: { ...second, origin: "another" } }, log), false);
    assert.equal(await provesFork({ first, second: await headOf(rootAt(6), 6, []) }, log), false);
    assert.equal(await provesFork({ first, second: { ...first, root: rootAt(6) } }, log), false);
    assert.equal(await signedAt(first, log), startSeconds);
  });
});

describe("receipts", () => {
  const history = Array.from({ length: 21 }, (_, at) => hashEntry(at));
  const encoded = history.map(encodeEntry);

  test("show an entry to whoever has the message, in C2SP's form", async () => {
    const quorum = await quorumOf(2, 3);
    const head = await headOf(treeHash(encoded), 21, [0, 1, 2]);
    const entry = history[9] ?? assert.fail();
    const proof = await proveInclusion(9, 21, readerOf(encoded));
    const text = formatReceipt({ index: 9, timeSeconds: entry.timeSeconds, proof, head });
    assert.match(
      text,
      /^c2sp\.org\/tlog-proof@v1\nextra \S+\nindex 9\n(\S{44}\n){5}\nsmarter-metering\/log\//,
    );
    const receipt = parseReceipt(text);
    assert.equal(formatReceipt(receipt), text);
    await checkReceipt(receipt, entry, quorum);

    const few = { ...receipt, head: { ...head, signatures: head.signatures.slice(0, 3) } };
    await assert.rejects(checkReceipt(few, entry, quorum), { code: "LOG_HEAD_QUORUM" });
    const wrong = { code: "LOG_PROOF" };
    await assert.rejects(checkReceipt({ ...receipt, index: 8 }, entry, quorum), wrong);
    await assert.rejects(checkReceipt({ ...receipt, timeSeconds: 1 }, entry, quorum), wrong);
    await assert.rejects(checkReceipt({ ...receipt, proof: [] }, entry, quorum), wrong);
    await assert.rejects(checkReceipt(receipt, hashEntry(8), quorum), wrong);
    await assert.rejects(checkReceipt(receipt, { ...entry, kind: "release" }, quorum), wrong);
    for (const bad of [
      text.replace("v1", "v2"),
      text.replace("index 9", "index 09"),
      text.replace(/extra \S+\n/, ""),
      text.replace(/extra \S+\n/, "extra QUJD\n"),
      text.replace("\n\n", "\n"),
      text.slice(0, -1),
      "",
    ]) {
      assert.throws(() => parseReceipt(bad), { code: "LOG_MALFORMED" });
    }
  });
});

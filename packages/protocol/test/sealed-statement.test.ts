/** Bills on their way to their customer (docs/protocol.md §11.5): keys from the code, sealing, and the shapes of what is inside and around. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  decodeSealedStatement,
  decodeStatementBundle,
  encodeSealedStatement,
  encodeStatementBundle,
  openStatement,
  parsePublicView,
  partyKeys,
  primitives,
  sealStatement,
  statementKeys,
  statementSecret,
  toHex,
  utf8,
  type SealedStatement,
  type StatementBundle,
} from "@smarter-metering/protocol";
import { filled } from "./samples.ts";

const VECTOR = {
  keys: [
    "78d0406c5a23a2081c2b9ccad960b95b34783d3ccd45062ea4e8243d00e8db74",
    "6d98f06ecb89be18f8b13529dc458329",
    "5fd506559e3dd8bf76da1ab88b6b411c4687556f70843276e3953ad4c72cd16b",
  ],
  /** SHA-256 of the encoding. */
  sealed: "ee39809b09870979d6adb96771bac3609c04c4d888bcc23837a39514b8eb9efc",
};

const code = filled(16, 0x5a);
const secret = await statementSecret(code);
const keys = await statementKeys(secret);
const other = await statementKeys(await statementSecret(filled(16, 0x5b)));
const nonce = (): Uint8Array => filled(12, 7);
const window = { from: 1_735_686_000, sequence: 3 };
const content = utf8("a bill");
const sealed = await sealStatement(keys, window, content, nonce);
const encoded = encodeSealedStatement(sealed);

test("keys and a sealed statement are, byte for byte, the committed vector", async () => {
  assert.deepEqual(
    [secret, keys.mailbox, keys.key].map(toHex),
    VECTOR.keys,
    "code → secret → mailbox and key",
  );
  assert.equal(toHex(await primitives.sha256(encoded)), VECTOR.sealed);
  assert.deepEqual(decodeSealedStatement(encoded), sealed);
  assert.deepEqual(await openStatement(keys, decodeSealedStatement(encoded)), content);
});

test("a length is told in steps of 4 KiB alone", async () => {
  const lengths = await Promise.all(
    [0, 1, 4000, 4092, 4093, 9000].map(async (length) => {
      const { sealed: bytes } = await sealStatement(keys, window, filled(length, 1), nonce);
      return bytes.length - 16;
    }),
  );
  assert.deepEqual(lengths, [4096, 4096, 4096, 4096, 8192, 12_288]);
  await assert.rejects(sealStatement(keys, window, filled(2 ** 20, 1), nonce), {
    code: "PROTOCOL_MALFORMED",
  });
});

test("what is changed, moved, or another's does not open, and says no more", async () => {
  const flipped = sealed.sealed.map((byte, at) => (at === 9 ? byte ^ 1 : byte));
  const cases: [string, SealedStatement, typeof keys][] = [
    ["a changed byte", { ...sealed, sealed: flipped }, keys],
    ["a shorter text", { ...sealed, sealed: sealed.sealed.slice(16) }, keys],
    ["nothing", { ...sealed, sealed: new Uint8Array(0) }, keys],
    ["another nonce", { ...sealed, nonce: filled(12, 8) }, keys],
    ["another window", { ...sealed, from: window.from + 1 }, keys],
    ["a higher number", { ...sealed, sequence: window.sequence + 1 }, keys],
    ["another key", sealed, { ...keys, key: other.key }],
    ["another mailbox", sealed, { ...keys, mailbox: other.mailbox }],
  ];
  for (const [name, statement, by] of cases) {
    const refused = { code: "STATEMENT_UNOPENABLE", message: "cannot open the statement" };
    await assert.rejects(openStatement(by, statement), refused, name);
  }
});

test("what is no sealed statement is refused", () => {
  const cases: [string, Uint8Array][] = [
    ["nothing", new Uint8Array(0)],
    ["another version", Uint8Array.of(2, ...encoded.subarray(1))],
    ["cut short", encoded.subarray(0, -1)],
    ["with more behind", Uint8Array.of(...encoded, 0)],
    ["a window beyond 2^53", encoded.map((byte, at) => (at === 17 ? 0xff : byte))],
  ];
  for (const [name, bytes] of cases) {
    assert.throws(() => decodeSealedStatement(bytes), { code: "PROTOCOL_MALFORMED" }, name);
  }
});

const bundle: StatementBundle = {
  rootKey: filled(32, 1),
  sent: [{ from: window.from, sequence: 3 }],
  statement: "a.b.c",
  notes: [{ note: "d.e.f", correction: "g.h.i" }],
  tariff: "j.k.l",
  answers: { release: null, partials: [filled(5, 1), filled(6, 2)] },
};

test("a bundle is read as it was written, and nothing else is one", () => {
  const whole = { ...bundle, answers: { release: filled(9, 3), partials: [] } };
  for (const each of [bundle, whole]) {
    assert.deepEqual(decodeStatementBundle(encodeStatementBundle(each)), each);
  }
  const document = JSON.parse(new TextDecoder().decode(encodeStatementBundle(bundle))) as object;
  const cases: [string, unknown][] = [
    ["no object", []],
    ["another kind", { ...document, kind: "smarter-metering/statement" }],
    ["a short root key", { ...document, rootKey: "00" }],
    ["no list of what was sent", { ...document, sent: undefined }],
    ["a number below 1", { ...document, sent: [{ from: 0, sequence: 0 }] }],
    ["a fraction", { ...document, sent: [{ from: 0.5, sequence: 1 }] }],
    ["a note alone", { ...document, notes: [{ note: "d.e.f" }] }],
    ["another field", { ...document, networkPseudonym: "00" }],
    ["partials that are no bytes", { ...document, answers: { release: null, partials: ["+"] } }],
    ["a statement of other letters", { ...document, statement: "<b>" }],
  ];
  for (const [name, value] of cases) {
    const bytes = utf8(JSON.stringify(value));
    assert.throws(() => decodeStatementBundle(bytes), { code: "PROTOCOL_MALFORMED" }, name);
  }
});

test("a public view has no service point and no member in it", () => {
  const view = {
    kind: "smarter-metering/public-view",
    parties: [{ role: "mdms", signingKey: "11".repeat(32) }],
    paillierKey: {},
    policy: { id: "p" },
    calendars: {},
    tariffs: [],
    cohorts: [
      {
        id: "C-01",
        version: 1,
        fromBlock: 0,
        zone: "Europe/Luxembourg",
        intervalSeconds: 900,
        profile: "pes-encrypts",
        exportLoad: false,
        loadValueBits: 14,
        members: 120,
      },
    ],
  };
  assert.deepEqual(parsePublicView(JSON.stringify(view)), view);
  assert.deepEqual(partyKeys(JSON.stringify(view))("mdms"), [filled(32, 0x11)]);
  const [cohort] = view.cohorts;
  const cases: [string, unknown][] = [
    ["service points", { ...view, servicePoints: [] }],
    ["members by name", { ...view, cohorts: [{ ...cohort, members: ["00".repeat(16)] }] }],
    ["a network view", { ...view, kind: "smarter-metering/network-view" }],
    ["another role", { ...view, parties: [{ role: "root", signingKey: "11".repeat(32) }] }],
    ["no policy", { ...view, policy: undefined }],
  ];
  for (const [name, value] of cases) {
    const text = JSON.stringify(value);
    assert.throws(() => parsePublicView(text), { code: "REGISTRY_INVALID" }, name);
  }
});

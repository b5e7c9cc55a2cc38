/** Signed JSON documents, the registry's chain, statements, enrolment codes and their MACs (docs/protocol.md §1.1, §9, §10.1, §11). */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  customerMac,
  documentHash,
  encodeEnrolmentCode,
  fromBase64Url,
  fromHex,
  GENESIS_HASH,
  indexNetworkView,
  meterMac,
  parseEnrolmentCode,
  parseMdmsView,
  parseNetworkView,
  parsePartyKeys,
  parseUcsView,
  primitives,
  ProtocolError,
  signCreditNote,
  signDocument,
  signEpoch,
  signerFromSeed,
  signStatement,
  signTariffCorrection,
  toBase64Url,
  toHex,
  utf8,
  verifyCreditNote,
  verifyDocument,
  verifyEpochChain,
  verifyStatement,
  verifyTariffCorrection,
  verifyView,
  type CreditNote,
  type NetworkViewDocument,
  type RegistryEpoch,
  type Signer,
  type Statement,
  type TariffCorrection,
} from "@smarter-metering/protocol";
import { enrolmentCode, enrolmentContext, filled, signers } from "./samples.ts";

const { meter, trustee: mdms, aggregator: root, stranger } = await signers();
const refusedDocument = (error: unknown): boolean =>
  error instanceof ProtocolError &&
  (error.code === "PROTOCOL_MALFORMED" || error.code === "PROTOCOL_BAD_SIGNATURE");

/** A JWS with a header of our choice, properly signed. */
async function signedWith(header: unknown, payload: string, signer: Signer): Promise<string> {
  const input = `${toBase64Url(utf8(JSON.stringify(header)))}.${toBase64Url(utf8(payload))}`;
  return `${input}.${toBase64Url(await signer.sign(utf8(input)))}`;
}

const typ = "smarter-metering/tariff";

test("a signed document is, byte for byte, the committed vector", async () => {
  const jws =
    "eyJhbGciOiJFZERTQSIsInR5cCI6InNtYXJ0ZXItbWV0ZXJpbmcvdGFyaWZmIn0.eyJhIjoxfQ.tBOGj0t2kNBXp07Uy_jz2MgcaYtUO8N554G1BnOK-8-UuEP0bKUarNnC7xruhGKSc_R47LnDOE7gGqyuQ7dADw";
  assert.equal(await signDocument(typ, { a: 1 }, mdms), jws);
  assert.deepEqual(await verifyDocument(typ, jws, mdms.publicKey), { a: 1 });
});

test("documents of another algorithm, type, key, header or shape are refused", async () => {
  const good = await signDocument(typ, { a: 1 }, mdms);
  const [header = "", payload = "", signature = ""] = good.split(".");
  const hs256 = toBase64Url(utf8(JSON.stringify({ alg: "HS256", typ })));
  const none = toBase64Url(utf8(JSON.stringify({ alg: "none", typ })));
  const cases: Record<string, string> = {
    "alg none, no signature": `${none}.${payload}.`,
    "alg none, with signature": `${none}.${payload}.${signature}`,
    "alg HS256 keyed with the public key": `${hs256}.${payload}.${toBase64Url(
      await primitives.hmacSha256(mdms.publicKey, utf8(`${hs256}.${payload}`)),
    )}`,
    "alg none, signed": await signedWith({ alg: "none", typ }, '{"a":1}', mdms),
    "another type": await signDocument("smarter-metering/statement", { a: 1 }, mdms),
    "no type": await signedWith({ alg: "EdDSA" }, '{"a":1}', mdms),
    "a key in the header": await signedWith({ alg: "EdDSA", typ, jwk: {} }, '{"a":1}', stranger),
    "an extra header": await signedWith({ alg: "EdDSA", typ, kid: "1" }, '{"a":1}', mdms),
    "headers in another order": await signedWith({ typ, alg: "EdDSA" }, '{"a":1}', mdms),
    "another key": await signDocument(typ, { a: 1 }, stranger),
    "another payload": `${header}.${toBase64Url(utf8('{"a":2}'))}.${signature}`,
    "not JSON": await signedWith({ alg: "EdDSA", typ }, "{", mdms),
    "two parts": `${header}.${payload}`,
    "four parts": `${good}.`,
    "padded signature": `${good}==`,
    "signature with stray bits": `${good.slice(0, -1)}${good.endsWith("A") ? "B" : "_"}`,
    "no signature": `${header}.${payload}.`,
    "a space": ` ${good}`,
    empty: "",
  };
  for (const [name, jws] of Object.entries(cases)) {
    await assert.rejects(verifyDocument(typ, jws, mdms.publicKey), refusedDocument, name);
  }
  for (let index = 0; index < good.length; index++) {
    const code = good.charCodeAt(index) ^ 1;
    const changed = good.slice(0, index) + String.fromCharCode(code) + good.slice(index + 1);
    await assert.rejects(verifyDocument(typ, changed, mdms.publicKey), refusedDocument);
  }
});

test("law: base64url and hex have one form each", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 70 }), (bytes) => {
      assert.deepEqual(fromBase64Url(toBase64Url(bytes)), bytes);
      assert.equal(toBase64Url(bytes), Buffer.from(bytes).toString("base64url"));
      assert.deepEqual(fromHex(toHex(bytes)), bytes);
    }),
  );
  const malformed = { code: "PROTOCOL_MALFORMED" };
  for (const text of ["A", "AA==", "AB", "AAB", "A+", "A/A", "AA\n", "ÄA"]) {
    assert.throws(() => fromBase64Url(text), malformed, text);
  }
  for (const text of ["0", "AB", "0g", " 00", "00\n"]) {
    assert.throws(() => fromHex(text), malformed, text);
  }
  assert.throws(() => fromHex("0000", 1), malformed);
});

const viewHash = async (text: string): Promise<string> => toHex(await documentHash(text));
const views = { network: "{}", mdms: '{"a":1}', ucs: "[]", public: "2" };

async function epochs(count: number, signer = root, issuedAt = 1000): Promise<string[]> {
  const hashes = {
    network: await viewHash(views.network),
    mdms: await viewHash(views.mdms),
    ucs: await viewHash(views.ucs),
    public: await viewHash(views.public),
  };
  const chain: string[] = [];
  for (let epoch = 0; epoch < count; epoch++) {
    const last = chain.at(-1);
    const previous = last === undefined ? GENESIS_HASH : toHex(await documentHash(last));
    chain.push(
      await signEpoch({ epoch, previous, issuedAt: issuedAt + epoch, views: hashes }, signer),
    );
  }
  return chain;
}

test("the registry's chain is followed, and never back", async () => {
  const chain = await epochs(4);
  const { latest, pin } = await verifyEpochChain(chain, root.publicKey);
  assert.equal(latest.epoch, 3);
  assert.deepEqual(pin, { epoch: 3, hash: toHex(await documentHash(chain[3] ?? "")) });
  const longer = await epochs(6);
  assert.equal((await verifyEpochChain(longer, root.publicKey, pin)).pin.epoch, 5);

  const invalid = { code: "REGISTRY_INVALID" };
  const rollback = { code: "REGISTRY_ROLLBACK" };
  const fork = await epochs(4, root, 2000);
  const [first = "", second = "", third = ""] = chain;
  const broken: Record<string, readonly string[]> = {
    empty: [],
    "starts late": chain.slice(1),
    hole: [first, third],
    doubled: [first, first],
    swapped: [first, third, second],
    "tail of a fork": [first, ...fork.slice(1)],
    "foreign root": await epochs(4, stranger),
    "one foreign link": [first, (await epochs(2, stranger))[1] ?? ""],
    "not a document": [first, "x.y.z"],
    "another document": [await signStatement(statement, root)],
  };
  for (const [name, links] of Object.entries(broken)) {
    await assert.rejects(verifyEpochChain(links, root.publicKey), invalid, name);
  }
  await assert.rejects(verifyEpochChain(chain.slice(0, 3), root.publicKey, pin), rollback);
  await assert.rejects(verifyEpochChain(fork, root.publicKey, pin), rollback);
  await assert.rejects(
    verifyEpochChain(await epochs(6, root, 2000), root.publicKey, pin),
    rollback,
  );
});

test("a view is the one its epoch names", async () => {
  const { latest } = await verifyEpochChain(await epochs(1), root.publicKey);
  assert.equal(await verifyView(latest, "mdms", views.mdms), views.mdms);
  const invalid = { code: "REGISTRY_INVALID" };
  await assert.rejects(verifyView(latest, "network", views.mdms), invalid);
  await assert.rejects(verifyView(latest, "mdms", `${views.mdms} `), invalid);
  await assert.rejects(verifyView(latest, "ucs", ""), invalid);
  const bad = { ...latest, views: { ...latest.views, network: "00" } } satisfies RegistryEpoch;
  await assert.rejects(signEpoch(bad, root), { code: "PROTOCOL_MALFORMED" });
});

const network = (byte: number): string => toHex(filled(16, byte));
const document: NetworkViewDocument = {
  kind: "smarter-metering/network-view",
  parties: [{ role: "opener", signingKey: "11".repeat(32) }],
  paillierKey: {},
  policy: {},
  calendars: { ["dd".repeat(8)]: {} },
  consumptionClasses: { H0: 4500 },
  cohorts: [2, 1].map((version) => ({
    id: "C-01",
    version,
    fromBlock: 1000 * version,
    zone: "Europe/Luxembourg",
    intervalSeconds: 900,
    profile: "pes-encrypts" as const,
    exportLoad: false,
    loadValueBits: 14,
    members: version === 1 ? [network(1)] : [network(1), network(2)],
  })),
  servicePoints: [
    {
      network: network(1),
      zone: "Europe/Luxembourg",
      fuse: { amps: 63, phases: 3 },
      consumptionClass: "H0",
      profile: "pes-encrypts",
      intervalSeconds: 60,
      contractStart: 0,
      contractEnd: null,
      registerBank: "dd".repeat(8),
      bandCount: 2,
      mdmsToken: "AA",
      meters: [
        { meterId: network(8), signingKey: "22".repeat(32), from: 0, to: 1500 },
        { meterId: network(9), signingKey: "33".repeat(32), from: 1500, to: null },
      ],
    },
  ],
};

test("a network view answers who serves, who belongs where, and since when", () => {
  const view = parseNetworkView(JSON.stringify(document));
  assert.equal(view.cohortOf(network(1), 1999)?.version, 1);
  assert.equal(view.cohortOf(network(1), 2000)?.version, 2);
  assert.equal(view.cohortOf(network(2), 1999), undefined);
  assert.equal(view.cohortOf(network(2), 2000)?.version, 2);
  assert.equal(view.cohortAt("C-01", 999), undefined);
  assert.equal(view.cohort("C-01", 2)?.fromBlock, 2000);
  assert.deepEqual(
    ["C-01", "C-02"].map((id) => view.versionsOf(id).map(({ version }) => version)),
    [[1, 2], []],
  );
  assert.deepEqual(
    [1, 2, 3].map((byte) => view.cohortsOf(network(byte)).map(({ version }) => version)),
    [[1, 2], [2], []],
  );
  assert.equal(view.meterAt(network(1), network(8), 1500)?.signingKey, "22".repeat(32));
  assert.equal(view.meterAt(network(1), network(8), 1501), undefined);
  assert.equal(view.meterAt(network(1), network(9), 1499), undefined);
  assert.equal(view.meterAt(network(2), network(9), 1600), undefined);
  assert.equal(view.parties("opener").length, 1);
  assert.equal(view.parties("trustee").length, 0);
  assert.equal(indexNetworkView(document).servicePoint(network(1))?.bandCount, 2);

  const [cohort] = document.cohorts;
  const [point] = document.servicePoints;
  assert.ok(cohort && point);
  const invalid = { code: "REGISTRY_INVALID" };
  const bad: unknown[] = [
    { ...document, kind: "smarter-metering/ucs-view" },
    { ...document, surplus: 1 },
    { ...document, cohorts: [{ ...cohort, members: [network(2), network(1)] }] },
    // The same home twice would count twice towards k.
    { ...document, cohorts: [{ ...cohort, members: [network(1), network(1)] }] },
    { ...document, cohorts: [{ ...cohort, loadValueBits: 0 }] },
    { ...document, servicePoints: [{ ...point, profile: "none" }] },
    { ...document, servicePoints: [{ ...point, network: network(1).toUpperCase() + "A" }] },
    { ...document, servicePoints: [{ ...point, meters: [] }] },
    { ...document, parties: [{ role: "king", signingKey: "11".repeat(32) }] },
    { ...document, parties: [{ role: "opener", signingKey: "11" }] },
  ];
  for (const candidate of bad) {
    assert.throws(() => parseNetworkView(JSON.stringify(candidate)), invalid);
  }
  assert.throws(() => parseNetworkView("{"), invalid);
  for (const parse of [parseMdmsView, parseUcsView]) {
    assert.throws(() => parse(JSON.stringify(document)), invalid);
    assert.throws(() => parse("null"), invalid);
  }
  const ucs = { kind: "smarter-metering/ucs-view", parties: [], servicePoints: [] };
  assert.deepEqual(parseUcsView(JSON.stringify(ucs)), ucs);
  const mdmsView = {
    kind: "smarter-metering/mdms-view",
    parties: [],
    policy: null,
    tariffs: [],
    cohorts: [],
    servicePoints: [],
  };
  assert.deepEqual(parseMdmsView(JSON.stringify(mdmsView)), mdmsView);
});

const statement: Statement = {
  servicePoint: network(7),
  from: 1_540_677_600,
  to: 1_543_359_600,
  zone: "Europe/Luxembourg",
  registers_mWh: { day: "9007199254740993", night: "0" },
  export_mWh: "0",
  energy_mWh: "9007199254740993",
  tariff: "basic",
  tariffVersion: 1,
  lines: [{ text: "energy", quantity: "1", price: "0.25", amountE16: "-1" }],
  amount: "12.34",
  currency: "EUR",
  estimated: false,
  requestDigest: "55".repeat(32),
};

test("a statement is read only as the MDMS signed it", async () => {
  const jws = await signStatement(statement, mdms);
  assert.deepEqual(await verifyStatement(jws, mdms.publicKey), statement);
  const bad = { code: "PROTOCOL_BAD_SIGNATURE" };
  const malformed = { code: "PROTOCOL_MALFORMED" };
  await assert.rejects(verifyStatement(jws, stranger.publicKey), bad);
  const type = "smarter-metering/statement";
  const { amount: _, ...partial } = statement;
  const wrong = [partial, { ...statement, note: 1 }, { ...statement, from: -1 }, null, []];
  for (const content of [...wrong, { ...statement, export_mWh: "1.5" }]) {
    const signed = await signDocument(type, content, mdms);
    await assert.rejects(verifyStatement(signed, mdms.publicKey), malformed);
  }
  const tariff = await signDocument("smarter-metering/tariff", statement, mdms);
  await assert.rejects(verifyStatement(tariff, mdms.publicKey), malformed);
  // By prices of the hour: a cost, or null where it was not released.
  for (const counted of ["281474976710655", null]) {
    const dynamic = { ...statement, cost: { prices: "day-ahead", counted } };
    const signed = await signStatement(dynamic, mdms);
    assert.deepEqual(await verifyStatement(signed, mdms.publicKey), dynamic);
  }
  const costs = [{ prices: "day-ahead" }, { counted: "1" }, null, { prices: "", counted: "-1" }];
  for (const cost of [...costs, { prices: "", counted: 1 }]) {
    const signed = await signDocument(type, { ...statement, cost }, mdms);
    await assert.rejects(verifyStatement(signed, mdms.publicKey), malformed);
  }
});

test("a correction of prices and a credit note are read only as they were signed, and not as each other", async () => {
  const correction: TariffCorrection = {
    kind: "smarter-metering/tariff-correction",
    number: 1,
    reason: "The prices of March were published in May.",
    from: "2026-03-01",
    until: "2026-04-01",
    tariff: { tariff: "basic" },
  };
  const { servicePoint, from, to, tariff, currency } = statement;
  const note: CreditNote = {
    servicePoint,
    from,
    to,
    tariff,
    currency,
    tariffVersion: 2,
    number: 1,
    reason: "Late.",
    follows: "66".repeat(32),
    correction: "77".repeat(32),
    lines: [{ text: "energy", quantity: "1", price: "0.2", issuedE16: "-1", dueE16: "0" }],
    amount: "-1.23",
    corrected: "11.11",
  };
  const asCorrection = (jws: string) => verifyTariffCorrection(jws, mdms.publicKey);
  const asNote = (jws: string) => verifyCreditNote(jws, mdms.publicKey);
  const [signedCorrection, signedNote] = [
    await signTariffCorrection(correction, mdms),
    await signCreditNote(note, mdms),
  ];
  assert.deepEqual(await asCorrection(signedCorrection), correction);
  assert.deepEqual(await asNote(signedNote), note);
  await assert.rejects(asNote(signedCorrection), { code: "PROTOCOL_MALFORMED" });
  await assert.rejects(asCorrection(signedNote), { code: "PROTOCOL_MALFORMED" });
  await assert.rejects(verifyCreditNote(signedNote, stranger.publicKey), refusedDocument);
  const wrong = [
    { ...correction, number: 0 },
    { ...correction, number: 1.5 },
    { ...correction, reason: "" },
    { ...correction, reason: "two\nlines" },
    { ...correction, from: "1.3.2026" },
    { ...correction, more: 1 },
  ];
  for (const content of wrong) {
    const signed = await signDocument("smarter-metering/tariff-correction", content, mdms);
    await assert.rejects(asCorrection(signed), { code: "PROTOCOL_MALFORMED" });
  }
  const { follows: _, ...loose } = note;
  for (const content of [loose, { ...note, lines: [{}] }, { ...note, correction: "77" }]) {
    const signed = await signDocument("smarter-metering/credit-note", content, mdms);
    await assert.rejects(asNote(signed), { code: "PROTOCOL_MALFORMED" });
  }
});

test("an enrolment code survives how people type", () => {
  const text = encodeEnrolmentCode(enrolmentCode);
  assert.equal(text, "0024H-36H2N-CSVRH-6DAQF-6DVVQ-ZW");
  assert.deepEqual(parseEnrolmentCode(text), enrolmentCode);
  const typed = [
    text.toLowerCase(),
    text.replaceAll("-", ""),
    ` ${text.replaceAll("-", " ")}\n`,
    text.replaceAll("0", "O"),
    text.replaceAll("0", "o").replaceAll("1", "l"),
    text.replaceAll("1", "I"),
  ];
  for (const variant of typed)
    assert.deepEqual(parseEnrolmentCode(variant), enrolmentCode, variant);
});

test("law: a code round-trips; one wrong character or two swapped neighbours are noticed", () => {
  const invalid = { code: "ENROLMENT_CODE_INVALID" };
  const code = fc.uint8Array({ minLength: 16, maxLength: 16 });
  fc.assert(
    fc.property(code, fc.nat(26), fc.nat(31), fc.nat(25), (bytes, at, digit, pair) => {
      const text = encodeEnrolmentCode(bytes).replaceAll("-", "");
      assert.deepEqual(parseEnrolmentCode(text), bytes);
      const character = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"[digit] ?? "";
      const slip = text.slice(0, at) + character + text.slice(at + 1);
      if (slip !== text) assert.throws(() => parseEnrolmentCode(slip), invalid);
      const [left = "", right = ""] = text.slice(pair, pair + 2);
      const swapped = text.slice(0, pair) + right + left + text.slice(pair + 2);
      if (swapped !== text) assert.throws(() => parseEnrolmentCode(swapped), invalid);
      assert.throws(() => parseEnrolmentCode(text.slice(1)), invalid);
      assert.throws(() => parseEnrolmentCode(`0${text}`), invalid);
    }),
  );
  // 26 digits can say 130 bits; two of them must be 0. And no error repeats what was typed.
  const large = "ZZZZZZZZZZZZZZZZZZZZZZZZZZ";
  for (const check of "0123456789ABCDEFGHJKMNPQRSTVWXYZ*~$=U") {
    assert.throws(
      () => parseEnrolmentCode(large + check),
      (error: unknown) => error instanceof ProtocolError && !error.message.includes("ZZ"),
    );
  }
  for (const text of ["", "U", "?".repeat(27), "Ⅰ".repeat(27)]) {
    assert.throws(() => parseEnrolmentCode(text), invalid);
  }
});

test("each field, the key and the direction are in the enrolment MACs", async () => {
  const key = meter.publicKey;
  const other = Uint8Array.from(enrolmentCode, (byte) => byte ^ 1);
  const contexts = [
    { ...enrolmentContext, meterId: filled(16, 1) },
    { ...enrolmentContext, networkPseudonym: filled(16, 1) },
    { ...enrolmentContext, account: "anne@example.org" },
    { ...enrolmentContext, account: `\uFEFF${enrolmentContext.account}` },
    { ...enrolmentContext, customerSpki: filled(40, 1) },
    { ...enrolmentContext, nonce: filled(16, 1) },
    {
      ...enrolmentContext,
      meterId: enrolmentContext.networkPseudonym,
      networkPseudonym: enrolmentContext.meterId,
    },
  ];
  const macs = await Promise.all([
    customerMac(enrolmentCode, enrolmentContext),
    meterMac(enrolmentCode, enrolmentContext, key),
    meterMac(enrolmentCode, enrolmentContext, stranger.publicKey),
    customerMac(other, enrolmentContext),
    meterMac(other, enrolmentContext, key),
    ...contexts.flatMap((context) => [
      customerMac(enrolmentCode, context),
      meterMac(enrolmentCode, context, key),
    ]),
  ]);
  assert.equal(new Set(macs.map(toHex)).size, macs.length);
});

test("a party's key file: the seed signs wherever it is read; anything else is refused and not repeated", async () => {
  const seed = "5a".repeat(32);
  const file = { kind: "smarter-metering/party-keys", signingSeed: seed };
  const { signingSeed, encryption } = parsePartyKeys(JSON.stringify(file));
  assert.equal(encryption, undefined);
  const signer = await signerFromSeed(signingSeed);
  const jws = await signDocument("smarter-metering/tariff", { tariff: "t" }, signer);
  assert.deepEqual(await verifyDocument("smarter-metering/tariff", jws, signer.publicKey), {
    tariff: "t",
  });
  const pair = { spki: "AAAA", pkcs8: "BBBB" };
  const both = parsePartyKeys(JSON.stringify({ ...file, encryption: pair }));
  assert.deepEqual(both.encryption?.spki, new Uint8Array(3));
  const refused: readonly unknown[] = [
    null,
    [],
    {},
    { ...file, kind: "smarter-metering/tariff" },
    { ...file, signingSeed: seed.slice(2) },
    { ...file, signingSeed: seed.toUpperCase() },
    { ...file, signingSeed: 5 },
    { ...file, more: true },
    { ...file, encryption: null },
    { ...file, encryption: { spki: "AAAA" } },
    { ...file, encryption: { ...pair, pkcs8: "not base64url" } },
    { ...file, encryption: { ...pair, more: "AAAA" } },
  ];
  for (const document of refused) {
    const text = JSON.stringify(document);
    assert.throws(
      () => parsePartyKeys(text),
      (error) => error instanceof ProtocolError && !error.message.includes(seed.slice(0, 8)),
      text,
    );
  }
  assert.throws(() => parsePartyKeys("{"), { code: "PROTOCOL_MALFORMED" });
});

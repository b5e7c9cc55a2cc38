/**
 * Every binary message: committed vectors, and what must be refused (docs/protocol.md §1 to §4, §6.2, §8, §10.1). The vectors are
 * written by vectors/make.ts.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import * as fc from "fast-check";
import { CompactEncrypt } from "jose";
import {
  checkSignature,
  contributionsOf,
  customerMac,
  decodeContribution,
  decodeEnrolmentAnswer,
  decodeEnrolmentRequest,
  decodeEnvelope,
  decodeFrame,
  decodeOffer,
  decodePartialRelease,
  decodeRefusal,
  decodeRelease,
  decodeRequest,
  decodeUplink,
  decodeUplinkItem,
  encodeContribution,
  encodeContributionHeader,
  encodeEnrolmentAnswer,
  encodeEnrolmentRequest,
  encodeEnvelope,
  encodeFrame,
  encodeOffer,
  encodePartialRelease,
  encodeRefusal,
  encodeRelease,
  encodeRequest,
  encodeUplink,
  encodeUplinkItem,
  equalBytes,
  fromBase64Url,
  fromHex,
  frameHash,
  generateRecipient,
  keyCommitment,
  meterMac,
  openEnvelope,
  openFrame,
  openRelease,
  openToken,
  primitives,
  ProtocolError,
  recipientFromSpki,
  recipientSecret,
  sealEnvelope,
  sealFrame,
  sealRelease,
  sealToken,
  signContribution,
  spkiOfPkcs8,
  toHex,
  utf8,
  verifyContribution,
  verifyEnvelope,
  verifyFrame,
  verifyEnrolmentAnswer,
  verifyOffer,
  verifyPartialRelease,
  verifyRefusal,
  verifyRelease,
  verifyRequest,
  type FrameHeader,
  type UplinkItem,
} from "@smarter-metering/protocol";
import { signedBytes, type SignatureDomain } from "../src/signature.ts";
import {
  contributionHeader,
  dataKey,
  deterministicMessages,
  enrolmentCode,
  enrolmentContext,
  filled,
  frameBody,
  frameHeader,
  seededBody,
  keyEpoch,
  meterId,
  networkPseudonym,
  releaseContent,
  signers,
} from "./samples.ts";

const vectors = JSON.parse(
  readFileSync(new URL("vectors/messages.json", import.meta.url), "utf8"),
) as {
  recipient: { spki: string; pkcs8: string };
  messages: Record<string, string>;
};
const { meter, opener, aggregator, trustee, stranger } = await signers();
const pkcs8 = fromBase64Url(vectors.recipient.pkcs8);
const spki = fromBase64Url(vectors.recipient.spki);
const recipient = await recipientFromSpki(spki);
const secret = await recipientSecret(spki, pkcs8);
const otherPair = await generateRecipient();
const other = await recipientFromSpki(otherPair.spki);
const otherSecret = await recipientSecret(otherPair.spki, otherPair.pkcs8);

const malformed = { name: "ProtocolError", code: "PROTOCOL_MALFORMED" };
const badSignature = { name: "ProtocolError", code: "PROTOCOL_BAD_SIGNATURE" };

function vector(name: string): Uint8Array {
  const hex = vectors.messages[name];
  assert.ok(hex !== undefined, `no vector ${name}`);
  return fromHex(hex);
}

/** A kind of message: how it is read, written again, and authenticated under the right keys. */
interface Kind {
  /** Reads, and gives what writes the same message again. */
  readonly read: (bytes: Uint8Array) => () => Uint8Array;
  readonly authenticate: (bytes: Uint8Array) => Promise<void>;
}

function reading<Message>(
  decode: (bytes: Uint8Array) => Message,
  encode: (message: Message) => Uint8Array,
): Kind["read"] {
  return (bytes) => {
    const message = decode(bytes);
    return () => encode(message);
  };
}

async function checkMac(mac: Uint8Array, expected: Promise<Uint8Array>): Promise<void> {
  if (!primitives.equalSecret(mac, await expected)) {
    throw new ProtocolError("PROTOCOL_BAD_SIGNATURE", "MAC");
  }
}

const contribution: Kind = {
  read: reading(decodeContribution, encodeContribution),
  async authenticate(bytes) {
    const decoded = decodeContribution(bytes);
    const signer = decoded.header.profile === "pes-encrypts" ? opener : meter;
    await verifyContribution(decoded, signer.publicKey);
  },
};
const request: Kind = {
  read: reading(decodeRequest, encodeRequest),
  authenticate: (bytes) => verifyRequest(decodeRequest(bytes), aggregator.publicKey),
};
const answer: Kind = {
  read: reading(decodeEnrolmentAnswer, encodeEnrolmentAnswer),
  async authenticate(bytes) {
    const decoded = decodeEnrolmentAnswer(bytes);
    await verifyEnrolmentAnswer(decoded, meter.publicKey);
    if (!decoded.accepted) return;
    const { networkPseudonym, meterId, nonce, meterKey, mac } = decoded;
    const context = { ...enrolmentContext, networkPseudonym, meterId, nonce };
    await checkMac(mac, meterMac(enrolmentCode, context, meterKey));
  },
};
const frameKind: Kind = {
  read: reading(decodeFrame, encodeFrame),
  authenticate: (bytes) => verifyFrame(decodeFrame(bytes), meter.publicKey),
};

const kinds: Record<string, Kind> = {
  frame: frameKind,
  frameOfMeter: frameKind,
  envelope: {
    read: reading(decodeEnvelope, encodeEnvelope),
    authenticate: (bytes) => verifyEnvelope(decodeEnvelope(bytes), meter.publicKey),
  },
  contributionByOpener: contribution,
  contributionByMeter: contribution,
  contributionOfCost: contribution,
  loadRequest: request,
  billRequest: request,
  billRequestWithCost: request,
  release: {
    read: reading(decodeRelease, encodeRelease),
    authenticate: (bytes) => verifyRelease(decodeRelease(bytes), trustee.publicKey),
  },
  partialRelease: {
    read: reading(decodePartialRelease, encodePartialRelease),
    authenticate: (bytes) => verifyPartialRelease(decodePartialRelease(bytes), trustee.publicKey),
  },
  refusal: {
    read: reading(decodeRefusal, encodeRefusal),
    authenticate: (bytes) => verifyRefusal(decodeRefusal(bytes), trustee.publicKey),
  },
  enrolmentOffer: {
    read: reading(decodeOffer, encodeOffer),
    authenticate: (bytes) => verifyOffer(decodeOffer(bytes), meter.publicKey),
  },
  enrolmentRequest: {
    read: reading(decodeEnrolmentRequest, encodeEnrolmentRequest),
    async authenticate(bytes) {
      const decoded = decodeEnrolmentRequest(bytes);
      await checkMac(decoded.mac, customerMac(enrolmentCode, decoded));
    },
  },
  enrolmentAnswer: answer,
  enrolmentRefusal: answer,
};

test("the messages without randomness are, byte for byte, the committed vectors", async () => {
  for (const [name, bytes] of Object.entries(await deterministicMessages())) {
    assert.equal(toHex(bytes), vectors.messages[name], name);
  }
  assert.deepEqual(Object.keys(vectors.messages).toSorted(), Object.keys(kinds).toSorted());
});

for (const [name, { read, authenticate }] of Object.entries(kinds)) {
  test(`${name}: has one encoding, and is refused truncated, extended, of another version`, async () => {
    const bytes = vector(name);
    assert.deepEqual(read(bytes)(), bytes);
    await authenticate(bytes);
    // Read from a Buffer, as from a socket, it must not keep that Buffer's memory.
    const buffer = Buffer.from(bytes);
    const write = read(buffer);
    buffer.fill(0);
    assert.deepEqual(write(), bytes);
    for (let length = 0; length < bytes.length; length++) {
      assert.throws(() => read(bytes.subarray(0, length)), malformed, `${length} bytes`);
    }
    assert.throws(() => read(Uint8Array.from([...bytes, 0])), malformed);
    for (const version of [0, 2, 255]) {
      assert.throws(() => read(Uint8Array.from([version, ...bytes.slice(1)])), malformed);
    }
  });

  test(`${name}: every flipped bit is refused`, async () => {
    const bytes = vector(name);
    // Every bit of a short message; of a long one every seventh, which meets every byte.
    const step = bytes.length > 300 ? 7 : 1;
    for (let bit = 0; bit < 8 * bytes.length; bit += step) {
      const changed = Uint8Array.from(bytes);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      await assert.rejects(
        async () => authenticate(changed),
        (error: unknown) =>
          error instanceof ProtocolError &&
          (error.code === "PROTOCOL_MALFORMED" || error.code === "PROTOCOL_BAD_SIGNATURE"),
        `bit ${bit}`,
      );
    }
  });

  test(`${name}: is taken for no other kind of message`, async () => {
    for (const [otherName, otherKind] of Object.entries(kinds)) {
      if (otherKind === kinds[name]) continue;
      await assert.rejects(
        async () => otherKind.authenticate(vector(name)),
        ProtocolError,
        `${name} passed as ${otherName}`,
      );
    }
  });
}

test("a signature of one kind fits no other, though the signed parts are the same", async () => {
  const domains: SignatureDomain[] = [
    "smarter-metering/frame/v1",
    "smarter-metering/key-envelope/v1",
    "smarter-metering/contribution-opener/v1",
    "smarter-metering/contribution-meter/v1",
    "smarter-metering/release-request/v1",
    "smarter-metering/release/v1",
    "smarter-metering/partial-release/v1",
    "smarter-metering/refusal/v1",
    "smarter-metering/enrolment-offer/v1",
    "smarter-metering/enrolment-answer/v1",
  ];
  const [head, tail] = [utf8("head"), utf8("tail")];
  for (const domain of domains) {
    const signature = await meter.sign(await signedBytes(domain, head, tail));
    for (const claimed of domains) {
      const check = checkSignature(
        meter.publicKey,
        signature,
        await signedBytes(claimed, head, tail),
      );
      await (claimed === domain ? check : assert.rejects(check, badSignature));
    }
    // Moving the border between two parts changes the message.
    const moved = await signedBytes(domain, utf8("hea"), utf8("dtail"));
    await assert.rejects(checkSignature(meter.publicKey, signature, moved), badSignature);
  }
});

test("an enrolment answer is refused under another key than the one it names", async () => {
  const decoded = decodeEnrolmentAnswer(vector("enrolmentAnswer"));
  await assert.rejects(verifyEnrolmentAnswer(decoded, stranger.publicKey), badSignature);
  const terms = { ...decoded, meterKey: stranger.publicKey };
  await assert.rejects(verifyEnrolmentAnswer(terms, meter.publicKey), badSignature);
  // The meter's refusal is none of its acceptances, and nobody else's.
  const { signature } = decodeEnrolmentAnswer(vector("enrolmentRefusal"));
  const turned = { ...decoded, signature };
  await assert.rejects(verifyEnrolmentAnswer(turned, meter.publicKey), badSignature);
});

test("out-of-range fields are refused on both sides", async () => {
  const cases: [string, (bytes: Uint8Array) => unknown, number, number[]][] = [
    ["frame", decodeFrame, 1, [0, 3]], // profile
    ["frame", decodeFrame, 2, [0, 3]], // kind
    ["frame", decodeFrame, 71, [0xff]], // counter beyond 2^53
    ["frame", decodeFrame, 79, [0xff]], // block start beyond 2^53
    ["frame", decodeFrame, 89, [4]], // count over 768
    ["envelope", decodeEnvelope, 1, [0, 3]], // recipient
    ["contributionByOpener", decodeContribution, 1, [0, 3]], // profile
    ["contributionByOpener", decodeContribution, 2, [0, 2, 4]], // stream: 2 has another unit
    ["contributionByOpener", decodeContribution, 91, [0, 2]], // unit
    ["contributionByOpener", decodeContribution, 92, [0, 25]], // v: none, and wider than its slot
    ["contributionByOpener", decodeContribution, 96, [0x06]], // bit beyond the bitmap
    ["release", decodeRelease, 1, [0, 3]],
    ["partialRelease", decodePartialRelease, 52, [0]], // trustees are numbered from 1
    ["loadRequest", decodeRequest, 1, [0, 4]],
    ["enrolmentAnswer", decodeEnrolmentAnswer, 49, [2]],
  ];
  for (const [name, decode, offset, values] of cases) {
    for (const value of values) {
      const bytes = vector(name);
      bytes[offset] = value;
      assert.throws(() => decode(bytes), malformed, `${name}[${offset}] = ${value}`);
    }
  }
  const bad: Parameters<typeof contributionHeader>[0][] = [
    { bitmap: Uint8Array.of(0xff) },
    { bitmap: Uint8Array.of(0xff, 0x04) },
    { stream: "BILL" },
    { intervalSeconds: 0 },
    { valueBits: 0 },
    { valueBits: 25 },
    { blockStart: 2 ** 53 },
    { firstSlot: -1 },
    { count: 65_536 },
    { meterId: filled(15, 0) },
  ];
  for (const changes of bad) {
    assert.throws(() => encodeContributionHeader(contributionHeader(changes)), malformed);
  }
  const seal = async (changes: Partial<FrameHeader>, body = frameBody) =>
    sealFrame(await frameHeader(changes), body, dataKey, meter);
  await assert.rejects(seal({ count: 769 }), malformed);
  await assert.rejects(seal({ count: 1 }), malformed);
  await assert.rejects(seal({ intervalSeconds: 0 }), malformed);
  await assert.rejects(seal({}, { ...frameBody, quality: Uint8Array.of(0, 5) }), malformed);
  const registersMilliwattHours = [2n ** 48n, ...filled(7, 0)].map(BigInt);
  await assert.rejects(seal({}, { ...frameBody, registersMilliwattHours }), malformed);
});

test("a frame opens to what was sealed, and only with its own header, body, epoch and key", async () => {
  const frame = decodeFrame(vector("frame"));
  assert.deepEqual(await openFrame(frame, dataKey), frameBody);
  const unopenable = { code: "FRAME_UNOPENABLE", message: "cannot open frame" };
  const otherKey = filled(32, 0xc4);
  await assert.rejects(openFrame(frame, otherKey), unopenable);
  // Every header field is bound to the body on its own, also where the signature would fit.
  const changes: Partial<FrameHeader>[] = [
    { profile: "meter-encrypts" },
    { kind: "LIVE" },
    { networkPseudonym: filled(16, 0) },
    { meterId: filled(16, 0) },
    { keyEpoch: keyEpoch + 1 },
    { keyCommitment: filled(32, 0) },
    { counter: 8 },
    { blockStart: 0 },
    { firstSlot: 1 },
    { intervalSeconds: 60 },
    { registerBank: filled(8, 0) },
    { previousFrameHash: filled(32, 0) },
  ];
  for (const change of changes) {
    const body = change.profile === undefined ? frameBody : seededBody;
    const twin = await sealFrame(await frameHeader(change), body, dataKey, meter);
    const swapped = { ...twin, body: frame.body };
    await assert.rejects(openFrame(swapped, dataKey), unopenable, JSON.stringify(change));
    await assert.rejects(verifyFrame(swapped, meter.publicKey), badSignature);
    assert.ok(!equalBytes(await frameHash(swapped), await frameHash(frame)));
  }
  // A body that GCM opens under a key which the header does not commit to: the two-key trick of §2.4.
  const uncommitted = await sealFrame(await frameHeader(), frameBody, otherKey, meter);
  await verifyFrame(uncommitted, meter.publicKey);
  await assert.rejects(openFrame(uncommitted, otherKey), unopenable);
  await assert.rejects(verifyFrame(frame, stranger.publicKey), badSignature);
});

test("a blinding seed is in each BLOCK of meter-encrypts, and in no other frame", async () => {
  const frame = decodeFrame(vector("frameOfMeter"));
  assert.deepEqual(await openFrame(frame, dataKey), seededBody);
  const seal = async (changes: Partial<FrameHeader>, body: typeof frameBody) =>
    sealFrame(await frameHeader(changes), body, dataKey, meter);
  const own = { profile: "meter-encrypts" } as const;
  await assert.rejects(seal(own, frameBody), malformed);
  await assert.rejects(seal({}, seededBody), malformed);
  await assert.rejects(seal({ ...own, kind: "LIVE" }, seededBody), malformed);
  for (const length of [0, 31, 33]) {
    const body = { ...frameBody, blindingSeed: filled(length, 1) };
    await assert.rejects(seal(own, body), malformed, `${length}`);
  }
  // The size tells kind, profile and count, which are in clear, and nothing else.
  const sizes = [
    await seal({}, frameBody),
    await seal({ kind: "LIVE" }, frameBody),
    await seal({ ...own, kind: "LIVE" }, frameBody),
    await seal(own, seededBody),
    await seal(own, { ...seededBody, quality: filled(2, 1), blindingSeed: filled(32, 0) }),
  ].map(({ body }) => body.length);
  const plain = sizes[0] ?? 0;
  assert.deepEqual(sizes, [plain, plain, plain, plain + 32, plain + 32]);
  const bytes = vector("frameOfMeter");
  assert.throws(() => decodeFrame(bytes.subarray(0, -32)), malformed);
  bytes[1] = 1; // pes-encrypts
  assert.throws(() => decodeFrame(bytes), malformed);
});

test("a key envelope opens for its recipient alone", async () => {
  const envelope = decodeEnvelope(vector("envelope"));
  assert.deepEqual(await openEnvelope(envelope, secret), dataKey);
  const unopenable = { code: "ENVELOPE_UNOPENABLE", message: "cannot open key envelope" };
  const context = { recipient: "customer", networkPseudonym, meterId, keyEpoch } as const;
  const forOther = await sealEnvelope(context, dataKey, other, meter);
  const shortKey = await sealEnvelope(context, dataKey.slice(1), recipient, meter);
  const foreignTyp = await new CompactEncrypt(dataKey)
    .setProtectedHeader({ alg: "RSA-OAEP-256", enc: "A256GCM", typ: "smarter-metering/release" })
    .encrypt(recipient.key);
  const noTyp = await new CompactEncrypt(dataKey)
    .setProtectedHeader({ alg: "RSA-OAEP-256", enc: "A256GCM" })
    .encrypt(recipient.key);
  const weaker = await new CompactEncrypt(dataKey)
    .setProtectedHeader({ alg: "RSA-OAEP-256", enc: "A128GCM", typ: "smarter-metering/data-key" })
    .encrypt(recipient.key);
  const extra = await new CompactEncrypt(dataKey)
    .setProtectedHeader({
      alg: "RSA-OAEP-256",
      enc: "A256GCM",
      typ: "smarter-metering/data-key",
      kid: "x",
    })
    .encrypt(recipient.key);
  const direct = await new CompactEncrypt(dataKey)
    .setProtectedHeader({ alg: "dir", enc: "A256GCM", typ: "smarter-metering/data-key" })
    .encrypt(filled(32, 9));
  const refused = [
    forOther,
    shortKey,
    { ...forOther, recipientKeyId: envelope.recipientKeyId },
    { ...envelope, recipientKeyId: other.keyId },
    { ...envelope, keyEpoch: keyEpoch + 1 },
    { ...envelope, meterId: filled(16, 0) },
    { ...envelope, keyCommitment: await keyCommitment(meterId, keyEpoch, filled(32, 0)) },
    ...[foreignTyp, noTyp, weaker, extra, direct, "", "a.b.c.d.e"].map((jwe) => ({
      ...envelope,
      jwe: utf8(jwe),
    })),
    { ...envelope, jwe: Uint8Array.of(0xff) },
    { ...envelope, jwe: decodeRelease(vector("release")).jwe },
  ];
  for (const [index, candidate] of refused.entries()) {
    await assert.rejects(openEnvelope(candidate, secret), unopenable, `candidate ${index}`);
  }
  await assert.rejects(openEnvelope(envelope, otherSecret), unopenable);
  await assert.rejects(verifyEnvelope(envelope, stranger.publicKey), badSignature);
  assert.throws(() => encodeEnvelope({ ...envelope, jwe: filled(0, 0) }), malformed);
});

test("recipients are RSA keys of 3072 bits; the owner's public key follows from the private one", async () => {
  assert.deepEqual(await spkiOfPkcs8(pkcs8), spki);
  const weak = { code: "PROTOCOL_WEAK_KEY" };
  const parameters = { name: "RSA-OAEP", hash: "SHA-256", publicExponent: Uint8Array.of(1, 0, 1) };
  const usages: KeyUsage[] = ["encrypt", "decrypt"];
  const pair = await crypto.subtle.generateKey(
    { ...parameters, modulusLength: 2048 },
    true,
    usages,
  );
  const short = new Uint8Array(await crypto.subtle.exportKey("spki", pair.publicKey));
  await assert.rejects(recipientFromSpki(short), weak);
  await assert.rejects(recipientFromSpki(spki.slice(1)), weak);
  await assert.rejects(recipientFromSpki(new Uint8Array(0)), weak);
  await assert.rejects(
    recipientFromSpki(fromHex(`302a300506032b6570032100${"11".repeat(32)}`)),
    weak,
  );
});

test("the registry's token opens at the MDMS, and neither elsewhere nor as a key", async () => {
  const token = await sealToken(recipient, networkPseudonym);
  assert.deepEqual(await openToken(secret, token), networkPseudonym);
  assert.equal(await openToken(otherSecret, token), undefined);
  assert.equal(await openToken(secret, token.slice(1)), undefined);
  const algorithm = { name: "RSA-OAEP" };
  const unlabelled = await crypto.subtle.encrypt(
    algorithm,
    recipient.key,
    filled(16, 1).buffer as ArrayBuffer,
  );
  assert.equal(await openToken(secret, new Uint8Array(unlabelled)), undefined);
});

test("a contribution of the opener is never taken for a meter's, nor the reverse", async () => {
  const byOpener = decodeContribution(vector("contributionByOpener"));
  const byMeter = decodeContribution(vector("contributionByMeter"));
  await assert.rejects(verifyContribution(byOpener, meter.publicKey), badSignature);
  await assert.rejects(verifyContribution(byMeter, opener.publicKey), badSignature);
  // One party with both roles' key, and the same header bytes: the domains still differ.
  const { headerBytes, ciphertext } = byOpener;
  const asMeter = await signContribution(
    headerBytes,
    { ...byOpener.header, profile: "meter-encrypts" },
    ciphertext,
    opener,
  );
  await assert.rejects(
    verifyContribution({ ...asMeter, header: byOpener.header }, opener.publicKey),
    badSignature,
  );
  const swapped = { ...byOpener, ciphertext: filled(8, 0x67) };
  await assert.rejects(verifyContribution(swapped, opener.publicKey), badSignature);
});

test("a release request is bound to its contributions, their order and their number", async () => {
  const signed = decodeRequest(vector("loadRequest"));
  const [first, second, third] = signed.contributions;
  assert.ok(first && second && third);
  assert.equal(contributionsOf(signed).length, 3);
  for (const contributions of [
    [first, second],
    [first, third, second],
    [first, second, third, third],
    [],
  ]) {
    await assert.rejects(
      verifyRequest({ ...signed, contributions }, aggregator.publicKey),
      badSignature,
    );
  }
  assert.throws(() => contributionsOf({ ...signed, contributions: [first.slice(1)] }), malformed);
  // One name, one encoding: a byte order mark is not lost on the way.
  const terms = { ...signed.terms, cohort: "\uFEFFC-01" };
  const marked = encodeRequest({ ...signed, terms });
  assert.deepEqual(encodeRequest(decodeRequest(marked)), marked);
  await assert.rejects(verifyRequest(decodeRequest(marked), aggregator.publicKey), badSignature);
});

test("a release opens to what its header says and to nothing else", async () => {
  const release = decodeRelease(vector("release"));
  assert.deepEqual(await openRelease(release, secret), releaseContent);
  const unopenable = { code: "RELEASE_UNOPENABLE", message: "cannot open release" };
  const sealed = async (text: string) =>
    utf8(
      await new CompactEncrypt(utf8(text))
        .setProtectedHeader({
          alg: "RSA-OAEP-256",
          enc: "A256GCM",
          typ: "smarter-metering/release",
        })
        .encrypt(recipient.key),
    );
  const refused = [
    { ...release, kind: "BILL" as const },
    { ...release, policyId: "UNSAFE-1" },
    { ...release, requestDigest: filled(32, 0x56) },
    { ...release, jwe: decodeEnvelope(vector("envelope")).jwe },
    { ...release, jwe: await sealed("{") },
    { ...release, jwe: await sealed("null") },
    { ...release, jwe: await sealed(JSON.stringify({ ...releaseContent, energy_Wh: [-1, 0] })) },
    { ...release, jwe: await sealed(JSON.stringify({ ...releaseContent, who: "x" })) },
  ];
  for (const [index, candidate] of refused.entries()) {
    await assert.rejects(openRelease(candidate, secret), unopenable, `candidate ${index}`);
  }
  await assert.rejects(openRelease(release, otherSecret), unopenable);
  const foreign = sealRelease(releaseContent, 1, filled(32, 0), recipient, trustee);
  await assert.rejects(foreign, malformed);
});

test("uplink: items and bodies round-trip; unknown kinds, empty messages and excess are refused", () => {
  const part = fc.uint8Array({ minLength: 1, maxLength: 300 });
  const plain = { noNullPrototype: true };
  const item: fc.Arbitrary<UplinkItem> = fc.oneof(
    fc.record(
      {
        kind: fc.constant("FRAME" as const),
        frame: part,
        openerEnvelope: fc.uint8Array({ maxLength: 300 }),
      },
      plain,
    ),
    fc.record(
      {
        kind: fc.constantFrom(
          "ENVELOPE" as const,
          "ENROLMENT_OFFER" as const,
          "ENROLMENT_ANSWER" as const,
        ),
        message: part,
      },
      plain,
    ),
    fc.record(
      {
        kind: fc.constant("CONTRIBUTED_FRAME" as const),
        frame: part,
        contributions: fc.array(part, { maxLength: 3 }),
      },
      plain,
    ),
  );
  fc.assert(
    fc.property(fc.array(item, { maxLength: 8 }), (items) => {
      const body = encodeUplink(items.map(encodeUplinkItem));
      assert.deepEqual(decodeUplink(body).map(decodeUplinkItem), items);
      for (let cut = 1; cut < Math.min(4, body.length); cut++) {
        assert.throws(() => decodeUplink(body.subarray(0, body.length - cut)), malformed);
      }
    }),
  );
  assert.throws(() => encodeUplinkItem({ kind: "ENVELOPE", message: filled(0, 0) }), malformed);
  const five = Array.from({ length: 5 }, () => filled(1, 1));
  const excess = { kind: "CONTRIBUTED_FRAME", frame: filled(1, 1), contributions: five } as const;
  assert.throws(() => encodeUplinkItem(excess), malformed);
  for (const hex of [
    "",
    "00000101",
    "05000101", // no number of contributions
    "0500010101", // no contribution where one is announced
    "05000101010000", // an empty one
    "050001010000", // one byte more
    "0500010105000101000101000101000101000101", // one more than there are streams
    "0500000000",
    "06000101",
    "02000101ff",
    "020000",
    "0100010100",
    "01000001",
  ]) {
    assert.throws(() => decodeUplinkItem(fromHex(hex)), malformed, hex);
  }
  const many = Array.from({ length: 257 }, () => filled(1, 1));
  assert.throws(() => encodeUplink(many), malformed);
  const body = fromHex("0000000101".repeat(257));
  assert.throws(() => decodeUplink(body), malformed);
  assert.throws(() => decodeUplink(fromHex("ffffffff00")), malformed);
});

/**
 * Both implementations of the primitives against the same published vectors and each other, and the proof that a browser's bundle
 * takes the right one; and the encoding of binary messages (docs/protocol.md §1.1). Vectors: RFC 8032 §7.1, RFC 5869 A.3, RFC 4231 §4.3, FIPS 180-4, GCM test cases 13 to 16.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import * as fc from "fast-check";
import { fromHex, Reader, toHex, utf8, Writer } from "@smarter-metering/protocol";
import { primitives as browser } from "../src/primitives.browser.ts";
import { primitives as node } from "../src/primitives.node.ts";

const ed25519 = [
  {
    seed: "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
    key: "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    message: "",
    signature:
      "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
  },
  {
    seed: "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
    key: "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
    message: "af82",
    signature:
      "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
  },
];
/** The order of the group (RFC 8032 §5.1), little-endian: S + L is another encoding of the same scalar. */
const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;

const gcmKey = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308";
const gcmPlaintext =
  "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39";
const gcm = [
  {
    key: "00".repeat(32),
    nonce: "00".repeat(12),
    aad: "",
    plaintext: "",
    sealed: "530f8afbc74536b9a963b4f1c4cb738b",
  },
  {
    key: "00".repeat(32),
    nonce: "00".repeat(12),
    aad: "",
    plaintext: "00".repeat(16),
    sealed: "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919",
  },
  {
    key: gcmKey,
    nonce: "cafebabefacedbaddecaf888",
    aad: "feedfacedeadbeeffeedfacedeadbeefabaddad2",
    plaintext: gcmPlaintext,
    sealed:
      "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b",
  },
];

function flipped(bytes: Uint8Array, index: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[index] = (copy[index] ?? 0) ^ 1;
  return copy;
}

/** The signature with S + L for S: the same point equation, refused by RFC 8032 §5.1.7. */
function malleated(signature: Uint8Array): Uint8Array {
  const scalar = BigInt(`0x${toHex(signature.slice(32).toReversed())}`) + ORDER;
  const bytes = fromHex(scalar.toString(16).padStart(64, "0")).toReversed();
  return Uint8Array.from([...signature.slice(0, 32), ...bytes]);
}

for (const [platform, primitives] of Object.entries({ node, browser })) {
  test(`${platform}: SHA-256, HMAC and HKDF give the published values`, async () => {
    assert.equal(
      toHex(await primitives.sha256(utf8("a"), utf8("bc"))),
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    );
    assert.equal(
      toHex(await primitives.hmacSha256(utf8("Jefe"), utf8("what do ya want for nothing?"))),
      "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    );
    assert.equal(
      toHex(await primitives.hkdfSha256(new Uint8Array(22).fill(0x0b), new Uint8Array(0), 42)),
      "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
    );
  });

  test(`${platform}: AES-256-GCM seals as published and opens nothing that was changed`, async () => {
    for (const vector of gcm) {
      const [key, nonce, aad] = [vector.key, vector.nonce, vector.aad].map((hex) => fromHex(hex));
      assert.ok(key && nonce && aad);
      const sealed = await primitives.aesGcmSeal(key, nonce, aad, fromHex(vector.plaintext));
      assert.equal(toHex(sealed), vector.sealed);
      assert.equal(
        toHex((await primitives.aesGcmOpen(key, nonce, aad, sealed)) ?? new Uint8Array(1)),
        vector.plaintext,
      );
      const refused = [
        primitives.aesGcmOpen(flipped(key, 31), nonce, aad, sealed),
        primitives.aesGcmOpen(key, flipped(nonce, 11), aad, sealed),
        primitives.aesGcmOpen(key, nonce, Uint8Array.from([...aad, 0]), sealed),
        primitives.aesGcmOpen(key, nonce, aad, flipped(sealed, 0)),
        primitives.aesGcmOpen(key, nonce, aad, flipped(sealed, sealed.length - 1)),
        primitives.aesGcmOpen(key, nonce, aad, sealed.slice(0, -1)),
        primitives.aesGcmOpen(key, nonce, aad, sealed.slice(0, 15)),
        primitives.aesGcmOpen(key, nonce, aad, new Uint8Array(0)),
      ];
      for (const opened of await Promise.all(refused)) assert.equal(opened, undefined);
    }
    const short = new Uint8Array(16);
    const seal = async () => primitives.aesGcmSeal(short, new Uint8Array(12), short, short);
    await assert.rejects(seal, RangeError, "a key of 128 bits would silently be AES-128");
  });

  test(`${platform}: Ed25519 signs as published and verifies nothing else`, async () => {
    for (const vector of ed25519) {
      const [seed, message] = [fromHex(vector.seed), fromHex(vector.message)];
      const signer = await primitives.ed25519Signer(seed);
      const key = signer.publicKey;
      assert.equal(toHex(key), vector.key);
      const signature = await signer.sign(message);
      assert.equal(toHex(signature), vector.signature);
      assert.equal(await primitives.ed25519Verify(key, signature, message), true);
      const longer = Uint8Array.from([...message, 0]);
      const refused = [
        primitives.ed25519Verify(key, signature, longer),
        primitives.ed25519Verify(key, flipped(signature, 0), message),
        primitives.ed25519Verify(key, flipped(signature, 63), message),
        primitives.ed25519Verify(key, malleated(signature), message),
        primitives.ed25519Verify(key, signature.slice(0, 63), message),
        primitives.ed25519Verify(key, new Uint8Array(64), message),
        primitives.ed25519Verify(flipped(key, 0), signature, message),
        primitives.ed25519Verify(key.slice(0, 31), signature, message),
        // Not a point: y = 2.
        primitives.ed25519Verify(fromHex(`02${"00".repeat(31)}`), signature, message),
      ];
      for (const verdict of await Promise.all(refused)) assert.equal(verdict, false);
    }
  });

  test(`${platform}: secrets are equal only when every byte is`, () => {
    const secret = primitives.randomBytes(32);
    assert.equal(secret.length, 32);
    assert.equal(primitives.equalSecret(secret, Uint8Array.from(secret)), true);
    assert.equal(primitives.equalSecret(secret, flipped(secret, 31)), false);
    assert.equal(primitives.equalSecret(secret, secret.slice(0, 31)), false);
    assert.equal(primitives.equalSecret(new Uint8Array(0), secret), false);
  });
}

test("law: both implementations agree on every input", async () => {
  const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
  const text = fc.uint8Array({ maxLength: 200 });
  await fc.assert(
    fc.asyncProperty(bytes(32), bytes(12), text, text, async (key, nonce, aad, data) => {
      assert.deepEqual(await node.sha256(aad, data), await browser.sha256(aad, data));
      assert.deepEqual(await node.hmacSha256(key, data), await browser.hmacSha256(key, data));
      assert.deepEqual(
        await node.hkdfSha256(key, data, 192),
        await browser.hkdfSha256(key, data, 192),
      );
      const sealed = await node.aesGcmSeal(key, nonce, aad, data);
      assert.deepEqual(sealed, await browser.aesGcmSeal(key, nonce, aad, data));
      assert.deepEqual(await browser.aesGcmOpen(key, nonce, aad, sealed), data);
      const signer = await node.ed25519Signer(key);
      const signature = await signer.sign(data);
      const other = await browser.ed25519Signer(key);
      assert.deepEqual(signature, await other.sign(data));
      assert.equal(await browser.ed25519Verify(signer.publicKey, signature, data), true);
    }),
    { numRuns: 40 },
  );
});

test("a browser's bundle holds no module of Node and the WebCrypto primitives only", async () => {
  const entry = `export { decodeFrame, openEnvelope, openFrame, planContributions, verifyFrame,
    verifyStatement, parseNetworkView } from "@smarter-metering/protocol";`;
  const { outputFiles, metafile } = await build({
    stdin: { contents: entry, resolveDir: fileURLToPath(new URL("..", import.meta.url)) },
    bundle: true,
    write: false,
    metafile: true,
    format: "esm",
    platform: "browser",
    conditions: ["browser"],
    logLevel: "silent",
  });
  const inputs = Object.keys(metafile.inputs);
  assert.ok(inputs.some((path) => path.endsWith("primitives.browser.ts")));
  assert.ok(!inputs.some((path) => path.endsWith("primitives.node.ts")));
  const imports = Object.values(metafile.outputs).flatMap((output) => output.imports);
  assert.deepEqual(imports, []);
  assert.doesNotMatch(outputFiles[0]?.text ?? "node:", /["']node:/);
});

const malformed = { code: "PROTOCOL_MALFORMED" };

test("law: what Writer writes, Reader reads, in prefixes as narrow as can be", () => {
  const max = fc.constantFrom(0xff, 0x100, 0xffff, 0x10000);
  fc.assert(
    fc.property(
      fc.record({
        u8: fc.nat(0xff),
        u16: fc.nat(0xffff),
        u32: fc.nat(0xffffffff),
        u64: fc.bigInt(0n, 2n ** 64n - 1n),
        safe: fc.maxSafeNat(),
        vector: fc.uint8Array({ maxLength: 64 }),
        max,
      }),
      (value) => {
        const bytes = new Writer()
          .u8(value.u8)
          .u16(value.u16)
          .u32(value.u32)
          .u64(value.u64)
          .u64(value.safe)
          .vector(value.vector, value.max)
          .finish();
        const prefix = value.max < 0x100 ? 1 : value.max < 0x10000 ? 2 : 4;
        assert.equal(bytes.length, 23 + prefix + value.vector.length);
        const reader = new Reader(bytes);
        assert.equal(reader.u8(), value.u8);
        assert.equal(reader.u16(), value.u16);
        assert.equal(reader.u32(), value.u32);
        assert.equal(reader.u64(), value.u64);
        assert.equal(reader.safeU64(), value.safe);
        assert.deepEqual(reader.vector(value.max), value.vector);
        reader.end();
        assert.throws(() => reader.u8(), malformed);
      },
    ),
  );
  const refused = [
    (writer: Writer) => writer.u8(256),
    (writer: Writer) => writer.u8(-1),
    (writer: Writer) => writer.u16(0.5),
    (writer: Writer) => writer.u32(2 ** 32),
    (writer: Writer) => writer.u64(2 ** 53),
    (writer: Writer) => writer.u64(0.5),
    (writer: Writer) => writer.u64(-1n),
    (writer: Writer) => writer.u64(2n ** 64n),
    (writer: Writer) => writer.fixed(new Uint8Array(3), 4),
    (writer: Writer) => writer.vector(new Uint8Array(3), 2),
    (writer: Writer) => writer.vector(new Uint8Array(0), 2, 1),
  ];
  for (const write of refused) assert.throws(() => write(new Writer()), malformed);
  assert.throws(() => new Reader(fromHex("03000000")).vector(2), malformed);
  assert.throws(() => new Reader(fromHex("00")).vector(2, 1), malformed);
});

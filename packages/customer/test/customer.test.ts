/** The customer's device: vault, portal, readings and bill (docs/protocol.md §10, §2, §11), against a portal in memory. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import * as fc from "fast-check";
import {
  CustomerError,
  changePassword,
  compareStatement,
  createPortalClient,
  createVault,
  derivePasswordKeys,
  ITERATIONS_MIN,
  openReadings,
  openVault,
  openWithRecovery,
  parseRecoveryKey,
  toCsv,
  unlockVault,
  type PinnedMeter,
  type Reading,
  type VaultItems,
} from "@smarter-metering/customer";
import {
  customerMac,
  decodeEnrolmentRequest,
  encodeEnrolmentAnswer,
  encodeEnrolmentCode,
  encodeEnvelope,
  encodeFrame,
  encodeOffer,
  equalBytes,
  frameHash,
  fromBase64Url,
  generateRecipient,
  keyCommitment,
  meterMac,
  parseEnrolmentCode,
  primitives,
  recipientFromSpki,
  sealEnvelope,
  sealFrame,
  signerFromSeed,
  signOffer,
  toBase64Url,
  toHex,
  type EnrolmentRequest,
  type FrameHeader,
  type Signer,
  type Statement,
} from "@smarter-metering/protocol";
import { parseTariff, priceBill } from "@smarter-metering/tariff";
import { eventData } from "../src/event-stream.ts";
import { unwrapItem, wrapItem } from "../src/wrapped-item.ts";

const filled = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);
const random = (length: number): Uint8Array => primitives.randomBytes(length);
const login = "anna@example.org";
const password = "Mümmelmann 17";
const unlockFailed = {
  code: "CUSTOMER_UNLOCK_FAILED",
  message: "the vault does not open with this",
};

const { registration, recoveryKey } = await createVault({ login, password, random });
const parameters = { salt: fromBase64Url(registration.salt), iterations: registration.iterations };
const vault = await openVault({ login, password, ...parameters, items: registration.items });
/** Keys of a wrong password: the same as any other 32 bytes, and without another half second. */
const wrongKeys = { authenticationKey: filled(32, 1), wrappingKey: filled(32, 2) };

test("the vault opens with password and recovery key, to the same private key", async () => {
  assert.equal(registration.iterations, ITERATIONS_MIN);
  assert.equal(toBase64Url(vault.authenticationKey), registration.authenticationKey);
  assert.equal(toBase64Url(vault.spki), registration.publicKey);
  const recovered = await openWithRecovery(login, recoveryKey, registration.items);
  assert.deepEqual(recovered.spki, vault.spki);
  assert.equal(vault.recipientSecret.key.extractable, false);
  // What the portal gets is JSON, and no two of its secrets are alike.
  assert.deepEqual(JSON.parse(JSON.stringify(registration)), registration);
  assert.ok(!JSON.stringify(registration).includes(recoveryKey.slice(3)));
});

test("fewer iterations than the floor are refused before anything is derived", async () => {
  for (const iterations of [0, 1, 600_000, ITERATIONS_MIN - 1, -1, Number.NaN]) {
    await assert.rejects(derivePasswordKeys(password, { ...parameters, iterations }), {
      code: "CUSTOMER_WEAK_ITERATIONS",
    });
  }
  for (const bad of [
    { ...parameters, iterations: 2 ** 31 },
    { ...parameters, iterations: ITERATIONS_MIN + 0.5 },
    { ...parameters, salt: filled(15, 0) },
    { ...parameters, salt: filled(0, 0) },
  ]) {
    await assert.rejects(derivePasswordKeys(password, bad), { code: "CUSTOMER_PORTAL_MALFORMED" });
  }
});

test("wrong password, wrong recovery key, changed, swapped and foreign items: one error", async () => {
  const { items } = registration;
  const wrongPassword = openVault({ login, password: `${password} `, ...parameters, items });
  await assert.rejects(wrongPassword, unlockFailed);
  await assert.rejects(unlockVault(login, wrongKeys, items), unlockFailed);
  const other = parseRecoveryKey(`rk-${encodeEnrolmentCode(filled(16, 3)).toLowerCase()}`);
  await assert.rejects(openWithRecovery(login, other, items), unlockFailed);
  await assert.rejects(openWithRecovery("bert@example.org", recoveryKey, items), unlockFailed);

  const master = items["master-by-recovery"];
  const key = items["private-key"];
  const flip = (text: string): string => {
    const bytes = fromBase64Url(text);
    bytes[0] = (bytes[0] ?? 0) ^ 1;
    return toBase64Url(bytes);
  };
  const place = { login, type: "private-key", version: 1 } as const;
  const foreign = await wrapItem(place, filled(32, 9), filled(1700, 0), random);
  const changed: Partial<VaultItems>[] = [
    { "master-by-recovery": items["master-by-password"] },
    { "master-by-recovery": key },
    { "private-key": master },
    { "private-key": foreign },
    { "master-by-recovery": { ...master, version: 2 } },
    { "private-key": { ...key, version: 2 } },
    { "private-key": { ...key, version: -1 } },
    { "private-key": { ...key, nonce: master.nonce } },
    { "private-key": { ...key, nonce: "AAAA" } },
    { "private-key": { ...key, nonce: "not base64" } },
    { "private-key": { ...key, ciphertext: "" } },
    { "private-key": { ...key, ciphertext: flip(key.ciphertext) } },
    { "master-by-recovery": { ...master, ciphertext: flip(master.ciphertext) } },
  ];
  for (const change of changed) {
    const opening = openWithRecovery(login, recoveryKey, { ...items, ...change });
    await assert.rejects(opening, unlockFailed, JSON.stringify(change));
  }
});

test("law: an item opens in its own place only: login, type, version, key", async () => {
  const types = fc.constantFrom("master-by-password", "master-by-recovery", "private-key");
  const place = fc.record({
    login: fc.string({ maxLength: 12, unit: "binary" }),
    type: types as fc.Arbitrary<"private-key">,
    version: fc.nat(0xffffffff),
    key: fc.nat(1),
  });
  const secret = filled(40, 7);
  await fc.assert(
    fc.asyncProperty(place, place, async (wrapped, claimed) => {
      const item = await wrapItem(wrapped, filled(32, wrapped.key), secret, random);
      const same = (["login", "type", "version", "key"] as const).every(
        (name) => wrapped[name] === claimed[name],
      );
      const unwrap = (at: typeof place extends fc.Arbitrary<infer Place> ? Place : never) =>
        unwrapItem(at.login, at.type, { ...item, version: at.version }, filled(32, at.key));
      assert.deepEqual(await unwrap(wrapped), secret);
      if (!same) await assert.rejects(unwrap(claimed), unlockFailed);
    }),
    { numRuns: 60 },
  );
});

test("a recovery key is no enrolment code, and a slip is noticed", () => {
  assert.match(recoveryKey, /^RK-(?:[0-9A-Z]{5}-){5}[0-9A-Z*~$=]{2}$/);
  const typed = [` ${recoveryKey.toLowerCase()} \n`, recoveryKey.replaceAll("-", " ")];
  for (const text of [...typed, recoveryKey.replaceAll("-", "")]) {
    assert.equal(parseRecoveryKey(text), recoveryKey);
  }
  const invalid = { code: "CUSTOMER_RECOVERY_KEY_INVALID" };
  const first = recoveryKey[3] === "0" ? "1" : "0";
  const slips = [
    `RK-${first}${recoveryKey.slice(4)}`,
    recoveryKey.slice(3),
    recoveryKey.slice(0, -1),
    `${recoveryKey}0`,
    "RK-",
    "",
  ];
  for (const text of slips) assert.throws(() => parseRecoveryKey(text), invalid, text);
  assert.throws(() => parseEnrolmentCode(recoveryKey), { code: "ENROLMENT_CODE_INVALID" });
});

test("a changed password re-wraps one item; the old one no longer fits, the recovery key does", async () => {
  const { items } = registration;
  const proof = await derivePasswordKeys(password, parameters);
  const refused = { login, newPassword: "x", items, random };
  await assert.rejects(changePassword({ ...refused, proof: wrongKeys }), unlockFailed);
  const change = await changePassword({ login, proof, newPassword: "neu", items, random });
  assert.deepEqual(change.items["private-key"], items["private-key"]);
  assert.deepEqual(change.items["master-by-recovery"], items["master-by-recovery"]);
  assert.equal(change.items["master-by-password"].version, 2);
  assert.notEqual(change.salt, registration.salt);
  assert.notEqual(change.authenticationKey, registration.authenticationKey);
  await assert.rejects(unlockVault(login, proof, change.items), unlockFailed);
  assert.deepEqual((await openWithRecovery(login, recoveryKey, change.items)).spki, vault.spki);
  // Forgotten: the recovery key sets a new one.
  const reset = await changePassword({
    login,
    proof: recoveryKey,
    newPassword: "n2",
    items,
    random,
  });
  const salt = fromBase64Url(reset.salt);
  const keys = await derivePasswordKeys("n2", { salt, iterations: reset.iterations });
  assert.deepEqual((await unlockVault(login, keys, reset.items)).spki, vault.spki);
});

// A meter, its epoch key and its frames.

const meterId = filled(16, 0xa1);
const networkPseudonym = filled(16, 0xb2);
const meter = await signerFromSeed(filled(32, 1));
const stranger = await signerFromSeed(filled(32, 2));
const pinned: PinnedMeter = { networkPseudonym, meterId, meterKey: meter.publicKey };
const dataKey = filled(32, 0xc3);
const keyEpoch = 1_540_000_000;
/** 2018-10-27T22:00:00Z, local midnight of the day that has 25 hours. */
const blockStart = 1_540_677_600;
const customer = await recipientFromSpki(vault.spki);

const envelopeContext = { recipient: "customer", networkPseudonym, meterId, keyEpoch } as const;
const envelope = encodeEnvelope(await sealEnvelope(envelopeContext, dataKey, customer, meter));

class Meter {
  counter = 0;
  previousFrameHash: Uint8Array = filled(32, 0);

  /** A frame of quarters; `values` in mWh. */
  async frame(
    firstSlot: number,
    values: readonly number[],
    changes: Partial<FrameHeader> = {},
    signer: Signer = meter,
  ): Promise<Uint8Array> {
    const header: FrameHeader = {
      profile: "pes-encrypts",
      kind: "BLOCK",
      networkPseudonym,
      meterId,
      keyEpoch,
      keyCommitment: await keyCommitment(meterId, keyEpoch, dataKey),
      counter: this.counter++,
      blockStart,
      firstSlot,
      count: values.length,
      intervalSeconds: 900,
      registerBank: filled(8, 0),
      previousFrameHash: this.previousFrameHash,
      ...changes,
    };
    const body = {
      importMilliwattHours: Uint32Array.from(values),
      exportMilliwattHours: Uint32Array.from(values, (_, index) => index),
      quality: new Uint8Array(values.length),
      registersMilliwattHours: Array.from({ length: 8 }, () => 0n),
    };
    const frame = await sealFrame(header, body, dataKey, signer);
    this.previousFrameHash = await frameHash(frame);
    return encodeFrame(frame);
  }
}

const honest = {
  malformed: 0,
  foreign: 0,
  badSignatures: 0,
  equivocations: 0,
  brokenLinks: 0,
  holes: 0,
  badEnvelopes: 0,
  unopenable: 0,
};
const open = (frames: Uint8Array[], envelopes = [envelope], meters = [pinned]) =>
  openReadings(meters, vault.recipientSecret, { envelopes, frames });
const imports = (readings: readonly Reading[]): number[] =>
  readings.map(({ importMilliwattHours }) => importMilliwattHours);

test("readings: verified, opened, sorted, once; the block wins over the live frames it covers", async () => {
  const source = new Meter();
  const live = { kind: "LIVE" } as const;
  const frames = [
    await source.frame(0, [7], live),
    await source.frame(1, [8], live),
    await source.frame(0, [1, 2]),
    await source.frame(1, [8], live),
    await source.frame(2, [3], live),
  ];
  const { readings, findings } = await open(frames.toReversed());
  assert.deepEqual(findings, honest);
  assert.deepEqual(imports(readings), [1, 2, 3]);
  assert.deepEqual(readings[1], {
    startSeconds: blockStart + 900,
    intervalSeconds: 900,
    importMilliwattHours: 2,
    exportMilliwattHours: 1,
    quality: "valid",
  });
  assert.deepEqual(await open([...frames, ...frames]), { readings, findings });
  const [, , block] = frames;
  assert.ok(block);
  assert.deepEqual(imports((await open([block])).readings), [1, 2]);
  assert.equal(
    toCsv(readings.slice(0, 2)),
    "start,seconds,import_mWh,export_mWh,quality\n" +
      "2018-10-27T22:00:00Z,900,1,0,valid\n2018-10-27T22:15:00Z,900,2,1,valid\n",
  );
});

test("readings: dropped live frames are holes, not faults", async () => {
  const source = new Meter();
  const live = { kind: "LIVE" } as const;
  const frames = [await source.frame(0, [1])];
  for (const slot of [1, 2, 3]) await source.frame(slot, [9], live);
  frames.push(await source.frame(1, [2, 3, 4]));
  const { readings, findings } = await open(frames);
  assert.deepEqual(findings, { ...honest, holes: 3 });
  assert.deepEqual(imports(readings), [1, 2, 3, 4]);
});

test("readings: whatever is forged, foreign, contradictory or closed is counted and left out", async () => {
  const source = new Meter();
  const first = await source.frame(0, [1]);
  const second = await source.frame(1, [2]);
  const flipped = Uint8Array.from(second);
  flipped[140] = (flipped[140] ?? 0) ^ 1;
  const fork = { counter: 1, previousFrameHash: filled(32, 0) };
  const otherKey = { keyCommitment: filled(32, 0) };
  const next = { counter: 2 };
  const cases: [string, Uint8Array[], Partial<typeof honest>, number[]][] = [
    ["truncated", [first, second.slice(1)], { malformed: 1 }, [1]],
    ["empty", [first, filled(0, 0)], { malformed: 1 }, [1]],
    ["changed", [first, flipped], { badSignatures: 1 }, [1]],
    [
      "by another",
      [first, await new Meter().frame(1, [2], {}, stranger)],
      { badSignatures: 1 },
      [1],
    ],
    [
      "another meter",
      [await new Meter().frame(0, [1], { meterId: filled(16, 0) })],
      { foreign: 1 },
      [],
    ],
    [
      "another home",
      [await new Meter().frame(0, [1], { networkPseudonym: meterId })],
      { foreign: 1 },
      [],
    ],
    [
      "two under one counter",
      [first, second, await new Meter().frame(1, [3], fork)],
      { equivocations: 2 },
      [1],
    ],
    [
      "two for one slot",
      [first, second, await source.frame(1, [3], next)],
      { equivocations: 2 },
      [1],
    ],
    ["not linked", [first, await new Meter().frame(1, [5], fork)], { brokenLinks: 1 }, [1, 5]],
    [
      "key not committed",
      [first, await new Meter().frame(1, [5], { ...fork, ...otherKey })],
      { brokenLinks: 1, unopenable: 1 },
      [1],
    ],
    [
      "another epoch",
      [await new Meter().frame(0, [1], { keyEpoch: keyEpoch + 1 })],
      { unopenable: 1 },
      [],
    ],
  ];
  for (const [name, frames, expected, values] of cases) {
    const { readings, findings } = await open(frames);
    assert.deepEqual(findings, { ...honest, ...expected }, name);
    assert.deepEqual(imports(readings), values, name);
  }
  assert.deepEqual((await open([first], [envelope], [])).findings, {
    ...honest,
    foreign: 1,
    badEnvelopes: 1,
  });
});

test("readings: envelopes that are forged or for someone else open nothing", async () => {
  const frame = await new Meter().frame(0, [1]);
  const forged = encodeEnvelope(await sealEnvelope(envelopeContext, dataKey, customer, stranger));
  const bert = await recipientFromSpki((await generateRecipient()).spki);
  const forBert = encodeEnvelope(await sealEnvelope(envelopeContext, dataKey, bert, meter));
  const foreignMeter = { ...envelopeContext, meterId: filled(16, 0) };
  const foreign = encodeEnvelope(await sealEnvelope(foreignMeter, dataKey, customer, meter));
  for (const bad of [forged, forBert, foreign, envelope.slice(1), filled(0, 0)]) {
    const { readings, findings } = await open([frame], [bad]);
    assert.deepEqual(findings, { ...honest, badEnvelopes: 1, unopenable: 1 });
    assert.deepEqual(readings, []);
  }
});

test("law: any split into blocks and live frames, in any order, gives the same series", async () => {
  const day = fc.array(fc.nat(0xffffffff), { minLength: 12, maxLength: 12 });
  const cuts = fc.uniqueArray(fc.integer({ min: 1, max: 11 }), { maxLength: 3 });
  await fc.assert(
    fc.asyncProperty(day, cuts, fc.infiniteStream(fc.boolean()), async (values, points, coin) => {
      const toss = (): boolean => coin.next().value === true;
      const source = new Meter();
      const borders = [0, ...points.toSorted((a, b) => a - b), 12];
      const frames: Uint8Array[] = [];
      for (const [index, from] of borders.slice(0, -1).entries()) {
        const part = values.slice(from, borders[index + 1]);
        const live = await source.frame(from, part.slice(0, 1), { kind: "LIVE" });
        if (toss()) frames.unshift(live);
        const block = await source.frame(from, part);
        if (toss()) frames.unshift(block);
        else frames.push(block);
      }
      const { readings, findings } = await open(frames);
      assert.deepEqual(imports(readings), values);
      assert.deepEqual({ ...findings, holes: 0 }, honest);
    }),
    { numRuns: 15 },
  );
});

/** The portal's API in memory; `behave` changes single answers, as a hostile portal would. */
function fakePortal(code: Uint8Array, behave: Partial<Record<string, () => Response>> = {}) {
  const requests: EnrolmentRequest[] = [];
  const seen: Request[] = [];
  const nonce = filled(16, 0x44);
  const answer = (body: unknown, status = 200): Response => Response.json(body, { status });
  const problem = (status: number, code: string): Response =>
    new Response(JSON.stringify({ code }), {
      status,
      headers: { "content-type": "application/problem+json" },
    });
  const pseudonym = toHex(networkPseudonym);

  async function meterAnswer(): Promise<Response> {
    const request = requests.at(-1);
    if (request === undefined) return problem(404, "ENROLMENT_UNKNOWN");
    const accepted = equalBytes(request.mac, await customerMac(code, request));
    const mac = accepted ? await meterMac(code, request, meter.publicKey) : filled(32, 0);
    const { publicKey: meterKey } = meter;
    const encoded = encodeEnrolmentAnswer({
      networkPseudonym,
      meterId,
      nonce,
      accepted,
      meterKey,
      mac,
    });
    return answer({ state: accepted ? "accepted" : "refused", answer: toBase64Url(encoded) });
  }

  async function route(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const name = `${request.method} ${url.pathname}`;
    const special = behave[name];
    if (special !== undefined) return special();
    const body =
      request.method === "POST" ? ((await request.json()) as Record<string, string>) : {};
    if (name === `GET /v1/logins/${encodeURIComponent(login)}`) {
      return answer({ salt: registration.salt, iterations: registration.iterations });
    }
    if (name === "POST /v1/accounts") return answer({ account: "1" }, 201);
    if (name === "POST /v1/sessions") {
      if (body.authenticationKey !== registration.authenticationKey) {
        return problem(401, "LOGIN_REFUSED");
      }
      const { items } = registration;
      return answer({ token: "t0ken", account: "1", items, publicKey: "AAAA", servicePoint: null });
    }
    if (request.headers.get("authorization") !== "Bearer t0ken") return problem(401, "NO_SESSION");
    switch (name) {
      case `GET /v1/enrolment-offers/${pseudonym}`: {
        const offer = await signOffer({ networkPseudonym, meterId, nonce }, meter);
        const meterKey = toHex(meter.publicKey);
        return answer({ offer: toBase64Url(encodeOffer(offer)), meterKey });
      }
      case "POST /v1/enrolments":
        requests.push(decodeEnrolmentRequest(fromBase64Url(body.request ?? "")));
        return new Response(null, { status: 202 });
      case `GET /v1/enrolments/${pseudonym}`:
        return meterAnswer();
      case "GET /v1/envelopes":
        return answer({ envelopes: [toBase64Url(envelope)] });
      case "GET /v1/frames": {
        const cursor = Number(url.searchParams.get("cursor") ?? 0);
        const page = { frames: [toBase64Url(filled(3, cursor))] };
        return answer(cursor < 2 ? { ...page, next: String(cursor + 1) } : page);
      }
      case "GET /v1/live":
        return new Response(": hello\n\ndata: AQ\n\nevent: x\r\ndata:Ag\r\n\r\n");
      case "PUT /v1/vault":
      case "DELETE /v1/sessions":
        return new Response(null, { status: 204 });
      default:
        return problem(404, "NOT_FOUND");
    }
  }

  const fetch: typeof globalThis.fetch = async (input, init) => {
    const request = new Request(input, init);
    seen.push(request.clone());
    return route(request);
  };
  return { fetch, requests, seen };
}

const code = filled(16, 0x5a);
const origin = "https://portal.test";
const noWait = (): Promise<void> => Promise.resolve();
const enrolment = { networkPseudonym, attempts: 2, wait: noWait };

async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const list: Item[] = [];
  for await (const item of items) list.push(item);
  return list;
}

test("portal: sign up, log in, enrol, read, follow, log out", async () => {
  const portal = fakePortal(code);
  const client = createPortalClient({ fetch: portal.fetch, origin, session: "bearer" });
  assert.deepEqual(await client.signUp(registration), { account: "1" });
  const session = await client.login(login, password);
  // The portal named another public key; the customer's is the one he unwrapped.
  assert.deepEqual(session.vault.spki, vault.spki);
  assert.equal(session.servicePoint, null);
  const meterPin = await client.enrol({ code, vault: session.vault, ...enrolment });
  assert.deepEqual(meterPin, pinned);
  assert.deepEqual(portal.requests[0]?.customerSpki, vault.spki);
  assert.deepEqual(await client.envelopes(), [envelope]);
  const pages = await collect(client.frames(0, 10));
  assert.deepEqual(pages, [[filled(3, 0)], [filled(3, 1)], [filled(3, 2)]]);
  assert.deepEqual(await collect(client.live()), [Uint8Array.of(1), Uint8Array.of(2)]);
  const { salt, iterations, authenticationKey, items } = registration;
  await client.changeVault({ salt, iterations, authenticationKey, items });
  await client.logout();
  await assert.rejects(client.envelopes(), {
    code: "CUSTOMER_PORTAL_REFUSED",
    problem: { status: 401, code: "NO_SESSION" },
  });
  // Neither password, recovery key nor code ever went out.
  for (const request of portal.seen) {
    const sent = request.url + (await request.text());
    for (const secret of [password, recoveryKey, encodeEnrolmentCode(code), toBase64Url(code)]) {
      assert.ok(!sent.includes(secret));
    }
  }
});

test("portal: what it withholds, twists or invents is refused", async () => {
  const keysWrong = { code: "CUSTOMER_UNLOCK_FAILED" };
  const malformed = { code: "CUSTOMER_PORTAL_MALFORMED" };
  const failed = { code: "CUSTOMER_ENROLMENT_FAILED" };
  const client = (
    behave: Parameters<typeof fakePortal>[1],
    session: "bearer" | "cookie" = "bearer",
  ) => createPortalClient({ fetch: fakePortal(code, behave).fetch, origin, session });
  const parametersPath = `GET /v1/logins/${encodeURIComponent(login)}`;
  const weak = client({
    [parametersPath]: () => Response.json({ salt: registration.salt, iterations: 1000 }),
  });
  await assert.rejects(weak.login(login, password), { code: "CUSTOMER_WEAK_ITERATIONS" });
  for (const body of [{}, { salt: 1, iterations: 1e6 }, { salt: "=", iterations: 1e6 }, [], null]) {
    const bad = client({ [parametersPath]: () => Response.json(body) });
    await assert.rejects(bad.parameters(login), malformed);
  }
  const html = () => new Response("<html>", { headers: { "content-type": "application/json" } });
  await assert.rejects(client({ [parametersPath]: html }).parameters(login), malformed);
  const refusal = client({
    "POST /v1/sessions": () => Response.json({ code: "X" }, { status: 401 }),
  });
  await assert.rejects(refusal.login(login, password), keysWrong);

  const path = `enrolment-offers/${toHex(networkPseudonym)}`;
  const offerOf = async (signer: Signer, network = networkPseudonym, key = signer) => {
    const terms = { networkPseudonym: network, meterId, nonce: filled(16, 1) };
    const offer = toBase64Url(encodeOffer(await signOffer(terms, signer)));
    return () => Response.json({ offer, meterKey: toHex(key.publicKey) });
  };
  const state = `GET /v1/enrolments/${toHex(networkPseudonym)}`;
  const answered = (accepted: boolean, meterKey: Uint8Array, mac: Uint8Array) => () => {
    const pair = { networkPseudonym, meterId, nonce: filled(16, 0x44) };
    const encoded = encodeEnrolmentAnswer({ ...pair, accepted, meterKey, mac });
    return Response.json({ state: "accepted", answer: toBase64Url(encoded) });
  };
  const context = {
    networkPseudonym,
    meterId,
    nonce: filled(16, 0x44),
    account: login,
    customerSpki: vault.spki,
  };
  const mac = await meterMac(code, context, meter.publicKey);
  const hostile: [string, Record<string, () => Response>, object][] = [
    ["offer of another home", { [`GET /v1/${path}`]: await offerOf(meter, filled(16, 0)) }, failed],
    [
      "offer by another key",
      { [`GET /v1/${path}`]: await offerOf(stranger, undefined, meter) },
      failed,
    ],
    // With its own key the portal gets its offer through, and then cannot answer.
    [
      "portal plays the meter",
      {
        [`GET /v1/${path}`]: await offerOf(stranger),
        [state]: answered(true, stranger.publicKey, filled(32, 0)),
      },
      failed,
    ],
    ["its key under the meter's MAC", { [state]: answered(true, stranger.publicKey, mac) }, failed],
    [
      "the customer's MAC, reflected",
      { [state]: answered(true, meter.publicKey, await customerMac(code, context)) },
      failed,
    ],
    ["refused, with a MAC", { [state]: answered(false, meter.publicKey, mac) }, failed],
    [
      "no answer in it",
      { [state]: () => Response.json({ state: "accepted", answer: "AAAA" }) },
      failed,
    ],
    ["refused", { [state]: () => Response.json({ state: "refused" }) }, failed],
    [
      "never answered",
      { [state]: () => Response.json({ state: "pending" }) },
      { code: "CUSTOMER_ENROLMENT_PENDING" },
    ],
    [
      "no key",
      { [`GET /v1/${path}`]: () => Response.json({ offer: "", meterKey: "00" }) },
      malformed,
    ],
  ];
  for (const [name, behave, expected] of hostile) {
    // The session is not what is tried here: this portal asks for none.
    const portal = fakePortal(code, behave);
    const withSession: typeof globalThis.fetch = (input, init) => {
      const headers = new Headers(init?.headers);
      headers.set("authorization", "Bearer t0ken");
      return portal.fetch(input, { ...init, headers });
    };
    const tried = createPortalClient({ fetch: withSession, origin, session: "cookie" });
    await assert.rejects(tried.enrol({ code, vault, ...enrolment }), expected, name);
  }
  const offline = createPortalClient({
    fetch: () => Promise.reject(new TypeError("no network")),
    origin,
    session: "bearer",
  });
  await assert.rejects(offline.parameters(login), { code: "CUSTOMER_PORTAL_UNREACHABLE" });
  const dead = client({ "GET /v1/live": () => Response.json({ code: "BUSY" }, { status: 503 }) });
  await assert.rejects(collect(dead.live()), { code: "CUSTOMER_PORTAL_REFUSED" });
});

test("law: events come out whole, wherever the network cuts the stream", async () => {
  const text =
    ": c\n\ndata: ä1\n\ndata:2\r\nid: 7\r\ndata: 5\r\n\r\ndata: 3\rdata: 4\r\r\ndata: lost";
  const bytes = new TextEncoder().encode(text);
  const streamOf = (parts: readonly Uint8Array[]): ReadableStream<Uint8Array> =>
    new ReadableStream({
      start(controller) {
        for (const part of parts) controller.enqueue(part);
        controller.close();
      },
    });
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(fc.nat(bytes.length)), async (cuts) => {
      const borders = [0, ...cuts.toSorted((a, b) => a - b), bytes.length];
      const parts = borders.slice(1).map((to, index) => bytes.slice(borders[index], to));
      assert.deepEqual(await collect(eventData(streamOf(parts))), ["ä1", "2\n5", "3\n4"]);
    }),
  );
  const flood = Array.from({ length: 5 }, () => filled(20_000, 0x61));
  await assert.rejects(collect(eventData(streamOf(flood))), { code: "CUSTOMER_PORTAL_MALFORMED" });
});

const zone = "Europe/Luxembourg";
const tariff = parseTariff({
  kind: "smarter-metering/tariff",
  tariff: "day-night",
  currency: "EUR",
  minorDigits: 2,
  calendar: {
    id: "day-night",
    bands: ["day", "night"],
    rules: [{ weekdays: [1, 2, 3, 4, 5, 6, 7], from: "06:00", to: "22:00", band: "day" }],
    defaultBand: "night",
  },
  versions: [
    {
      version: 1,
      validFrom: "2018-01-01",
      pricesMicroPerKilowattHour: { day: 250_000, night: 150_000 },
      feedInMicroPerKilowattHour: 80_000,
      standingChargeMicroPerDay: 120_000,
      taxBasisPoints: 800,
    },
  ],
});

/** Two local days from `blockStart`: 25 hours, then 24. */
const window = { from: blockStart, to: blockStart + 49 * 3600 };
const quarters: Reading[] = Array.from({ length: 49 * 4 }, (_, index) => ({
  startSeconds: blockStart + 900 * index,
  intervalSeconds: 900,
  importMilliwattHours: 200_000 + index,
  exportMilliwattHours: index % 3,
  quality: "valid",
}));

function statementOf(day: bigint, night: bigint, exported: bigint): Statement {
  const bill = priceBill({
    tariff,
    zone,
    fromSeconds: window.from,
    toSeconds: window.to,
    registersMilliwattHours: [day, night],
    exportMilliwattHours: exported,
  });
  return {
    servicePoint: "77".repeat(16),
    ...window,
    zone,
    registers_mWh: { night: String(night), day: String(day) },
    export_mWh: String(exported),
    energy_mWh: String(day + night),
    tariff: "day-night",
    tariffVersion: 1,
    lines: [],
    amount: bill.amount,
    currency: "EUR",
    estimated: false,
    requestDigest: "55".repeat(32),
  };
}

/** Slow and by the clock on the wall: what each band must hold. */
function reference(): { day: bigint; night: bigint; exported: bigint } {
  const hour = new Intl.DateTimeFormat("en", { timeZone: zone, hour: "2-digit", hourCycle: "h23" });
  const sums = { day: 0n, night: 0n, exported: 0n };
  for (const { startSeconds, importMilliwattHours, exportMilliwattHours } of quarters) {
    const local = Number(hour.format(new Date(1000 * startSeconds)));
    sums[local >= 6 && local < 22 ? "day" : "night"] += BigInt(importMilliwattHours);
    sums.exported += BigInt(exportMilliwattHours);
  }
  return sums;
}

test("statement: re-computed to the cent over the day of 25 hours, or the difference is explained", () => {
  const { day, night, exported } = reference();
  const exact = statementOf(day, night, exported);
  const same = compareStatement(exact, quarters, tariff);
  assert.deepEqual(same.differenceMilliwattHours, { day: 0n, night: 0n });
  assert.equal(same.amountDifferenceMinor, 0n);
  assert.equal(same.own.amount, exact.amount);
  assert.equal(same.missingSeconds, 0);
  assert.equal(same.explanation, "exact");
  const around: Reading[] = [-900, 49 * 3600].map((offset) => ({
    startSeconds: blockStart + offset,
    intervalSeconds: 900,
    importMilliwattHours: 5,
    exportMilliwattHours: 5,
    quality: "valid",
  }));
  const [before, after] = around;
  assert.ok(before && after);
  assert.deepEqual(compareStatement(exact, [before, ...quarters, after], tariff), same);

  const missing = quarters.map((reading, index): Reading =>
    index === 9 ? { ...reading, importMilliwattHours: 0, quality: "missing" } : reading,
  );
  const overbilled = statementOf(day + 40_000_000n, night, exported);
  const cases: [string, Statement, readonly Reading[]][] = [
    ["readings-missing", exact, quarters.slice(1)],
    ["readings-missing", exact, missing],
    ["readings-missing", exact, []],
    ["unexplained", overbilled, quarters],
    ["unexplained", statementOf(day, night, exported + 1n), quarters],
    ["estimated", { ...overbilled, estimated: true }, quarters],
    ["statement-inconsistent", { ...exact, amount: "0.01" }, quarters],
    ["statement-inconsistent", { ...exact, amount: `${exact.amount}0` }, quarters],
    ["statement-inconsistent", { ...exact, registers_mWh: overbilled.registers_mWh }, quarters],
    [
      "statement-inconsistent",
      { ...exact, registers_mWh: { ...exact.registers_mWh, moon: "1" } },
      quarters,
    ],
    ["tariff-differs", { ...exact, tariff: "other" }, quarters],
    ["tariff-differs", { ...exact, tariffVersion: 2 }, quarters],
    ["tariff-differs", { ...exact, currency: "CHF" }, quarters],
  ];
  for (const [explanation, statement, readings] of cases) {
    assert.equal(compareStatement(statement, readings, tariff).explanation, explanation);
  }
  const { differenceMilliwattHours, amountDifferenceMinor } = compareStatement(
    overbilled,
    quarters,
    tariff,
  );
  assert.deepEqual(differenceMilliwattHours, { day: -40_000_000n, night: 0n });
  // 40 kWh at 0.25 and 8 % tax.
  assert.equal(amountDifferenceMinor, -1080n);
});

test("a browser's bundle of this package holds no module of Node", async () => {
  const { outputFiles, metafile } = await build({
    stdin: {
      contents: `export * from "@smarter-metering/customer";`,
      resolveDir: fileURLToPath(new URL("..", import.meta.url)),
    },
    bundle: true,
    write: false,
    metafile: true,
    format: "esm",
    platform: "browser",
    conditions: ["browser"],
    logLevel: "silent",
  });
  const imports = Object.values(metafile.outputs).flatMap((output) => output.imports);
  assert.deepEqual(imports, []);
  assert.doesNotMatch(outputFiles[0]?.text ?? "node:", /["']node:/);
  assert.ok(new CustomerError("CUSTOMER_PORTAL_MALFORMED", "x") instanceof Error);
});

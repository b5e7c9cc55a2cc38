/** The customer's device: vault, readings and bill (docs/protocol.md §10, §2, §11). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import * as fc from "fast-check";
import {
  CustomerError,
  changePassword,
  compareStatement,
  derivePasswordKeys,
  deriveRecoveryKeys,
  ITERATIONS_MIN,
  openPins,
  openReadings,
  openVault,
  openWithRecovery,
  parseRecoveryKey,
  sealPins,
  unlockVault,
  type PinnedMeter,
  type Reading,
  type VaultItems,
  type WrappedItem,
} from "@smarter-metering/customer";
import {
  concatBytes,
  encodeEnrolmentCode,
  encodeEnvelope,
  encodeFrame,
  frameHash,
  fromBase64Url,
  generateRecipient,
  keyCommitment,
  parseEnrolmentCode,
  recipientFromSpki,
  sealEnvelope,
  sealFrame,
  toBase64Url,
  type Signer,
  type Statement,
  type UnsealedHeader,
} from "@smarter-metering/protocol";
import { priceBill } from "@smarter-metering/tariff";
import { withMeter } from "../src/pinned-meters.ts";
import { withMasterKey } from "../src/vault.ts";
import { unwrapItem, wrapItem } from "../src/wrapped-item.ts";
import {
  filled,
  random,
  login,
  password,
  unlockFailed,
  newVault,
  registration,
  recoveryKey,
  parameters,
  vault,
  wrongKeys,
  meterId,
  networkPseudonym,
  meter,
  stranger,
  pinned,
  dataKey,
  keyEpoch,
  blockStart,
  customer,
  envelopeContext,
  envelope,
} from "./customer.ts";
import { tariffDocument as tariff, zone } from "./tariff.ts";

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

test("of the recovery key the portal gets what opens nothing", async () => {
  const { authenticationKey, wrappingKey } = await deriveRecoveryKeys(recoveryKey);
  assert.equal(toBase64Url(authenticationKey), registration.recoveryAuthenticationKey);
  const master = registration.items["master-by-recovery"];
  await unwrapItem(login, "master-by-recovery", master, wrappingKey);
  const opening = unwrapItem(login, "master-by-recovery", master, authenticationKey);
  await assert.rejects(opening, unlockFailed);
  const other = parseRecoveryKey(`RK-${encodeEnrolmentCode(filled(16, 3))}`);
  const others = Object.values(await deriveRecoveryKeys(other)).map(toBase64Url);
  assert.equal(
    new Set([...others, toBase64Url(authenticationKey), toBase64Url(wrappingKey)]).size,
    4,
  );
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
  const types = fc.constantFrom(
    "master-by-password",
    "master-by-recovery",
    "private-key",
    "pinned-meters",
    "invitation",
    "household",
  );
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
  const proof = newVault.keys;
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

test("pinned meters: the account's own list, or none", async () => {
  const { keys } = newVault;
  const { items } = registration;
  const owner = { login, keys, items };
  const second = { ...pinned, meterId: filled(16, 2), meterKey: stranger.publicKey };
  const registry = { rootKey: stranger.publicKey, epoch: 7, hash: "ab".repeat(32) };
  const mailboxes = [{ mailbox: filled(16, 5), sequence: 2 ** 40 }];
  for (const meters of [[], [pinned], [pinned, second]]) {
    for (const seen of [
      { registry: undefined, mailboxes: [] },
      { registry, mailboxes },
    ]) {
      const item = await sealPins(owner, { meters, ...seen }, 4, random);
      assert.deepEqual(await openPins(owner, item), { meters, ...seen });
    }
  }
  const item = await sealPins(owner, { meters: [pinned], registry, mailboxes }, 4, random);
  const refused: [string, WrappedItem, typeof owner][] = [
    ["another version", { ...item, version: 5 }, owner],
    ["another item", items["private-key"], owner],
    ["another account", item, { ...owner, login: "bert@example.org" }],
    ["another password", item, { ...owner, keys: wrongKeys }],
  ];
  for (const [name, wrapped, who] of refused) {
    await assert.rejects(openPins(who, wrapped), unlockFailed, name);
  }
  const place = { login, type: "pinned-meters", version: 4 } as const;
  const contents: [string, Uint8Array][] = [
    ["nothing", new Uint8Array(0)],
    ["half a meter", concatBytes(Uint8Array.of(0, 0, 0, 0, 0, 48), filled(48, 0))],
    ["half a registry", concatBytes(Uint8Array.of(0, 1, 0), Uint8Array.of(0, 0, 0, 0))],
    ["half a mailbox", concatBytes(Uint8Array.of(0, 0, 0, 12), filled(12, 0), Uint8Array.of(0, 0))],
    ["more than a list", filled(8, 0)],
  ];
  for (const [name, content] of contents) {
    const wrapped = await withMasterKey(login, keys, items, (masterKey) =>
      wrapItem(place, masterKey, content, random),
    );
    await assert.rejects(openPins(owner, wrapped), unlockFailed, name);
  }
  // What is known of a meter gives way to what was proven last; of too many the oldest goes.
  const renewed = { ...pinned, meterKey: stranger.publicKey };
  assert.deepEqual(withMeter([pinned, second], renewed), [second, renewed]);
  const many = Array.from({ length: 40 }, (_, index) => ({
    ...pinned,
    meterId: filled(16, index),
  }));
  const kept = many.reduce<PinnedMeter[]>(withMeter, []);
  assert.deepEqual(kept, many.slice(8));
});

class Meter {
  counter = 0;
  previousFrameHash: Uint8Array = filled(32, 0);

  /** A frame of quarters; `values` in mWh. */
  async frame(
    firstSlot: number,
    values: readonly number[],
    changes: Partial<UnsealedHeader> = {},
    signer: Signer = meter,
  ): Promise<Uint8Array> {
    const header: UnsealedHeader = {
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

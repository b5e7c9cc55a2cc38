/**
 * What leaves a customer's device by his own will: Green Button and CSV, read back to the same readings; rules for the clocks against a slow
 * reading of them; readings shared with a third party's key, where everything that is not his own is refused.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import * as fc from "fast-check";
import {
  csvOf,
  greenButtonXml,
  localTimeParameters,
  planCosts,
  openReadings,
  openShared,
  parseShareRecipient,
  parseShareSecret,
  shareReadings,
  type BillingTerms,
  type CostPlan,
  type GreenButtonOptions,
  type LocalTimeParameters,
  type Quality,
  type Reading,
  type ShareOptions,
} from "@smarter-metering/customer";
import { fromBase64Url, toBase64Url, toHex, utf8 } from "@smarter-metering/protocol";
import { QUALITIES, readSource } from "@smarter-metering/readings";
import {
  addLocalDays,
  dayStartOf,
  parseDynamicPrices,
  zoneOffsetSeconds,
} from "@smarter-metering/tariff";
import * as bill from "./bill.ts";
import { must } from "./bill.ts";
import { costTerms, hourlyTariff } from "./hourly.ts";

const { tariffDocument, zone } = bill;
const folder = await mkdtemp(join(tmpdir(), "export-"));
after(() => rm(folder, { recursive: true }));

async function feedOf(options: GreenButtonOptions): Promise<string> {
  let feed = "";
  for await (const chunk of greenButtonXml(options)) feed += chunk;
  return feed;
}

const quarter = (startSeconds: number, importMilliwattHours = 1): Reading => {
  const rest = { intervalSeconds: 900, exportMilliwattHours: 0, quality: "valid" } as const;
  return { startSeconds, importMilliwattHours, ...rest };
};

/** Every quarter of local days. */
function daysOf(date: string, days: number, inZone = zone): Reading[] {
  const from = dayStartOf(date, inZone);
  const count = (addLocalDays(from, days, inZone) - from) / 900;
  return Array.from({ length: count }, (_, index) => quarter(from + 900 * index, index));
}

// The clocks.

const years = (first: number, last: number, inZone: string) => ({
  from: dayStartOf(`${first}-01-01`, inZone),
  to: dayStartOf(`${last + 1}-01-01`, inZone),
});

/** [zone, first year, last year, start rule, end rule, dstOffset, tzOffset]. */
const CLOCKS: readonly (readonly [string, number, number, string, string, number, number])[] = [
  ["Europe/Paris", 2018, 2020, "3E0E2000", "AE0E3000", 3600, 3600],
  // As in every sample of Green Button: second Sunday of March, first of November.
  ["America/New_York", 2015, 2020, "360E2000", "B40E2000", 3600, -18_000],
  ["Australia/Sydney", 2020, 2024, "A40E2000", "440E3000", 3600, 36_000],
  ["Australia/Lord_Howe", 2022, 2024, "A40E2000", "440E2000", 1800, 37_800],
  // The Sunday on or after the second of September.
  ["America/Santiago", 2023, 2026, "922E0000", "440E0000", 3600, -14_400],
  // Dates of one year.
  ["Asia/Tehran", 2018, 2018, "3A080000", "9A0C0000", 3600, 12_600],
  ["Africa/Casablanca", 2023, 2023, "4A0E2000", "380E3000", 3600, 0],
  ["Asia/Kolkata", 2020, 2022, "FFFFFFFF", "FFFFFFFF", 0, 19_800],
  ["UTC", 2020, 2020, "FFFFFFFF", "FFFFFFFF", 0, 0],
];

test("the clocks of a zone, as Green Button writes them", () => {
  for (const [name, first, last, dstStartRule, dstEndRule, dstOffset, tzOffset] of CLOCKS) {
    const expected = { dstOffsetSeconds: dstOffset, tzOffsetSeconds: tzOffset };
    const found = localTimeParameters(years(first, last, name), name);
    assert.deepEqual(found, { dstStartRule, dstEndRule, ...expected }, name);
  }
  // By the moon, by another law, four changes in a year, abolished.
  const without: readonly (readonly [string, number, number])[] = [
    ["Africa/Casablanca", 2022, 2024],
    ["America/New_York", 2006, 2008],
    ["Africa/Cairo", 2014, 2014],
    ["Europe/Istanbul", 2016, 2016],
    ["Asia/Tehran", 2021, 2024],
  ];
  for (const [name, first, last] of without) {
    assert.equal(localTimeParameters(years(first, last, name), name), undefined, name);
  }
  // Between two changes any clock stands still.
  const winter = { from: Date.UTC(2022, 11, 1) / 1000, to: Date.UTC(2023, 1, 1) / 1000 };
  assert.deepEqual(localTimeParameters(winter, "Africa/Casablanca"), {
    dstStartRule: "FFFFFFFF",
    dstEndRule: "FFFFFFFF",
    dstOffsetSeconds: 0,
    tzOffsetSeconds: 3600,
  });
});

/** The schema's words, day by day: the wall-clock second of `year` at which a rule holds. */
function wallSecondOf(rule: string, year: number): number {
  const bits = BigInt(`0x${rule}`);
  const field = (low: bigint, count: bigint): number =>
    Number((bits >> low) & ((1n << count) - 1n));
  const [month, operator, dayOfMonth] = [field(28n, 4n), field(25n, 3n), field(20n, 5n)];
  const weekday = field(17n, 3n);
  const days = Array.from(
    { length: 31 },
    (_, index) => new Date(Date.UTC(year, month - 1, index + 1)),
  )
    .filter((date) => date.getUTCMonth() === month - 1)
    .filter((date) => operator === 0 || ((date.getUTCDay() + 6) % 7) + 1 === weekday);
  const day =
    operator === 0 || operator === 1
      ? days.find((date) => date.getUTCDate() >= dayOfMonth)
      : days.at(operator === 7 ? -1 : operator - 2);
  return must(day).getTime() / 1000 + 3600 * field(12n, 5n) + field(0n, 12n);
}

/** Of an instant, as a reader of the feed would have it. */
function slowOffset(clock: LocalTimeParameters, instant: number): number {
  const { tzOffsetSeconds: standard, dstOffsetSeconds, dstStartRule, dstEndRule } = clock;
  if (dstStartRule === "FFFFFFFF") return standard;
  const year = new Date(1000 * (instant + standard)).getUTCFullYear();
  const start = wallSecondOf(dstStartRule, year) - standard;
  const end = wallSecondOf(dstEndRule, year) - standard - dstOffsetSeconds;
  const isSummer =
    start < end ? instant >= start && instant < end : instant >= start || instant < end;
  return isSummer ? standard + dstOffsetSeconds : standard;
}

test("law: the rules give the zone's own offset at every instant of their years", () => {
  const instantOf = fc.constantFrom(...CLOCKS).chain(([name, first, last]) => {
    const { from, to } = years(first, last, name);
    return fc
      .integer({ min: from, max: to - 1 })
      .map((instant) => ({ name, first, last, instant }));
  });
  const clocks = new Map(
    CLOCKS.map(([name, first, last]) => [
      name,
      localTimeParameters(years(first, last, name), name),
    ]),
  );
  fc.assert(
    fc.property(instantOf, ({ name, instant }) => {
      assert.equal(slowOffset(must(clocks.get(name)), instant), zoneOffsetSeconds(instant, name));
    }),
    { numRuns: 2000 },
  );
});

// Green Button.

test("law: a feed is read back to the same readings, on either side of a change of the clocks", async () => {
  const slot = fc.record({
    importMilliwattHours: fc.nat(9_000_000),
    exportMilliwattHours: fc.nat(3_000_000),
    quality: fc.constantFrom<Quality>("valid", "missing", "estimated", "edited", "questionable"),
  });
  const series = fc.record({
    startQuarter: fc.nat(3 * 96),
    intervalSeconds: fc.constantFrom(60, 900, 3600),
    slots: fc.array(slot, { minLength: 4, maxLength: 60 }),
  });
  await fc.assert(
    fc.asyncProperty(series, async ({ startQuarter, intervalSeconds, slots }) => {
      // Around 2018-10-28, which has 25 hours here.
      const from = 1_540_591_200 + 3600 * Math.floor(startQuarter / 4);
      const readings = slots.map((one, index) => {
        const isKnown = one.quality !== "missing";
        const startSeconds = from + intervalSeconds * index;
        // Under 18 kW: what no fuse lets pass is a finding of the reader.
        const below = (energy: number): number => (isKnown ? energy % (5000 * intervalSeconds) : 0);
        const importMilliwattHours = below(one.importMilliwattHours);
        const exportMilliwattHours = below(one.exportMilliwattHours);
        const energies = { importMilliwattHours, exportMilliwattHours };
        return { startSeconds, intervalSeconds, ...energies, quality: one.quality };
      });
      const measured = readings.filter(({ quality }) => quality !== "missing");
      if (measured.length < 3) return;
      assert.deepEqual(await readBack(await feedOf({ readings, zone })), measured);
    }),
    { numRuns: 40 },
  );
});

/** What packages/readings makes of a feed, without the gaps. */
async function readBack(feed: string): Promise<Reading[]> {
  const path = join(folder, "feed.xml");
  await writeFile(path, feed);
  const { series, report } = await readSource(path, {});
  assert.ok(report.findings.every(({ kind }) => kind === "gap"));
  const [only, ...more] = series;
  assert.ok(only !== undefined && more.length === 0);
  return Array.from(only.quality, (code, index) => ({
    startSeconds: only.startSeconds + only.intervalSeconds * index,
    intervalSeconds: only.intervalSeconds,
    importMilliwattHours: only.importMilliwattHours[index] ?? -1,
    exportMilliwattHours: only.exportMilliwattHours[index] ?? -1,
    quality: QUALITIES[code] ?? "missing",
  })).filter(({ quality }) => quality !== "missing");
}

/** [duration, number of readings] of each block. */
function blocksOf(feed: string): (readonly [number, number])[] {
  return feed
    .split("<IntervalBlock ")
    .slice(1)
    .map((block) => {
      const [, duration = ""] = /<interval><duration>(\d+)/.exec(block) ?? [];
      return [Number(duration), block.split("<IntervalReading>").length - 1] as const;
    });
}

test("blocks are local days: of 92, 96 and 100 quarters, and with gaps where nothing was measured", async () => {
  const spring = await feedOf({ readings: daysOf("2018-03-24", 2), zone });
  assert.deepEqual(blocksOf(spring), [
    [86_400, 96],
    [82_800, 92],
  ]);
  const autumn = await feedOf({ readings: daysOf("2018-10-27", 2), zone });
  assert.deepEqual(blocksOf(autumn), [
    [86_400, 96],
    [90_000, 100],
  ]);
  const lordHowe = "Australia/Lord_Howe";
  const half = await feedOf({ readings: daysOf("2023-04-02", 1, lordHowe), zone: lordHowe });
  assert.deepEqual(blocksOf(half), [[88_200, 98]]);
  const gappy = daysOf("2018-10-26", 3).filter((_, index) => index < 10 || index > 200);
  const withGaps = await feedOf({ readings: gappy, zone });
  assert.deepEqual(blocksOf(withGaps), [
    [86_400, 10],
    [90_000, 91],
  ]);
});

const spanOfDays = (first: string, end: string) => {
  return { from: dayStartOf(first, zone), to: dayStartOf(end, zone) };
};

/** The plan of a window, and of a statement's. */
const planOf = (window: BillingTerms["window"], tariff = tariffDocument): CostPlan =>
  planCosts({ tariff, zone, window });
const billedPlan = planOf(bill.honestStatement);
const autumnPlan = planOf(spanOfDays("2018-10-01", "2018-10-25"));
const plans = [autumnPlan, billedPlan];

test("a feed says nothing twice and nothing of whom: same data, same bytes; no pseudonym, no meter, no host", async () => {
  const { readings } = await openReadings(bill.evidence.meters, bill.secret, bill.evidence);
  const statements = [bill.honestStatement];
  const options = { readings, zone, plans, statements, title: 'A & B <"\u0000\ud800' };
  const feed = await feedOf(options);
  assert.equal(feed, await feedOf(options));
  assert.match(feed, /<title>A &amp; B &lt;&quot;\ufffd\ufffd<\/title>/);
  const secrets = [bill.networkPseudonym, bill.meterId].flatMap((id) => [
    toHex(id),
    toBase64Url(id),
  ]);
  const { requestDigest } = bill.honestStatement;
  for (const secret of [...secrets, bill.servicePoint, requestDigest, "://"]) {
    const shown = feed.replaceAll(/ xmlns="[^"]+"/g, "");
    assert.ok(!shown.includes(secret));
  }
  const ids = [...feed.matchAll(/urn:uuid:([0-9a-f-]+)/g)].map(([, id]) => id ?? "");
  assert.equal(new Set(ids).size, ids.length);
  for (const id of ids)
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  const [last, ...others] = readings.toReversed();
  const changed = [...others.toReversed(), { ...must(last), importMilliwattHours: 1 }];
  const other = await feedOf({ readings: changed, zone, plans, statements });
  assert.ok(ids.every((id) => !other.includes(id)));
});

test("an interval costs its energy at its price, levies and taxes included; a bill comes with its lines", async () => {
  const july = planOf(spanOfDays("2018-07-01", "2018-08-01"));
  const noon = Date.UTC(2018, 6, 2, 10) / 1000;
  const readings: Reading[] = [
    { ...quarter(noon, 1_000_000), exportMilliwattHours: 500_000 },
    // 0.27 EUR a kWh: 0.54, 1.62 and 1.08 of 10⁻⁵ EUR, and what is left goes to the next.
    { ...quarter(noon + 900, 20), quality: "edited" },
    { ...quarter(noon + 1800, 60), quality: "estimated" },
    { ...quarter(noon + 2700), quality: "missing" },
    quarter(noon + 3600, 40),
    quarter(noon + 4500, 0),
  ];
  const costs = async (options: Partial<GreenButtonOptions>): Promise<string[]> => {
    const feed = await feedOf({ readings, zone, ...options });
    return [...feed.matchAll(/<cost>(-?\d+)<\/cost>/g)].map(([, cost]) => cost ?? "");
  };
  assert.deepEqual(await costs({}), []);
  const exported = ["-4000", "0", "0", "0", "0"];
  assert.deepEqual(await costs({ plans: [july] }), ["27000", "1", "1", "1", "0", ...exported]);
  // Outside every window no price is known, and inside an hour from 05:30 to 06:30 two are.
  const across = [{ ...quarter(Date.UTC(2018, 6, 2, 3, 30) / 1000, 1000), intervalSeconds: 3600 }];
  assert.deepEqual(await costs({ plans }), []);
  assert.deepEqual(await costs({ readings: across, plans: [july] }), []);
  // By the price of one hour, 0.56 EUR with the band's own, and 8.1 % on it.
  const hourly = planCosts({ ...july, tariff: hourlyTariff(costTerms), prices: [noonPrice] });
  const byHour = await costs({ plans: [hourly] });
  assert.deepEqual(byHour, ["60536", "1", "4", ...exported]);
  const halves = [quarter(noon - 450, 1000), quarter(noon + 450, 1000)];
  assert.deepEqual(await costs({ readings: halves, plans: [hourly] }), []);

  const { honestStatement } = bill;
  const feed = await feedOf({ readings, zone, plans, statements: [honestStatement] });
  const [, summary = ""] = /<UsageSummary [^>]*>(.*)<\/UsageSummary>/.exec(feed) ?? [];
  const { from, to, energy_mWh: energy } = honestStatement;
  assert.ok(
    summary.startsWith(`<billingPeriod><duration>${to - from}</duration><start>${from}</start>`),
  );
  assert.ok(summary.includes(`<billLastPeriod>${honestStatement.amount.replace(".", "")}000<`));
  assert.ok(
    summary.includes(
      `<powerOfTenMultiplier>-3</powerOfTenMultiplier><uom>72</uom><value>${energy}<`,
    ),
  );
  const kinds = [...summary.matchAll(/<note>([^<]*)<\/note><itemKind>(\d+)</g)].map(
    ([, note, kind]) => `${note} ${kind}`,
  );
  assert.deepEqual(kinds, ["energy 3", "energy 3", "standing-charge 4", "feed-in 6", "tax 5"]);
  const amounts = [...summary.matchAll(/<amount>(-?\d+)</g)].map(([, amount]) => Number(amount));
  const [, sum = ""] = /<costAdditionalLastPeriod>(-?\d+)</.exec(summary) ?? [];
  assert.equal(
    amounts.reduce((total, amount) => total + amount, 0),
    Number(sum),
  );
});

/** One price, 0.5, for the hour of noon. */
const noonPrice = parseDynamicPrices({
  kind: "smarter-metering/prices",
  ...costTerms,
  currency: "EUR",
  startSeconds: Date.UTC(2018, 6, 2, 10) / 1000,
  pricesMicroPerKilowattHour: [500_000],
});

test("what Green Button cannot say is refused, and said", async () => {
  const unsupported = { code: "CUSTOMER_EXPORT_UNSUPPORTED" };
  const moon = [quarter(Date.UTC(2022, 1, 1) / 1000), quarter(Date.UTC(2023, 6, 1) / 1000)];
  await assert.rejects(feedOf({ readings: moon, zone: "Africa/Casablanca" }), unsupported);
  const readings = [quarter(900)];
  const testMoney = planOf(bill.honestStatement, { ...tariffDocument, currency: "XTS" });
  await assert.rejects(feedOf({ readings, zone, plans: [testMoney] }), unsupported);
  await assert.rejects(feedOf({ readings, zone, plans: [billedPlan, testMoney] }), unsupported);
  assert.throws(() => [...csvOf({ readings, zone, plans: [billedPlan, testMoney] })], unsupported);
  await assert.rejects(feedOf({ readings: [], zone }), { code: "CUSTOMER_EXPORT_EMPTY" });
  const missing = [{ ...quarter(900), quality: "missing" as const }];
  await assert.rejects(feedOf({ readings: missing, zone }), { code: "CUSTOMER_EXPORT_EMPTY" });
  await assert.rejects(feedOf({ readings, zone: "Mars/Base" }), { code: "ZONE_UNKNOWN" });
});

test("CSV: both clocks, exact energies, costs; the hour that an autumn's day has twice is told apart", () => {
  const text = (readings: readonly Reading[], priced: readonly CostPlan[] = []): string[] =>
    [...csvOf({ readings, zone, plans: priced })].join("").split("\n");
  const header = "start_local,start_utc,seconds,import_kWh,export_kWh,quality";
  const twice = 1_540_683_900; // 2018-10-27T23:45:00Z
  const both = [
    quarter(twice, 1),
    { ...quarter(twice + 3600, 12_345_678), exportMilliwattHours: 9 },
  ];
  assert.deepEqual(text(both), [
    header,
    "2018-10-28T01:45:00+02:00,2018-10-27T23:45:00Z,900,0.000001,0.000000,valid",
    "2018-10-28T02:45:00+02:00,2018-10-28T00:45:00Z,900,12.345678,0.000009,valid",
    "",
  ]);
  const again = [quarter(twice + 7200), { ...quarter(twice + 8100), quality: "missing" as const }];
  const sunday = planOf(spanOfDays("2018-10-28", "2018-10-29"));
  assert.deepEqual(text(again, [sunday]).slice(0, 3), [
    `${header},energy_cost_gross_without_standing_EUR`,
    "2018-10-28T02:45:00+01:00,2018-10-28T01:45:00Z,900,0.000001,0.000000,valid,0.000000162",
    "2018-10-28T03:00:00+01:00,2018-10-28T02:00:00Z,900,,,missing,",
  ]);
  assert.equal([...csvOf({ readings: daysOf("2018-10-27", 3), zone })].length, 4);
  assert.throws(() => [...csvOf({ readings: [quarter(0)], zone: "Mars/Base" })], {
    code: "ZONE_UNKNOWN",
  });
});

// Sharing.

const base64 = (bytes: ArrayBuffer): string => Buffer.from(bytes).toString("base64");
const pem = (label: string, bytes: ArrayBuffer): string =>
  `-----BEGIN ${label}-----\n${base64(bytes).replaceAll(/(.{64})/g, "$1\n")}\n-----END ${label}-----\n`;

async function pairOf(
  algorithm: RsaHashedKeyGenParams | EcKeyGenParams | Algorithm,
  ...usages: KeyUsage[]
) {
  const pair = (await crypto.subtle.generateKey(algorithm, true, usages)) as CryptoKeyPair;
  const [spki, pkcs8, publicJwk, privateJwk] = await Promise.all([
    crypto.subtle.exportKey("spki", pair.publicKey),
    crypto.subtle.exportKey("pkcs8", pair.privateKey),
    crypto.subtle.exportKey("jwk", pair.publicKey),
    crypto.subtle.exportKey("jwk", pair.privateKey),
  ]);
  return {
    publicPem: pem("PUBLIC KEY", spki),
    privatePem: pem("PRIVATE KEY", pkcs8),
    publicJwk,
    privateJwk,
  };
}

const rsaOf = (modulusLength: number) =>
  pairOf(
    { name: "RSA-OAEP", hash: "SHA-256", modulusLength, publicExponent: Uint8Array.of(1, 0, 1) },
    "encrypt",
    "decrypt",
  );
const [rsa, short, p256, x25519, p384, ed25519] = await Promise.all([
  rsaOf(3072),
  rsaOf(2048),
  pairOf({ name: "ECDH", namedCurve: "P-256" }, "deriveBits"),
  pairOf({ name: "X25519" }, "deriveBits"),
  pairOf({ name: "ECDH", namedCurve: "P-384" }, "deriveBits"),
  pairOf({ name: "Ed25519" }, "sign", "verify"),
]);

test("a third party's key: PEM and JWK of three kinds, with a fingerprint to read out", async () => {
  for (const { publicPem, publicJwk, privatePem, privateJwk } of [rsa, p256, x25519]) {
    const recipient = await parseShareRecipient(publicPem);
    const asJwk = await parseShareRecipient(
      JSON.stringify({ ...publicJwk, alg: "x", key_ops: [] }),
    );
    assert.equal(asJwk.fingerprint, recipient.fingerprint);
    assert.match(recipient.fingerprint, /^([0-9a-f]{4} ){15}[0-9a-f]{4}$/);
    assert.equal((await parseShareSecret(privatePem)).algorithm, recipient.algorithm);
    assert.equal(
      (await parseShareSecret(JSON.stringify(privateJwk))).algorithm,
      recipient.algorithm,
    );
  }
});

test("what is no public key to share with is refused, by what it is", async () => {
  const body = (label: string): string => pem(label, new ArrayBuffer(64));
  const cases: readonly (readonly [string, string, string])[] = [
    ["a private key", rsa.privatePem, "PRIVATE"],
    ["a private JWK", JSON.stringify(p256.privateJwk), "PRIVATE"],
    ["a symmetric JWK", JSON.stringify({ kty: "oct", k: "AAAA" }), "PRIVATE"],
    ["PKCS #1", body("RSA PRIVATE KEY"), "PRIVATE"],
    ["SEC 1", body("EC PRIVATE KEY"), "PRIVATE"],
    ["encrypted", body("ENCRYPTED PRIVATE KEY"), "PRIVATE"],
    ["OpenSSH", body("OPENSSH PRIVATE KEY"), "PRIVATE"],
    ["half of a private key", rsa.privatePem.slice(0, 200), "PRIVATE"],
    ["RSA-2048", short.publicPem, "SHORT"],
    ["RSA-2048 as JWK", JSON.stringify(short.publicJwk), "SHORT"],
    ["P-384", p384.publicPem, "UNUSABLE"],
    ["a signing key", ed25519.publicPem, "UNUSABLE"],
    ["a key that signs", JSON.stringify({ ...rsa.publicJwk, use: "sig" }), "UNUSABLE"],
    ["a certificate", body("CERTIFICATE"), "UNUSABLE"],
    ["a public PKCS #1", body("RSA PUBLIC KEY"), "UNUSABLE"],
    ["SSH", "ssh-rsa AAAAB3NzaC1yc2E= anna", "UNUSABLE"],
    ["damaged", rsa.publicPem.replace(/.{5}\n-----END/, "\n-----END"), "UNUSABLE"],
    ["another label at its end", rsa.publicPem.replace("END PUBLIC", "END OTHER"), "UNUSABLE"],
    ["zeros", body("PUBLIC KEY"), "UNUSABLE"],
    ["no JSON", "{", "UNUSABLE"],
    ["an empty JWK", "{}", "UNUSABLE"],
    ["nothing", "", "UNUSABLE"],
    ["a book", "a".repeat(100_000), "UNUSABLE"],
  ];
  for (const [name, text, kind] of cases) {
    const refused = parseShareRecipient(text);
    const error: unknown = await refused.catch((reason: unknown) => reason);
    assert.ok(error instanceof Error && "code" in error, name);
    assert.equal(error.code, `CUSTOMER_SHARE_KEY_${kind}`, name);
    const pasted = /[A-Za-z0-9+/]{12,}/.exec(text.replace(/^-.*-$/gm, ""))?.[0];
    assert.ok(pasted === undefined || !error.message.includes(pasted), name);
  }
  const unusable = { code: "CUSTOMER_SHARE_KEY_UNUSABLE" };
  await assert.rejects(parseShareSecret(rsa.publicPem), unusable);
  await assert.rejects(parseShareSecret(body("ENCRYPTED PRIVATE KEY")), unusable);
  await assert.rejects(parseShareSecret(short.privatePem), { code: "CUSTOMER_SHARE_KEY_SHORT" });
});

const own = await openReadings(bill.evidence.meters, bill.secret, bill.evidence);
const range = { from: bill.midnight(2), to: bill.midnight(3) + 3600 };
const ucsView = JSON.stringify({
  kind: "smarter-metering/ucs-view",
  parties: bill.view.parties,
  servicePoints: [
    {
      network: toHex(bill.networkPseudonym),
      contractStart: bill.contractStart,
      contractEnd: null,
      meters: [{ meterId: toHex(bill.meterId), signingKey: toHex(must(bill.meter).publicKey) }],
    },
  ],
});
const registry = {
  ...(await bill.registryOf(ucsView)),
  view: { name: "ucs", text: ucsView } as const,
};
const { meters } = bill.evidence;
const evidence = { meters, secret: bill.secret, envelopes: bill.envelopes, frames: bill.frames };

const share = async (publicPem: string, changes: Partial<ShareOptions> = {}): Promise<string> =>
  shareReadings({
    ...range,
    readings: own.readings,
    zone,
    recipient: await parseShareRecipient(publicPem),
    purpose: "advice on a heat pump",
    nowSeconds: 1_541_600_000,
    deleteBy: 1_544_000_000,
    ...changes,
  });

test("a third party opens the range that was shared, no more, and proves it", async () => {
  for (const { publicPem, privatePem } of [rsa, p256, x25519]) {
    const jwe = await share(publicPem, { evidence, tariff: bill.evidence.tariff });
    const { shared, proof } = await openShared(
      `${jwe}\n`,
      await parseShareSecret(privatePem),
      registry,
    );
    assert.deepEqual(
      shared.readings,
      own.readings.filter(
        ({ startSeconds }) => startSeconds >= range.from && startSeconds < range.to,
      ),
    );
    assert.equal(shared.readings.length, 100);
    assert.equal(shared.purpose, "advice on a heat pump");
    assert.equal(shared.tariff, bill.evidence.tariff);
    assert.ok(proof.status === "proven" && proof.proven === 100);
    const header = JSON.parse(
      Buffer.from(must(jwe.split(".")[0]), "base64url").toString(),
    ) as object;
    const { epk: _, ...fixed } = header as Record<string, unknown>;
    const { algorithm: alg } = await parseShareRecipient(publicPem);
    assert.deepEqual(fixed, { alg, enc: "A256GCM", typ: "smarter-metering/shared-readings" });
  }
});

test("a proof says what is only said, and what is contradicted", async () => {
  const secret = await parseShareSecret(p256.privatePem);
  const open = async (changes: Partial<ShareOptions>, with_ = registry) =>
    (await openShared(await share(p256.publicPem, changes), secret, with_)).proof;
  assert.deepEqual(await open({}), { status: "none" });
  const unchecked = await openShared(await share(p256.publicPem, { evidence }), secret);
  assert.deepEqual(unchecked.proof, { status: "not-checked" });
  const [first, ...rest] = own.readings;
  const lied = [must(first), ...rest].map((reading) =>
    reading.startSeconds === range.from ? { ...reading, importMilliwattHours: 1 } : reading,
  );
  const contradicted = await open({ readings: lied, evidence });
  assert.ok(contradicted.status === "broken" && contradicted.contradicted === 1);
  const without = { ...evidence, frames: bill.frames.slice(0, bill.blockPosition(3)) };
  const inPart = await open({ evidence: without });
  assert.ok(inPart.status === "in-part" && inPart.unproven === 4 && inPart.proven === 96);
  const strange = { ...registry, rootKey: must(bill.stranger).publicKey };
  const broken = await open({ evidence }, strange);
  assert.ok(broken.status === "broken" && broken.proven === 0);
});

test("what is altered, for another key, of another kind or of another time does not open", async () => {
  const unopenable = { code: "CUSTOMER_SHARE_UNOPENABLE" };
  const secret = await parseShareSecret(p256.privatePem);
  const jwe = await share(p256.publicPem);
  for (const wrong of [rsa, x25519]) {
    await assert.rejects(openShared(jwe, await parseShareSecret(wrong.privatePem)), unopenable);
  }
  const other = await pairOf({ name: "ECDH", namedCurve: "P-256" }, "deriveBits");
  await assert.rejects(openShared(jwe, await parseShareSecret(other.privatePem)), unopenable);
  const parts = jwe.split(".");
  for (const [index, part] of parts.entries()) {
    const bytes = fromBase64Url(part);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
    const altered = parts.with(index, toBase64Url(bytes)).join(".");
    await assert.rejects(openShared(altered, secret), unopenable, `part ${index}`);
  }
  const retyped = parts.with(0, toBase64Url(utf8('{"alg":"ECDH-ES+A256KW","enc":"A256GCM"}')));
  for (const text of ["", "....", retyped.join("."), `${jwe}.`, "x".repeat(100)]) {
    await assert.rejects(openShared(text, secret), unopenable);
  }
  const empty = { code: "CUSTOMER_EXPORT_EMPTY" };
  await assert.rejects(share(p256.publicPem, { from: 0, to: 900 }), empty);
  // Not a whole interval.
  await assert.rejects(share(p256.publicPem, { to: range.from + 899 }), empty);
  const tooLarge = { code: "CUSTOMER_SHARE_TOO_LARGE" };
  const many = Array.from({ length: 50_001 }, (_, index) => quarter(range.from + 900 * index));
  const to = range.from + 900 * many.length;
  await assert.rejects(share(p256.publicPem, { readings: many, to }), tooLarge);
  await assert.rejects(share(p256.publicPem, { purpose: "a".repeat(501) }), tooLarge);
});
